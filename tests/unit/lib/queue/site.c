/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations that share their limits, and pace, in made time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/rng.h"
#include "lib/queue/sched.h"

enum { LIMIT = 20, ITEMS = 4000 };

static struct sched sched;
static struct line_item items[ITEMS];
static size_t used;

static int setup(void **state)
{
	(void)state;
	sched_init(&sched, 1000, 7);
	used = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sched_free(&sched);
	return 0;
}

static struct sched_dest *dest(const char *key)
{
	struct sched_dest *d = sched_dest(&sched, str_of(key), STR("r"), 2 * LIMIT, false);
	assert_non_null(d);
	pace_set(&d->pace, NULL, LIMIT, INT64_MAX);
	return d;
}

static struct sched_site *site_with(const struct conf_pacing *block)
{
	struct sched_site *site = sched_site(&sched, STR("big"));
	assert_non_null(site);
	pace_set(&site->pace, block, 500, INT64_MAX);
	return site;
}

static struct sched_dest *member(struct sched_site *site, const char *key)
{
	struct sched_dest *d = dest(key);
	d->window = d->limit;
	sched_move(&sched, d, site, 0);
	return d;
}

static void line_up(struct sched_dest *d, size_t count)
{
	for (; count > 0; count--) {
		assert_true(used < ITEMS);
		items[used].urgent = false;
		sched_wait(&sched, d, &items[used++]);
	}
}

static size_t take_all(int64_t now_ms)
{
	size_t count = 0;
	for (struct sched_dest *d; sched_take(&sched, now_ms, &d);) count++;
	return count;
}

static void end(struct sched_dest *d)
{
	sched_done(&sched, d, SCHED_SUCCESS, STR(""), 0);
}

static void a_site_has_so_many_connections(void **state)
{
	(void)state;
	const struct conf_pacing block = { .connections = 3 };
	struct sched_site *site = site_with(&block);
	struct sched_dest *a = member(site, "a"), *b = member(site, "b"), *free = dest("c");
	line_up(a, 5);
	line_up(b, 5);
	line_up(free, 2);
	assert_int_equal(take_all(0), 5);
	assert_int_equal(a->in_flight + b->in_flight, 3);
	assert_int_equal(free->in_flight, 2);
	assert_int_equal(site->used, 3);
	/* In turn: who has had one place does not get the next, too. */
	unsigned of_a = a->in_flight;
	end(of_a == 2 ? a : b);
	assert_int_equal(take_all(0), 1);
	assert_int_equal(a->in_flight + b->in_flight, 3);
	end(a);
	assert_int_equal(take_all(0), 1);
	assert_int_equal(site->used, 3);
	assert_int_equal(site->waiting, a->waiting + b->waiting);
}

/* A connection that is open without anything to do takes its place, and is used again. */
static void open_connections_count(void **state)
{
	(void)state;
	const struct conf_pacing block = { .connections = 2 };
	struct sched_site *site = site_with(&block);
	struct sched_dest *a = member(site, "a"), *b = member(site, "b");
	line_up(a, 2);
	assert_int_equal(take_all(0), 2);
	sched_pooled(&sched, a, 2, 0);
	end(a);
	end(a);
	assert_int_equal(site->used, 2);
	line_up(b, 1);
	assert_int_equal(take_all(0), 0); /* both places are a's */
	line_up(a, 1);
	assert_int_equal(take_all(0), 1); /* over one of its own */
	assert_int_equal(a->in_flight, 1);
	sched_pooled(&sched, a, 1, 0); /* the other one was closed */
	assert_int_equal(take_all(0), 1);
	assert_int_equal(b->in_flight, 1);
	assert_int_equal(site->used, 2);
}

/* Who has a connection keeps it for some messages, not for ever. */
static void a_connection_is_given_up_to_others(void **state)
{
	(void)state;
	const struct conf_pacing block = { .connections = 1 };
	struct sched_site *site = site_with(&block);
	struct sched_dest *a = member(site, "a"), *b = member(site, "b"), *got;
	line_up(a, 30);
	line_up(b, 1);
	assert_non_null(sched_take(&sched, 0, &got));
	assert_ptr_equal(got, a);
	sched_pooled(&sched, a, 1, 0);
	assert_null(sched_take(&sched, 0, &got));
	unsigned row = 1;
	for (; !sched_is_last(a); row++) {
		end(a);
		assert_non_null(sched_take(&sched, 0, &got));
		assert_ptr_equal(got, a);
		assert_true(row <= SCHED_TURN_MAX);
	}
	assert_int_equal(row, SCHED_TURN_MAX + 1);
	end(a);
	assert_null(sched_take(&sched, 0, &got)); /* until it is closed */
	sched_pooled(&sched, a, 0, 0);
	assert_non_null(sched_take(&sched, 0, &got));
	assert_ptr_equal(got, b);
}

