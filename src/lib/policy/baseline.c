/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/baseline.h"

enum { SEEN_BITS = 16, SEEN_MAX = (1 << SEEN_BITS) - 1, THOUSANDTHS = 1000 };
static const uint64_t average_max = (UINT64_C(1) << (64 - SEEN_BITS)) - 1;

static uint64_t baseline_age(uint64_t word) { return word >> 32; }

static uint64_t window_of(const struct baseline_limits *limits, int64_t wall_ms)
{
	return (uint64_t)(wall_ms / limits->window_ms) & UINT32_MAX;
}

static uint64_t limit_of(uint64_t usual, const struct baseline_limits *limits)
{
	uint64_t average = usual >> SEEN_BITS;
	uint64_t limit = average / THOUSANDTHS * (uint64_t)limits->factor +
			 average % THOUSANDTHS * (uint64_t)limits->factor / THOUSANDTHS;
	return limit > (uint64_t)limits->floor ? limit : (uint64_t)limits->floor;
}

/* `usual` with one more window, in which so many were counted. */
static uint64_t learn(uint64_t usual, uint64_t count, const struct baseline_limits *limits)
{
	uint64_t limit = limit_of(usual, limits), seen = usual & SEEN_MAX;
	uint64_t part = (uint64_t)(limits->learn_ms / limits->window_ms);
	uint64_t sample = (count < limit ? count : limit) * THOUSANDTHS;
	uint64_t average = usual >> SEEN_BITS;
	if (part > seen + BASELINE_NEW + 1) part = seen + BASELINE_NEW + 1;
	if (part == 0) part = 1;
	if (sample > average) average += (sample - average) / part;
	else average -= (average - sample) / part;
	if (average > average_max) average = average_max;
	if (seen < SEEN_MAX) seen++;
	return average << SEEN_BITS | seen;
}

/* As it will be once the windows that are over are counted in. */
static struct baseline_state state_of(uint64_t word, uint64_t usual,
				      const struct baseline_limits *limits, uint64_t window)
{
	bool same = word >> 32 == window;
	uint64_t count = word & UINT32_MAX;
	if (!same && count) usual = learn(usual, count, limits);
	struct baseline_state state = {
		.count = same ? count : 0,
		.usual = ((usual >> SEEN_BITS) + THOUSANDTHS / 2) / THOUSANDTHS,
		.limit = limit_of(usual, limits),
	};
	state.over = state.count >= state.limit;
	return state;
}

struct baseline_state baseline_look(struct baselines *b, uint64_t key,
				    const struct baseline_limits *limits, int64_t wall_ms)
{
	struct slot *slot = slots_find(b->slots, BASELINES, key);
	uint64_t word = slot ? slots_read(&slot->word) : 0;
	uint64_t usual = slot ? slots_read(&b->usual[slot - b->slots]) : 0;
	return state_of(word, usual, limits, window_of(limits, wall_ms));
}

struct baseline_state baseline_count(struct baselines *b, uint64_t key,
				     const struct baseline_limits *limits, bool anyway,
				     int64_t wall_ms)
{
	bool fresh;
	struct slot *slot = slots_take(b->slots, BASELINES, key, baseline_age, &fresh);
	uint64_t *mean = &b->usual[slot - b->slots], window = window_of(limits, wall_ms);
	if (fresh) __atomic_store_n(mean, 0, __ATOMIC_RELAXED);
	uint64_t word = slots_read(&slot->word), usual = slots_read(mean), next;
	struct baseline_state state;
	do {
		state = state_of(word, usual, limits, window);
		if (state.over && !anyway) return state;
		next = window << 32 | (state.count < UINT32_MAX ? state.count + 1 : UINT32_MAX);
	} while (!slots_change(&slot->word, &word, next));
	/* Who has turned the window learns what was in it; if he dies here, that window is
	 * not learnt. */
	if (word >> 32 != window && (word & UINT32_MAX))
		__atomic_store_n(mean, learn(usual, word & UINT32_MAX, limits), __ATOMIC_RELAXED);
	state.first = state.over && state.count == state.limit;
	state.count++;
	return state;
}
