/* SPDX-License-Identifier: Apache-2.0 */
/* Plain questions of other processes: the addresses, names or texts of one host. Each has a
 * deadline, and their number is bounded; equal ones are the resolver's to join. */
#ifndef IMS_DNS_PLAIN_H
#define IMS_DNS_PLAIN_H

#include "lib/base/list.h"
#include "lib/ipc/channel.h"
#include "services/dns/resolver.h"

enum {
	PLAIN_MAX = 4096,         /* under way; more are answered with DNS_FAILED */
	PLAIN_DEADLINE_MS = 5000, /* then DNS_LATE */
	PLAIN_KEPT_MAX = 32,      /* of one answer */
};

struct plain {
	struct resolver *resolver; /* borrowed */
	struct loop *loop;         /* borrowed */
	struct loop_timer *deadline;
	struct link asked; /* in the order of their deadlines */
	size_t count;
};

/* False: no memory. */
bool plain_init(struct plain *ps, struct loop *loop, struct resolver *resolver);
void plain_free(struct plain *ps); /* drops all; nobody is answered */
/* Answers on `ch`, which is borrowed until then: at once, or by the deadline. */
void plain_ask(struct plain *ps, struct channel *ch, const struct msg_dns_ask *m);
void plain_forget(struct plain *ps, const struct channel *ch); /* it is gone */

#endif
