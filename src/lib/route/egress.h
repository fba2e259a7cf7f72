/* SPDX-License-Identifier: Apache-2.0 */
/* By which address of this server a message leaves: the egresses of its route in the order
 * in which it would take them, their addresses, and what a warm-up lets out. Pure; time is
 * an argument (wall clock). */
#ifndef IMS_ROUTE_EGRESS_H
#define IMS_ROUTE_EGRESS_H

#include "lib/conf/conf.h"

enum {
	EGRESS_POOL_MAX = 16,      /* of a route */
	EGRESS_ADDRESSES_MAX = 8,  /* of an egress */
	EGRESS_WARM_MAX = 10000000, /* messages in one period; more is no limit */
};

/* What stays with a sender's mail to one destination (KEY of route.h). */
uint64_t egress_hash(struct str destination, struct str sender);

/* The egresses of the route in the order for mail of that hash: the first by their weights,
 * the next as if the first were not there (weighted rendezvous hashing). So each carries its
 * share, also of what another one leaves, and the rest stays where it is when one is added
 * or taken away. How many there are. */
size_t egress_order(const struct conf *conf, const struct conf_route *route, uint64_t hash,
		    const struct conf_egress *order[EGRESS_POOL_MAX]);
/* Whether the route has an egress of that name. */
bool egress_is_of(const struct conf_route *route, struct str name);

enum egress_source {
	EGRESS_FROM,      /* that address */
	EGRESS_NO_FAMILY, /* none of the target's family is configured */
	EGRESS_ALL_OUT,   /* there are some, and all are out */
};

/* True: it cannot be used at present. */
typedef bool egress_out_fn(const void *arg, struct ip ip);

/* The address from which a target is connected to; of several the same for the same hash, as
 * long as it is not out. */
enum egress_source egress_source(const struct conf_egress *e, bool v4, uint64_t hash,
				 egress_out_fn *out, const void *arg, struct ip *from);

struct egress_day {
	bool limited;
	uint32_t limit;   /* messages in this period; 0: none, it has not begun */
	uint32_t period;  /* number, from the begin of the warm-up */
	int64_t until_ms; /* its end; 0 where it is not limited */
};

struct egress_day egress_day(const struct conf_warm_up *w, int64_t wall_ms);

#endif
