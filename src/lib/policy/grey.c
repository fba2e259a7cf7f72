/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/grey.h"

/* What came again stays longer than what waits. */
static uint64_t triplet_age(uint64_t word)
{
	uint64_t last = word & UINT32_MAX;
	return last ? last << 32 : word >> 32;
}

static uint64_t network_age(uint64_t word) { return word >> 32; }

static bool network_is_known(uint64_t word, const struct grey_limits *limits, int64_t wall_s)
{
	return limits->known && (word & UINT32_MAX) >= (uint64_t)limits->known &&
	       wall_s - (int64_t)(word >> 32) <= limits->keep_s;
}

/* What a triplet's word means now; word 0: it has not been here. */
static struct grey_state state_of(uint64_t word, const struct grey_limits *limits,
				  int64_t wall_s)
{
	int64_t first_s = (int64_t)(word >> 32), last_s = (int64_t)(word & UINT32_MAX);
	struct grey_state fresh = { .answer = GREY_WAITS, .wait_s = limits->delay_s };
	if (last_s)
		return wall_s - last_s <= limits->keep_s
			? (struct grey_state){ .answer = GREY_PASSES } : fresh;
	int64_t waited_s = wall_s - first_s;
	/* A clock that was set back: no time has passed. */
	if (waited_s < 0) waited_s = 0;
	if (!first_s || waited_s > limits->delay_s + GREY_WAITING_S || waited_s > limits->keep_s)
		return fresh;
	if (waited_s < limits->delay_s)
		return (struct grey_state){ .answer = GREY_WAITS,
			.wait_s = limits->delay_s - waited_s, .waited_s = waited_s };
	return (struct grey_state){ .answer = GREY_AGAIN, .waited_s = waited_s };
}

/* Whether the word says that it waits already. */
static bool is_waiting(uint64_t word, const struct grey_state *state,
		       const struct grey_limits *limits, int64_t wall_s)
{
	return word && !(word & UINT32_MAX) && state->answer == GREY_WAITS &&
	       (state->wait_s < limits->delay_s || (int64_t)(word >> 32) == wall_s);
}

static bool network_touch(struct greylist *g, uint64_t key, bool again,
			  const struct grey_limits *limits, int64_t wall_s)
{
	bool fresh;
	struct slot *slot = slots_take(g->networks, GREY_NETWORKS, key, network_age, &fresh);
	uint64_t word = slots_read(&slot->word), next;
	do {
		uint64_t good = word & UINT32_MAX;
		int64_t last_s = (int64_t)(word >> 32);
		if (wall_s - last_s > limits->keep_s) good = 0;
		if (!again && wall_s - last_s < GREY_TOUCH_S) return false;
		if (again && good < UINT32_MAX) good++;
		next = (uint64_t)wall_s << 32 | good;
	} while (!slots_change(&slot->word, &word, next));
	return true;
}

struct grey_state grey_look(struct greylist *g, uint64_t network, uint64_t triplet,
			    const struct grey_limits *limits, int64_t wall_s, bool *seen)
{
	struct slot *slot = slots_find(g->networks, GREY_NETWORKS, network);
	*seen = true;
	if (slot && network_is_known(slots_read(&slot->word), limits, wall_s))
		return (struct grey_state){ .answer = GREY_KNOWN };
	slot = slots_find(g->triplets, GREY_TRIPLETS, triplet);
	uint64_t word = slot ? slots_read(&slot->word) : 0;
	struct grey_state state = state_of(word, limits, wall_s);
	*seen = state.answer != GREY_WAITS || is_waiting(word, &state, limits, wall_s);
	return state;
}

struct grey_state grey_ask(struct greylist *g, uint64_t network, uint64_t triplet,
			   const struct grey_limits *limits, int64_t wall_s)
{
	bool fresh;
	struct slot *known = slots_find(g->networks, GREY_NETWORKS, network);
	if (known && network_is_known(slots_read(&known->word), limits, wall_s))
		return (struct grey_state){ .answer = GREY_KNOWN,
			.changed = network_touch(g, network, false, limits, wall_s) };
	struct slot *slot = slots_take(g->triplets, GREY_TRIPLETS, triplet, triplet_age, &fresh);
	uint64_t word = slots_read(&slot->word), now = (uint64_t)wall_s & UINT32_MAX, next;
	struct grey_state state;
	do {
		state = state_of(word, limits, wall_s);
		if (is_waiting(word, &state, limits, wall_s)) return state;
		if (state.answer == GREY_PASSES && now - (word & UINT32_MAX) < GREY_TOUCH_S) return state;
		next = state.answer == GREY_WAITS ? now << 32
						  : (word & ~(uint64_t)UINT32_MAX) | now;
	} while (!slots_change(&slot->word, &word, next));
	state.changed = true;
	/* Only who has changed the word counts it. */
	if (state.answer == GREY_AGAIN) (void)network_touch(g, network, true, limits, wall_s);
	return state;
}
