/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in the window, without a session: what is sent in pieces, what stays, what is
 * given back. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { PER_PIECE = RECEIVE_BODY_INLINE / WINDOW_BLOCK };

static char text[2 * RECEIVE_UNTAKEN_MAX];

static void fill(void)
{
	for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i / 7 % 26);
}

static struct transaction *begin(struct bench *b, struct session *s)
{
	*s = (struct session){ .rx = b->rx };
	struct transaction *tx = transaction_new(s);
	assert_non_null(tx);
	body_begin(tx);
	return tx;
}

/* What the ranges of a field hold, behind each other. */
static size_t gather(struct bench *b, struct str field, char *out)
{
	struct window_range ranges[PER_PIECE + 2];
	size_t len = 0;
	int count = window_ranges_get(b->rx->window, field, ranges, ROWS(ranges));
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		assert_in_range(ranges[i].len, 1, WINDOW_BLOCK);
		memcpy(out + len, window_at(b->rx->window, ranges[i]), ranges[i].len);
		len += ranges[i].len;
	}
	return len;
}

static void sizes(void **state)
{
	(void)state;
	static const struct { size_t len, step, held, pieces; } rows[] = {
		{ 0, 1, 0, 0 },
		{ 1, 1, 1, 0 },
		{ WINDOW_BLOCK, 1000, 1, 0 },
		{ WINDOW_BLOCK + 1, 1000, 2, 0 },
		{ 20000, 20000, 3, 0 },
		{ RECEIVE_BODY_INLINE, 4096, PER_PIECE, 0 },
		{ RECEIVE_BODY_INLINE, RECEIVE_BODY_INLINE, PER_PIECE, 0 },
		{ RECEIVE_BODY_INLINE + 1, 4096, 1, 1 },
		{ 2 * RECEIVE_BODY_INLINE + 1, 8191, 1, 2 },
		{ 3 * RECEIVE_BODY_INLINE, RECEIVE_READ, PER_PIECE, 2 },
	};
	struct bench *b = bench_new(bench_conf, 256);
	char *got = malloc(sizeof text);
	fill();
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct session s;
		struct transaction *tx = begin(b, &s);
		for (size_t at = 0; at < rows[i].len; at += rows[i].step) {
			assert_true(body_has_room(tx, rows[i].step > RECEIVE_READ ? RECEIVE_READ : rows[i].step));
			size_t left = rows[i].len - at;
			body_append(tx, (struct str){ text + at, left < rows[i].step ? left : rows[i].step });
		}
		assert_false(tx->failed);
		assert_int_equal(tx->size, rows[i].len);
		assert_int_equal(tx->range_count, rows[i].held);
		assert_int_equal(tx->untaken, rows[i].pieces * PER_PIECE);
		assert_int_equal(tx->big, rows[i].pieces > 0);
		assert_int_equal(window_free_blocks(b->rx->window),
			b->blocks - rows[i].held - rows[i].pieces * PER_PIECE);
		/* Whole and in order. */
		size_t len = 0;
		struct str payload;
		struct msg_big_piece m;
		for (size_t k = 0; k < rows[i].pieces; k++) {
			assert_true(bench_sent(MSG_big_piece, &payload));
			assert_true(msg_big_piece_get(payload, &m));
			assert_int_equal(m.handle, tx->handle);
			len += gather(b, m.ranges, got + len);
		}
		assert_false(bench_sent(MSG_big_piece, &payload));
		for (size_t k = 0; k < tx->range_count; k++) {
			memcpy(got + len, window_at(b->rx->window, tx->ranges[k]), tx->ranges[k].len);
			len += tx->ranges[k].len;
		}
		assert_int_equal(len, rows[i].len);
		assert_memory_equal(got, text, len);
		transaction_drop(&s);
		assert_int_equal(window_free_blocks(b->rx->window), b->blocks);
	}
	free(got);
	bench_free(b);
}

