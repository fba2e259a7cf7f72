/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bounce/make.h"
#include "bounce/outbox.h"

enum { SMALL = 4 * WINDOW_BLOCK };

static struct {
	uint64_t jobs[OUTBOX_MAX * 2];
	size_t count;
	struct buf text; /* of the last one, read from the window */
} told;

static struct outbox box;

static void on_told(void *arg, const struct outbox_entry *entry, uint64_t size)
{
	assert_ptr_equal(arg, &told);
	buf_reset(&told.text);
	for (size_t i = 0; i < entry->range_count; i++)
		buf_bytes(&told.text, window_at(box.window, entry->ranges[i]), entry->ranges[i].len);
	assert_int_equal(told.text.len, size);
	told.jobs[told.count++] = entry->job;
}

static int setup(void **state)
{
	(void)state;
	told.count = 0;
	buf_init(&told.text, DSN_REPORT_MAX);
	return outbox_init(&box, SMALL, on_told, &told) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	outbox_free(&box);
	buf_free(&told.text);
	return 0;
}

static void add(uint64_t job, size_t len)
{
	struct buf text;
	buf_init(&text, DSN_REPORT_MAX);
	for (size_t i = 0; i < len; i++) buf_byte(&text, (char)('a' + (job + i / 1000) % 26));
	outbox_add(&box, job, &text);
	assert_int_equal(text.len, 0); /* taken over */
	buf_free(&text);
}

static void gives_and_takes(void **state)
{
	(void)state;
	add(1, 10);
	assert_int_equal(told.count, 1);
	assert_memory_equal(told.text.at, "bbbbbbbbbb", 10);
	add(2, 2 * WINDOW_BLOCK + 1);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.text.len, 2 * WINDOW_BLOCK + 1);
	assert_int_equal(told.text.at[2 * WINDOW_BLOCK], 'a' + (2 + 16) % 26);
	assert_int_equal(window_free_blocks(box.window), 0);
	assert_true(outbox_has(&box, 1) && outbox_has(&box, 2) && !outbox_has(&box, 3));
	outbox_remove(&box, 3); /* nobody's */
	outbox_remove(&box, 1);
	assert_false(outbox_has(&box, 1));
	assert_int_equal(window_free_blocks(box.window), 1);
	outbox_remove(&box, 2);
	assert_int_equal(window_free_blocks(box.window), 4);
}

/* In order: the small one does not pass by the large one. */
static void waits_for_room(void **state)
{
	(void)state;
	add(1, 3 * WINDOW_BLOCK);
	add(2, 2 * WINDOW_BLOCK);
	add(3, 1);
	add(4, 1);
	assert_int_equal(told.count, 1);
	outbox_remove(&box, 3); /* given up while it waits */
	outbox_remove(&box, 1);
	assert_int_equal(told.count, 3);
	assert_int_equal(told.jobs[1], 2);
	assert_int_equal(told.jobs[2], 4);
	outbox_clear(&box);
	assert_int_equal(window_free_blocks(box.window), 4);
	assert_int_equal(box.count, 0);
}

static void is_bounded(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < OUTBOX_MAX; i++) {
		assert_false(outbox_is_full(&box));
		add(i, 1);
	}
	assert_true(outbox_is_full(&box));
	assert_int_equal(told.count, 4);
	for (uint64_t i = 0; i < OUTBOX_MAX; i++) outbox_remove(&box, i);
	assert_int_equal(told.count, OUTBOX_MAX);
	for (uint64_t i = 0; i < OUTBOX_MAX; i++) assert_int_equal(told.jobs[i], i);
	assert_int_equal(window_free_blocks(box.window), 4);
}

static void no_window(void **state)
{
	struct outbox o;
	(void)state;
	assert_false(outbox_init(&o, 0, on_told, &told));
	outbox_free(&o); /* harmless */
}

static const struct dsn_rcpt rcpt = { .address = STR_INIT("b@them.example"),
				      .status = STR_INIT("5.1.1") };

static void makes(void **state)
{
	static char large[DSN_ORIGINAL_MAX];
	struct dsn_report r = { .hostname = STR_INIT("mx.us.example"),
				.to = STR_INIT("a@us.example"),
				.message_id = STR_INIT("1@mx.us.example"),
				.whole = true, .rcpts = &rcpt, .count = 1 };
	const struct str pieces[] = { STR_INIT("Subject: Lu"), STR_INIT("nch\r\n\r\nh"),
				      STR_INIT("i\r\n") };
	const struct str too_much[] = { { large, sizeof large }, { large, 1 } };
	struct buf out;
	(void)state;
	buf_init(&out, DSN_REPORT_MAX);
	assert_null(bounce_make(&out, &r, pieces, 3));
	buf_byte(&out, '\0');
	assert_non_null(strstr(out.at, "\r\nSubject: Undeliverable: Lunch\r\n"));
	assert_non_null(strstr(out.at, "\r\n\r\nSubject: Lunch\r\n\r\nhi\r\n"));
	buf_reset(&out);
	assert_null(bounce_make(&out, &r, NULL, 0));
	buf_reset(&out);
	assert_null(bounce_make(&out, &r, too_much, 1));
	assert_string_equal(bounce_make(&out, &r, too_much, 2),
			    "the original is larger than a report takes");
	buf_free(&out);
	buf_init(&out, 100);
	assert_string_equal(bounce_make(&out, &r, pieces, 3), "out of memory");
	buf_free(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gives_and_takes), TEST(waits_for_room), TEST(is_bounded),
		cmocka_unit_test(no_window), cmocka_unit_test(makes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
