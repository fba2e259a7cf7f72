/* SPDX-License-Identifier: Apache-2.0 */
/* A host that closes, resets, falls silent, talks garbage or refuses at any step: what
 * that means for the message, alone and when there is another host. */
#include "bench.h"

#include <string.h>

enum { D = JOB_DEFERRED, F = JOB_FAILED, R = JOB_RELAYED };

static const struct row {
	enum peer_step step;
	enum peer_act act;
	const char *say;
	int alone; /* outcome with this host only */
	bool host_failed;
	int with_next;    /* outcome when a good host comes after it */
	const char *text; /* in the result, alone */
} rows[] = {
	{ AT_ACCEPT, DO_CLOSE, NULL, D, true, R, "lost connection" },
	{ AT_ACCEPT, DO_RESET, NULL, D, true, R, "" },
	{ AT_ACCEPT, DO_SILENCE, NULL, D, true, R, "timed out" },
	{ AT_BANNER, DO_SAY, "554 5.7.1 go away", D, true, R, "554 5.7.1 go away" },
	{ AT_BANNER, DO_SAY, "421 4.3.2 busy", D, true, R, "421 4.3.2 busy" },
	{ AT_BANNER, DO_SAY, "SSH-2.0-x", D, true, R, "no reply that makes sense" },
	{ AT_EHLO, DO_CLOSE, NULL, R, false, R, "" }, /* with HELO */
	{ AT_EHLO, DO_RESET, NULL, R, false, R, "" },
	{ AT_EHLO, DO_SILENCE, NULL, R, false, R, "" },
	{ AT_EHLO, DO_SAY, "502 5.5.1 what", R, false, R, "" },
	{ AT_EHLO, DO_SAY, "hello yourself", R, false, R, "" },
	{ AT_EHLO, DO_SAY, "450 4.3.2 later", D, true, R, "450 4.3.2 later" },
	{ AT_EHLO, DO_SAY, "421 4.3.2 bye", D, true, R, "421 4.3.2 bye" },
	{ AT_HELO, DO_CLOSE, NULL, D, true, R, "lost connection" },
	{ AT_HELO, DO_RESET, NULL, D, true, R, "lost connection" },
	{ AT_HELO, DO_SILENCE, NULL, D, true, R, "timed out" },
	{ AT_HELO, DO_SAY, "502 5.5.1 what", D, true, R, "502 5.5.1 what" },
	{ AT_HELO, DO_SAY, "450 4.3.2 later", D, true, R, "450" },
	{ AT_HELO, DO_SAY, "hello yourself", D, true, R, "no reply that makes sense" },
	{ AT_MAIL, DO_CLOSE, NULL, D, false, R, "lost connection" },
	{ AT_MAIL, DO_RESET, NULL, D, false, R, "lost connection" },
	{ AT_MAIL, DO_SILENCE, NULL, D, false, R, "timed out" },
	{ AT_MAIL, DO_SAY, "450 4.7.1 later", D, false, R, "450 4.7.1 later" },
	{ AT_MAIL, DO_SAY, "550 5.7.1 not you", F, false, F, "550 5.7.1 not you" },
	{ AT_MAIL, DO_SAY, "421 4.3.2 bye", D, false, R, "421 4.3.2 bye" },
	{ AT_MAIL, DO_SAY, "354 go on", D, false, R, "no reply that makes sense" },
	{ AT_MAIL, DO_SAY, "???", D, false, R, "no reply that makes sense" },
	{ AT_RCPT, DO_CLOSE, NULL, D, false, R, "lost connection" },
	{ AT_RCPT, DO_RESET, NULL, D, false, R, "lost connection" },
	{ AT_RCPT, DO_SILENCE, NULL, D, false, R, "timed out" },
	{ AT_RCPT, DO_SAY, "450 4.2.1 later", D, false, R, "450 4.2.1 later" },
	{ AT_RCPT, DO_SAY, "550 5.1.1 nobody", F, false, F, "550 5.1.1 nobody" },
	{ AT_RCPT, DO_SAY, "421 4.3.2 bye", D, false, R, "421 4.3.2 bye" },
	{ AT_RCPT, DO_SAY, "garbage", D, false, R, "no reply that makes sense" },
	{ AT_DATA, DO_CLOSE, NULL, D, false, R, "lost connection" },
	{ AT_DATA, DO_RESET, NULL, D, false, R, "lost connection" },
	{ AT_DATA, DO_SILENCE, NULL, D, false, R, "timed out" },
	{ AT_DATA, DO_SAY, "451 4.3.0 later", D, false, R, "451 4.3.0 later" },
	{ AT_DATA, DO_SAY, "554 5.7.1 no", F, false, F, "554 5.7.1 no" },
	{ AT_DATA, DO_SAY, "250 fine", D, false, R, "no reply that makes sense" },
	{ AT_DATA, DO_SAY, "garbage", D, false, R, "no reply that makes sense" },
	/* The whole text and its dot are out: a copy may be there. */
	{ AT_BODY, DO_CLOSE, NULL, D, false, D, "lost connection" },
	{ AT_BODY, DO_RESET, NULL, D, false, D, "" },
	{ AT_BODY, DO_SILENCE, NULL, D, false, D, "timed out" },
	{ AT_DOT, DO_CLOSE, NULL, D, false, D, "lost connection" },
	{ AT_DOT, DO_RESET, NULL, D, false, D, "lost connection" },
	{ AT_DOT, DO_SILENCE, NULL, D, false, D, "timed out" },
	{ AT_DOT, DO_SAY, "451 4.3.0 later", D, false, R, "451 4.3.0 later" },
	{ AT_DOT, DO_SAY, "554 5.6.0 spam", F, false, F, "554 5.6.0 spam" },
	{ AT_DOT, DO_SAY, "421 4.3.2 bye", D, false, R, "421 4.3.2 bye" },
	{ AT_DOT, DO_SAY, "garbage", D, false, D, "no reply that makes sense" },
	{ AT_QUIT, DO_CLOSE, NULL, R, false, R, "250 2.0.0 taken" },
	{ AT_QUIT, DO_SILENCE, NULL, R, false, R, "250 2.0.0 taken" },
	{ AT_QUIT, DO_SAY, "554 no", R, false, R, "250 2.0.0 taken" },
};

