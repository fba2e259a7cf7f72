/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several next hosts are passed over for a while because they did not answer, so that
 * mail does not wait for each of them again. HEALTH_FAILURES_MAX jobs in a row that found a
 * host out of reach make it *down*: for `probe_ms` the others come before it. Then one job asks
 * it first, in its place; it is up again, or down for twice as long. Pure: time is an argument. */
#ifndef IMS_ROUTE_HEALTH_H
#define IMS_ROUTE_HEALTH_H

#include "lib/base/str.h"

enum {
	HEALTH_HOSTS_MAX = 256, /* that failed last; the one heard of longest ago is forgotten */
	HEALTH_FAILURES_MAX = 2,
	HEALTH_DOWN_MAX_MS = 30 * 60 * 1000,
};

struct health_host {
	uint64_t key;         /* 0: free */
	uint32_t failures;    /* in a row */
	bool probing;         /* somebody asks it now */
	int64_t until_ms;     /* down: passed over until then */
	int64_t heard_ms;
};

struct health {
	struct health_host hosts[HEALTH_HOSTS_MAX];
};

enum health_state {
	HEALTH_UP,
	HEALTH_DOWN,
	HEALTH_DUE, /* down, and it is time to ask it */
};
enum health_state health_ask(const struct health *h, uint64_t key, int64_t now_ms);
/* Somebody asks it; it stays down for the others until health_heard, or for `probe_ms`. */
void health_probe(struct health *h, uint64_t key, int64_t probe_ms, int64_t now_ms);

enum health_change { HEALTH_SAME, HEALTH_WENT_DOWN, HEALTH_CAME_UP };
/* How a job found it. WENT_DOWN: from now on it is passed over, or for longer than before. */
enum health_change health_heard(struct health *h, uint64_t key, bool good, int64_t probe_ms,
				int64_t now_ms);
/* NULL: nothing stands against it. */
const struct health_host *health_find(const struct health *h, uint64_t key);

#endif
