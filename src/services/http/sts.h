/* SPDX-License-Identifier: Apache-2.0 */
/* MTA-STS policies of other domains (RFC 8461): fetched when a domain is first written to, kept
 * in memory and on disk for as long as they say, looked at again once a day while mail goes
 * there, and at once when the DNS announces another one. What a domain promised counts to its
 * end, whatever became of its web server meanwhile. */
#ifndef IMS_HTTP_STS_H
#define IMS_HTTP_STS_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/event/event.h"
#include "lib/transport/failure.h"
#include "lib/transport/mtasts.h"
#include "services/http/web.h"

enum {
	STS_DOMAINS_MAX = 20000, /* known; the one that was not asked for longest makes room */
	STS_WAITERS_MAX = 40000, /* questions that wait; more are answered with what is known */
	STS_LOOK_MS = 5 * 60 * 1000,       /* the DNS is asked anew after that */
	STS_ROUND_MS = 10 * 60 * 1000,     /* between looks at what is to be fetched again */
	STS_ROUND_MAX = 32,                /* fetches of one round */
	STS_AGE_MS = 24 * 60 * 60 * 1000,  /* of a policy that is fetched again */
	STS_KEEP_MIN_MS = 5 * 60 * 1000,   /* a shorter max_age counts as that */
};

struct sts;

/* What is known of one domain. Times are Unix ms. */
struct sts_domain {
	struct sts *all;
	struct link link;    /* in kept or plain, those asked for last at the end */
	struct link waiting; /* who waits for the answer that is under way */
	char name[DNS_NAME_MAX + 1]; /* in lower case */
	char id[MTASTS_ID_MAX + 1];     /* of `text` */
	char next_id[MTASTS_ID_MAX + 1]; /* of what is being fetched */
	char *text;                     /* the policy; NULL: it has none */
	size_t text_len;
	int64_t fetched_ms, until_ms; /* of `text` */
	int64_t looked_ms;            /* when the last look ended; 0: never */
	enum transport_failure failure; /* what stood in the way of a policy */
	bool used;  /* was asked for since the policy was fetched */
	bool busy;  /* dns or a web server is being asked */
	bool fresh; /* and is to be fetched whatever the DNS announces */
};

/* All but the last part is the caller's to set; borrowed. */
struct sts {
	struct loop *loop;
	struct event_log *log;
	struct names *names;
	struct web *web;
	struct str ca;
	bool near;  /* also of hosts that lead to this machine or into a private network */
	int folder; /* of files, one for each policy; negative: there is none */
	uint64_t seed;

	struct map domains; /* hash of the name -> struct sts_domain */
	struct link kept, plain; /* those with a policy, and the others */
	struct loop_timer *round;
	size_t waiters;
};

bool sts_init(struct sts *s); /* false: no memory */
void sts_free(struct sts *s); /* nobody is answered */
/* Answers on `ch`, now or later: within the time that dns and a web server may take. */
void sts_ask(struct sts *s, struct channel *ch, const struct msg_sts_want *m);
/* What is known now, without asking anybody. */
void sts_tell(struct sts *s, struct channel *ch, const struct msg_sts_look *m);
void sts_forget(struct sts *s, const struct channel *ch); /* it is gone */
void sts_round(void *arg); /* of the timer */

/* What a domain is known by, made if need be. NULL: no memory. */
struct sts_domain *sts_domain_get(struct sts *s, struct str name);
/* `policy` is it from now on, to `until_ms`; false: no memory, what there was stays. */
bool sts_domain_set(struct sts_domain *d, struct str policy, struct str id, int64_t until_ms);

/* --- sts_store.c: on disk --- */

/* Reads all that are there; what is over, or damaged, is removed. */
void sts_store_load(struct sts *s);
int sts_store_put(const struct sts_domain *d); /* 0 or -errno */
void sts_store_drop(const struct sts_domain *d);

#endif
