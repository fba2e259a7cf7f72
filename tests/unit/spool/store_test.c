/* SPDX-License-Identifier: Apache-2.0 */
/* What operations do, on both backends. */
#include "fixture.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void test_arrival(void **state)
{
	struct fixture *f = *state;
	struct str spans[] = { STR("first,"), STR(""), STR("second") };
	struct spool_op op = arrive(7, 2, STR(""));
	char body[32];
	uint32_t crc = 0;
	size_t got;
	op.arrive.spans = spans;
	op.arrive.spans_count = 3;
	assert_int_equal(commit1(f, op), 0);
	for (int round = 0; round < 2; round++) {
		struct spool_msg m = msg_of(f, 7);
		struct spool_rcpt r = rcpt_of(f, 7, 1);
		assert_int_equal(m.size, 12);
		assert_int_equal(m.arrived_ms, 500);
		assert_int_equal(m.next_due_ms, 1000);
		assert_int_equal(m.rcpts_open, 2);
		assert_int_equal(m.priority, 3);
		assert_true(str_eq(m.envelope, STR("an envelope")));
		assert_true(str_eq(r.address, STR("r1@x.example")));
		assert_int_equal(r.state, SPOOL_PENDING);
		assert_int_equal(r.next_due_ms, 1001);
		crc = 0;
		assert_int_equal(
			store_read_body(f->store, 7, 0, body, sizeof body, &crc, &got),
			0);
		assert_int_equal(got, 12);
		assert_memory_equal(body, "first,second", 12);
		assert_string_equal(due_text(f, 999), "");
		assert_string_equal(due_text(f, 1000), "7");
		assert_int_equal(totals_of(f).bytes, 12);
		assert_string_equal(verify_text(f), "");
		fixture_reopen(f);
	}
	assert_int_equal(store_open_big(f->store, 7), -EINVAL);
}

static void test_empty_body(void **state)
{
	struct fixture *f = *state;
	uint32_t crc = 0;
	size_t got = 9;
	char c;
	assert_int_equal(commit1(f, arrive(7, 1, STR(""))), 0);
	assert_int_equal(store_read_body(f->store, 7, 0, &c, 1, &crc, &got), 0);
	assert_int_equal(got, 0);
	assert_string_equal(verify_text(f), "");
}