static void rates_of_a_site(void **state)
{
	(void)state;
	const struct conf_pacing block = { .rate = { 4, 60000 }, .connection_rate = { 2, 60000 } };
	struct sched_site *site = site_with(&block);
	struct sched_dest *a = member(site, "a"), *b = member(site, "b");
	line_up(a, 5);
	line_up(b, 5);
	assert_int_equal(take_all(1000), 2); /* no more new connections */
	sched_pooled(&sched, a, 1, 1000);
	sched_pooled(&sched, b, 1, 1000);
	end(a);
	end(b);
	assert_int_equal(take_all(1000), 2); /* over those that are open */
	end(a);
	end(b);
	assert_int_equal(take_all(1000), 0); /* no more messages */
	sched_sweep(&sched, 30000);
	assert_int_equal(take_all(30000), 0);
	sched_sweep(&sched, 64000);
	assert_int_equal(take_all(64000), 4);
	assert_int_equal(site->pace.connects.total, 2);
	/* One that had to be made instead of an open one is counted, too. */
	sched_pooled(&sched, a, 2, 64000);
	assert_int_equal(site->pace.connects.total, 2);
	sched_pooled(&sched, a, 1, 64000);
	sched_pooled(&sched, a, 2, 64000);
	assert_int_equal(site->pace.connects.total, 3);
}

static void rates_of_a_destination(void **state)
{
	(void)state;
	const struct conf_pacing block = { .rate = { 3, 1000 }, .connections = 2 };
	struct sched_dest *d = dest("a");
	d->window = d->limit;
	pace_set(&d->pace, &block, LIMIT, INT64_MAX);
	line_up(d, 10);
	assert_int_equal(take_all(0), 3);
	sched_sweep(&sched, 1100);
	assert_int_equal(take_all(1100), 1); /* two for each connection */
	end(d);
	assert_int_equal(take_all(1100), 1);
}

/* What one destination is told holds for all of its site. */
static void a_site_stops(void **state)
{
	(void)state;
	const struct conf_pacing block = { .connections = 8 };
	struct sched_site *site = site_with(&block);
	struct sched_dest *a = member(site, "a"), *b = member(site, "b"), *other = dest("c");
	struct sched_place place;
	struct pace_change change;
	line_up(a, 4);
	line_up(b, 4);
	line_up(other, 2);
	assert_int_equal(take_all(0), 10);
	end(a);
	line_up(b, 1);
	assert_true(pace_hinted(sched_pace(a), HINT_RATE, STR("421 4.7.28"), site->used, 0, &change));
	assert_int_equal(take_all(1000), 0);
	assert_int_equal(sched_ask(&sched, b, 1000), SCHED_SKIP);
	sched_skip(&sched, b, (struct sched_place){ 1, 1, false }, false);
	assert_null(sched_refill(&sched, 1000, false, &place));
	assert_int_equal(sched_ask(&sched, other, 1000), SCHED_LINE);
	/* Slower, then: half of the seven. */
	while (a->in_flight) end(a);
	while (b->in_flight) end(b);
	line_up(a, 4);
	sched_sweep(&sched, PACE_RATE_MS);
	assert_int_equal(take_all(PACE_RATE_MS), 3);
	assert_ptr_equal(sched_refill(&sched, PACE_RATE_MS, false, &place), b);
}

/* Lines of a site are short together, however many destinations it has. */
static void lines_of_a_site(void **state)
{
	(void)state;
	const struct conf_pacing block = { .connections = 1 };
	struct sched_site *site = site_with(&block);
	struct sched_place place;
	char key[4] = "aa";
	for (int i = 0; i < 200; i++) {
		key[0] = (char)('a' + i / 20);
		key[1] = (char)('a' + i % 20);
		struct sched_dest *d = member(site, key);
		if (sched_ask(&sched, d, 0) == SCHED_LINE) line_up(d, 1);
		else sched_skip(&sched, d, (struct sched_place){ i + 1, 1, false }, false);
	}
	assert_int_equal(site->waiting, 66);
	assert_null(sched_refill(&sched, 0, false, &place));
	struct sched_dest *got;
	while (site->waiting > 33) {
		assert_non_null(sched_take(&sched, 0, &got));
		end(got);
	}
	assert_non_null(sched_refill(&sched, 0, false, &place));
	assert_int_equal(place.due_ms, 67);
}

