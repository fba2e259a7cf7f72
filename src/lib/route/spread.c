/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/spread.h"

bool spread_is_wanted(const struct conf_hops *hops)
{
	for (size_t i = 0; i < hops->count; i++)
		if (hops->at[i].weight) return true;
	return false;
}

/* One of those that are left, by their weights; `count` if none has one. */
static size_t draw(const struct conf_hops *hops, size_t count, uint32_t taken, struct rng *rng)
{
	uint64_t sum = 0, at;
	size_t i = 0;
	for (size_t k = 0; k < count; k++)
		if (!(taken & 1u << k)) sum += hops->at[k].weight;
	if (!sum) return count;
	at = rng_below(rng, sum);
	for (;; i++) {
		if (taken & 1u << i) continue;
		if (at < hops->at[i].weight) return i;
		at -= hops->at[i].weight;
	}
}

size_t spread_order(const struct conf_hops *hops, struct rng *rng, uint8_t order[SPREAD_HOPS_MAX])
{
	size_t count = hops->count < SPREAD_HOPS_MAX ? hops->count : SPREAD_HOPS_MAX, n = 0;
	uint32_t taken = 0;
	for (size_t i; (i = draw(hops, count, taken, rng)) < count;) {
		taken |= 1u << i;
		order[n++] = (uint8_t)i;
	}
	for (size_t i = 0; i < count; i++)
		if (!(taken & 1u << i)) order[n++] = (uint8_t)i;
	return n;
}