static void test_refusals(void **state)
{
	static char long_text[SPOOL_ENVELOPE_MAX + 1];
	struct fixture *f = *state;
	struct str text = { long_text, sizeof long_text };
	struct spool_rcpt_new far = { { long_text, SPOOL_ADDRESS_MAX + 1 }, 0 };
	struct spool_op long_envelope = arrive(9, 1, STR("x")),
			long_address = long_envelope;
	struct spool_op bad_state = long_envelope,
			bad_outcome = outcome(1, 0, SPOOL_PENDING, 0);
	struct spool_op bad_set = set_state(1, SPOOL_HELD, 0),
			unknown = just(SPOOL_OP_DUE, 1);
	long_envelope.arrive.envelope = text;
	long_address.arrive.rcpts = &far;
	bad_state.arrive.state = SPOOL_MSG_STATES;
	bad_outcome.outcome.state = SPOOL_RCPT_STATES;
	bad_set.state.state = SPOOL_MSG_STATES;
	unknown.kind = (enum spool_op_kind)99;
	struct spool_op listed = just(SPOOL_OP_UNLIST, 1), unlisted = listed;
	listed.next_due_ms = 1001;
	unlisted.next_due_ms = 1;
	const struct { struct spool_op op; int result;
	} rows[] = {
		{ arrive(1, 1, STR("again")), -EEXIST },
		{ arrive(0, 1, STR("no id")), -EINVAL },
		{ arrive(UINT64_MAX, 1, STR("no id")), -EINVAL },
		{ arrive(9, 0, STR("to nobody")), -EINVAL },
		{ arrive(9, SPOOL_RCPTS_MAX + 1, STR("to all")), -EINVAL },
		{ arrive(9, 1, (struct str){ long_text, SPOOL_INLINE_MAX + 1 }),
		  -EMSGSIZE },
		{ long_envelope, -EMSGSIZE },
		{ long_address, -EMSGSIZE },
		{ bad_state, -EINVAL },
		{ outcome(2, 0, SPOOL_DELIVERED, 0), -ENOENT },
		{ outcome(1, 2, SPOOL_DELIVERED, 0), -ENOENT },
		{ outcome(1, 0, SPOOL_DELIVERED, 0), -EALREADY },
		{ bad_outcome, -EINVAL },
		{ set_state(2, SPOOL_HELD, 0), -ENOENT },
		{ bad_set, -EINVAL },
		{ just(SPOOL_OP_DUE, 2), -ENOENT },
		{ just(SPOOL_OP_DEATH, 2), -ENOENT },
		{ just(SPOOL_OP_REMOVE, 2), -ENOENT },
		{ just(SPOOL_OP_UNLIST, 2), -ENOENT },
		{ listed, -EEXIST },
		{ unlisted, -ENOENT },
		{ unknown, -EINVAL },
	};
	assert_int_equal(commit1(f, arrive(1, 2, STR("one"))), 0);
	assert_int_equal(commit1(f, outcome(1, 0, SPOOL_FAILED, 0)), 0);
	struct spool_totals before = totals_of(f), after;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int r = commit1(f, rows[i].op);
		if (r != rows[i].result) fail_msg("row %zu: %d", i, r);
	}
	after = totals_of(f);
	assert_memory_equal(&before, &after, sizeof after);
	assert_string_equal(verify_text(f), "");
	assert_int_equal(
		commit1(f, arrive(9, 1, (struct str){ long_text, SPOOL_INLINE_MAX })), 0);
}

/* Refused operations do not keep others of their batch from standing. */
static void test_batch(void **state)
{
	struct fixture *f = *state;
	struct spool_op ops[] = { arrive(1, 1, STR("a")), arrive(1, 1, STR("b")),
		arrive(2, 1, STR("c")), just(SPOOL_OP_REMOVE, 5) };
	store_commit(f->store, ops, 4);
	assert_int_equal(ops[0].result, 0);
	assert_int_equal(ops[1].result, -EEXIST);
	assert_int_equal(ops[2].result, 0);
	assert_int_equal(ops[3].result, -ENOENT);
	assert_int_equal(totals_of(f).messages, 2);
	store_commit(f->store, ops, 0);
}

static void test_outcomes(void **state)
{
	/* 0, 1, 2 are due at 1000, 1001, 1002; each row: one outcome, then when it is
	 * due. */
	static const struct {
		uint32_t index;
		enum spool_rcpt_state state;
		int64_t due;
		uint32_t open, deferred;
		int64_t next;
	} rows[] = {
		{ 0, SPOOL_DEFERRED, 5000, 3, 1, 1001 },
		{ 2, SPOOL_DELIVERED, 0, 2, 1, 1001 },
		{ 1, SPOOL_DEFERRED, 4000, 2, 2, 4000 },
		{ 1, SPOOL_DEFERRED, 6000, 2, 2, 5000 },
		{ 0, SPOOL_PENDING, -7, 2, 1, 0 },
		{ 0, SPOOL_RELAYED, 0, 1, 1, 6000 },
	};
	struct fixture *f = *state;
	assert_int_equal(commit1(f, arrive(4, 3, STR("body"))), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct spool_op op =
			outcome(4, rows[i].index, rows[i].state, rows[i].due);
		store_commit(f->store, &op, 1);
		assert_int_equal(op.result, 0);
		assert_int_equal(op.outcome.open_left, rows[i].open);
		struct spool_msg m = msg_of(f, 4);
		assert_int_equal(m.rcpts_open, rows[i].open);
		assert_int_equal(m.rcpts_deferred, rows[i].deferred);
		assert_int_equal(m.next_due_ms, rows[i].next);
		assert_true(str_eq(m.envelope, STR("an envelope")));
		assert_string_equal(due_text(f, rows[i].next - 1), "");
		assert_string_equal(due_text(f, rows[i].next), "4");
		assert_int_equal(totals_of(f).deferred, rows[i].deferred ? 1 : 0);
		assert_string_equal(verify_text(f), "");
	}
	struct spool_rcpt r = rcpt_of(f, 4, 2);
	assert_int_equal(r.state, SPOOL_DELIVERED);
	assert_int_equal(r.attempts, 4);
	assert_int_equal(r.last_ms, 900);
	assert_true(str_eq(r.reply, STR("451 later")) && str_eq(r.dsn, STR("4.3.0")));
	assert_true(str_eq(r.address, STR("r2@x.example")) &&
		    str_eq(r.host, STR("mx.example")));

	assert_int_equal(commit1(f, outcome(4, 1, SPOOL_EXPIRED, 0)), 0);
	struct spool_msg gone;
	assert_int_equal(store_read_msg(f->store, 4, &f->arena, &gone), -ENOENT);
	struct spool_totals none = { 0 }, t = totals_of(f);
	assert_memory_equal(&t, &none, sizeof t);
	assert_string_equal(due_text(f, INT64_MAX), "");
	assert_string_equal(verify_text(f), "");
}

