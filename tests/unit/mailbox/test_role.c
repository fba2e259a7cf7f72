/* SPDX-License-Identifier: Apache-2.0 */
#include "../services/role_test.h"

#include <dirent.h>
#include <sys/mman.h>

#include "lib/os/window.h"
#include "lib/mail/job.h"

static struct {
	uint64_t job;
	int results, delivered;
	char dsn[16], text[600];
} last;

static struct window *window;

static void on_done(struct role_test *t, enum msg_type type, struct str payload)
{
	struct msg_done done;
	struct job_result r;
	(void)t;
	assert_int_equal(type, MSG_done);
	assert_true(msg_done_get(payload, &done));
	last.job = done.job;
	last.results = job_results_count(done.results);
	last.delivered = 0;
	struct cur c = cur_of(done.results);
	while (job_result_next(&c, &r)) {
		last.delivered += r.outcome == JOB_DELIVERED;
		assert_true(str_to_cstr(r.dsn, last.dsn, sizeof last.dsn));
		assert_true(str_to_cstr(r.text, last.text, sizeof last.text));
	}
}

static int setup(void **state)
{
	static struct role_test t;
	char conf[512];
	role_test_folder(&t);
	t.answer = on_done;
	(void)snprintf(
		conf, sizeof conf,
		"domain a.example { users any; deliver maildir %s/mail/%%d/%%n }\n"
		"domain bad.example { users any; deliver maildir /dev/null/%%n }\n",
		t.root);
	role_test_start(&t, &mailbox_role, ROLE_SPOOL, conf);
	*state = &t;
	window = window_new(1 << 20);
	assert_non_null(window);
	return 0;
}

static int teardown(void **state)
{
	struct role_test *t = *state;
	role_test_end(t);
	window_free(window);
	return 0;
}

static int files(const struct role_test *t, const char *below)
{
	char path[256];
	int count = 0;
	(void)snprintf(path, sizeof path, "%s/mail/%s", t->root, below);
	DIR *list = opendir(path);
	if (!list) return -1;
	for (struct dirent *e; (e = readdir(list));) count += e->d_name[0] != '.';
	(void)closedir(list);
	return count;
}

static void send_window(struct role_test *t)
{
	channel_send_spool_window_fd(t->far, &(struct msg_spool_window){ .size = 1 << 20 },
			       window_fd(window));
}

/* A job for joe and ann of `domain`, whose body is these ranges. */
static void send_job(struct role_test *t, uint64_t id, const char *domain,
		     const struct window_range *ranges, size_t count, uint64_t size,
		     int fd)
{
	struct buf recipients, list;
	buf_init(&recipients, 4096);
	buf_init(&list, 4096);
	job_recipient_put(&recipients, &(struct job_recipient){ .index = 0,
								.address = STR("Joe@a.example"),
								.mailbox = STR("joe@a.example"),
								.domain = str_of(domain) });
	job_recipient_put(&recipients, &(struct job_recipient){ .index = 1,
								.address = STR("ann@a.example"),
								.mailbox = STR("ann@a.example"),
								.domain = str_of(domain) });
	window_ranges_put(&list, ranges, count);
	struct msg_job job = { .job = id,
			       .id = 1000 + id,
			       .sender = STR("s@x.example"),
			       .recipients = buf_view(&recipients),
			       .ranges = buf_view(&list),
			       .size = size,
			       .big = fd >= 0 };
	if (fd >= 0) channel_send_job_fd(t->far, &job, fd);
	else channel_send_job(t->far, &job);
	buf_free(&recipients);
	buf_free(&list);
}

static struct window_range fill(const char *text)
{
	int64_t at = window_take(window);
	assert_true(at >= 0);
	struct window_range r = { (uint32_t)at, (uint32_t)str_of(text).len };
	memcpy(window_at(window, r), text, r.len);
	return r;
}

static void delivers(void **state)
{
	struct role_test *t = *state;
	send_window(t);
	struct window_range r[2] = { fill("Subject: a\r\n\r\nhel"), fill("lo\r\n") };
	send_job(t, 7, "a.example", r, 2, r[0].len + r[1].len, -1);
	role_test_run(t, 1);
	assert_int_equal(last.job, 7);
	assert_int_equal(last.results, 2);
	assert_int_equal(last.delivered, 2);
	assert_string_equal(last.dsn, "2.0.0");
	assert_int_equal(files(t, "a.example/joe/new"), 1);
	assert_int_equal(files(t, "a.example/ann/new"), 1);
	assert_int_equal(files(t, "a.example/ann/tmp"), 0);
}

