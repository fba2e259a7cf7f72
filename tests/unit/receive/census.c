/* SPDX-License-Identifier: Apache-2.0 */
/* lib/ipc/census: the counts that the receive workers share. */
#include "bench.h"

#include <stdlib.h>
#include <sys/mman.h>

static struct census *census_new(void)
{
	struct census *c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(c != MAP_FAILED);
	c->seed = 99;
	return c;
}

static void census_free(struct census *c)
{
	assert_int_equal(munmap(c, sizeof *c), 0);
}

static void is_empty(const struct census *c, unsigned worker)
{
	const struct census_region *region = &c->regions[worker];
	assert_int_equal(region->all, 0);
	for (size_t i = 0; i < CENSUS_LISTENERS; i++) assert_int_equal(region->listeners[i], 0);
	for (size_t i = 0; i < CENSUS_BUCKETS; i++) assert_int_equal(region->clients[i], 0);
}

static void counts(void **state)
{
	(void)state;
	static const struct {
		unsigned worker, listener;
		const char *client;
		uint64_t all, here, client_sessions;
	} rows[] = {
		{ 0, 0, "192.0.2.1", 1, 1, 1 },
		{ 0, 0, "192.0.2.1", 2, 2, 2 },
		{ 1, 0, "192.0.2.1", 3, 3, 3 }, /* of all workers */
		{ 1, 1, "192.0.2.1", 4, 1, 4 },
		{ 0, 1, "192.0.2.2", 5, 2, 1 },
		{ 63, 63, "2001:db8::1", 6, 1, 1 },
		{ 63, 63, "2001:db8::2", 7, 2, 1 },
		/* small numbers wrap, they do not run out of the table */
		{ 64, 64, "192.0.2.1", 8, 4, 5 },
		{ UINT32_MAX, 63, "192.0.2.3", 9, 3, 1 },
	};
	struct census *c = census_new();
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct census_counts n = census_enter(c, rows[i].worker, rows[i].listener,
			bench_ip(rows[i].client));
		if (n.all != rows[i].all || n.listener != rows[i].here ||
		    n.client != rows[i].client_sessions)
			fail_msg("row %zu: %u %u %u", i, (unsigned)n.all, (unsigned)n.listener,
				(unsigned)n.client);
	}
	for (size_t i = ROWS(rows); i-- > 0;)
		census_leave(c, rows[i].worker, rows[i].listener, bench_ip(rows[i].client));
	is_empty(c, 0);
	is_empty(c, 1);
	is_empty(c, 63);
	census_free(c);
}

/* A worker dies with sessions: master clears its region, the others' counts stay. */
static void death(void **state)
{
	(void)state;
	struct census *c = census_new();
	struct ip client = bench_ip("192.0.2.1");
	for (int i = 0; i < 10; i++) (void)census_enter(c, 0, 2, client);
	for (int i = 0; i < 3; i++) (void)census_enter(c, 1, 2, client);
	census_clear(c, 0);
	is_empty(c, 0);
	census_clear(c, 0); /* once more is nothing */
	census_clear(c, 7); /* nor one that never counted */
	struct census_counts n = census_enter(c, 0, 2, client);
	assert_int_equal(n.all, 4);
	assert_int_equal(n.listener, 4);
	assert_int_equal(n.client, 4);
	census_clear(c, 1);
	census_leave(c, 0, 2, client);
	n = census_enter(c, 1, 0, client);
	assert_int_equal(n.all, 1);
	census_free(c);
}

/* A count is 32 bits of a number of sessions: at its end it wraps as unsigned numbers do,
 * and counting out leads back. */
static void wrap(void **state)
{
	(void)state;
	struct census *c = census_new();
	struct ip client = bench_ip("192.0.2.1");
	c->regions[0].all = UINT32_MAX;
	struct census_counts n = census_enter(c, 0, 0, client);
	assert_int_equal(n.all, 0);
	census_leave(c, 0, 0, client);
	assert_int_equal(c->regions[0].all, UINT32_MAX);
	/* Two workers at the end of theirs: the sum does not wrap. */
	c->regions[1].all = UINT32_MAX - 1;
	c->regions[0].all = UINT32_MAX;
	n = census_enter(c, 1, 0, client);
	assert_int_equal(n.all, 2 * (uint64_t)UINT32_MAX);
	census_free(c);
}

/* Another seed spreads the addresses differently, so nobody can aim at a bucket. */
static void seeds(void **state)
{
	(void)state;
	struct census *c = census_new();
	unsigned moved = 0;
	for (uint32_t i = 0; i < 200; i++) {
		struct ip client = ip_of_v4(0xc0000200u + i);
		c->seed = 1;
		(void)census_enter(c, 0, 0, client);
		c->seed = 2;
		moved += census_enter(c, 1, 0, client).client == 1;
		c->seed = 1;
		assert_in_range(census_enter(c, 0, 0, client).client, 2, 20);
	}
	assert_true(moved > 150);
	census_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(death),
		cmocka_unit_test(wrap),
		cmocka_unit_test(seeds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