/* Everybody is tried now, but whoever may have a copy: he keeps his time, if it is not too far. */
static void test_due_in_doubt(void **state)
{
	static const struct { bool in_doubt; int64_t own_ms, doubt_ms, due_ms; } rows[] = {
		{ false, 9000, 3600, 5000 }, { true, 9000, 0, 5000 }, { true, 9000, 3600, 8600 },
		{ true, 8000, 3600, 8000 },  { true, 4000, 3600, 4000 }, { true, 900000, 3600, 8600 },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t id = i + 1;
		struct spool_op mine = outcome(id, 0, SPOOL_DEFERRED, rows[i].own_ms), due = just(SPOOL_OP_DUE, id);
		assert_int_equal(commit1(f, arrive(id, 2, STR("x"))), 0);
		mine.outcome.in_doubt = rows[i].in_doubt;
		mine.outcome.doubts = 1;
		assert_int_equal(commit1(f, mine), 0);
		assert_int_equal(commit1(f, outcome(id, 1, SPOOL_FAILED, 0)), 0);
		due.next_due_ms = 5000;
		due.doubt_ms = rows[i].doubt_ms;
		assert_int_equal(commit1(f, due), 0);
		/* The message is listed at that time, and at no other: nobody looks in vain. */
		if (msg_of(f, id).next_due_ms != rows[i].due_ms) fail_msg("row %zu: %lld", i,
			(long long)msg_of(f, id).next_due_ms);
		assert_string_equal(due_text(f, rows[i].due_ms - 1), "");
		assert_string_not_equal(due_text(f, rows[i].due_ms), "");
		assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, id)), 0);
	}
	assert_string_equal(verify_text(f), "");
}

