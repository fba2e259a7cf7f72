/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that is slow, down, hangs or lies costs those who ask it, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_backend.h"
#include "lib/conf/conf.h"
#include "services/directory/pool.h"
#include "services/directory/recent.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

enum { ASKS = 1024, PATIENCE_MS = 20 * 1000 };

static struct loop *loop;
static struct pool *pool;
static unsigned news_count[4];
static char last_news[BACKEND_WHY_MAX + 1];

static struct ask {
	struct pool_ask ask; /* first */
	unsigned answered;
	enum backend_result result;
	char address[400], home[300], why[BACKEND_WHY_MAX + 1];
} asks[ASKS];
static size_t answers, wanted;

static void keep(struct ask *a, const struct pool_answer *answer)
{
	a->answered++;
	a->result = answer->result;
	a->address[0] = a->home[0] = '\0';
	if (answer->entry) {
		const struct backend_entry *e = answer->entry;
		assert_true(str_to_cstr((struct str){ e->address, e->address_len }, a->address,
					sizeof a->address));
		assert_true(str_to_cstr((struct str){ e->home, e->home_len }, a->home,
					sizeof a->home));
	}
	assert_true(str_to_cstr(answer->why, a->why, sizeof a->why));
	if (++answers == wanted) loop_stop(loop);
}

static void on_answer(struct pool_ask *ask, const struct pool_answer *answer)
{
	keep((struct ask *)(void *)ask, answer);
}

static void on_news(void *arg, const struct backend_settings *c, enum pool_news what,
		    struct str why)
{
	assert_ptr_equal(arg, asks);
	assert_string_equal(c->directory, "staff");
	news_count[what]++;
	assert_true(str_to_cstr(why, last_news, sizeof last_news));
}

static void open_pool(const struct backend *backend, unsigned connections, int64_t timeout_ms,
		      int64_t cache_ms)
{
	struct conf conf = { .hostname = STR("mx.test") };
	const struct conf_directory c = { .name = STR("staff"),
					  .connections = connections,
					  .timeout_ms = timeout_ms,
					  .cache_ms = cache_ms };
	struct backend_settings *settings = backend_settings_new(&conf, &c);
	assert_non_null(settings);
	pool = pool_new(loop, backend, settings, on_news, asks);
	assert_non_null(pool);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	memset(asks, 0, sizeof asks);
	memset(news_count, 0, sizeof news_count);
	answers = wanted = 0;
	for (size_t i = 0; i < ASKS; i++) asks[i].ask.done = on_answer;
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pool_free(pool);
	pool = NULL;
	fake_reset();
	(void)usleep(20 * 1000); /* threads that hung give everything back */
	loop_free(loop);
	return 0;
}

static void find(size_t i, const char *address)
{
	struct pool_answer now;
	if (pool_find(pool, POOL_RECIPIENT, str_of(address), &asks[i].ask, &now))
		keep(&asks[i], &now);
}

static void verify(size_t i, const char *address, const char *password)
{
	struct pool_answer now;
	if (pool_verify(pool, str_of(address), str_of(password), &asks[i].ask, &now))
		keep(&asks[i], &now);
}