/* spool says how many pieces it has written; more than there are is no reason to fall. */
static void taken(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 256);
	struct session s;
	struct transaction *tx = begin(b, &s);
	fill();
	body_append(tx, (struct str){ text, 3 * RECEIVE_BODY_INLINE + 1 });
	assert_int_equal(tx->untaken, 3 * PER_PIECE);
	bench_taken(b, tx->handle, 0);
	assert_int_equal(tx->untaken, 3 * PER_PIECE);
	bench_taken(b, tx->handle, 1);
	assert_int_equal(tx->untaken, 2 * PER_PIECE);
	bench_taken(b, tx->handle + 1, 1); /* of nobody */
	assert_int_equal(tx->untaken, 2 * PER_PIECE);
	bench_taken(b, tx->handle, UINT32_MAX);
	assert_int_equal(tx->untaken, 0);
	bench_taken(b, tx->handle, 1);
	assert_int_equal(window_free_blocks(b->rx->window), b->blocks - 1);
	transaction_drop(&s);
	struct str payload;
	assert_true(bench_sent(MSG_big_abort, &payload));
	bench_free(b);
}

/* Too much on its way to the disk: the session has to wait, whatever is free. */
static void untaken_max(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 1024);
	struct session s;
	struct transaction *tx = begin(b, &s);
	fill();
	body_append(tx, (struct str){ text, RECEIVE_UNTAKEN_MAX });
	assert_true(body_has_room(tx, RECEIVE_READ));
	body_append(tx, (struct str){ text, 1 });
	assert_false(body_has_room(tx, 1));
	bench_taken(b, tx->handle, 1);
	assert_true(body_has_room(tx, 1));
	transaction_drop(&s);
	bench_free(b);
}

/* When blocks become scarce everybody's bodies go to the disk, not only large ones. */
static void scarce(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 40);
	struct session a, c;
	struct transaction *one = begin(b, &a), *two = begin(b, &c);
	struct str payload;
	fill();
	body_append(one, (struct str){ text, 15 * WINDOW_BLOCK });
	body_append(two, (struct str){ text, 15 * WINDOW_BLOCK });
	assert_false(one->big);
	assert_false(two->big);
	body_append(two, (struct str){ text, WINDOW_BLOCK });
	assert_false(two->big); /* ten are free: a quarter */
	body_append(two, (struct str){ text, WINDOW_BLOCK });
	assert_true(two->big);
	assert_false(one->big);
	/* There is no room for a read: all that is held goes. */
	assert_false(body_has_room(two, RECEIVE_READ));
	assert_true(one->big);
	assert_int_equal(one->range_count + two->range_count, 0);
	assert_int_equal(one->untaken, 15);
	assert_int_equal(two->untaken, 17);
	for (int pieces = 0; bench_sent(MSG_big_piece, &payload); pieces++) assert_true(pieces < 3);
	bench_taken(b, one->handle, 1);
	assert_true(body_has_room(two, RECEIVE_READ));
	transaction_drop(&a);
	transaction_drop(&c);
	bench_free(b);
}

/* No block at all: that message is lost for now, not the worker, and what it held others
 * can have at once. */
static void exhausted(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 18);
	struct session a, c;
	struct transaction *one = begin(b, &a);
	fill();
	body_append(one, (struct str){ text, 17 * WINDOW_BLOCK });
	assert_false(one->failed);
	struct transaction *two = begin(b, &c);
	body_append(two, (struct str){ text, 3 * WINDOW_BLOCK });
	assert_true(two->failed);
	assert_true(body_has_room(two, RECEIVE_READ)); /* swallowed */
	assert_int_equal(two->range_count, 0);
	body_append(two, (struct str){ text, WINDOW_BLOCK });
	assert_false(transaction_commit(two));
	/* All but what spool still reads of it. */
	assert_int_equal(window_free_blocks(b->rx->window) + one->range_count + one->untaken +
		two->untaken, 18);
	transaction_drop(&c);
	transaction_drop(&a);
	bench_free(b);
}

