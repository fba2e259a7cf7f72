/* SPDX-License-Identifier: Apache-2.0 */
/* A spool that is full, and disks that fail. */
#include "fixture.h"

#include <errno.h>
#include <string.h>

enum { SMALL = 16 << 20, PIECE = 200 * 1024 };
static char bytes[PIECE];

static void make_small(struct fixture *f)
{
	f->options.map_size = SMALL;
	if (f->disk) fake_disk_limit(f->disk, SMALL);
	fixture_reopen(f);
}

/* Arrivals until one does not fit; how many did. */
static uint64_t fill(struct fixture *f, size_t size)
{
	uint64_t id = 1;
	while (id < 10000) {
		int r = commit1(f, arrive(id, 2, (struct str){ bytes, size }));
		if (r) {
			assert_int_equal(r, -ENOSPC);
			return id - 1;
		}
		id++;
	}
	fail();
	return 0;
}

static void test_full(void **state)
{
	struct fixture *f = *state;
	struct str body = { bytes, PIECE };
	make_small(f);
	uint64_t count = fill(f, PIECE);
	assert_true(count > 50);
	struct spool_op ops[] = {
		arrive(20001, 1, body), /* does not fit */
		outcome(1, 0, SPOOL_DELIVERED, 0),
		outcome(1, 1, SPOOL_DELIVERED, 0), /* removes it */
		arrive(20002, 1, body),
		set_state(2, SPOOL_HELD, 0),
		outcome(3, 0, SPOOL_FAILED, 0), /* with a report that does not fit */
		arrive(20003, 1, body),
		just(SPOOL_OP_REMOVE, 9999),
		outcome(4, 0, SPOOL_DEFERRED, 5000),
	};
	ops[5].group = ops[6].group = 1;
	store_commit(f->store, ops, 9);
	static const int want[] = { -ENOSPC, 0,       0,       -ENOSPC, 0,
				    -ENOSPC, -ENOSPC, -ENOENT, 0 };
	for (int i = 0; i < 9; i++) assert_int_equal(ops[i].result, want[i]);
	assert_int_equal(msg_of(f, 3).rcpts_open, 2);
	assert_int_equal(totals_of(f).messages, count - 1);
	assert_string_equal(verify_text(f), "");

	/* every removal still works, and a report of few bytes is no arrival to be afraid
	 * of */
	for (uint64_t id = 2; id <= count; id++)
		assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, id)), 0);
	assert_int_equal(totals_of(f).messages, 0);
	assert_string_equal(verify_text(f), "");
	struct spool_health h;
	store_health(f->store, &h);
	assert_true(h.usable);
	if (f->disk) return; /* a log gets its space back by compaction only */
	assert_true(fill(f, PIECE) > 40);
	assert_string_equal(verify_text(f), "");
}

/* A batch of which a part fits. */
static void test_part_fits(void **state)
{
	struct fixture *f = *state;
	static struct spool_op ops[64];
	unsigned good = 0;
	make_small(f);
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(
			commit1(f, arrive(i + 1, 1, (struct str){ bytes, PIECE })), 0);
	for (unsigned i = 0; i < 64; i++)
		ops[i] = arrive(1000 + i, 1, (struct str){ bytes, i % 2 ? PIECE : 4096 });
	store_commit(f->store, ops, 64);
	for (unsigned i = 0; i < 64; i++) {
		assert_true(ops[i].result == 0 || ops[i].result == -ENOSPC);
		if (!ops[i].result) good++;
	}
	assert_true(good > 20 && good < 64);
	assert_int_equal(totals_of(f).messages, 60 + good);
	assert_string_equal(verify_text(f), "");
}

static struct spool_op big_arrival(struct fixture *f, uint64_t id)
{
	struct spool_op op = arrive(id, 1, STR(""));
	struct str body = { bytes, PIECE };
	assert_int_equal(store_big_begin(f->store, &op.arrive.big), 0);
	(void)store_big_append(f->store, op.arrive.big, &body, 1);
	return op;
}

