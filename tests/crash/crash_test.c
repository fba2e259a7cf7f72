/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts the power at every step of a scripted workload, and lets every kind of call fail
 * at every place, on both backends; then compares what is there with docs/spool.md: what
 * was acknowledged is there, nothing is invented, a batch is whole or not there at all, a
 * report stands with its cause, and all tables agree. */
/* clang-format off: cmocka wants these before it */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"
#include "trace.h"
#include "workload.h"

enum { SUBSETS = 6 };
static struct workload_run run;
static char text[MODEL_TEXT], want[MODEL_TEXT];

static size_t steps_of(void *ctx)
{
	const struct rig *rig = ctx;
	return fake_disk_steps(rig->disk);
}

static const char *text_of_store(struct store *s)
{
	struct buf b;
	buf_init_fixed(&b, text, sizeof text - 1);
	store_text(s, &b);
	assert_false(b.overflowed);
	text[b.len] = '\0';
	return text;
}

static const char *text_of_model(const struct model *m)
{
	struct buf b;
	buf_init_fixed(&b, want, sizeof want - 1);
	model_text(m, &b);
	assert_false(b.overflowed);
	want[b.len] = '\0';
	return want;
}

static bool holds(struct store *s, const struct model *m)
{
	return str_eq(str_of(text_of_store(s)), str_of(text_of_model(m)));
}

static int print_finding(void *ctx, const struct spool_finding *finding)
{
	++*(unsigned *)ctx;
	print_error("%.*s %llu\n", STR_ARG(spool_finding_name(finding->kind)),
		    (unsigned long long)finding->id);
	return 0;
}

static void assert_sound(struct store *s)
{
	unsigned findings = 0;
	assert_int_equal(store_verify(s, true, print_finding, &findings), 0);
	assert_int_equal(findings, 0);
}

static int rcpt_state(void *ctx, const struct spool_rcpt *rcpt)
{
	*(enum spool_rcpt_state *)ctx = rcpt->state;
	return 0;
}

/* While the cause is there: the report is, if and only if the recipient failed. */
static void assert_report_with_cause(struct store *s)
{
	enum spool_rcpt_state state;
	if (store_read_rcpts(s, WORKLOAD_CAUSE, 0, 1, rcpt_state, &state)) return;
	int report = store_read_rcpts(s, WORKLOAD_REPORT, 0, 1, rcpt_state,
				      &(enum spool_rcpt_state){ SPOOL_PENDING });
	assert_int_equal(state == SPOOL_FAILED, report == 0);
}

static void assert_goes_on(struct store *s)
{
	struct spool_rcpt_new to = { STR("a@b.example"), 1 };
	struct str body = STR("after the crash");
	struct spool_op op = { .kind = SPOOL_OP_ARRIVE, .id = 60, .arrive = {
		.rcpts = &to, .rcpts_count = 1, .spans = &body, .spans_count = 1 } };
	store_commit(s, &op, 1);
	assert_int_equal(op.result, 0);
	assert_sound(s);
}

/* ---- power cuts ------------------------------------------------------------------ */

static void check_cut(const struct rig *rig, size_t steps, enum fake_cut cut,
		      uint64_t seed)
{
	struct rig image;
	size_t acked = 0;
	while (acked < run.batches && run.acked_at[acked] + 1 <= steps) acked++;
	rig_cut(rig, steps, cut, seed, &image);
	int r = rig_open(&image);
	if (r)
		fail_msg("step %zu cut %d seed %llu: open %d", steps, cut,
			 (unsigned long long)seed, r);
	bool good = holds(image.store, &run.models[acked]) ||
		    (acked < run.batches && holds(image.store, &run.models[acked + 1]));
	if (!good)
		fail_msg("step %zu cut %d seed %llu: after batch %zu\n%s\nwanted\n%s",
			 steps, cut, (unsigned long long)seed, acked,
			 text_of_store(image.store), text_of_model(&run.models[acked]));
	assert_sound(image.store);
	assert_report_with_cause(image.store);
	if (steps % 8 == 0) assert_goes_on(image.store);
	rig_end(&image);
}

static void check_cuts(const struct store_backend *backend)
{
	struct rig rig;
	rig_begin(&rig, backend);
	assert_int_equal(rig_open(&rig), 0);
	workload_run(rig.store, &run, steps_of, &rig);
	assert_int_equal(run.refused, 0);
	assert_true(holds(rig.store, &run.models[run.batches]));
	assert_sound(rig.store);
	rig_close(&rig);
	size_t steps = fake_disk_steps(rig.disk);
	print_message("%s: %zu batches, %zu steps\n", backend->name, run.batches, steps);
	for (size_t step = 1; step <= steps + 1; step++) {
		check_cut(&rig, step, FAKE_LOST, 0);
		check_cut(&rig, step, FAKE_KEPT, 0);
		check_cut(&rig, step, FAKE_TORN, step);
		for (uint64_t seed = 0; seed < SUBSETS; seed++)
			check_cut(&rig, step, FAKE_SUBSET, step * SUBSETS + seed);
	}
	rig_end(&rig);
}

static void test_cuts_lmdb(void **state)
{
	(void)state;
	check_cuts(&store_lmdb);
}

static void test_cuts_mem(void **state)
{
	(void)state;
	check_cuts(&store_mem);
}

/* ---- failing calls --------------------------------------------------------------- */

/* What a spool may hold after a run in which something failed. */
static void check_after(const struct rig *rig, struct store *s, const char *when)
{
	if (holds(s, &run.models[run.batches])) return;
	if (run.in_doubt && holds(s, &run.doubt)) return;
	fail_msg("%s %s\n%s\nwanted\n%s", rig->backend->name, when, text_of_store(s),
		 text_of_model(&run.models[run.batches]));
}

