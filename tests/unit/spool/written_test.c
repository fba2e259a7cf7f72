/* SPDX-License-Identifier: Apache-2.0 */
/* The role and mail that the role http writes: durable before it says so, from the null sender,
 * without wishes; and what is refused. */
#include "role_bench.h"

#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
	int result = bench_setup(state);
	bench_up(*state, ROLE_HTTP);
	bench_up(*state, ROLE_DELIVER);
	return result;
}

static void write_to(struct bench *b, uint64_t number, struct str to, struct str text)
{
	channel_send_letter(b->far[ROLE_HTTP], &(struct msg_letter){ .number = number, .to = to, .text = text });
}

static void arrives(void **state)
{
	struct bench *b = *state;
	write_to(b, 7, STR("joe@us.example"), STR("Subject: x\r\n\r\ntext\r\n"));
	bench_until(b, &b->sent[MSG_letter_kept], 1);
	bench_until(b, &b->sent[MSG_job], 1);
	assert_int_equal(bench_totals(b).messages, 1);
	bench_delivered(b, b->job);
	bench_until(b, &b->events[EVENT_deliver], 1);
	assert_int_equal(b->spool->written_count, 0);
	assert_int_equal(b->events[EVENT_dsn_sent], 0);
}

static void refused(void **state)
{
	enum { TOO_LONG = 256 * 1024 + 1 };
	struct bench *b = *state;
	char *text = calloc(1, TOO_LONG);
	assert_non_null(text);
	write_to(b, 1, STR("joe@us.example"), STR(""));
	write_to(b, 2, STR("joe@us.example"), (struct str){ text, TOO_LONG });
	bench_until(b, &b->sent[MSG_letter_kept], 2);
	/* An address that no record takes. */
	write_to(b, 3, (struct str){ text, 2000 }, STR("text"));
	bench_until(b, &b->sent[MSG_letter_kept], 3);
	b->spool->draining = true;
	write_to(b, 4, STR("joe@us.example"), STR("text"));
	bench_until(b, &b->sent[MSG_letter_kept], 4);
	b->spool->draining = false;
	assert_int_equal(bench_totals(b).messages, 0);
	assert_int_equal(b->spool->written_count, 0);
	free(text);
}

/* Who wrote it is gone when it is durable: it is kept all the same. */
static void writer_goes(void **state)
{
	struct bench *b = *state;
	for (uint64_t i = 0; i < 100; i++) write_to(b, i, STR("joe@us.example"), STR("Subject: x\r\n\r\ntext\r\n"));
	bench_until(b, &b->sent[MSG_letter_kept], 100);
	write_to(b, 100, STR("joe@us.example"), STR("Subject: x\r\n\r\ntext\r\n"));
	bench_run(b, 5);
	bench_down(b, ROLE_HTTP);
	bench_run(b, 200);
	assert_int_equal(b->spool->written_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(arrives, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(refused, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(writer_goes, setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