static void test_states(void **state)
{
	struct fixture *f = *state;
	struct spool_op death = just(SPOOL_OP_DEATH, 1), due = just(SPOOL_OP_DUE, 1);
	assert_int_equal(commit1(f, arrive(1, 2, STR("x"))), 0);
	assert_int_equal(commit1(f, outcome(1, 0, SPOOL_DEFERRED, 9000)), 0);

	/* A hold without an end is not listed, one with an end is, at its end. */
	assert_int_equal(commit1(f, set_state(1, SPOOL_HELD, 0)), 0);
	assert_string_equal(due_text(f, INT64_MAX), "");
	assert_int_equal(commit1(f, set_state(1, SPOOL_HELD, 7777)), 0);
	assert_string_equal(due_text(f, 7776), "");
	assert_string_equal(due_text(f, 7777), "1");
	assert_true(str_eq(msg_of(f, 1).reason, STR("a reason")));
	assert_int_equal(msg_of(f, 1).next_due_ms, 7777);
	assert_int_equal(totals_of(f).held, 1);
	assert_int_equal(totals_of(f).deferred, 0);
	/* what was in flight comes back while it is held */
	struct spool_op warned = outcome(1, 0, SPOOL_DEFERRED, 8000);
	warned.outcome.warned = true;
	assert_int_equal(commit1(f, warned), 0);
	assert_string_equal(due_text(f, 7776), "");
	assert_string_equal(verify_text(f), "");
	/* That the sender was told of a delay is never forgotten. */
	assert_true(rcpt_of(f, 1, 0).warned);
	assert_int_equal(commit1(f, outcome(1, 0, SPOOL_DEFERRED, 8000)), 0);
	assert_true(rcpt_of(f, 1, 0).warned);
	assert_false(rcpt_of(f, 1, 1).warned);

	assert_int_equal(commit1(f, set_state(1, SPOOL_ACTIVE, -1)), 0);
	assert_int_equal(msg_of(f, 1).next_due_ms, 1001);
	assert_int_equal(totals_of(f).held, 0);
	assert_string_equal(verify_text(f), "");

	store_commit(f->store, &death, 1);
	store_commit(f->store, &death, 1);
	assert_int_equal(death.deaths, 2);
	assert_int_equal(commit1(f, set_state(1, SPOOL_POISON, 0)), 0);
	assert_int_equal(totals_of(f).poison, 1);
	assert_int_equal(msg_of(f, 1).deaths, 2);
	due.next_due_ms = 3000;
	assert_int_equal(commit1(f, due), 0);
	assert_string_equal(due_text(f, INT64_MAX), "");
	assert_int_equal(rcpt_of(f, 1, 0).next_due_ms, 3000);
	assert_string_equal(verify_text(f), "");

	assert_int_equal(commit1(f, set_state(1, SPOOL_ACTIVE, 2000)), 0);
	assert_int_equal(msg_of(f, 1).deaths, 0);
	assert_string_equal(due_text(f, 2000), "1");
	due.next_due_ms = 10;
	assert_int_equal(commit1(f, due), 0);
	assert_string_equal(due_text(f, 10), "1");
	assert_int_equal(rcpt_of(f, 1, 1).next_due_ms, 10);
	assert_string_equal(verify_text(f), "");

	struct spool_op held = arrive(2, 1, STR("y"));
	held.arrive.state = SPOOL_HELD;
	held.arrive.reason = STR("content");
	assert_int_equal(commit1(f, held), 0);
	assert_true(str_eq(msg_of(f, 2).reason, STR("content")));
	assert_string_equal(due_text(f, INT64_MAX), "1");
	assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, 2)), 0);
	assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, 1)), 0);
	assert_int_equal(totals_of(f).messages, 0);
	assert_string_equal(verify_text(f), "");
}

/* A report and its cause. */
static void test_groups(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(commit1(f, arrive(1, 2, STR("x"))), 0);
	struct spool_op good[] = { outcome(1, 0, SPOOL_FAILED, 0),
				   arrive(2, 1, STR("report")), just(SPOOL_OP_DEATH, 1) };
	good[0].group = good[1].group = 5;
	store_commit(f->store, good, 3);
	for (int i = 0; i < 3; i++) assert_int_equal(good[i].result, 0);

	struct spool_op bad[] = { outcome(1, 1, SPOOL_FAILED, 0),
				  arrive(2, 1, STR("taken id")),
				  arrive(3, 1, STR("its own group")) };
	bad[0].group = bad[1].group = 5;
	bad[2].group = 6;
	store_commit(f->store, bad, 3);
	assert_int_equal(bad[0].result, -ECANCELED);
	assert_int_equal(bad[1].result, -EEXIST);
	assert_int_equal(bad[2].result, 0);
	assert_int_equal(msg_of(f, 1).rcpts_open, 1);
	assert_string_equal(verify_text(f), "");

	struct spool_op last[] = { outcome(1, 1, SPOOL_FAILED, 0),
				   arrive(4, 1, STR("report")) };
	last[0].group = last[1].group = 1;
	store_commit(f->store, last, 2);
	assert_int_equal(last[0].result, 0);
	assert_int_equal(last[1].result, 0);
	assert_int_equal(totals_of(f).messages, 3);
	fixture_reopen(f);
	assert_string_equal(verify_text(f), "");
}

