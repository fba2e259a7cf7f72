/* SPDX-License-Identifier: Apache-2.0 */
/* How fast mail goes to one destination, or to a site (lib/route/site.h): as fast as it may
 * by the configuration, and slower when the hosts say or show that it is too much.
 *
 * What makes it slower halves it: connections, or connections and rates, and what a host
 * says in words makes it stop for a while, too, for longer each time that nothing went
 * through in between. Each success some time later adds a little. So it stays near what
 * the hosts take. Never less than one connection; a stop is never longer than the
 * first interval of retries. Pure: time is an argument (ms since 1970; it may jump). */
#ifndef IMS_QUEUE_PACE_H
#define IMS_QUEUE_PACE_H

#include "lib/conf/conf.h"
#include "lib/queue/hint.h"
#include "lib/queue/pace_rate.h"

enum {
	PACE_WHY_MAX = 160,
	PACE_STEP_MS = 20 * 1000,  /* of getting faster: a connection, a 16th of the rates */
	PACE_STEP_SHARE = PACE_SHARE / 16,
	PACE_SHARE_MIN = PACE_SHARE / 32,
	PACE_DEAF_MS = 5 * 1000,   /* what is said of one slowing down counts once */
	PACE_CROWD_MS = 5 * 1000,  /* the first stops */
	PACE_RATE_MS = 60 * 1000,
	PACE_ADDRESS_MS = 5 * 60 * 1000,
	PACE_STOP_MAX_MS = 15 * 60 * 1000,
	PACE_SAMPLES_MIN = 16, /* of how long it takes, until that says something */
	PACE_SLOW_MS = 5 * 1000, /* so much longer than four times what is usual */
};

struct pace {
	/* To be read. */
	uint32_t connections_max; /* as configured; at least 1 */
	uint32_t connections;     /* at one time, at present */
	unsigned share;           /* of the rates, at present, in 256ths */
	enum hint reason;         /* why it is slower; HINT_NONE: it is not */
	int64_t stop_until_ms;    /* nothing is sent before; 0: it is */
	char why[PACE_WHY_MAX];   /* the reply */
	size_t why_len;
	struct pace_rate messages, connects;
	int64_t told_ms; /* the caller's: when it was told */
	/* Its own. */
	int64_t stop_max_ms, deaf_until_ms, step_ms;
	unsigned strikes;        /* stops without a success in between */
	uint32_t samples;
	int64_t usual_ms, recent_ms; /* of one message, in 16ths */
};

struct pace_change {
	uint32_t before, now; /* connections */
	unsigned share_before, share_now;
};

/* `connections`: at one time, if the block says nothing of it; `retry_ms`: the first interval
 * of retries. block NULL: no other limits. What was counted stays. */
void pace_set(struct pace *p, const struct conf_pacing *block, uint32_t connections,
	      int64_t retry_ms);
/* The same for all that share the limits of a block (`site`), or for one destination of which at
 * most `block` speaks. */
void pace_configure(struct pace *p, const struct conf *conf, const struct conf_pacing *block,
		    bool site);
/* Recipients of one copy of a message. */
uint32_t pace_recipients_max(const struct conf *conf, const struct conf_pacing *block);
bool pace_may_send(struct pace *p, int64_t now_ms);
bool pace_may_connect(struct pace *p, int64_t now_ms);
static inline bool pace_stops(const struct pace *p, int64_t now_ms)
{
	return p->stop_until_ms > now_ms;
}

/* A host said so when `in_use` connections were used. True: it is slower now, and *change
 * says how; false: it knew. */
bool pace_hinted(struct pace *p, enum hint hint, struct str why, uint32_t in_use,
		 int64_t now_ms, struct pace_change *change);
/* Something was taken, and took so long (0: nobody knows). True: it is slower or as fast as
 * it may again, and *change says how. */
bool pace_taken(struct pace *p, uint32_t took_ms, uint32_t in_use, int64_t now_ms,
		struct pace_change *change);

#endif
