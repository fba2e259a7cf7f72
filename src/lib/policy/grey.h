/* SPDX-License-Identifier: Apache-2.0 */
/* Greylisting: who brings mail for the first time is asked to come again, which a mail
 * server does and most programs that send spam do not (RFC 6647). Kept are hashes of
 * (client network, sender, recipient) with two times, and of client networks with the
 * number of times that they came again. Pure: time is an argument (wall clock, seconds); the
 * memory is slots.h's. */
#ifndef IMS_POLICY_GREY_H
#define IMS_POLICY_GREY_H

#include "lib/policy/slots.h"

enum {
	GREY_TRIPLETS = 262144,
	GREY_NETWORKS = 65536,
	GREY_WAITING_S = 24 * 60 * 60, /* behind the delay: who comes later begins again */
	GREY_TOUCH_S = 60, /* a last time that is not older is not written again */
};

struct greylist {
	/* first time << 32 | last time that it passed, 0: not yet */
	struct slot triplets[GREY_TRIPLETS];
	struct slot networks[GREY_NETWORKS]; /* last time << 32 | times it came again */
};

struct grey_limits {
	int64_t delay_s, keep_s;
	int64_t known; /* 0: never */
};

enum grey_answer {
	GREY_WAITS, /* too early */
	GREY_AGAIN, /* came again just now, for the first time */
	GREY_PASSES,
	GREY_KNOWN, /* the network is */
};

struct grey_state {
	enum grey_answer answer;
	int64_t wait_s;   /* GREY_WAITS */
	int64_t waited_s; /* GREY_AGAIN */
	bool changed;     /* the table has: it is worth keeping */
};

/* Keys are not 0. */
struct grey_state grey_ask(struct greylist *g, uint64_t network, uint64_t triplet,
			   const struct grey_limits *limits, int64_t wall_s);
/* The same without noting anything; `*seen`: whether it has been here before. */
struct grey_state grey_look(struct greylist *g, uint64_t network, uint64_t triplet,
			    const struct grey_limits *limits, int64_t wall_s, bool *seen);

#endif
