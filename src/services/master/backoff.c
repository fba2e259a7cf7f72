/* SPDX-License-Identifier: Apache-2.0 */
#include "services/master/backoff.h"

int64_t backoff_death(struct backoff *b, int64_t alive_ms)
{
	if (alive_ms >= BACKOFF_FORGET_MS) b->deaths = 0;
	unsigned before = b->deaths;
	if (b->deaths < 64) b->deaths++;
	if (before == 0) return 0;
	int64_t delay = BACKOFF_FIRST_MS;
	while (--before && delay < BACKOFF_MAX_MS) delay *= 2;
	return delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS;
}
