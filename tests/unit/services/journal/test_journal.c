/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of journal, with the clock in hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "services/journal/journal.h"

static const int64_t noon = INT64_C(1763812800000); /* 2025-11-22T12:00:00Z */
enum { HOUR = 3600 * 1000, DAY = 24 * HOUR };
#define DAY_LOG  "2025-11-22.log"
#define NEXT_LOG "2025-11-23.log"

static struct journal j;
static int64_t now;
static struct event_log worker; /* a process that has something to say */

static void to_journal(void *arg, struct str record)
{
	(void)arg;
	journal_record(&j, STR("spool[0]"), record, now, noon + now);
}

static int64_t wall(void *arg)
{
	(void)arg;
	return noon + now;
}

static struct journal_settings settings_of(const char *file, enum journal_format format)
{
	struct journal_settings s = { .format = format,
				      .track = true,
				      .keep_ms = 90 * (int64_t)DAY,
				      .host = "mx" };
	assert_true(log_place_set(&s.place, str_of(folder_path("")), str_of(file)));
	for (size_t i = 0; i < EVENT_CATEGORY_COUNT; i++) s.levels[i] = JOURNAL_MEDIUM;
	return s;
}

static int start(void **state)
{
	now = 0;
	if (folder_make(state) != 0) return -1;
	journal_init(&j, "journal[0]", -1, STR(""));
	event_log_init(&worker, "liar[7]", to_journal, wall, NULL);
	return 0;
}

static int stop(void **state)
{
	journal_free(&j, now);
	event_log_free(&worker);
	return folder_remove(state);
}

static void set(const struct journal_settings *s) { journal_set(&j, s, now, noon + now); }

static void flush(void) { journal_flush(&j, now, noon + now); }

static void hold(uint64_t id)
{
	event_begin(&worker, EVENT_hold, 0, id);
	event_str(&worker, FIELD_from, STR("a@b"));
	event_end(&worker);
}

static void test_day(void **state)
{
	struct journal_settings s = settings_of("", JOURNAL_TEXT);
	(void)state;
	set(&s);
	assert_int_equal(journal_open(&j), 0);
	hold(1);
	flush();
	assert_true(str_eq(
		folder_read(DAY_LOG),
		STR("ts=2025-11-22T12:00:00.000Z event=hold number=3020 severity=notice "
		    "role=spool[0] id=0000000000000001 from=a@b\n")));
	now = 12 * HOUR - 1;
	hold(2);
	flush();
	now = 12 * HOUR;
	hold(3);
	flush();
	assert_int_equal(folder_lines(DAY_LOG), 2);
	assert_true(folder_has(NEXT_LOG, "ts=2025-11-23T00:00:00.000Z event=hold"));
}

static void test_levels(void **state)
{
	static const struct {
		enum journal_level level;
		size_t lines;
	} cases[] = {
		{ JOURNAL_NONE, 1 },
		{ JOURNAL_MINIMUM, 3 },
		{ JOURNAL_MEDIUM, 4 },
		{ JOURNAL_MAXIMUM, 4 },
	};
	static const enum event_name names[] = { EVENT_process_start, EVENT_reload,
						 EVENT_sandbox_less, EVENT_config_error };
	struct journal_settings s = settings_of(folder_path("log"), JOURNAL_TEXT);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		s.levels[EVENT_CATEGORY_service] = cases[i].level;
		set(&s);
		for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
			event_begin(&worker, names[k], 0, 0);
			event_end(&worker);
		}
		flush();
		assert_int_equal(folder_lines("log"), cases[i].lines);
		(void)unlink(folder_path("log"));
		now += SINK_CHECK_MS;
	}
}

static void test_forms(void **state)
{
	struct journal_settings s = settings_of(folder_path("log"), JOURNAL_JSON);
	(void)state;
	set(&s);
	hold(1);
	flush();
	assert_true(folder_has(
		"log", "{\"ts\":\"2025-11-22T12:00:00.000Z\",\"event\":\"hold\""));
	s = settings_of(folder_path("maillog"), JOURNAL_POSTFIX);
	set(&s);
	assert_int_equal(journal_open(&j), 0);
	hold(2);
	flush();
	assert_true(folder_has(
		"maillog",
		" mx postfix/postsuper[1]: 0000000000000002: placed on hold\n"));
	assert_true(folder_has(DAY_LOG, "event=hold"));
	assert_int_equal(folder_lines("log"), 1);
}

