/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a message: from the window, from a file, once and again, or not at all. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BIG = 5 * 1024 * 1024, WINDOW_TEXT = 1000 * 1000 };

static const struct bench_job job = { .to = "x@far.example", .mx = "far.example" };
static char big[BIG + 1];

/* Lines of all lengths, many with dots in front. */
static void fill(size_t size)
{
	size_t at = 0;
	for (unsigned n = 0; at < size; n++) {
		size_t len = n * 7919u % 140;
		for (size_t i = 0; i < len && at < size - 2; i++)
			big[at++] = i < n % 4 ? '.' : (char)('a' + (n + i) % 26);
		big[at++] = '\r';
		if (at < size) big[at++] = '\n';
	}
	big[size - 2] = '\r';
	big[size - 1] = '\n';
	big[size] = '\0';
	if (big[size - 3] == '\r') big[size - 3] = 'x';
}

static int file_of(size_t size)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t at = 0; at < size;) {
		ssize_t n = write(fd, big + at, size - at);
		assert_true(n > 0);
		at += (size_t)n;
	}
	return fd;
}

static const char *const caps[] = { "", "PIPELINING", "CHUNKING", "PIPELINING CHUNKING" };

static void big_file(void **state)
{
	(void)state;
	fill(BIG);
	for (size_t i = 0; i < ROWS(caps); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, &(struct peer_script){ .caps = caps[i] });
		b->text_fd = file_of(BIG);
		b->text = (struct str){ big, BIG };
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		assert_int_equal(p->text.len, BIG);
		assert_memory_equal(p->text.at, big, BIG);
		(void)bench_relay(b, &job);
		assert_int_equal(p->messages, 2);
		bench_free(b);
	}
}

static void big_window(void **state)
{
	(void)state;
	fill(WINDOW_TEXT);
	for (size_t i = 0; i < ROWS(caps); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, &(struct peer_script){ .caps = caps[i] });
		bench_text(b, big);
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		assert_int_equal(p->text.len, WINDOW_TEXT);
		assert_memory_equal(p->text.at, big, WINDOW_TEXT);
		bench_free(b);
	}
}

static void small_texts(void **state)
{
	static const struct {
		const char *text, *stuffed;
	} rows[] = {
		{ "a\r\n", NULL },
		{ ".\r\n", NULL },
		{ "..\r\n.\r\n", NULL },
		{ "no newline at its end", "no newline at its end\r\n" },
		{ "\r\n", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, NULL);
		bench_text(b, rows[i].text);
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		const char *want = rows[i].stuffed ? rows[i].stuffed : rows[i].text;
		assert_true(str_eq(buf_view(&p->text), str_of(want)));
		bench_free(b);
	}
}

/* For each way in which it cannot be had: all deferred, and never a dot. */
static void unreadable(void **state)
{
	(void)state;
	fill(BIG);
	enum { BROKEN, SHORT_FILE, NO_FILE, SIZE, WAYS };
	for (int way = 0; way < WAYS; way++) {
		for (size_t i = 0; i < ROWS(caps); i++) {
			struct bench *b = bench_new(bench_conf);
			struct peer *p =
				peer_new(1, &(struct peer_script){ .caps = caps[i] });
			if (way == BROKEN) b->text_broken = true;
			if (way == SHORT_FILE) b->text_fd = file_of(1024 * 1024);
			if (way == SHORT_FILE) b->text = (struct str){ big, BIG };
			if (way == NO_FILE)
				b->text_fd = memfd_create("empty", MFD_CLOEXEC);
			uint64_t number = bench_give(b, &job);
			if (way == SIZE) b->text.len--; /* not what the job said */
			bench_turn(b);
			assert_int_equal(b->done.job, number);
			assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
			assert_string_equal(bench_result(b)->dsn, "4.3.0");
			assert_string_equal(bench_result(b)->text,
					    "the message could not be read");
			assert_false(b->done.host_failed);
			assert_int_equal(p->messages, 0);
			assert_int_equal(p->open, 0);
			bench_free(b);
		}
	}
}

/* Who was refused before has that answer still. */
static void unreadable_after_refusals(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	b->text_broken = true;
	(void)bench_relay(b, &(struct bench_job){ .to = "no@far.example x@far.example",
						  .mx = "far.example" });
	assert_int_equal(b->done.count, 2);
	assert_int_equal(b->done.results[0].outcome, JOB_FAILED);
	assert_int_equal(b->done.results[1].outcome, JOB_DEFERRED);
	assert_string_equal(b->done.results[1].text, "the message could not be read");
	bench_free(b);
}

