/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/bucket.h"

static const int64_t ms_ns = 1000000;

/* The time at which it is full again: what is full or nearly so is forgotten first. */
static uint64_t bucket_age(uint64_t word) { return word; }

/* A limit that was longer, or a word that nobody of us wrote, costs one whole time. */
static int64_t full_at(uint64_t word, int64_t now_ns, int64_t every_ns)
{
	if (word <= (uint64_t)now_ns) return now_ns;
	if (word - (uint64_t)now_ns > (uint64_t)every_ns) return now_ns + every_ns;
	return (int64_t)word;
}

static struct bucket_state state_at(int64_t full_ns, int64_t now_ns, int64_t step_ns,
				    const struct bucket_limit *limit)
{
	struct bucket_state state = { .used = (full_ns - now_ns + step_ns - 1) / step_ns };
	if (state.used > limit->count) state.used = limit->count;
	int64_t wait_ns = full_ns - now_ns - (limit->count - 1) * step_ns;
	if (wait_ns > 0) state.wait_ms = (wait_ns + ms_ns - 1) / ms_ns;
	return state;
}

struct bucket_state bucket_look(struct buckets *b, uint64_t key,
				const struct bucket_limit *limit, int64_t now_ms)
{
	int64_t now_ns = now_ms * ms_ns, every_ns = limit->every_ms * ms_ns;
	struct slot *slot = slots_find(b->slots, BUCKETS, key);
	uint64_t word = slot ? slots_read(&slot->word) : 0;
	return state_at(full_at(word, now_ns, every_ns), now_ns, every_ns / limit->count, limit);
}

struct bucket_state bucket_take(struct buckets *b, uint64_t key,
				const struct bucket_limit *limit, int64_t now_ms)
{
	bool fresh;
	int64_t now_ns = now_ms * ms_ns, every_ns = limit->every_ms * ms_ns;
	int64_t step_ns = every_ns / limit->count;
	struct slot *slot = slots_take(b->slots, BUCKETS, key, bucket_age, &fresh);
	uint64_t word = slots_read(&slot->word);
	struct bucket_state state;
	int64_t full_ns;
	do {
		full_ns = full_at(word, now_ns, every_ns);
		state = state_at(full_ns, now_ns, step_ns, limit);
		if (state.wait_ms > 0) return state;
	} while (!slots_change(&slot->word, &word, (uint64_t)(full_ns + step_ns)));
	state.used++;
	return state;
}