/* A process that was taken over cannot put itself in another's place or time. */
static void test_liar(void **state)
{
	struct journal_settings s = settings_of("", JOURNAL_TEXT);
	(void)state;
	set(&s);
	now = HOUR + 1000;
	struct event_log log;
	event_log_init(&log, "liar[7]", to_journal, wall, NULL);
	event_begin(&log, EVENT_hold, 0, 1);
	now = 0; /* more than an hour before the record's time */
	event_end(&log);
	event_log_free(&log);
	journal_record(&j, STR("receive[0]"), STR("nonsense"), now, noon + now);
	flush();
	assert_true(folder_has(DAY_LOG, "ts=2025-11-22T12:00:00.000Z event=hold"));
	assert_true(folder_has(DAY_LOG, "role=spool[0]"));
	now += 1000;
	(void)journal_tick(&j, now, noon + now);
	flush();
	assert_true(folder_has(
		DAY_LOG, "event=record_lost number=3016 severity=warning role=journal[0] "
			 "count=1 process=journal reason=\"a process sent"));
}

static void test_no_room(void **state)
{
	struct journal_settings s = settings_of("/dev/full", JOURNAL_TEXT);
	static char text[EVENT_VALUE_MAX];
	(void)state;
	memset(text, 'x', sizeof text);
	set(&s);
	hold(1);
	flush();
	assert_int_equal(journal_tick(&j, now, noon + now), JOURNAL_TICK_MS);
	for (unsigned i = 0; i < 5000; i++) {
		event_begin(&worker, EVENT_hold, 0, i + 1);
		event_str(&worker, FIELD_reason, (struct str){ text, sizeof text });
		event_end(&worker);
		if (i % 10 == 0) flush();
	}
	assert_true(j.log.lost > 0 && j.log.pending.len <= SINK_PENDING_MAX);
	size_t lost = j.log.lost;
	/* The administrator makes room: here, another file. */
	(void)str_to_cstr(str_of(folder_path("log")), j.log.path, sizeof j.log.path);
	(void)close(j.log.fd);
	j.log.fd = -1;
	now += 2 * SINK_RETRY_MS;
	flush();
	(void)journal_tick(&j, now, noon + now);
	flush();
	assert_true(folder_has("log", "event=hold number=3020 severity=notice "
				      "role=spool[0] id=0000000000000001 "));
	assert_true(folder_has("log", "event=log_error number=3017 severity=error "
				      "role=journal[0] path=/dev/full "
				      "error=\"No space left on device\""));
	char want[128];
	(void)snprintf(want, sizeof want,
		       "event=record_lost number=3016 severity=warning role=journal[0] "
		       "count=%zu",
		       lost);
	assert_true(folder_has("log", want));
	assert_int_equal(folder_lines("log"), 5003 - lost);
}

static void test_keep(void **state)
{
	struct journal_settings s = settings_of("", JOURNAL_TEXT);
	(void)state;
	s.keep_ms = 2 * (int64_t)DAY;
	folder_write("2025-11-18.log", STR("x\n"));
	folder_write("2025-11-19.log", STR("x\n"));
	folder_write("2025-11-20.log", STR("x\n"));
	folder_write("2025-11-01.txt", STR("x\n"));
	set(&s);
	(void)journal_tick(&j, now, noon + now); /* the index may be busy all the time */
	assert_int_equal(folder_lines("2025-11-18.log"), 0);
	assert_int_equal(folder_lines("2025-11-19.log"), 0); /* its end is 2.5 days ago */
	assert_int_equal(folder_lines("2025-11-20.log"), 1);
	assert_int_equal(folder_lines("2025-11-01.txt"), 1);
}

static void test_idle(void **state)
{
	struct journal_settings s = settings_of("", JOURNAL_TEXT);
	(void)state;
	set(&s);
	hold(1);
	flush();
	int64_t wait = 0;
	for (unsigned i = 0; i < 20; i++) {
		wait = journal_tick(&j, now, noon + now);
		now += wait;
	}
	assert_int_equal(wait, JOURNAL_IDLE_MS); /* nothing to do: the process sleeps */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
		TEST(test_day),     TEST(test_levels), TEST(test_forms), TEST(test_liar),
		TEST(test_no_room), TEST(test_keep),   TEST(test_idle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
