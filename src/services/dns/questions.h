/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of other processes under way: equal ones share one, each has a deadline, and
 * their number is bounded. */
#ifndef IMS_DNS_QUESTIONS_H
#define IMS_DNS_QUESTIONS_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/ipc/channel.h"
#include "lib/route/mx.h"
#include "services/dns/resolver.h"

enum {
	QUESTIONS_MAX = 4096, /* that wait for an answer, shared or not */
	QUESTION_TRIES = 4,   /* a question's deadline, in timeouts of one query */
};

struct questions {
	struct loop *loop;         /* borrowed */
	struct resolver *resolver; /* borrowed */
	struct map map;            /* by key */
	size_t asked;              /* answers that are owed */
	int64_t deadline_ms;
	bool asks[MX_FAMILIES]; /* for addresses of that family */
	struct route_self self; /* whose parts are borrowed */
	struct rng rng;
	uint64_t seed;
};

/* Asks for addresses of both families, unless `asks` is set otherwise. */
void questions_init(struct questions *qs, struct loop *loop, struct resolver *resolver,
		    uint64_t seed);
/* Drops all; nobody is answered. */
void questions_free(struct questions *qs);
/* Answers on `ch`, which is borrowed until then: at once, or by the deadline. */
void questions_ask(struct questions *qs, struct channel *ch, const struct msg_resolve *m);
/* `ch` is gone, and with it its questions. */
void questions_forget(struct questions *qs, const struct channel *ch);

#endif
