/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/quota.h"

static uint64_t oldest_first(uint64_t word) { return word; }

static uint32_t period_of(uint64_t word) { return (uint32_t)(word >> 32); }

static uint32_t taken_of(uint64_t word, uint32_t period)
{
	return period_of(word) >= period ? (uint32_t)word : 0;
}

static uint64_t word_of(uint64_t old, uint32_t period, uint32_t taken)
{
	if (period_of(old) > period) period = period_of(old);
	return (uint64_t)period << 32 | taken;
}

bool quota_take(struct quotas *q, uint64_t key, uint32_t period, uint32_t limit)
{
	bool fresh;
	struct slot *slot = slots_take(q->slots, QUOTAS, key, oldest_first, &fresh);
	uint64_t word = slots_read(&slot->word);
	uint32_t taken;
	do {
		taken = taken_of(word, period);
		if (taken >= limit) return false;
	} while (!slots_change(&slot->word, &word, word_of(word, period, taken + 1)));
	return true;
}

void quota_give_back(struct quotas *q, uint64_t key, uint32_t period)
{
	struct slot *slot = slots_find(q->slots, QUOTAS, key);
	uint64_t word = slot ? slots_read(&slot->word) : 0;
	while (slot && period_of(word) == period && (uint32_t)word > 0)
		if (slots_change(&slot->word, &word, word - 1)) return;
}

uint32_t quota_used(struct quotas *q, uint64_t key, uint32_t period)
{
	const struct slot *slot = slots_find(q->slots, QUOTAS, key);
	return slot ? taken_of(slots_read(&slot->word), period) : 0;
}