/* Outcomes that follow each other share one writing of their message: whatever comes
 * between them, a batch leaves what its operations leave one by one. */
static void test_outcomes_in_one_batch(void **state)
{
	struct fixture *f = *state;
	struct spool_op ops[] = {
		outcome(1, 0, SPOOL_RELAYED, 0), outcome(1, 1, SPOOL_DEFERRED, 500),
		outcome(2, 0, SPOOL_DEFERRED, 700), /* another message */
		outcome(1, 2, SPOOL_DEFERRED, 900), just(SPOOL_OP_DEATH, 1),
		outcome(1, 3, SPOOL_FAILED, 0),
		outcome(1, 4, SPOOL_FAILED, 0), arrive(2, 1, STR("taken id")), /* a group */
		outcome(1, 5, SPOOL_RELAYED, 0), outcome(1, 5, SPOOL_RELAYED, 0),
		outcome(1, 99, SPOOL_RELAYED, 0), outcome(7, 0, SPOOL_RELAYED, 0),
		set_state(2, SPOOL_HELD, 0), outcome(2, 1, SPOOL_RELAYED, 0),
		outcome(2, 0, SPOOL_RELAYED, 0), /* its last one */
		outcome(2, 0, SPOOL_RELAYED, 0),
		outcome(1, 6, SPOOL_FAILED, 0), arrive(3, 1, STR("report")), /* a group */
		outcome(1, 7, SPOOL_DEFERRED, 300),
	};
	enum { COUNT = sizeof ops / sizeof *ops };
	static const int results[COUNT] = { [6] = -ECANCELED, [7] = -EEXIST, [9] = -EALREADY,
		[10] = -ENOENT, [11] = -ENOENT, [15] = -ENOENT };
	ops[6].group = ops[7].group = 5;
	ops[16].group = ops[17].group = 6;
	assert_int_equal(commit1(f, arrive(1, 9, STR("x"))), 0);
	assert_int_equal(commit1(f, arrive(2, 2, STR("y"))), 0);
	store_commit(f->store, ops, COUNT);
	for (int i = 0; i < COUNT; i++) assert_int_equal(ops[i].result, results[i]);
	assert_int_equal(ops[18].outcome.open_left, 5);
	fixture_reopen(f);
	struct spool_msg m = msg_of(f, 1);
	assert_int_equal(m.rcpts_open, 5);
	assert_int_equal(m.rcpts_deferred, 3);
	assert_int_equal(m.next_due_ms, 300);
	assert_int_equal(m.deaths, 1);
	assert_true(str_eq(m.envelope, STR("an envelope")));
	assert_int_equal(rcpt_of(f, 1, 4).state, SPOOL_PENDING);
	assert_int_equal(totals_of(f).messages, 2);
	assert_int_equal(totals_of(f).rcpts_open, 6);
	assert_string_equal(due_text(f, 300), "1");
	assert_string_equal(verify_text(f), "");
}

static struct spool_big *big_of(struct fixture *f, size_t pieces)
{
	static char piece[100000];
	struct spool_big *big;
	assert_int_equal(store_big_begin(f->store, &big), 0);
	for (size_t i = 0; i < pieces; i++) {
		struct str spans[] = { { piece, sizeof piece }, { piece, 1 } };
		memset(piece, (int)('a' + i), sizeof piece);
		assert_int_equal(store_big_append(f->store, big, spans, 2), 0);
	}
	return big;
}