/* Without spool a long body cannot be kept: its blocks are free again before it ends. */
static void no_spool(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 256);
	struct session s;
	struct transaction *tx = begin(b, &s);
	fill();
	body_append(tx, (struct str){ text, RECEIVE_BODY_INLINE });
	bench_down(b, b->spool);
	assert_false(tx->failed);
	body_append(tx, (struct str){ text, 1 });
	assert_true(tx->failed);
	assert_int_equal(window_free_blocks(b->rx->window), b->blocks);
	transaction_drop(&s);
	bench_free(b);
}

/* Every way in which a body can end gives all blocks back. */
static void released(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 256);
	fill();
	for (int how = 0; how < 6; how++) {
		struct session s;
		struct transaction *tx = begin(b, &s);
		uint64_t handle = tx->handle;
		/* So it is read by how: short, or with pieces on their way. */
		body_append(tx, (struct str){ text, how % 2 ? 20000 : 2 * RECEIVE_BODY_INLINE + 1 });
		assert_true(window_free_blocks(b->rx->window) < b->blocks);
		switch (how) {
		case 0:
		case 1: transaction_drop(&s); break;
		case 2:
		case 3:
			/* The client goes while spool reads: the blocks stay until its answer. */
			assert_true(transaction_commit(tx));
			transaction_drop(&s);
			assert_true(window_free_blocks(b->rx->window) < b->blocks);
			if (how == 2) bench_committed(b, handle);
			else bench_refused(b, handle, 451, "4.3.0");
			break;
		case 4:
			bench_refused(b, handle, 452, "4.3.1"); /* while its pieces come */
			assert_true(tx->failed);
			assert_int_equal(window_free_blocks(b->rx->window), b->blocks);
			transaction_drop(&s);
			break;
		case 5:
			assert_true(transaction_commit(tx));
			transaction_drop(&s);
			bench_down(b, b->spool);
			bench_up(b, bench_channel(ROLE_SPOOL));
			break;
		}
		assert_int_equal(window_free_blocks(b->rx->window), b->blocks);
		assert_int_equal(b->rx->transactions.count, 0);
	}
	bench_free(b);
}

/* Bodies come and go in any order; nothing is lost on the way. */
static void random_walk(void **state)
{
	(void)state;
	enum { MANY = 12, STEPS = 20000 };
	static struct session sessions[MANY];
	struct bench *b = bench_new(bench_conf, 48);
	struct rng rng = { 3 };
	struct str payload;
	fill();
	memset(sessions, 0, sizeof sessions);
	for (int i = 0; i < STEPS; i++) {
		struct session *s = &sessions[rng_below(&rng, MANY)];
		struct transaction *tx = s->tx;
		if (!tx) {
			(void)begin(b, s);
		} else if (rng_below(&rng, 20) == 0) {
			transaction_drop(s);
		} else if (rng_below(&rng, 3) == 0) {
			bench_taken(b, tx->handle, (uint32_t)rng_below(&rng, 3));
		} else {
			size_t len = rng_below(&rng, RECEIVE_READ);
			if (body_has_room(tx, len)) body_append(tx, (struct str){ text, len });
		}
		while (bench_sent(MSG_big_piece, &payload)) {}
		while (bench_sent(MSG_big_abort, &payload)) {}
		size_t held = 0;
		for (size_t k = 0; k < MANY; k++)
			if (sessions[k].tx) held += sessions[k].tx->range_count + sessions[k].tx->untaken;
		assert_int_equal(window_free_blocks(b->rx->window) + held, b->blocks);
	}
	for (size_t k = 0; k < MANY; k++) transaction_drop(&sessions[k]);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),      cmocka_unit_test(taken),
		cmocka_unit_test(untaken_max), cmocka_unit_test(scarce),
		cmocka_unit_test(exhausted),  cmocka_unit_test(no_spool),
		cmocka_unit_test(released),   cmocka_unit_test(random_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