enum { LONG_MS = 10 * 60 * 1000 };

static void check(const struct row *row, const char *caps, bool next)
{
	struct bench *b = bench_new(bench_conf);
	struct peer_script script = { .caps = caps,
				      .step = row->step,
				      .act = row->act,
				      .say = row->say,
				      .no_ehlo = row->step == AT_HELO };
	struct peer *bad = peer_new(1, &script), *good = next ? peer_new(2, NULL) : NULL;
	b->dns_answer = next ? "127.0.0.1 127.0.0.2" : "127.0.0.1";
	(void)bench_relay(
		b, &(struct bench_job){ .to = "x@far.example", .mx = "far.example" });
	bench_wait(b, LONG_MS);
	const struct bench_result *r = bench_result(b);
	int want = next ? row->with_next : row->alone;
	if ((int)r->outcome != want ||
	    (!next && b->done.host_failed != row->host_failed) ||
	    (!next && !strstr(r->text, row->text)) || b->dones != 1)
		fail_msg("step %d act %d say %s caps %s next %d: outcome %d, host_failed "
			 "%d, "
			 "text %s, %u times",
			 row->step, row->act, row->say ? row->say : "", caps, next,
			 r->outcome, b->done.host_failed, r->text, b->dones);
	if (want == F) assert_int_equal(r->dsn[0], '5');
	if (want == D) assert_int_equal(r->dsn[0], '4');
	unsigned taken = bad->messages + (good ? good->messages : 0);
	if (want == R && taken != 1)
		fail_msg("step %d act %d caps %s next %d: %u copies", row->step, row->act,
			 caps, next, taken);
	assert_non_null(strstr(r->host, want == R && good && good->messages
						? "mx2.example[127.0.0.2]:"
						: "mx1.example[127.0.0.1]:"));
	bench_free(b);
}

static void each_step(void **state)
{
	static const char *const caps[] = { "", "PIPELINING", "PIPELINING CHUNKING" };
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t k = 0; k < ROWS(caps); k++) {
			bool chunks = k == 2;
			/* A chunk of that size flies with its commands. */
			if (chunks && rows[i].step == AT_DATA) continue;
			check(&rows[i], caps[k], false);
			if (!chunks) check(&rows[i], caps[k], true);
		}
	}
}

/* After a refusal the transaction is reset; how that ends is nobody's business but the
 * connection's. */
static void each_reset(void **state)
{
	static const struct {
		enum peer_act act;
		const char *say;
	} acts[] = {
		{ DO_WELL, NULL },
		{ DO_CLOSE, NULL },
		{ DO_RESET, NULL },
		{ DO_SILENCE, NULL },
		{ DO_SAY, "421 4.3.2 bye" },
		{ DO_SAY, "garbage" },
		{ DO_SAY, "500 5.5.1 what" },
		{ DO_SAY, "450 4.3.0 no" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(acts); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, &(struct peer_script){ .step = AT_RSET,
								    .act = acts[i].act,
								    .say = acts[i].say });
		(void)bench_relay(b, &(struct bench_job){ .to = "later@far.example",
							  .mx = "far.example" });
		bench_wait(b, LONG_MS);
		assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
		assert_string_equal(bench_result(b)->text, "450 4.2.1 Come again");
		assert_string_equal(bench_result(b)->dsn, "4.2.1");
		assert_false(b->done.host_failed);
		assert_int_equal(p->resets, 1);
		/* Who was refused for good does not even wait for that. */
		(void)bench_relay(b, &(struct bench_job){ .to = "no@far.example",
							  .mx = "far.example" });
		assert_int_equal(b->dones, 2);
		assert_int_equal(bench_result(b)->outcome, JOB_FAILED);
		bench_free(b);
	}
}

/* A good host after nothing but silence: each wait has its own limit. */
static void waits(void **state)
{
	static const struct {
		enum peer_step step;
		int64_t ms;
	} limits[] = { { AT_ACCEPT, 20000 },
		       { AT_MAIL, 30000 },
		       { AT_RCPT, 30000 },
		       { AT_DATA, 30000 },
		       { AT_DOT, 60000 } };
	(void)state;
	for (size_t i = 0; i < ROWS(limits); i++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(1, &(struct peer_script){ .step = limits[i].step,
							 .act = DO_SILENCE });
		(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example",
							  .mx = "far.example" });
		bench_wait(b, limits[i].ms - 1000);
		assert_int_equal(b->dones, 0);
		bench_wait(b, 1000);
		assert_int_equal(b->dones, 1);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step),
		cmocka_unit_test(each_reset),
		cmocka_unit_test(waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
