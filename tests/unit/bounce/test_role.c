/* SPDX-License-Identifier: Apache-2.0 */
#include "../services/role_test.h"

#include "bounce/outbox.h"
#include "lib/dsn/notice.h"
#include "lib/os/window.h"

enum { OURS = 1 << 20 };

static struct window *window; /* spool's, which the test plays */
static struct window *theirs; /* bounce's, as spool sees it */

static struct {
	uint64_t job, size;
	struct buf text;
	unsigned empty; /* answers without a report */
} last;

/* role_test.h closes no descriptors, so bounce's window is taken here. */
static void on_far(void *arg, struct channel *ch, enum msg_type type, struct str payload, int fd)
{
	struct role_test *t = arg;
	struct msg_report_done done;
	(void)ch;
	if (type == MSG_window) {
		assert_null(theirs);
		theirs = window_map(fd);
		assert_non_null(theirs);
	} else {
		struct window_range ranges[OUTBOX_BLOCKS_MAX];
		assert_int_equal(type, MSG_report_done);
		assert_true(msg_report_done_get(payload, &done));
		buf_reset(&last.text);
		int count = done.size ? window_ranges_get(theirs, done.ranges, ranges,
							  OUTBOX_BLOCKS_MAX) : 0;
		assert_true(count >= 0);
		for (int i = 0; i < count; i++)
			buf_bytes(&last.text, window_at(theirs, ranges[i]), ranges[i].len);
		assert_int_equal(last.text.len, done.size);
		last.job = done.job;
		last.size = done.size;
		last.empty += done.size == 0;
	}
	if (++t->answers == t->wanted) loop_stop(t->frame.loop);
}

static int setup(void **state)
{
	static const struct channel_handler near = { role_test_near, role_test_closed };
	static const struct channel_handler far = { on_far, role_test_closed };
	static struct role_test t;
	int ends[2];
	role_test_folder(&t);
	role_test_start(&t, &bounce_role, ROLE_SPOOL, "");
	/* The same channel again, with the descriptor handed on at the far end. */
	channel_free(t.near);
	channel_free(t.far);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	t.near = channel_new(t.frame.loop, ends[0], ROLE_BOUNCE, ROLE_SPOOL, 0, &near, &t);
	t.far = channel_new(t.frame.loop, ends[1], ROLE_SPOOL, ROLE_BOUNCE, 0, &far, &t);
	*state = &t;
	memset(&last, 0, sizeof last);
	buf_init(&last.text, DSN_REPORT_MAX);
	window = window_new(OURS);
	assert_non_null(window);
	return 0;
}

static int teardown(void **state)
{
	struct role_test *t = *state;
	bounce_role.peer_down(&t->frame, t->near);
	role_test_end(t);
	window_free(window);
	window_free(theirs);
	theirs = NULL;
	buf_free(&last.text);
	return 0;
}

static void send_window(struct role_test *t)
{
	channel_send_spool_window_fd(t->far, &(struct msg_spool_window){ OURS },
				     window_fd(window));
	role_test_run(t, 1);
	assert_non_null(theirs);
}

static const struct dsn_rcpt rcpt = { .address = STR_INIT("b@them.example"),
				      .status = STR_INIT("5.1.1") };
static const struct dsn_report report = {
	.hostname = STR_INIT("mx.us.example"),
	.to = STR_INIT("a@us.example"),
	.sender = STR_INIT("a@us.example"),
	.message_id = STR_INIT("1@mx.us.example"),
	.id = STR_INIT("00000000000000aa"),
	.whole = true,
	.rcpts = &rcpt,
	.count = 1,
};