/* Each failing call of the disk, and what the arrival of a big body comes to. */
static void test_failing_disk(void **state)
{
	static const struct {
		enum fake_call call;
		unsigned nth;
		int error;
		int result;
		bool usable;
		int again; /* the same arrival a second time, or 1: hopeless */
	} rows[] = {
		{ FAKE_SYNC, 1, EIO, -EIO, false, 1 },           /* of the body */
		{ FAKE_SYNC, 1, ENOSPC, -ENOSPC, true, -ENOSPC },
		{ FAKE_SYNC, 2, EIO, -EIO, false, 1 },           /* of the folder */
		{ FAKE_SYNC, 3, EIO, -EIO, false, 1 },           /* of the log */
		{ FAKE_WRITE, 1, ENOSPC, -ENOSPC, true, 0 },     /* of the log */
		{ FAKE_SHORT_WRITE, 1, ENOSPC, -ENOSPC, true, 0 },
		{ FAKE_WRITE, 1, EIO, -EIO, false, 1 },
		{ FAKE_RENAME, 1, ENOSPC, -ENOSPC, true, 0 },    /* Q140975 */
		{ FAKE_RENAME, 1, EACCES, -EACCES, true, 0 },
		{ FAKE_OPEN, 1, EMFILE, -EMFILE, true, 0 },      /* Q157684 */
	};
	struct fixture *f = *state;
	assert_int_equal(commit1(f, arrive(1, 2, STR("older"))), 0);
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct spool_op op = big_arrival(f, 100 + i);
		struct spool_health h;
		fake_disk_fail(f->disk, rows[i].call, rows[i].nth, rows[i].error);
		store_commit(f->store, &op, 1);
		assert_true(fake_disk_failed(f->disk));
		if (op.result != rows[i].result) fail_msg("row %u: %d", i, op.result);
		assert_non_null(op.arrive.big);
		store_health(f->store, &h);
		assert_int_equal(h.usable, rows[i].usable);
		assert_int_equal(h.error, rows[i].usable ? 0 : -EIO);
		store_commit(f->store, &op, 1);
		assert_int_equal(op.result, rows[i].again == 1 ? -EIO : rows[i].again);
		if (!rows[i].usable) {
			struct spool_big *none;
			assert_int_equal(store_big_begin(f->store, &none), -EIO);
			assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, 1)), -EIO);
		}
		store_big_abort(f->store, op.arrive.big);
		fixture_reopen(f);
		assert_string_equal(verify_text(f), "");
		assert_int_equal(msg_of(f, 1).rcpts_open, 2);
	}
}

static void test_failing_stream(void **state)
{
	struct fixture *f = *state;
	struct spool_big *big;
	fake_disk_fail(f->disk, FAKE_CREATE, 1, ENOSPC);
	assert_int_equal(store_big_begin(f->store, &big), -ENOSPC);
	static const int errors[] = { ENOSPC, EIO };
	for (unsigned i = 0; i < 2; i++) {
		struct str body = { bytes, PIECE };
		struct spool_op op = arrive(5, 1, STR(""));
		assert_int_equal(store_big_begin(f->store, &big), 0);
		fake_disk_fail(f->disk, FAKE_WRITE, 2, errors[i]);
		assert_int_equal(store_big_append(f->store, big, &body, 1), -errors[i]);
		assert_int_equal(store_big_append(f->store, big, &body, 1), -errors[i]);
		op.arrive.big = big;
		store_commit(f->store, &op, 1);
		assert_int_equal(op.result, errors[i] == EIO ? -EBADF : -ENOSPC);
		store_big_abort(f->store, big);
	}
	struct spool_health h;
	store_health(f->store, &h);
	assert_true(h.usable);
	fixture_reopen(f);
	assert_string_equal(verify_text(f), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_BOTH(test_full), ON_BOTH(test_part_fits), ON_MEM(test_failing_disk),
		ON_MEM(test_failing_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