static void test_big(void **state)
{
	struct fixture *f = *state;
	static char body[400000];
	struct spool_op op = arrive(1, 1, STR(""));
	uint32_t crc = 0;
	size_t got;
	op.arrive.spans_count = 0;
	op.arrive.big = big_of(f, 3);
	store_commit(f->store, &op, 1);
	assert_int_equal(op.result, 0);
	assert_null(op.arrive.big);
	assert_int_equal(msg_of(f, 1).size, 300003);
	assert_int_equal(msg_of(f, 1).body, SPOOL_BODY_BIG);
	fixture_reopen(f);
	for (uint64_t at = 0; at < 300003; at += got) {
		assert_int_equal(
			store_read_body(f->store, 1, at, body + at, 70000, &crc, &got),
			0);
		assert_true(got > 0);
	}
	assert_int_equal(body[0], 'a');
	assert_int_equal(body[100000], 'a');
	assert_int_equal(body[100001], 'b');
	assert_int_equal(body[300002], 'c');
	int fd = store_open_big(f->store, 1);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, body, 1, 200001), 1);
	assert_int_equal(body[0], 'b');
	assert_string_equal(verify_text(f), "");
	assert_int_equal(commit1(f, outcome(1, 0, SPOOL_DELIVERED, 0)), 0);
	assert_int_equal(pread(fd, body, 1, 200002), 1); /* whoever reads it may finish */
	assert_int_equal(close(fd), 0);
	assert_string_equal(verify_text(f), "");
	assert_int_equal(store_open_big(f->store, 1), -ENOENT);
}

static void test_big_not_committed(void **state)
{
	struct fixture *f = *state;
	struct spool_op op = arrive(1, 1, STR(""));
	op.arrive.big = big_of(f, 3);
	store_commit(f->store, &op, 1);
	assert_int_equal(op.result, 0);
	/* the id is taken: the body of the first must not be replaced */
	op.arrive.big = big_of(f, 1);
	store_commit(f->store, &op, 1);
	assert_int_equal(op.result, -EEXIST);
	assert_non_null(op.arrive.big);
	assert_string_equal(verify_text(f), "");
	/* refused by the tables: the body gets its first name back and can be committed
	 */
	op.id = 2;
	op.arrive.rcpts_count = 0;
	store_commit(f->store, &op, 1);
	assert_int_equal(op.result, -EINVAL);
	assert_string_equal(verify_text(f), "");
	op.arrive.rcpts_count = 1;
	store_commit(f->store, &op, 1);
	assert_int_equal(op.result, 0);
	store_big_abort(f->store, big_of(f, 1));
	store_big_abort(f->store, NULL);
	assert_int_equal(totals_of(f).messages, 2);
	assert_string_equal(verify_text(f), "");
}

static void test_bigs_are_bounded(void **state)
{
	static struct spool_big *bigs[SPOOL_BIGS_MAX];
	struct fixture *f = *state;
	struct spool_big *one_more;
	unsigned n = 0;
	if (f->backend == &store_lmdb) return; /* would need as many descriptors */
	while (n < SPOOL_BIGS_MAX) bigs[n++] = big_of(f, 0);
	assert_int_equal(store_big_begin(f->store, &one_more), -EMFILE);
	while (n) store_big_abort(f->store, bigs[--n]);
	assert_int_equal(store_big_begin(f->store, &one_more), 0);
	store_big_abort(f->store, one_more);
}

static int stop_at(void *ctx, const struct spool_msg *msg)
{
	uint64_t *at = ctx;
	return msg->id == *at ? 42 : 0;
}

static int count_msg(void *ctx, const struct spool_msg *msg)
{
	uint64_t *last = ctx;
	assert_true(msg->id > *last);
	*last = msg->id;
	return 0;
}

static int due_stop(void *ctx, struct spool_due due)
{
	(void)ctx;
	return due.id == 2 ? 17 : 0;
}

static int due_count(void *ctx, struct spool_due due)
{
	(void)due;
	++*(unsigned *)ctx;
	return 0;
}

static int rcpt_count(void *ctx, const struct spool_rcpt *rcpt)
{
	(void)rcpt;
	++*(unsigned *)ctx;
	return 0;
}