static void send_job(struct role_test *t, uint64_t job, const struct window_range *ranges,
		     size_t count)
{
	struct buf record, list;
	buf_init(&record, DSN_RECORD_MAX);
	buf_init(&list, DSN_RECORD_MAX);
	dsn_report_encode(&record, &report);
	window_ranges_put(&list, ranges, count);
	channel_send_report_job(t->far, &(struct msg_report_job){ job, buf_view(&record),
								  buf_view(&list) });
	buf_free(&record);
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

static bool report_has(const char *text)
{
	return memmem(last.text.at, last.text.len, text, str_of(text).len) != NULL;
}

static void writes(void **state)
{
	struct role_test *t = *state;
	send_window(t);
	struct window_range r[] = { fill("Subject: Lun"), fill("ch\r\n\r\nhello\r\n") };
	send_job(t, 7, r, 2);
	role_test_run(t, 1);
	assert_int_equal(last.job, 7);
	assert_true(report_has("\r\nSubject: Undeliverable: Lunch\r\n"));
	assert_true(report_has("\r\n\r\nhello\r\n"));
	assert_true(report_has("\r\nStatus: 5.1.1\r\n"));
	/* An original is not needed. */
	send_job(t, 8, NULL, 0);
	role_test_run(t, 1);
	assert_int_equal(last.job, 8);
	assert_true(report_has("\r\nSubject: Undeliverable\r\n"));
	assert_int_equal(t->events, 0);
}

static void says_what_is_wrong(void **state)
{
	struct role_test *t = *state;
	struct window_range r = { 0, 10 }, huge = { 0, DSN_ORIGINAL_MAX };
	send_job(t, 1, &r, 1); /* before there is a window */
	role_test_run(t, 1);
	assert_int_equal(last.empty, 1);
	assert_true(role_test_said(t, "does not lie inside the window"));
	send_window(t);
	r.offset = OURS - 9;
	send_job(t, 2, &r, 1);
	role_test_run(t, 1);
	assert_int_equal(last.empty, 2);
	channel_send_report_job(t->far, &(struct msg_report_job){ 3, STR("nonsense"), STR("") });
	role_test_run(t, 1);
	assert_int_equal(last.job, 3);
	assert_int_equal(last.empty, 3);
	assert_true(role_test_said(t, "the request is damaged"));
	struct window_range both[] = { huge, { 0, 1 } };
	send_job(t, 4, both, 2);
	role_test_run(t, 1);
	assert_int_equal(last.empty, 4);
	assert_true(role_test_said(t, "larger than a report takes"));
	send_job(t, 5, NULL, 0);
	send_job(t, 5, NULL, 0);
	role_test_run(t, 2);
	assert_int_equal(last.empty, 5);
	assert_true(role_test_said(t, "asked for twice"));
}

static void takes_no_other_window(void **state)
{
	struct role_test *t = *state;
	channel_send_spool_window_fd(t->far, &(struct msg_spool_window){ OURS }, 0); /* no memfd */
	role_test_run(t, 1);
	assert_true(role_test_said(t, "cannot be used"));
}

static void is_bounded(void **state)
{
	struct role_test *t = *state;
	send_window(t);
	for (uint64_t i = 0; i <= OUTBOX_MAX; i++) send_job(t, i, NULL, 0);
	role_test_run(t, OUTBOX_MAX + 1);
	assert_int_equal(last.job, OUTBOX_MAX);
	assert_int_equal(last.empty, 1);
	assert_true(role_test_said(t, "more reports are asked for"));
	channel_send_report_free(t->far, &(struct msg_report_free){ 0 });
	channel_send_report_free(t->far, &(struct msg_report_free){ 4711 });
	send_job(t, 100, NULL, 0);
	role_test_run(t, 1);
	assert_int_equal(last.job, 100);
	assert_true(last.size > 0);
}

/* The spool dies: its next life begins with nothing here. */
static void forgets_with_spool(void **state)
{
	struct role_test *t = *state;
	send_window(t);
	for (uint64_t i = 0; i < OUTBOX_MAX; i++) send_job(t, i, NULL, 0);
	role_test_run(t, OUTBOX_MAX);
	bounce_role.peer_down(&t->frame, t->near);
	window_free(theirs);
	theirs = NULL;
	send_window(t);
	for (uint64_t i = 0; i < OUTBOX_MAX; i++) send_job(t, i, NULL, 0);
	role_test_run(t, OUTBOX_MAX);
	assert_int_equal(last.empty, 0);
}

static void send_notice(struct role_test *t, uint64_t job)
{
	struct buf record;
	buf_init(&record, DSN_NOTICE_RECORD_MAX);
	dsn_notice_encode(&record, &(struct dsn_notice){ .hostname = STR("mx.us.example"),
		.to = STR("p@us.example"), .client = STR("192.0.2.9"), .user = STR("-"), .count = 1 });
	channel_send_notice_job(t->far, &(struct msg_notice_job){ job, buf_view(&record) });
	buf_free(&record);
}

static void writes_notices(void **state)
{
	struct role_test *t = *state;
	send_window(t);
	send_notice(t, 9);
	role_test_run(t, 1);
	assert_int_equal(last.job, 9);
	assert_true(report_has("\r\nTo: <p@us.example>\r\n"));
	assert_true(report_has("User: - (nobody had logged in)"));
	send_notice(t, 9);
	role_test_run(t, 1);
	assert_true(role_test_said(t, "a message is asked for twice"));
	channel_send_notice_job(t->far, &(struct msg_notice_job){ 10, STR("nonsense") });
	role_test_run(t, 1);
	assert_int_equal(last.job, 10);
	assert_int_equal(last.empty, 2);
	assert_true(role_test_said(t, "the request is damaged"));
	for (uint64_t i = 100; i < 100 + OUTBOX_MAX; i++) send_notice(t, i);
	role_test_run(t, OUTBOX_MAX);
	assert_int_equal(last.empty, 3);
	assert_true(role_test_said(t, "more messages are asked for"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes),     TEST(writes_notices), TEST(says_what_is_wrong), TEST(takes_no_other_window),
		TEST(is_bounded), TEST(forgets_with_spool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