static void delivers_big(void **state)
{
	struct role_test *t = *state;
	int fd = memfd_create("body", MFD_CLOEXEC);
	static char body[300 << 10];
	memset(body, 'x', sizeof body);
	assert_int_equal(write(fd, body, sizeof body), sizeof body);
	send_job(t, 8, "a.example", NULL, 0, sizeof body, fd);
	role_test_run(t, 1);
	assert_int_equal(last.delivered, 2);
	/* Shorter than it should be. */
	send_job(t, 9, "a.example", NULL, 0, sizeof body + 1, fd);
	role_test_run(t, 1);
	assert_int_equal(last.delivered, 0);
	assert_non_null(strstr(last.text, "shorter than its size"));
	assert_int_equal(files(t, "a.example/joe/new"), 1);
	assert_int_equal(files(t, "a.example/joe/tmp"), 0);
	(void)close(fd);
}

static void answers_many(void **state)
{
	struct role_test *t = *state;
	send_window(t);
	struct window_range r = fill("Subject: a\r\n\r\n");
	for (uint64_t i = 0; i < 200; i++) send_job(t, i, "a.example", &r, 1, r.len, -1);
	role_test_run(t, 200);
	assert_int_equal(last.job, 199);
	assert_int_equal(files(t, "a.example/joe/new"), 200);
}

static void defers_what_it_cannot_read(void **state)
{
	struct role_test *t = *state;
	struct window_range r = { 0, 10 };
	send_job(t, 1, "a.example", &r, 1, 10, -1);
	role_test_run(t, 1);
	assert_int_equal(last.delivered, 0);
	assert_string_equal(last.text, "there is no window to read the message from");
	send_window(t);
	r.offset = 1 << 20;
	send_job(t, 2, "a.example", &r, 1, 10, -1);
	role_test_run(t, 1);
	assert_string_equal(last.text, "the message does not lie inside the window");
	r.offset = 0;
	send_job(t, 3, "a.example", &r, 1, 11, -1);
	role_test_run(t, 1);
	assert_string_equal(last.text, "the message is not as long as it should be");
	send_job(t, 4, "bad.example", &r, 1, 10, -1);
	role_test_run(t, 1);
	assert_non_null(strstr(last.text, "Not a directory"));
	assert_true(role_test_said(t, "Not a directory"));
	send_job(t, 5, "other.example", &r, 1, 10, -1);
	role_test_run(t, 1);
	assert_string_equal(last.dsn, "4.3.5");
	assert_int_equal(last.results, 2);
}

static void reloads(void **state)
{
	struct role_test *t = *state;
	char conf[512];
	send_window(t);
	struct window_range r = fill("Subject: a\r\n\r\n");
	(void)snprintf(conf, sizeof conf,
		       "domain a.example { users any; deliver maildir %s/other/%%n }\n",
		       t->root);
	struct conf *old = t->frame.conf;
	t->frame.conf = role_test_conf(conf);
	mailbox_role.reload(&t->frame, old);
	conf_free(old);
	send_job(t, 1, "a.example", &r, 1, r.len, -1);
	role_test_run(t, 1);
	assert_int_equal(last.delivered, 2);
	assert_int_equal(files(t, "../other/joe/new"), 1);
	assert_int_equal(files(t, "a.example/joe/new"), -1);
}

/* The spool dies: what is in hand is not delivered, for it could not be told. */
static void forgets_with_spool(void **state)
{
	struct role_test *t = *state;
	struct buf payload, recipients;
	buf_init(&payload, 4096);
	buf_init(&recipients, 4096);
	job_recipient_put(&recipients, &(struct job_recipient){ .address = STR("joe@a.example"),
								.mailbox = STR("joe@a.example"),
								.domain = STR("a.example") });
	struct msg_job job = {
		.job = 1, .id = 2, .recipients = buf_view(&recipients), .big = 1
	};
	msg_job_put(&payload, &job);
	mailbox_role.message(&t->frame, t->near, MSG_job, buf_view(&payload),
			     memfd_create("body", MFD_CLOEXEC));
	assert_int_equal(files(t, "a.example/joe/tmp"), 1);
	mailbox_role.peer_down(&t->frame, t->near);
	assert_int_equal(files(t, "a.example/joe/tmp"), 0);
	assert_int_equal(files(t, "a.example/joe/new"), 0);
	buf_free(&payload);
	buf_free(&recipients);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(delivers),     TEST(delivers_big),
		TEST(answers_many), TEST(defers_what_it_cannot_read),
		TEST(reloads),      TEST(forgets_with_spool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