static void never_handed_over(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	b->text_silent = true;
	(void)bench_relay(b, &job);
	bench_wait(b, DELIVER_TEXT_MS - 1000);
	assert_int_equal(b->dones, 0);
	bench_wait(b, 1000);
	assert_string_equal(bench_result(b)->text,
			    "the message was not handed over in time");
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_int_equal(p->messages, 0);
	bench_free(b);
}

/* The answer comes when the job has ended: all were refused. */
static void late_text(void **state)
{
	(void)state;
	fill(4096);
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	b->text_silent = true;
	uint64_t number = bench_relay(
		b, &(struct bench_job){ .to = "no@far.example", .mx = "far.example" });
	assert_int_equal(bench_result(b)->outcome, JOB_FAILED);
	for (int with_file = 0; with_file < 2; with_file++) {
		struct buf record;
		buf_init(&record, 4096);
		msg_body_put(&record,
			     &(struct msg_body){ number, STR(""), (uint8_t)with_file });
		bench_message(b, b->spool, MSG_body, &record,
			      with_file ? file_of(4096) : -1);
	}
	bench_turn(b);
	assert_int_equal(b->dones, 1);
	bench_free(b);
}

/* Ranges that lie outside, and answers that nobody asked for. */
static void wrong_answers(void **state)
{
	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(1, NULL);
		b->text_silent = true;
		uint64_t number = bench_relay(b, &job);
		for (int i = 0; i <= twice; i++) {
			struct buf record, ranges;
			buf_init(&record, 4096);
			buf_init(&ranges, 64);
			window_ranges_put(&ranges,
					  &(struct window_range){ (1u << 20) - 4,
								  (uint32_t)b->text.len },
					  1);
			msg_body_put(&record,
				     &(struct msg_body){ number, buf_view(&ranges), 0 });
			bench_message(b, b->spool, MSG_body, &record, -1);
			buf_free(&ranges);
		}
		bench_turn(b);
		assert_int_equal(b->dones, 1);
		assert_string_equal(bench_result(b)->text,
				    "the message could not be read");
		bench_free(b);
	}
}

/* A descriptor that is no window; then no text can be read, and nothing worse. */
static void no_window(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	struct buf record;
	buf_init(&record, 64);
	msg_spool_window_put(&record, &(struct msg_spool_window){ 4096 });
	bench_message(b, b->spool, MSG_spool_window, &record,
		      memfd_create("x", MFD_CLOEXEC));
	assert_int_equal(b->events[EVENT_relay_error], 1);
	(void)bench_relay(b, &job);
	assert_string_equal(bench_result(b)->text, "the message could not be read");
	assert_int_equal(p->messages, 0);
	bench_free(b);
}

/* The peer refuses, or goes, in the middle of a long text; another host takes it from
 * its beginning. */
static void cut_in_the_middle(void **state)
{
	static const struct {
		enum peer_act act;
		const char *say;
		enum job_outcome outcome;
	} rows[] = {
		{ DO_CLOSE, NULL, JOB_RELAYED },
		{ DO_RESET, NULL, JOB_RELAYED },
		{ DO_SAY, "421 4.3.0 enough", JOB_RELAYED },
		{ DO_SAY, "552 5.3.4 too big", JOB_FAILED },
		{ DO_SAY, "garbage", JOB_RELAYED },
	};
	(void)state;
	fill(BIG);
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t k = 0; k < ROWS(caps); k++) {
			struct bench *b = bench_new(bench_conf);
			(void)peer_new(1, &(struct peer_script){ .caps = caps[k],
								 .step = AT_BODY,
								 .act = rows[i].act,
								 .say = rows[i].say,
								 .times = 1 });
			struct peer *next = peer_new(2, NULL);
			b->dns_answer = "127.0.0.1 127.0.0.2";
			b->text_fd = file_of(BIG);
			b->text = (struct str){ big, BIG };
			(void)bench_relay(b, &job);
			assert_int_equal(bench_result(b)->outcome, rows[i].outcome);
			if (rows[i].outcome == JOB_RELAYED) {
				assert_int_equal(next->text.len, BIG);
				assert_memory_equal(next->text.at, big, BIG);
			}
			bench_free(b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(big_file),
		cmocka_unit_test(big_window),
		cmocka_unit_test(small_texts),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(unreadable_after_refusals),
		cmocka_unit_test(never_handed_over),
		cmocka_unit_test(late_text),
		cmocka_unit_test(wrong_answers),
		cmocka_unit_test(no_window),
		cmocka_unit_test(cut_in_the_middle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
