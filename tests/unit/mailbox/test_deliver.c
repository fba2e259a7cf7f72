/* SPDX-License-Identifier: Apache-2.0 */
#include "box.h"

#include <errno.h>

#include "mailbox/deliver.h"

struct told {
	uint64_t job;
	int results;
	int delivered;
	char dsn[16], text[600], host[600]; /* of the last result */
	uint32_t index;
};

static struct {
	struct told told[4096];
	size_t count, failures;
	char template[256];
} seen;

static struct str on_template(void *arg, struct str domain)
{
	(void)arg;
	if (str_eq(domain, STR("none.example"))) return STR("");
	if (str_eq(domain, STR("bad.example"))) return STR("/tmp/%x");
	if (str_eq(domain, STR("later.example"))) return STR("/later/%n");
	if (str_eq(domain, STR("shut.example"))) return STR("/dev/null/%n");
	return str_of(seen.template);
}

static void on_done(void *arg, uint64_t job, struct str results)
{
	(void)arg;
	struct told *t = &seen.told[seen.count++];
	*t = (struct told){ .job = job, .results = job_results_count(results) };
	struct cur c = cur_of(results);
	for (struct job_result r; job_result_next(&c, &r);) {
		t->delivered += r.outcome == JOB_DELIVERED;
		t->index = r.index;
		assert_true(str_to_cstr(r.dsn, t->dsn, sizeof t->dsn));
		assert_true(str_to_cstr(r.text, t->text, sizeof t->text));
		assert_true(str_to_cstr(r.host, t->host, sizeof t->host));
	}
}

static void on_failed(void *arg, struct str recipient, struct str error, struct str path)
{
	(void)arg, (void)recipient, (void)path;
	assert_true(error.len > 0);
	seen.failures++;
}

static const struct deliver_calls calls = { on_template, on_done, on_failed, NULL };

struct deliver_test {
	struct box_test *box;
	struct roots roots;
	struct deliver *deliver;
};

static int setup(void **state)
{
	struct deliver_test *t = calloc(1, sizeof *t);
	assert_int_equal(box_setup(state), 0);
	t->box = *state;
	memset(&seen, 0, sizeof seen);
	(void)snprintf(seen.template, sizeof seen.template, "%s/m/%%d/%%n", t->box->root);
	roots_init(&t->roots);
	roots_begin(&t->roots);
	assert_int_equal(
		roots_add(&t->roots, str_of(seen.template), (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(roots_add(&t->roots, STR("/dev/null/%n"), (uid_t)-1, (gid_t)-1),
			 -ENOTDIR);
	assert_int_equal(roots_add(&t->roots, STR("/tmp/%x"), (uid_t)-1, (gid_t)-1),
			 -EINVAL);
	roots_end(&t->roots);
	assert_int_equal(t->roots.count, 2);
	t->deliver = deliver_new(&t->roots, &calls);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct deliver_test *t = *state;
	deliver_free(t->deliver);
	roots_free(&t->roots);
	*state = t->box;
	free(t);
	return box_teardown(state);
}

/* Adds a job of `count` recipients u0@a.example ... with indices from 100. */
static bool add(struct deliver_test *t, uint64_t job, unsigned count, struct str domain,
		const char *broken)
{
	struct buf recipients;
	buf_init(&recipients, 1 << 20);
	for (unsigned i = 0; i < count; i++) {
		char address[64];
		(void)snprintf(address, sizeof address, "u%u@a.example", i);
		job_recipient_put(&recipients,
				  &(struct job_recipient){ .index = 100 + i,
							   .address = str_of(address),
							   .mailbox = str_of(address),
							   .domain = domain });
	}
	struct str piece = box_body;
	struct deliver_job d = { .job = job,
				 .recipients = buf_view(&recipients),
				 .broken = broken };
	d.letter = box_letter(&piece, 1);
	bool good = deliver_add(t->deliver, &d);
	buf_free(&recipients);
	return good;
}

static void answers_jobs(void **state)
{
	struct deliver_test *t = *state;
	assert_true(add(t, 7, 1, STR("a.example"), NULL));
	assert_true(add(t, 8, 3, STR("a.example"), NULL));
	assert_int_equal(seen.count, 0); /* not before it is durable */
	assert_int_equal(box_files(t->box, "m/a.example/u0/new", NULL), 0);
	deliver_commit(t->deliver);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.told[0].job, 7);
	assert_int_equal(seen.told[0].delivered, 1);
	assert_int_equal(seen.told[1].job, 8);
	assert_int_equal(seen.told[1].results, 3);
	assert_int_equal(seen.told[1].delivered, 3);
	assert_int_equal(seen.told[1].index, 102);
	assert_string_equal(seen.told[1].dsn, "2.0.0");
	assert_string_equal(seen.told[1].host, box_path(t->box, "m/a.example/u2"));
	assert_int_equal(box_files(t->box, "m/a.example/u0/new", NULL), 2);
	assert_int_equal(box_files(t->box, "m/a.example/u2/new", NULL), 1);
	deliver_commit(t->deliver);
	assert_int_equal(seen.count, 2);
}

/* Jobs larger than a batch, at every place of its border. */
static void spans_batches(void **state)
{
	struct deliver_test *t = *state;
	static const unsigned counts[] = { 63, 1, 65, 200, 64, 1, 128, 2 };
	for (size_t i = 0; i < 8; i++)
		assert_true(add(t, i, counts[i], STR("a.example"), NULL));
	deliver_commit(t->deliver);
	assert_int_equal(seen.count, 8);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(seen.told[i].job, i);
		assert_int_equal(seen.told[i].results, counts[i]);
		assert_int_equal(seen.told[i].delivered, counts[i]);
		assert_int_equal(seen.told[i].index, 99 + counts[i]);
	}
	assert_int_equal(box_files(t->box, "m/a.example/u0/new", NULL), 8);
	assert_int_equal(box_files(t->box, "m/a.example/u199/new", NULL), 1);
}

static const struct {
	struct str domain;
	const char *broken, *dsn, *text;
} troubles[] = {
	{ STR_INIT("none.example"), NULL, "4.3.5",
	  "the domain has no mailboxes in the configuration" },
	{ STR_INIT("bad.example"), NULL, "4.3.5", "after % stands d, n, u or %" },
	{ STR_INIT("later.example"), NULL, "4.3.5",
	  "the mailbox's folder is not open: the service must be restarted" },
	{ STR_INIT("shut.example"), NULL, "4.3.0",
	  "the folder of the mailboxes could not be opened: Not a directory; when that "
	  "is "
	  "mended, the service must be restarted" },
	{ STR_INIT("a.example"), "the body is gone", "4.3.0", "the body is gone" },
};

static void defers_with_reason(void **state)
{
	struct deliver_test *t = *state;
	for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++)
		assert_true(add(t, i, 2, troubles[i].domain, troubles[i].broken));
	deliver_commit(t->deliver);
	for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
		assert_int_equal(seen.told[i].results, 2);
		assert_int_equal(seen.told[i].delivered, 0);
		assert_string_equal(seen.told[i].dsn, troubles[i].dsn);
		assert_string_equal(seen.told[i].text, troubles[i].text);
		assert_true(seen.told[i].host[0]);
	}
	assert_int_equal(seen.failures, 10);
}