/* Runs with the `nth` call failing; false if there is no such call. */
static bool check_fault(const struct store_backend *backend, enum fake_call call,
			unsigned nth, int error)
{
	struct rig rig, image;
	struct spool_health health;
	rig_begin(&rig, backend);
	assert_int_equal(rig_open(&rig), 0);
	fake_disk_fail(rig.faults, call, nth, error);
	workload_run(rig.store, &run, steps_of, &rig);
	bool failed = fake_disk_failed(rig.faults);
	fake_disk_fail(rig.faults, call, 0, 0);
	store_health(rig.store, &health);
	assert_int_equal(health.usable, !run.in_doubt);
	if (call == FAKE_SYNC && error == EIO && failed) assert_false(health.usable);
	if (error == ENOSPC && health.usable) assert_int_equal(run.refused_others, 0);
	if (health.usable) check_after(&rig, rig.store, "running");
	/* the power goes with it */
	rig_cut(&rig, fake_disk_steps(rig.disk) + 1, FAKE_LOST, 0, &image);
	rig_close(&rig);
	assert_int_equal(rig_open(&image), 0);
	check_after(&rig, image.store, "after a cut");
	assert_sound(image.store);
	rig_end(&image);
	/* or the role is started again */
	assert_int_equal(rig_open(&rig), 0);
	check_after(&rig, rig.store, "opened again");
	assert_sound(rig.store);
	assert_report_with_cause(rig.store);
	rig_end(&rig);
	return failed;
}

static void check_faults(const struct store_backend *backend)
{
	static const struct {
		enum fake_call call;
		int error;
		unsigned at_least;
	} rows[] = {
		{ FAKE_WRITE, ENOSPC, 20 },       { FAKE_WRITE, EIO, 20 },
		{ FAKE_SHORT_WRITE, ENOSPC, 20 }, { FAKE_SYNC, EIO, 30 },
		{ FAKE_SYNC, ENOSPC, 30 },        { FAKE_CREATE, ENOSPC, 6 },
		{ FAKE_CREATE, EMFILE, 6 },       { FAKE_OPEN, EMFILE, 6 },
		{ FAKE_OPEN, EACCES, 6 },         { FAKE_RENAME, ENOSPC, 6 },
		{ FAKE_RENAME, EACCES, 6 },       { FAKE_RENAME, EIO, 6 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned nth = 1;
		while (check_fault(backend, rows[i].call, nth, rows[i].error)) nth++;
		print_message("%s: call %d failed at %u places\n", backend->name,
			      (int)rows[i].call, nth - 1);
		assert_true(nth > rows[i].at_least);
	}
}

static void test_faults_lmdb(void **state)
{
	(void)state;
	check_faults(&store_lmdb);
}

static void test_faults_mem(void **state)
{
	(void)state;
	check_faults(&store_mem);
}

/* Opening: each call fails once; nothing is lost by it, and the next try is good. */
static void test_faults_while_opening(void **state)
{
	static const struct { enum fake_call call; int error; } rows[] = {
		{ FAKE_WRITE, ENOSPC }, { FAKE_WRITE, EIO }, { FAKE_SYNC, EIO },
		{ FAKE_CREATE, EMFILE }, { FAKE_OPEN, EMFILE }, { FAKE_RENAME, EACCES },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool failed = true;
		for (unsigned nth = 1; failed; nth++) {
			struct rig rig;
			rig_begin(&rig, &store_lmdb);
			fake_disk_fail(rig.faults, rows[i].call, nth, rows[i].error);
			int r = rig_open(&rig);
			failed = fake_disk_failed(rig.faults);
			assert_int_equal(r != 0, failed);
			fake_disk_fail(rig.faults, rows[i].call, 0, 0);
			rig_close(&rig);
			assert_int_equal(rig_open(&rig), 0);
			assert_goes_on(rig.store);
			rig_end(&rig);
		}
	}
}

/* A disk without a free block: arrivals wait, everything else is noted. */
static void test_disk_full(void **state)
{
	struct rig rig;
	struct workload_run *full = &run;
	(void)state;
	rig_begin(&rig, &store_lmdb);
	assert_int_equal(rig_open(&rig), 0);
	assert_goes_on(rig.store);
	trace_fallocate_fails(ENOSPC);
	rig_close(&rig);
	assert_int_equal(rig_open(&rig), 0);
	workload_run(rig.store, full, steps_of, &rig);
	assert_true(full->refused > 0);
	struct spool_op ops[] = {
		{ .kind = SPOOL_OP_STATE, .id = 60, .state = { .state = SPOOL_HELD } },
		{ .kind = SPOOL_OP_REMOVE, .id = 60 },
	};
	store_commit(rig.store, ops, 2);
	assert_int_equal(ops[0].result, 0);
	assert_int_equal(ops[1].result, 0);
	assert_sound(rig.store);
	trace_fallocate_fails(0);
	assert_goes_on(rig.store);
	/* a file system that cannot reserve does without */
	trace_fallocate_fails(EOPNOTSUPP);
	rig_close(&rig);
	assert_int_equal(rig_open(&rig), 0);
	workload_run(rig.store, full, steps_of, &rig);
	assert_int_equal(full->refused, 0);
	trace_fallocate_fails(0);
	rig_end(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts_mem),
		cmocka_unit_test(test_cuts_lmdb),
		cmocka_unit_test(test_faults_mem),
		cmocka_unit_test(test_faults_lmdb),
		cmocka_unit_test(test_faults_while_opening),
		cmocka_unit_test(test_disk_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
