/* SPDX-License-Identifier: Apache-2.0 */
#include "services/master/crash_history.h"

/* The client's row, else the one that is the least loss: a free one, else the oldest. */
static struct crash_client *row_for(struct crash_history *h, struct ip client)
{
	struct crash_client *oldest = &h->clients[0];
	for (size_t i = 0; i < CRASH_HISTORY_MAX; i++) {
		struct crash_client *row = &h->clients[i];
		if (ip_eq(row->client, client)) return row;
		if (row->last_ms < oldest->last_ms) oldest = row;
	}
	*oldest = (struct crash_client){ .client = client };
	return oldest;
}

const struct crash_client *crash_history_death(struct crash_history *h, struct ip client,
					       int64_t now_ms)
{
	if (ip_is_none(client)) return NULL;
	struct crash_client *row = row_for(h, client);
	if (now_ms - row->last_ms > CRASH_HISTORY_MS) row->deaths = 0;
	row->last_ms = now_ms;
	row->deaths++;
	if (row->deaths >= CRASH_HISTORY_SHUN_AT)
		row->until_ms = now_ms + CRASH_HISTORY_SHUN_MS;
	return row;
}

const struct crash_client *crash_history_shunned(const struct crash_history *h,
						 size_t *at, int64_t now_ms)
{
	while (*at < CRASH_HISTORY_MAX) {
		const struct crash_client *row = &h->clients[(*at)++];
		if (row->until_ms > now_ms) return row;
	}
	return NULL;
}
