/* SPDX-License-Identifier: Apache-2.0 */
/* Which clients were present when a receive worker died by its own fault. One death may
 * be chance; a client that was there twice within a while is refused for a while, so that
 * one bad message costs few restarts (event 4038). Pure, bounded: the oldest is
 * forgotten. */
#ifndef IMS_SERVICES_MASTER_CRASH_HISTORY_H
#define IMS_SERVICES_MASTER_CRASH_HISTORY_H

#include "lib/base/ip.h"

enum {
	CRASH_HISTORY_MAX = 256,
	CRASH_HISTORY_MS = 10 * 60 * 1000,
	CRASH_HISTORY_SHUN_AT = 2,
	CRASH_HISTORY_SHUN_MS = 10 * 60 * 1000,
};

struct crash_history {
	struct crash_client {
		struct ip client; /* none: free */
		int64_t last_ms;  /* of the last death; times are Unix ms */
		int64_t until_ms; /* refused until then; 0: not */
		unsigned deaths;  /* within CRASH_HISTORY_MS of each other */
	} clients[CRASH_HISTORY_MAX];
};

/* Notes a death; the row of the client, shunned if it was one too many, or NULL if the
 * client is not known. Valid until the next call. */
const struct crash_client *crash_history_death(struct crash_history *h, struct ip client,
					       int64_t now_ms);
/* Walks over the clients that are refused now: start with *at = 0; NULL at the end. */
const struct crash_client *crash_history_shunned(const struct crash_history *h,
						 size_t *at, int64_t now_ms);

#endif
