/* SPDX-License-Identifier: Apache-2.0 */
/* Which refusals the postmaster is written to about, and when: for each client and class
 * the first one at once, then what more comes, counted, once an hour (of rate and baseline for each
 * user, if he has logged in). Bounded: when the
 * table is full, further clients are counted together. Pure: time is an argument. */
#ifndef IMS_POLICY_NOTICES_H
#define IMS_POLICY_NOTICES_H

#include "lib/base/ip.h"
#include "lib/base/map.h"
#include "lib/policy/verdict.h"

enum {
	NOTICES_MAX = 1000, /* clients, each with one class */
	NOTICES_HOUR_MS = 60 * 60 * 1000,
	NOTICE_TEXT_MAX = 320, /* octets of each text; more is cut */
};

struct notice {
	enum verdict_class class;
	bool held; /* the message is taken and held, else refused */
	struct ip client; /* none: several */
	/* of the last refusal */
	struct str helo, user, from, rule, reply;
	uint64_t count;            /* since the last message */
	int64_t first_ms, last_ms; /* of these, wall clock */
};

struct notices {
	struct notice_entry *list[NOTICES_MAX + VERDICT_CLASSES];
	size_t count;
	struct map index;
	int64_t due_ms; /* before that nothing is due */
	uint64_t seed;
	struct notice_entry *told; /* what notices_next gave */
};

void notices_init(struct notices *n, uint64_t seed);
void notices_free(struct notices *n);
/* Counts one refusal, whose texts are copied; its `count` and `first_ms` mean nothing.
 * Without memory it is not counted. */
void notices_add(struct notices *n, const struct notice *refusal, int64_t now_ms);
/* A message that is due now, which is then told; NULL: none. Lives until the next call of
 * any of these. */
const struct notice *notices_next(struct notices *n, int64_t now_ms);
/* What the reader can do about refusals of the class. */
struct str notices_advice(enum verdict_class class);

#endif
