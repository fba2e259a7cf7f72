/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/mail/envelope.h"
#include "lib/queue/action.h"
#include "lib/queue/retry.h"

enum { MINUTE = 60 * 1000, DRAWS = 200 };

static void schedule(void **state)
{
	(void)state;
	static int64_t few[] = { 15 * MINUTE, 30 * MINUTE, 60 * MINUTE };
	static int64_t small[] = { 9, 0 };
	static int64_t large[] = { INT64_MAX / 2 };
	static const struct {
		struct conf_durations after;
		uint32_t attempts;
		int64_t want_ms;
	} cases[] = {
		{ { few, 3 }, 1, 15 * MINUTE }, { { few, 3 }, 2, 30 * MINUTE },
		{ { few, 3 }, 3, 60 * MINUTE }, { { few, 3 }, 4, 60 * MINUTE },
		{ { few, 3 }, 1000, 60 * MINUTE }, { { few, 3 }, UINT32_MAX, 60 * MINUTE },
		{ { few, 3 }, 0, 15 * MINUTE }, /* not tried yet counts as the first */
		{ { few, 1 }, 2, 15 * MINUTE },
		{ { NULL, 0 }, 1, 15 * MINUTE }, { { NULL, 0 }, 77, 15 * MINUTE },
		{ { small, 2 }, 1, 9 }, { { small, 2 }, 2, 0 }, /* no tenth to draw from */
		{ { large, 1 }, 1, INT64_MAX / 2 },
	};
	struct rng rng = { 42 };
	for (size_t i = 0; i < ROWS(cases); i++) {
		int64_t want = cases[i].want_ms, least = INT64_MAX, most = 0;
		for (int n = 0; n < DRAWS; n++) {
			int64_t ms = retry_delay_ms(&cases[i].after, cases[i].attempts, &rng);
			if (ms < want || (ms >= want + want / 10 && ms != want))
				fail_msg("row %zu: %lld", i, (long long)ms);
			if (ms < least) least = ms;
			if (ms > most) most = ms;
		}
		/* Mail that failed together does not come back together. */
		if (want >= MINUTE) assert_true(most - least > want / 20);
	}
}

static void replayed(void **state)
{
	(void)state;
	struct conf *conf = conf_of("hostname h.example\nretry { after 5m 10m }\n");
	struct rng a = { 7 }, b = { 7 };
	for (uint32_t i = 1; i < 20; i++)
		assert_int_equal(retry_delay_ms(&conf->retry.after, i, &a),
			retry_delay_ms(&conf->retry.after, i, &b));
	assert_in_range(retry_delay_ms(&conf->retry.after, 1, &a), 5 * MINUTE, 5.5 * MINUTE);
	assert_in_range(retry_delay_ms(&conf->retry.after, 9, &a), 10 * MINUTE, 11 * MINUTE);
	conf_free(conf);
}

/* Twice as long each time, and never without end. */
static void doubts(void **state)
{
	(void)state;
	static const struct { unsigned doubts; int64_t want_minutes; } rows[] = {
		{ 0, 60 }, { 1, 60 }, { 2, 120 }, { 3, 240 }, { 6, 32 * 60 },
		{ 13, 4096 * 60 }, { 14, 4096 * 60 }, { 255, 4096 * 60 },
	};
	struct conf *conf = conf_of("hostname h.example\n");
	struct conf *longest = conf_of("hostname h.example\nretry { in-doubt 1d }\n");
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(retry_doubt_ms(conf, rows[i].doubts), rows[i].want_minutes * MINUTE);
		assert_int_equal(retry_doubt_ms(longest, rows[i].doubts), 24 * rows[i].want_minutes * MINUTE);
	}
	conf_free(conf);
	conf_free(longest);
}

static void ages(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned priority;
		int64_t expire_min, warn_min;
	} rows[] = {
		{ "", MAIL_PRIORITY_NORMAL, 48 * 60, 12 * 60 },
		{ "", MAIL_PRIORITY_URGENT, 24 * 60, 4 * 60 },
		{ "", MAIL_PRIORITY_NON_URGENT, 72 * 60, 24 * 60 },
		{ "", 0, 48 * 60, 12 * 60 },
		{ "", 3, 48 * 60, 12 * 60 }, /* of a record that somebody else made */
		{ "", 255, 48 * 60, 12 * 60 },
		{ "retry { expire { normal 5m }; warn { normal 0s } }", MAIL_PRIORITY_NORMAL, 5, 0 },
		{ "retry { expire { normal 5m }; warn { normal 0s } }", MAIL_PRIORITY_URGENT, 24 * 60,
		  4 * 60 },
		{ "retry { expire { urgent 6m }; warn { urgent 2m } }", MAIL_PRIORITY_URGENT, 6, 2 },
		{ "retry { expire { non-urgent 7m }; warn { non-urgent 3m } }",
		  MAIL_PRIORITY_NON_URGENT, 7, 3 },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct conf *conf = conf_of(rows[i].text);
		int64_t expire = retry_expire_ms(conf, rows[i].priority);
		int64_t warn = retry_warn_ms(conf, rows[i].priority);
		if (expire != rows[i].expire_min * MINUTE || warn != rows[i].warn_min * MINUTE)
			fail_msg("row %zu: %lld %lld", i, (long long)expire, (long long)warn);
		conf_free(conf);
	}
}

static void actions(void **state)
{
	(void)state;
	static const struct { const char *name; bool good; enum queue_action action; } rows[] = {
		{ "retry", true, QUEUE_RETRY },     { "hold", true, QUEUE_HOLD },
		{ "release", true, QUEUE_RELEASE }, { "drop", true, QUEUE_DROP },
		{ "", false, 0 },    { "Drop", false, 0 },   { "dro", false, 0 },
		{ "drop ", false, 0 }, { "dropp", false, 0 }, { "bounce", true, QUEUE_BOUNCE },
		{ "reroute", true, QUEUE_REROUTE }, { "suspend", true, QUEUE_SUSPEND },
		{ "resume", true, QUEUE_RESUME },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		enum queue_action action = QUEUE_ACTIONS;
		assert_int_equal(queue_action_parse(str_of(rows[i].name), &action), rows[i].good);
		assert_int_equal(action, rows[i].good ? rows[i].action : QUEUE_ACTIONS);
		if (rows[i].good) assert_string_equal(queue_action_name(action), rows[i].name);
	}
	for (int i = 0; i < QUEUE_ACTIONS; i++)
		assert_non_null(queue_action_name((enum queue_action)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedule),
		cmocka_unit_test(replayed),
		cmocka_unit_test(doubts),
		cmocka_unit_test(ages),
		cmocka_unit_test(actions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