static void test_slices(void **state)
{
	struct fixture *f = *state;
	struct spool_due from = { 0 };
	uint64_t last = 0, stop = 3;
	unsigned seen = 0;
	for (uint64_t id = 1; id <= 5; id++) {
		struct spool_op op = arrive(id, 3, STR("x"));
		assert_int_equal(commit1(f, op), 0);
	}
	assert_int_equal(store_walk(f->store, 2, 3, count_msg, &last), 0);
	assert_int_equal(last, 4);
	assert_int_equal(store_walk(f->store, 5, 9, count_msg, &last), 0);
	assert_int_equal(last, 5);
	assert_int_equal(store_walk(f->store, 0, 9, stop_at, &stop), 42);
	assert_int_equal(store_due_list(f->store, 1000, &from, 3, due_count, &seen), 0);
	assert_int_equal(seen, 3);
	assert_int_equal(store_due_list(f->store, 1000, &from, 9, due_count, &seen), 0);
	assert_int_equal(seen, 5);
	from = (struct spool_due){ 0 };
	assert_int_equal(store_due_list(f->store, 1000, &from, 9, due_stop, NULL), 17);
	assert_int_equal(from.id, 2);
	seen = 0;
	assert_int_equal(store_read_rcpts(f->store, 1, 1, 1, rcpt_count, &seen), 0);
	assert_int_equal(store_read_rcpts(f->store, 1, 0, 99, rcpt_count, &seen), 0);
	assert_int_equal(store_read_rcpts(f->store, 1, 3, 99, rcpt_count, &seen), 0);
	assert_int_equal(seen, 4);
	assert_int_equal(store_read_rcpts(f->store, 9, 0, 9, rcpt_count, &seen), -ENOENT);
}

static void test_small_arena(void **state)
{
	struct fixture *f = *state;
	struct arena small;
	struct spool_msg msg;
	arena_init(&small, 4);
	assert_int_equal(commit1(f, arrive(1, 1, STR("x"))), 0);
	assert_int_equal(store_read_msg(f->store, 1, &small, &msg), -ENOMEM);
	arena_free(&small);
}

static void test_health(void **state)
{
	struct fixture *f = *state;
	struct spool_health h;
	store_health(f->store, &h);
	assert_true(h.usable && !h.error);
	assert_true(h.free_bytes > 0 && h.used_bytes > 0);
	store_trim(f->store);
	assert_string_equal(verify_text(f), "");
}

static void test_compact(void **state)
{
	struct fixture *f = *state;
	struct spool_health before, after;
	static char body[100000];
	for (uint64_t id = 1; id <= 20; id++)
		assert_int_equal(
			commit1(f, arrive(id, 1, (struct str){ body, sizeof body })), 0);
	for (uint64_t id = 2; id <= 20; id++)
		assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, id)), 0);
	store_health(f->store, &before);
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(store_compact(f->backend, f->folder, &f->options), 0);
	assert_int_equal(store_open(f->backend, f->folder, &f->options, &f->store), 0);
	store_health(f->store, &after);
	assert_true(after.used_bytes < before.used_bytes / 4);
	assert_int_equal(totals_of(f).messages, 1);
	assert_string_equal(verify_text(f), "");
	assert_int_equal(commit1(f, arrive(2, 1, STR("goes on"))), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_BOTH(test_arrival),
		ON_BOTH(test_empty_body),
		ON_BOTH(test_refusals),
		ON_BOTH(test_batch),
		ON_BOTH(test_outcomes),
		ON_BOTH(test_states),
		ON_BOTH(test_due_in_doubt),
		ON_BOTH(test_groups),
		ON_BOTH(test_outcomes_in_one_batch),
		ON_BOTH(test_big),
		ON_BOTH(test_big_not_committed),
		ON_BOTH(test_bigs_are_bounded),
		ON_BOTH(test_slices),
		ON_BOTH(test_small_arena),
		ON_BOTH(test_health),
		ON_BOTH(test_compact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