/* A few thousand that fail without ever filling the batch. */
static void bounds_jobs(void **state)
{
	struct deliver_test *t = *state;
	for (size_t i = 0; i < 1000; i++)
		assert_true(add(t, i, 1, STR("none.example"), NULL));
	deliver_commit(t->deliver);
	assert_int_equal(seen.count, 1000);
	for (size_t i = 0; i < 1000; i++) assert_int_equal(seen.told[i].job, i);
	assert_true(add(t, 1, 4096, STR("none.example"), NULL));
	assert_false(add(t, 2, 4097, STR("none.example"), NULL));
	deliver_commit(t->deliver);
	assert_int_equal(seen.told[1000].results, 4096);
	assert_int_equal(seen.told[1001].results, 0);
}

static void defers_full_and_wrong_boxes(void **state)
{
	struct deliver_test *t = *state;
	assert_true(add(t, 1, 1, STR("a.example"), NULL));
	deliver_commit(t->deliver);
	(void)close(open(box_path(t->box, "m/a.example/u1"),
			 O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_true(add(t, 2, 2, STR("a.example"), NULL));
	deliver_commit(t->deliver);
	assert_int_equal(seen.told[1].results, 2);
	assert_int_equal(seen.told[1].delivered, 1);
	assert_string_equal(seen.told[1].dsn, "4.3.0");
	assert_string_equal(seen.told[1].text,
			    "mailbox cannot be written: Not a directory");
	assert_string_equal(seen.told[1].host, box_path(t->box, "m/a.example/u1"));
}

static void drop_tells_nothing(void **state)
{
	struct deliver_test *t = *state;
	assert_true(add(t, 1, 3, STR("a.example"), NULL));
	deliver_drop(t->deliver);
	deliver_commit(t->deliver);
	assert_int_equal(seen.count, 0);
	assert_int_equal(box_files(t->box, "m/a.example/u0/tmp", NULL), 0);
	assert_int_equal(box_files(t->box, "m/a.example/u0/new", NULL), 0);
}

static void keeps_roots_in_use(void **state)
{
	struct deliver_test *t = *state;
	struct roots *r = &t->roots;
	roots_begin(r);
	assert_int_equal(roots_add(r, STR("/tmp/%n"), (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(roots_add(r, STR("/tmp/%d/%n"), (uid_t)-1, (gid_t)-1), 0);
	roots_end(r);
	assert_int_equal(r->count, 1);
	assert_null(roots_find(r, str_of(seen.template)));
	assert_null(roots_find(r, STR("relative/%n")));
	assert_ptr_equal(roots_find(r, STR("/tmp/%u")), &r->list[0]);
	roots_begin(r);
	for (unsigned i = 0; i <= ROOTS_MAX; i++) {
		char template[64];
		(void)snprintf(template, sizeof template, "/dev/null/%u/%%n", i);
		assert_int_equal(roots_add(r, str_of(template), (uid_t)-1, (gid_t)-1),
				 i < ROOTS_MAX - 1 ? -ENOTDIR : -ENOSPC);
	}
	roots_end(r);
	assert_int_equal(r->count, ROOTS_MAX - 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_jobs),
		TEST(spans_batches),
		TEST(defers_with_reason),
		TEST(bounds_jobs),
		TEST(defers_full_and_wrong_boxes),
		TEST(drop_tells_nothing),
		TEST(keeps_roots_in_use),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
