/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ipc/census.h"

#include <string.h>

/* Other workers read while one writes: relaxed atomics are enough for counts. */
static void census_add(uint32_t *cell, int by)
{
	__atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + (uint32_t)by,
		__ATOMIC_RELAXED);
}

static uint32_t census_read(const uint32_t *cell)
{
	return __atomic_load_n(cell, __ATOMIC_RELAXED);
}

static size_t census_bucket(const struct census *c, struct ip client)
{
	return ip_hash(client, c->seed) % CENSUS_BUCKETS;
}

static void census_count(struct census *c, unsigned worker, unsigned listener,
                         struct ip client, int by)
{
	struct census_region *own = &c->regions[worker % CENSUS_WORKERS];
	census_add(&own->all, by);
	census_add(&own->listeners[listener % CENSUS_LISTENERS], by);
	census_add(&own->clients[census_bucket(c, client)], by);
}

struct census_counts census_enter(struct census *c, unsigned worker, unsigned listener,
                                  struct ip client)
{
	struct census_counts counts = { 0 };
	size_t bucket = census_bucket(c, client);
	census_count(c, worker, listener, client, 1);
	for (size_t i = 0; i < CENSUS_WORKERS; i++) {
		const struct census_region *region = &c->regions[i];
		uint32_t all = census_read(&region->all);
		if (all == 0) continue; /* an unused region is not touched further */
		counts.all += all;
		counts.listener += census_read(&region->listeners[listener % CENSUS_LISTENERS]);
		counts.client += census_read(&region->clients[bucket]);
	}
	return counts;
}

void census_leave(struct census *c, unsigned worker, unsigned listener, struct ip client)
{
	census_count(c, worker, listener, client, -1);
}

void census_clear(struct census *c, unsigned worker)
{
	/* Only the counted cells: clearing untouched pages would make them resident. */
	struct census_region *region = &c->regions[worker % CENSUS_WORKERS];
	if (census_read(&region->all) == 0) return;
	memset(region, 0, sizeof *region);
}