static void who_moves_takes_his_counts_along(void **state)
{
	(void)state;
	const struct conf_pacing block = { .connections = 2 };
	struct sched_site *site = site_with(&block);
	struct sched_dest *a = member(site, "a"), *b = member(site, "b");
	line_up(a, 4);
	line_up(b, 2);
	assert_int_equal(take_all(0), 2);
	sched_pooled(&sched, a, a->in_flight, 0);
	sched_move(&sched, a, NULL, 0);
	assert_int_equal(site->used, b->in_flight);
	assert_int_equal(site->waiting, b->waiting);
	assert_int_equal(site->dests, 1);
	(void)take_all(0);
	assert_int_equal(a->in_flight, 4);
	assert_int_equal(b->in_flight, 2);
	sched_move(&sched, a, site, 0);
	assert_int_equal(site->used, a->in_flight + b->in_flight);
	/* The site goes: each is on its own. */
	line_up(b, 3);
	sched_site_end(&sched, site);
	assert_null(a->site);
	assert_null(b->site);
	assert_int_equal(take_all(0), 3);
	assert_non_null(sched_site(&sched, STR("big")));
	assert_int_equal(sched_site(&sched, STR("big"))->dests, 0);
}

static void its_site_is_remembered_for_a_while(void **state)
{
	(void)state;
	const struct conf_pacing block = { .connections = 2 };
	const int64_t now_ms = INT64_C(1800000000000);
	struct sched_site *site = site_with(&block);
	struct sched_dest *a = member(site, "a");
	a->moved_ms = now_ms;
	(void)dest("b");
	sched_sweep(&sched, now_ms + SCHED_SITE_KEPT_MS - 1);
	assert_non_null(sched_find(&sched, STR("a")));
	assert_null(sched_find(&sched, STR("b")));
	sched_pooled(&sched, a, 1, now_ms);
	sched_sweep(&sched, now_ms + SCHED_SITE_KEPT_MS);
	assert_non_null(sched_find(&sched, STR("a"))); /* it has a connection */
	sched_pooled(&sched, a, 0, now_ms);
	sched_sweep(&sched, now_ms + SCHED_SITE_KEPT_MS);
	assert_null(sched_find(&sched, STR("a")));
	assert_int_equal(site->dests, 0);
	assert_int_equal(site->used, 0);
}

static void sites_have_a_limit(void **state)
{
	(void)state;
	char name[8] = { 0 };
	size_t made = 0, at = 0;
	for (int i = 0; i < SCHED_SITES_MAX + 10; i++) {
		struct buf b;
		buf_init_fixed(&b, name, sizeof name);
		buf_u64(&b, (uint64_t)i);
		if (sched_site(&sched, buf_view(&b))) made++;
	}
	assert_int_equal(made, SCHED_SITES_MAX);
	while (sched_site_next(&sched, &at)) made--;
	assert_int_equal(made, 0);
}

/* Whatever the order: limits hold, counts agree, nothing stands still. */
static void random_walk(void **state)
{
	(void)state;
	const struct conf_pacing block = { .connections = 3, .rate = { 50, 10000 } };
	struct sched_site *site = site_with(&block);
	struct rng rng = { 4 };
	struct sched_dest *dests[8], *got;
	size_t done = 0;
	int64_t now_ms = 0;
	for (int i = 0; i < 8; i++) dests[i] = member(site, (char[2]){ (char)('a' + i), 0 });
	for (int i = 0; i < 40000; i++) {
		struct sched_dest *d = dests[rng_next(&rng) % 8];
		uint32_t pooled = 0, flying = 0, waiting = 0;
		now_ms += (int64_t)(rng_next(&rng) % 50);
		switch (rng_next(&rng) % 5) {
		case 0:
			if (sched_ask(&sched, d, now_ms) == SCHED_LINE && used < ITEMS) line_up(d, 1);
			break;
		case 1:
			if (sched_take(&sched, now_ms, &got) && got->pooled < got->in_flight)
				sched_pooled(&sched, got, got->pooled + 1, now_ms);
			break;
		case 2:
			if (d->in_flight == 0) break;
			sched_done(&sched, d, SCHED_SUCCESS, STR(""), now_ms);
			done++;
			break;
		case 3:
			if (d->pooled > d->in_flight) sched_pooled(&sched, d, d->pooled - 1, now_ms);
			break;
		default: sched_sweep(&sched, now_ms); break;
		}
		for (int n = 0; n < 8; n++) {
			uint32_t more = dests[n]->in_flight;
			if (dests[n]->pooled > more) more = dests[n]->pooled;
			pooled += more;
			flying += dests[n]->in_flight;
			waiting += dests[n]->waiting;
		}
		assert_true(pooled <= 3);
		assert_int_equal(pooled, site->used);
		assert_int_equal(flying, sched.in_flight);
		assert_int_equal(waiting, site->waiting);
	}
	assert_true(done > 1500);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(a_site_has_so_many_connections),
		FRESH(open_connections_count),
		FRESH(a_connection_is_given_up_to_others),
		FRESH(rates_of_a_site),
		FRESH(rates_of_a_destination),
		FRESH(a_site_stops),
		FRESH(lines_of_a_site),
		FRESH(who_moves_takes_his_counts_along),
		FRESH(its_site_is_remembered_for_a_while),
		FRESH(sites_have_a_limit),
		FRESH(random_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
