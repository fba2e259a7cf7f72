/* SPDX-License-Identifier: Apache-2.0 */
/* Mail over connections that hosts have turned (ATRN). */
#include "bench.h"

#include <string.h>
#include <unistd.h>

#include "lib/os/socket.h"

enum { TURNED = 128 };

static const struct bench_job job = { .to = "x@far.example", .hops = "192.0.2.1", .key = "turn:1",
	.route = "(atrn)", .flags = TURNED | 4, .connections = 1 };

/* As spool: a connection to the peer, which greets on it. */
static void line(struct bench *b, const char *key, const char *tls)
{
	struct ip ip;
	struct buf record;
	assert_true(ip_parse(STR("127.0.0.1"), &ip));
	int fd = socket_connect(ip, peers_port());
	assert_true(fd >= 0);
	buf_init(&record, 1024);
	msg_line_put(&record, &(struct msg_line){ str_of(key), str_of(tls) });
	bench_message(b, b->spool, MSG_line, &record, fd);
	bench_turn(b);
}

static void no_more(struct bench *b, const char *key)
{
	struct buf record;
	buf_init(&record, 256);
	msg_line_end_put(&record, &(struct msg_line_end){ str_of(key) });
	bench_message(b, b->spool, MSG_line_end, &record, -1);
	bench_turn(b);
}

static void one_after_the_other(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	line(b, "turn:1", "TLSv1.3 X");
	for (int i = 0; i < 5; i++) (void)bench_give(b, &job);
	bench_turn(b);
	assert_int_equal(b->dones, 5);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_string_equal(bench_result(b)->tls, "TLSv1.3 X");
	assert_non_null(strstr(bench_result(b)->host, "192.0.2.1[192.0.2.1]:"));
	assert_int_equal(p->connections, 1);
	assert_int_equal(p->messages, 5);
	assert_int_equal(p->starttls, 0);
	assert_int_equal(b->asked, 0);
	/* It is not given up while spool may have more: neither for its age nor by a reload. */
	bench_wait(b, 80 * 1000);
	deliver_role.reload(&b->frame, b->frame.conf);
	bench_turn(b);
	assert_int_equal(p->open, 1);
	b->now_ms += DELIVER_AGE_MS;
	(void)bench_relay(b, &job);
	assert_int_equal(p->messages, 6);
	assert_int_equal(b->lines_gone, 0);
	no_more(b, "turn:1");
	assert_int_equal(p->quits, 1);
	assert_int_equal(p->open, 0);
	assert_int_equal(b->lines_gone, 1);
	bench_free(b);
}

/* Nothing is ever connected to instead. */
static void without_a_line(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_UNTRIED);
	line(b, "turn:2", "");
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_UNTRIED);
	assert_int_equal(p->messages, 0);
	no_more(b, "turn:2"); /* it was not used */
	assert_int_equal(b->lines_gone, 1);
	no_more(b, "turn:3");
	assert_int_equal(b->lines_gone, 1);
	assert_int_equal(b->d->line_count, 0);
	assert_int_equal(b->d->destinations.count, 0);
	bench_free(b);
}

static void ends(void **state)
{
	static const struct { enum peer_step step; enum peer_act act; const char *say, *text; } rows[] = {
		{ AT_BANNER, DO_CLOSE, NULL, "greeting" }, { AT_BANNER, DO_SAY, "554 no", "" },
		{ AT_BANNER, DO_SAY, "QUIT", "" }, { AT_EHLO, DO_CLOSE, NULL, "reset by peer" },
		{ AT_EHLO, DO_SAY, "502 no", "" }, { AT_MAIL, DO_CLOSE, NULL, "MAIL" },
		{ AT_MAIL, DO_SAY, "421 no", "" }, { AT_DOT, DO_CLOSE, NULL, "" }, { AT_RCPT, DO_RESET, NULL, "" },
		{ AT_DATA, DO_SILENCE, NULL, "" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, &(struct peer_script){ .step = rows[i].step, .act = rows[i].act,
			.say = rows[i].say, .times = 1 });
		line(b, "turn:1", "");
		uint64_t first = bench_give(b, &job);
		(void)bench_give(b, &job);
		(void)bench_give(b, &job);
		bench_turn(b);
		if (rows[i].act == DO_SILENCE) bench_wait(b, 10 * 60 * 1000);
		if (b->dones != 3 || b->lines_gone != 1) fail_msg("row %zu: %u, %u", i, b->dones, b->lines_gone);
		/* The first was tried, those behind it were not; nobody was called. */
		assert_true(b->done.job != first);
		assert_int_equal(b->done.results[0].outcome, JOB_UNTRIED);
		assert_int_equal(p->connections, 1);
		if (!bench_told(b, EVENT_attempt, rows[i].text)) fail_msg("row %zu", i);
		assert_int_equal(b->d->destinations.count, 0);
		bench_free(b);
	}
}

static void tls_that_is_demanded(void **state)
{
	static const struct { const char *tls, *caps; enum job_outcome want; } rows[] = {
		{ "TLSv1.3 X", "REQUIRETLS", JOB_RELAYED }, { "TLSv1.3 X", "SIZE", JOB_FAILED }, { "", "REQUIRETLS", JOB_FAILED },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		struct bench_job wants = job;
		(void)peer_new(1, &(struct peer_script){ .caps = rows[i].caps });
		wants.tls_wish = MAIL_TLS_REQUIRED;
		line(b, "turn:1", rows[i].tls);
		(void)bench_relay(b, &wants);
		if (bench_result(b)->outcome != rows[i].want) fail_msg("row %zu", i);
		bench_free(b);
	}
}

static void no_more_than_so_many(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	b->d->line_count = DELIVER_LINES_MAX;
	line(b, "turn:1", "");
	assert_int_equal(b->lines_gone, 1);
	b->d->line_count = 0;
	char key[DELIVER_NAME_MAX + 10];
	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	line(b, key, "");
	assert_int_equal(b->lines_gone, 2);
	bench_free(b);
}

static void the_service_stops(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	line(b, "turn:1", "");
	line(b, "turn:2", "");
	(void)bench_relay(b, &job);
	deliver_role.drain(&b->frame, false);
	bench_turn(b);
	assert_int_equal(p->quits, 1);
	assert_int_equal(b->lines_gone, 2);
	assert_int_equal(b->left, 1);
	bench_free(b);
}

/* spool dies: nobody waits for anything any more. */
static void spool_is_gone(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, &(struct peer_script){ .step = AT_MAIL, .act = DO_SILENCE });
	line(b, "turn:1", "");
	line(b, "turn:2", "");
	(void)bench_relay(b, &job);
	bench_down(b, ROLE_SPOOL);
	bench_turn(b);
	assert_int_equal(p->open, 0);
	assert_int_equal(b->d->line_count, 0);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_after_the_other), cmocka_unit_test(without_a_line), cmocka_unit_test(ends),
		cmocka_unit_test(tls_that_is_demanded), cmocka_unit_test(no_more_than_so_many),
		cmocka_unit_test(the_service_stops), cmocka_unit_test(spool_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