static void late(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* Until there are so many answers in all. */
static void run_for(size_t count, int64_t ms)
{
	struct loop_timer *timer = loop_timer_new(loop, late, NULL);
	loop_timer_set(timer, ms);
	wanted = count;
	if (answers < wanted) loop_run(loop);
	loop_timer_free(timer);
}

static void run(size_t count)
{
	run_for(count, PATIENCE_MS);
	assert_int_equal(answers, count);
}

static void pause_ms(int64_t ms)
{
	size_t before = answers;
	run_for(SIZE_MAX, ms);
	assert_int_equal(answers, before);
}

/* --- answers ------------------------------------------------------------------------ */

static void says_what_there_is(void **state)
{
	static const struct {
		const char *ask;
		enum backend_result want;
		const char *address, *home, *why;
	} rows[] = {
		{ "Ok@A.example", BACKEND_OK, "ok@a.example", "mx.test", "" },
		{ "alias@a.example", BACKEND_OK, "Ok@a.example", "far.example", "" },
		{ "nobody@a.example", BACKEND_NONE, "", "", "" },
		{ "staff+x@a.example", BACKEND_OK, "staff@a.example", "mx.test", "" },
		{ "none+x@a.example", BACKEND_NONE, "", "", "" },
		{ "ok", BACKEND_NONE, "", "", "" },
		{ "", BACKEND_NONE, "", "", "" },
		{ "@a.example", BACKEND_NONE, "", "", "" },
		{ "ok@", BACKEND_NONE, "", "", "" },
		{ "ok\n@a.example", BACKEND_NONE, "", "", "" },
		{ "unsure@a.example", BACKEND_UNSURE, "", "", "two entries match" },
		{ "lie-nul@a.example", BACKEND_UNSURE, "", "", "the entry of this user is damaged" },
		{ "lie-line@a.example", BACKEND_UNSURE, "", "", "the entry of this user is damaged" },
		{ "lie-name@a.example", BACKEND_UNSURE, "", "", "the entry of this user is damaged" },
		{ "lie-long@a.example", BACKEND_UNSURE, "", "", "the entry of this user is damaged" },
		{ "lie-home@a.example", BACKEND_UNSURE, "", "", "the entry of this user is damaged" },
		{ "lie-blank@a.example", BACKEND_UNSURE, "", "", "the entry of this user is damaged" },
		{ "lie-hash@a.example", BACKEND_UNSURE, "", "", "the entry of this user is damaged" },
		{ "lie-key@a.example", BACKEND_UNSURE, "", "", "the entry of this user is damaged" },
		{ "lie-what@a.example", BACKEND_UNSURE, "", "", "the answer makes no sense" },
	};
	(void)state;
	open_pool(&fake_backend, 2, 5000, 0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		find(i, rows[i].ask);
		run(i + 1);
		const struct ask *a = &asks[i];
		if (a->result != rows[i].want || strcmp(a->address, rows[i].address) != 0 ||
		    strcmp(a->home, rows[i].home) != 0 || strcmp(a->why, rows[i].why) != 0)
			fail_msg("row %zu: %d %s %s %s", i, a->result, a->address, a->home, a->why);
	}
	/* One who knows two of that name answers the others all the same. */
	assert_int_equal(news_count[POOL_DOWN], 0);
	assert_int_equal(news_count[POOL_UNSURE], 10);
	char longer[400];
	memset(longer, 'o', sizeof longer);
	memcpy(longer + 380, "@a.example", 11);
	find(30, longer);
	assert_int_equal(asks[30].result, BACKEND_NONE);
}

static void compares_passwords(void **state)
{
	char long_one[600];
	(void)state;
	memset(long_one, 'x', sizeof long_one);
	long_one[sizeof long_one - 1] = '\0';
	const struct {
		const char *address, *password;
		enum backend_result want;
		const char *why;
	} rows[] = {
		{ "OK@a.example", "secret", BACKEND_OK, "" },
		{ "ok@a.example", "Secret", BACKEND_WRONG, "" },
		{ "ok@a.example", "expired", BACKEND_WRONG, "password expired" },
		{ "ok@a.example", "", BACKEND_NONE, "" }, /* never asked */
		{ "ok@a.example", long_one, BACKEND_WRONG, "" },
		{ "nobody@a.example", "secret", BACKEND_NONE, "" },
		{ "lie-name@a.example", "secret", BACKEND_UNSURE, "the entry of this user is damaged" },
	};
	open_pool(&fake_checks_backend, 2, 5000, 0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		verify(i, rows[i].address, rows[i].password);
		run(i + 1);
		if (asks[i].result != rows[i].want || strcmp(asks[i].why, rows[i].why) != 0)
			fail_msg("row %zu: %d %s", i, asks[i].result, asks[i].why);
	}
	assert_int_equal(fake.verifies, ROWS(rows) - 1);
}

static void hands_over_the_secret(void **state)
{
	(void)state;
	open_pool(&fake_backend, 1, 5000, 0);
	assert_true(pool_secret(pool, STR("pssst")));
	find(0, "ok@a.example");
	run(1);
	assert_string_equal(fake.secret, "pssst");
	assert_false(pool_secret(pool, STR("other"))); /* a thread may be reading */
}

/* --- not too much of it -------------------------------------------------------------- */

static void asks_once(void **state)
{
	(void)state;
	fake.slow_ms = 50;
	open_pool(&fake_backend, 4, 5000, 0);
	for (size_t i = 0; i < 100; i++) find(i, i % 2 ? "ok@a.example" : "OK@a.example");
	pool_cancel(&asks[7].ask);
	run(99);
	assert_int_equal(fake.finds, 1);
	assert_int_equal(asks[7].answered, 0);
	for (size_t i = 0; i < 100; i++)
		if (i != 7) assert_int_equal(asks[i].result, BACKEND_OK);
	/* A login asks for more than a recipient does. */
	struct pool_answer now;
	find(100, "ok@a.example");
	assert_false(pool_find(pool, POOL_LOGIN, STR("ok@a.example"), &asks[101].ask, &now));
	run(101);
	assert_int_equal(fake.finds, 3);
	/* Passwords are never one question. */
	verify(102, "ok@a.example", "secret");
	verify(103, "ok@a.example", "wrong");
	run(103);
	assert_int_equal(fake.verifies, 2);
	assert_int_equal(asks[102].result, BACKEND_OK);
	assert_int_equal(asks[103].result, BACKEND_WRONG);
}

static void remembers(void **state)
{
	struct backend_entry e;
	(void)state;
	open_pool(&fake_backend, 1, 5000, 300);
	assert_false(pool_recall(pool, STR("ok@a.example"), &e));
	find(0, "ok@a.example");
	find(1, "none@a.example");
	find(2, "unsure@a.example");
	run(3);
	find(3, "OK@a.example");
	find(4, "none@a.example");
	assert_int_equal(answers, 5);
	assert_int_equal(asks[3].result, BACKEND_OK);
	assert_string_equal(asks[3].address, "ok@a.example");
	assert_string_equal(asks[3].home, "mx.test");
	assert_int_equal(asks[4].result, BACKEND_NONE);
	assert_true(pool_recall(pool, STR("Ok@a.example"), &e));
	assert_false(pool_recall(pool, STR("none@a.example"), &e));
	/* What could not be told is asked again. */
	find(5, "unsure@a.example");
	assert_int_equal(answers, 5);
	run(6);
	assert_int_equal(fake.finds, 4);
	pause_ms(400);
	find(6, "ok@a.example");
	run(7);
	assert_int_equal(fake.finds, 5);
}

/* More than may wait are answered at once, and the rest in time, whatever the threads do. */
static void queue_is_bounded(void **state)
{
	(void)state;
	open_pool(&fake_backend, 2, 300, 0);
	for (size_t i = 0; i < 400; i++) {
		char address[32];
		(void)snprintf(address, sizeof address, "hang%zu@a.example", i);
		find(i, address);
		if (i == 1) pause_ms(50); /* both threads have one */
	}
	assert_int_equal(answers, 400 - 2 - POOL_WAITING_MAX);
	assert_string_equal(asks[399].why, "too many questions wait for it");
	assert_int_equal(news_count[POOL_DOWN], 0);
	run(400);
	assert_string_equal(asks[0].why, "no answer in time");
	assert_string_equal(asks[10].why, "left alone for a while, for it could not be asked");
	for (size_t i = 0; i < 400; i++) {
		assert_int_equal(asks[i].answered, 1);
		assert_int_equal(asks[i].result, BACKEND_DOWN);
	}
	assert_int_equal(news_count[POOL_DOWN], 1);
}

/* --- trouble ------------------------------------------------------------------------ */

static void hanging_is_late(void **state)
{
	(void)state;
	open_pool(&fake_backend, 1, 200, 0);
	find(0, "hang@a.example");
	run(1);
	assert_int_equal(asks[0].result, BACKEND_DOWN);
	assert_string_equal(last_news, "no answer in time");
	/* It is left alone; then one question is let through, and waits for the thread. */
	find(1, "ok@a.example");
	assert_int_equal(answers, 2);
	assert_int_equal(asks[1].result, BACKEND_DOWN);
	pause_ms(1100);
	find(2, "ok@a.example");
	find(3, "ok2@a.example");
	assert_int_equal(answers, 3);
	assert_int_equal(asks[3].result, BACKEND_DOWN);
	fake.hang = false;
	run(4);
	assert_int_equal(asks[2].result, BACKEND_OK);
	assert_int_equal(news_count[POOL_DOWN], 1);
	assert_int_equal(news_count[POOL_BACK], 1);
	/* The answer that came too late has reached nobody. */
	assert_int_equal(asks[0].answered, 1);
}

static void left_alone_longer_and_longer(void **state)
{
	(void)state;
	fake.refuse = true;
	open_pool(&fake_backend, 2, 5000, 0);
	find(0, "ok@a.example");
	run(1);
	assert_string_equal(asks[0].why, "connection refused");
	unsigned opens = fake.opens;
	for (size_t i = 1; i < 50; i++) find(i, "ok@a.example");
	assert_int_equal(answers, 50);
	assert_int_equal(fake.opens, opens);
	pause_ms(1100);
	find(50, "ok@a.example");
	run(51);
	assert_int_equal(news_count[POOL_DOWN], 2);
	pause_ms(1100); /* now it is two seconds */
	find(51, "ok@a.example");
	assert_int_equal(answers, 52);
	assert_int_equal(fake.opens, opens + 1);
	fake.refuse = false;
	pause_ms(1000);
	find(52, "ok@a.example");
	run(53);
	assert_int_equal(asks[52].result, BACKEND_OK);
	assert_int_equal(news_count[POOL_BACK], 1);
}

/* A connection that the other side closed meanwhile is not an answer. */
static void makes_a_connection_anew(void **state)
{
	(void)state;
	open_pool(&fake_backend, 1, 5000, 0);
	find(0, "ok@a.example");
	run(1);
	assert_int_equal(fake.opens, 1);
	fake.drop_one = true;
	find(1, "ok@a.example");
	run(2);
	assert_int_equal(asks[1].result, BACKEND_OK);
	assert_int_equal(fake.opens, 2);
	assert_int_equal(fake.closes, 1);
	/* But one that is new and fails has had its chance. */
	fake.is_down = true;
	find(2, "ok@a.example");
	run(3);
	assert_int_equal(asks[2].result, BACKEND_DOWN);
	assert_string_equal(asks[2].why, "out of order");
	assert_int_equal(fake.opens, 3);
	assert_int_equal(fake.closes, 3);
}

/* Nobody waits for a thread that hangs, and what it uses is there until it is back. */
static void ends_while_it_hangs(void **state)
{
	(void)state;
	open_pool(&fake_backend, 1, 5000, 0);
	find(0, "hang@a.example");
	find(1, "ok@a.example");
	verify(2, "hang@a.example", "secret");
	pause_ms(50);
	pool_free(pool);
	pool = NULL;
	assert_int_equal(answers, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(asks[i].result, BACKEND_DOWN);
		assert_string_equal(asks[i].why, "the directory is being set up again");
	}
	assert_int_equal(fake.closes, 0);
	fake.hang = false;
	for (int i = 0; i < 1000 && fake.closes == 0; i++) (void)usleep(1000);
	assert_int_equal(fake.closes, 1);
	pool_free(NULL);
}

/* --- what is remembered -------------------------------------------------------------- */

static void memory_is_bounded(void **state)
{
	struct recent *r = recent_new(60000, 7);
	struct backend_entry e = { .address_len = 1, .address = "x" }, out;
	(void)state;
	for (size_t i = 0; i < RECENT_MAX + 10; i++) {
		char address[32];
		(void)snprintf(address, sizeof address, "u%zu@a.example", i);
		recent_put(r, str_of(address), i % 2 ? BACKEND_OK : BACKEND_NONE, &e, 5);
	}
	assert_int_equal(recent_count(r), RECENT_MAX);
	assert_int_equal(recent_get(r, STR("u9@a.example"), 6, &out), BACKEND_UNSURE);
	assert_int_equal(recent_get(r, STR("u10@a.example"), 6, &out), BACKEND_NONE);
	assert_int_equal(recent_get(r, STR("u11@a.example"), 6, &out), BACKEND_OK);
	assert_int_equal(out.address_len, 1);
	assert_int_equal(recent_get(r, STR("u10@a.example"), 5 + RECENT_NONE_MS, &out),
			 BACKEND_UNSURE);
	assert_int_equal(recent_get(r, STR("u11@a.example"), 5 + RECENT_NONE_MS, &out),
			 BACKEND_OK);
	assert_int_equal(recent_get(r, STR("u11@a.example"), 60005, &out), BACKEND_UNSURE);
	recent_free(r);
	recent_free(NULL);
	r = recent_new(0, 7);
	recent_put(r, STR("a@b.example"), BACKEND_OK, &e, 5);
	assert_int_equal(recent_count(r), 0);
	recent_free(r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_what_there_is),
		TEST(compares_passwords),
		TEST(hands_over_the_secret),
		TEST(asks_once),
		TEST(remembers),
		TEST(queue_is_bounded),
		TEST(hanging_is_late),
		TEST(left_alone_longer_and_longer),
		TEST(makes_a_connection_anew),
		TEST(ends_while_it_hangs),
		cmocka_unit_test(memory_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
