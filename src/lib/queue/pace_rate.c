/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/pace_rate.h"

#include <string.h>

enum { ALL_AT_ONCE = 32 }; /* of so many and fewer one slot takes all */

static int64_t slot_ms(const struct pace_rate *r)
{
	return (r->every_ms + PACE_SLOTS - 2) / (PACE_SLOTS - 1);
}

void pace_rate_set(struct pace_rate *r, int64_t count, int64_t every_ms)
{
	if (every_ms != r->every_ms) *r = (struct pace_rate){ .every_ms = every_ms };
	r->count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

/* Forgets the slots that are over. */
static void turn_to(struct pace_rate *r, int64_t now_ms)
{
	int64_t slot = now_ms / slot_ms(r), past = slot - r->slot;
	/* A clock that was set back a little: what was counted in its future is of now. */
	if (past <= 0 && past > -PACE_SLOTS) return;
	if (past >= PACE_SLOTS || past < 0) {
		memset(r->slots, 0, sizeof r->slots);
		r->total = 0;
	} else {
		for (int64_t i = 1; i <= past; i++) {
			uint32_t *at = &r->slots[(r->slot + i) % PACE_SLOTS];
			r->total -= *at;
			*at = 0;
		}
	}
	r->slot = slot;
}

static uint32_t part(uint32_t count, unsigned share)
{
	uint32_t most = (uint32_t)((uint64_t)count * share / PACE_SHARE);
	return most ? most : 1;
}

bool pace_rate_has(struct pace_rate *r, unsigned share, int64_t now_ms)
{
	if (!r->count) return true;
	turn_to(r, now_ms);
	uint32_t most = part(r->count, share);
	uint32_t at_once = most / 8 > ALL_AT_ONCE ? most / 8 : ALL_AT_ONCE;
	return r->total < most && r->slots[r->slot % PACE_SLOTS] < at_once;
}

void pace_rate_use(struct pace_rate *r, int64_t now_ms)
{
	if (!r->count) return;
	turn_to(r, now_ms);
	r->slots[r->slot % PACE_SLOTS]++;
	r->total++;
}

void pace_rate_give_back(struct pace_rate *r)
{
	uint32_t *at = &r->slots[r->slot % PACE_SLOTS];
	if (!r->count || !*at) return;
	--*at;
	r->total--;
}
