/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mail/job.h"

static const struct job_recipient recipients[] = {
	{ 0, STR_INIT("Joe@a.example"), STR_INIT("joe@a.example"),
	  STR_INIT("a.example"), STR_INIT("rfc822;Joe@a.example"), 3 },
	{ 7, STR_INIT(""), STR_INIT(""), STR_INIT(""), STR_INIT(""), 0 },
	{ UINT32_MAX, STR_INIT("a\0b"), STR_INIT("x@y"), STR_INIT("y"), STR_INIT(""), 255 },
};

static const struct job_result results[] = {
	{ 0, JOB_DELIVERED, false, STR_INIT("2.0.0"), STR_INIT("delivered"),
	  STR_INIT("/m/joe"), STR_INIT(""), STR_INIT(""), false, true },
	{ 9, JOB_DEFERRED, true, STR_INIT("4.2.2"), STR_INIT("full"), STR_INIT(""),
	  STR_INIT("TLSv1.3 X none"), STR_INIT("sending RCPT TO"), true, false },
};

static void keeps_recipients(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	for (size_t i = 0; i < 3; i++) job_recipient_put(&b, &recipients[i]);
	assert_int_equal(job_recipients_count(buf_view(&b)), 3);
	struct cur c = cur_of(buf_view(&b));
	struct job_recipient r;
	for (size_t i = 0; i < 3; i++) {
		assert_true(job_recipient_next(&c, &r));
		assert_int_equal(r.index, recipients[i].index);
		assert_true(str_eq(r.address, recipients[i].address));
		assert_true(str_eq(r.mailbox, recipients[i].mailbox));
		assert_true(str_eq(r.domain, recipients[i].domain));
		assert_true(str_eq(r.orcpt, recipients[i].orcpt));
		assert_int_equal(r.notify, recipients[i].notify);
	}
	assert_false(job_recipient_next(&c, &r));
	assert_true(cur_done(&c));
	buf_free(&b);
}

static void keeps_results(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	for (size_t i = 0; i < 2; i++) job_result_put(&b, &results[i]);
	assert_int_equal(job_results_count(buf_view(&b)), 2);
	struct cur c = cur_of(buf_view(&b));
	struct job_result r;
	for (size_t i = 0; i < 2; i++) {
		assert_true(job_result_next(&c, &r));
		assert_int_equal(r.index, results[i].index);
		assert_int_equal(r.outcome, results[i].outcome);
		assert_int_equal(r.dsn_passed, results[i].dsn_passed);
		assert_int_equal(r.by_passed, results[i].by_passed);
		assert_true(str_eq(r.dsn, results[i].dsn));
		assert_true(str_eq(r.text, results[i].text));
		assert_true(str_eq(r.host, results[i].host));
		assert_true(str_eq(r.tls, results[i].tls));
		assert_true(str_eq(r.step, results[i].step));
		assert_int_equal(r.in_doubt, results[i].in_doubt);
	}
	assert_false(job_result_next(&c, &r));
	assert_true(cur_done(&c));
	buf_free(&b);
}

static void keeps_targets(void **state)
{
	(void)state;
	static const struct job_target targets[] = {
		{ .kind = JOB_TO_MX, .domain = STR_INIT("a.example"), .port = 25 },
		{ .kind = JOB_TO_HOSTS, .hop_count = 2,
		  .hops = { { STR_INIT("relay.example"), 587, true }, { STR_INIT("::1"), 25, false } },
		  .spread = true },
		{ .kind = JOB_TO_LMTP, .hop_count = 1, .hops = { { STR_INIT("/run/lmtp"), 0, false } } },
	};
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		struct buf b;
		struct job_target t;
		buf_init(&b, 4096);
		job_target_put(&b, &targets[i]);
		assert_true(job_target_get(buf_view(&b), &t));
		assert_int_equal(t.kind, targets[i].kind);
		assert_true(str_eq(t.domain, targets[i].domain));
		assert_int_equal(t.port, targets[i].port);
		assert_int_equal(t.hop_count, targets[i].hop_count);
		assert_int_equal(t.spread, targets[i].spread);
		for (unsigned h = 0; h < t.hop_count; h++) {
			assert_true(str_eq(t.hops[h].host, targets[i].hops[h].host));
			assert_int_equal(t.hops[h].port, targets[i].hops[h].port);
			assert_int_equal(t.hops[h].mx, targets[i].hops[h].mx);
		}
		for (size_t cut = 0; cut < b.len; cut++)
			assert_false(job_target_get(str_sub(buf_view(&b), 0, cut), &t));
		buf_free(&b);
	}
	/* A kind and a number of hosts that do not exist. */
	assert_false(job_target_get((struct str)STR_INIT("\3\0\0\0\0\0\0\0"), &(struct job_target){ 0 }));
	assert_false(job_target_get((struct str)STR_INIT("\0\0\0\0\0\0\0\21"), &(struct job_target){ 0 }));
}

static void cuts_long_text(void **state)
{
	(void)state;
	char text[JOB_TEXT_MAX + 100];
	memset(text, 'x', sizeof text);
	struct buf b;
	buf_init(&b, 4096);
	job_result_put(&b, &(struct job_result){ .text = { text, sizeof text } });
	struct cur c = cur_of(buf_view(&b));
	struct job_result r;
	assert_true(job_result_next(&c, &r));
	assert_int_equal(r.text.len, JOB_TEXT_MAX);
	buf_free(&b);
}

/* Every beginning of a record but the whole entries, and a wrong outcome, is refused. */
static void refuses_damage(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	job_recipient_put(&b, &recipients[0]);
	for (size_t len = 1; len < b.len; len++)
		assert_int_equal(job_recipients_count(str_sub(buf_view(&b), 0, len)), -1);
	assert_int_equal(job_recipients_count(STR("")), 0);
	buf_reset(&b);
	job_result_put(&b, &results[0]);
	for (size_t len = 1; len < b.len; len++)
		assert_int_equal(job_results_count(str_sub(buf_view(&b), 0, len)), -1);
	b.at[4] = JOB_OUTCOME_COUNT;
	assert_int_equal(job_results_count(buf_view(&b)), -1);
	buf_free(&b);
}

static void bounds_recipients(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < JOB_RECIPIENTS_MAX; i++)
		job_recipient_put(&b, &recipients[1]);
	assert_int_equal(job_recipients_count(buf_view(&b)), JOB_RECIPIENTS_MAX);
	job_recipient_put(&b, &recipients[1]);
	assert_int_equal(job_recipients_count(buf_view(&b)), -1);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_recipients),  cmocka_unit_test(keeps_results),
		cmocka_unit_test(keeps_targets),
		cmocka_unit_test(cuts_long_text),    cmocka_unit_test(refuses_damage),
		cmocka_unit_test(bounds_recipients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
