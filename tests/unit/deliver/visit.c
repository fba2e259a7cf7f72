/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that is fetched by ATRN: the connection is handed over, and its octets are carried. */
#include "bench.h"

#include <string.h>
#include <unistd.h>

#include "lib/os/stream.h"

static const struct bench_job job = { .to = "a.example b.example", .hops = "127.0.0.1", .key = "fetch-atrn:isp",
	.flags = 32 | 128 | 4, .connections = 1 };

static bool heard(struct bench *b, const char *want)
{
	char got[256] = "";
	bench_turn(b);
	return stream_recv(bench_visit, got, sizeof got - 1) > 0 && strcmp(got, want) == 0;
}

static void hang_up(void)
{
	(void)close(bench_visit);
	bench_visit = -1;
}

/* What a host says to "220 ...", which is no command, shows that it has come. */
static void handed_over(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, &(struct peer_script){ .atrn = "250 turning" });
	(void)bench_relay(b, &job);
	assert_int_equal(b->done.count, 2);
	assert_int_equal(b->done.results[0].outcome, JOB_RELAYED);
	assert_string_equal(b->done.results[1].text, "250 turning");
	assert_non_null(memmem(p->heard.at, p->heard.len, "ATRN a.example,b.example", 24));
	assert_int_equal(b->d->connection_count, 0);
	assert_int_equal(b->d->visit_count, 1);
	assert_int_equal(stream_send(bench_visit, STR("220 us\r\n")), 8);
	assert_true(heard(b, "500 5.5.2 what?\r\n"));
	bench_wait(b, 10 * 60 * 1000);
	assert_int_equal(b->d->visit_count, 1);
	peer_close_all(p);
	bench_turn(b);
	assert_int_equal(b->d->visit_count, 0);
	char c;
	assert_int_equal(stream_recv(bench_visit, &c, 1), 0);
	hang_up();
	assert_int_equal(p->quits, 0);
	bench_free(b);
}

static void other_answers(void **state)
{
	static const struct { const char *atrn; enum job_outcome want; } rows[] = {
		{ "453 none", JOB_RELAYED }, { "450 no", JOB_DEFERRED }, { "451 later", JOB_DEFERRED }, { NULL, JOB_DEFERRED },
		{ "354 go on", JOB_DEFERRED }, { "421 bye", JOB_DEFERRED },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(1, &(struct peer_script){ .atrn = rows[i].atrn });
		(void)bench_relay(b, &job);
		if (b->done.count != 2 || b->done.results[1].outcome != rows[i].want) fail_msg("row %zu", i);
		assert_int_equal(b->d->visit_count, 0);
		assert_int_equal(bench_visit, -1);
		bench_free(b);
	}
}

static void ends(void **state)
{
	enum { RECEIVE_GONE, SILENCE, SPOOL_GONE, DRAIN, NOW, ENDS };
	(void)state;
	for (int how = 0; how < ENDS; how++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, &(struct peer_script){ .atrn = "250 turning" });
		(void)bench_relay(b, &job);
		assert_int_equal(b->d->visit_count, 1);
		if (how == RECEIVE_GONE) hang_up();
		if (how == SILENCE) bench_wait(b, DELIVER_VISIT_MS + 1000);
		if (how == SPOOL_GONE) bench_down(b, ROLE_SPOOL);
		if (how == NOW) deliver_role.drain(&b->frame, true);
		if (how == DRAIN) {
			deliver_role.drain(&b->frame, false);
			bench_turn(b);
			assert_int_equal(b->left, 0); /* it may come to its end */
			bench_wait(b, DELIVER_DRAIN_MS + 1000);
			assert_int_equal(b->left, 1);
		}
		bench_turn(b);
		assert_int_equal(b->d->visit_count, 0);
		assert_int_equal(p->open, 0);
		if (bench_visit >= 0) hang_up();
		bench_free(b);
	}
}

static void too_many(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, &(struct peer_script){ .atrn = "250 turning" });
	b->d->visit_count = DELIVER_VISITS_MAX;
	(void)bench_relay(b, &job);
	assert_int_equal(bench_visit, -1);
	assert_int_equal(p->open, 0);
	assert_int_equal(b->events[EVENT_fetch_fail], 1);
	assert_true(bench_told(b, EVENT_fetch_fail, "isp"));
	assert_false(bench_told(b, EVENT_fetch_fail, "fetch-atrn"));
	assert_true(bench_told(b, EVENT_fetch_fail, "too many hosts send mail at the same time"));
	b->d->visit_count = 0;
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handed_over), cmocka_unit_test(other_answers), cmocka_unit_test(ends),
		cmocka_unit_test(too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
