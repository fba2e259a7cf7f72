/* SPDX-License-Identifier: Apache-2.0 */
/* A frame for the test of one role: a loop, a configuration from text, a log that keeps
 * the last event's record, and a channel whose far end is the test. */
#ifndef IMS_TESTS_SERVICES_ROLE_TEST_H
#define IMS_TESTS_SERVICES_ROLE_TEST_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "services/frame.h"

enum { ROLE_TEST_PATIENCE_MS = 20 * 1000 };

struct role_test {
	struct frame frame;
	struct event_log log;
	struct channel *near, *far; /* near: the role's end */
	void (*answer)(struct role_test *t, enum msg_type type, struct str payload);
	int answers, wanted;
	unsigned events;
	struct buf record; /* of the last event */
	bool left, gone;
	char root[64];
};

static struct role_test *role_test_now;

/* A role's state ends with its process, and so it does here. */
enum { ROLE_TEST_STATES_MAX = 32 };
static void *role_test_states[ROLE_TEST_STATES_MAX];
static size_t role_test_state_count;

struct channel *frame_peer(const struct frame *f, enum role role, unsigned index)
{
	(void)f, (void)index;
	struct role_test *t = role_test_now;
	return t->near && role == channel_peer(t->near) ? t->near : NULL;
}

void frame_leave(struct frame *f)
{
	role_test_now->left = true;
	loop_stop(f->loop);
}

static void role_test_record(void *arg, struct str record)
{
	struct role_test *t = arg;
	t->events++;
	buf_reset(&t->record);
	buf_str(&t->record, record);
}

static int64_t role_test_wall(void *arg)
{
	(void)arg;
	return 1700000000000;
}

static void role_test_near(void *arg, struct channel *ch, enum msg_type type,
			   struct str payload, int fd)
{
	struct role_test *t = arg;
	t->frame.ops->message(&t->frame, ch, type, payload, fd);
}

static void role_test_far(void *arg, struct channel *ch, enum msg_type type,
			  struct str payload, int fd)
{
	struct role_test *t = arg;
	(void)ch, (void)fd;
	t->answer(t, type, payload);
	if (++t->answers == t->wanted) loop_stop(t->frame.loop);
}

static void role_test_closed(void *arg, struct channel *ch)
{
	struct role_test *t = arg;
	(void)ch;
	t->gone = true;
	loop_stop(t->frame.loop);
}

static void role_test_late(void *arg)
{
	struct role_test *t = arg;
	t->gone = true;
	loop_stop(t->frame.loop);
}

static inline struct conf *role_test_conf(const char *text)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("test.conf"),
				    str_of(text)));
	assert_true(conf_bundle_set_hostname(&bundle, STR("mx.test")));
	struct conf *conf = conf_parse(&bundle, &errors);
	if (!conf) {
		struct buf why;
		buf_init(&why, 4096);
		conf_errors_write(&errors, &why);
		fail_msg("%.*s", STR_ARG(buf_view(&why)));
	}
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	return conf;
}

static inline void role_test_folder(struct role_test *t)
{
	*t = (struct role_test){ 0 };
	(void)snprintf(t->root, sizeof t->root, "/tmp/ims-role-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	assert_int_equal(chmod(t->root, 0755), 0);
}

static inline void role_test_start(struct role_test *t, const struct role_ops *ops,
				   enum role peer, const char *conf)
{
	static const struct channel_handler near = { role_test_near, role_test_closed };
	static const struct channel_handler far = { role_test_far, role_test_closed };
	int ends[2];
	role_test_now = t;
	buf_init(&t->record, EVENT_RECORD_MAX);
	event_log_init(&t->log, "test[0]", role_test_record, role_test_wall, t);
	t->frame.ops = ops;
	t->frame.loop = loop_new();
	t->frame.conf = role_test_conf(conf);
	t->frame.log = &t->log;
	assert_int_equal(ops->open(&t->frame), 0);
	assert_true(role_test_state_count < ROLE_TEST_STATES_MAX);
	role_test_states[role_test_state_count++] = t->frame.role;
	if (ops->serve) assert_int_equal(ops->serve(&t->frame), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
		0);
	t->near = channel_new(t->frame.loop, ends[0], ops->role, peer, 0, &near, t);
	t->far = channel_new(t->frame.loop, ends[1], peer, ops->role, 0, &far, t);
	assert_true(t->near && t->far);
}

/* Runs the loop until `count` more answers came. */
static inline void role_test_run(struct role_test *t, int count)
{
	struct loop_timer *timer = loop_timer_new(t->frame.loop, role_test_late, t);
	loop_timer_set(timer, ROLE_TEST_PATIENCE_MS);
	t->wanted = t->answers + count;
	loop_run(t->frame.loop);
	loop_timer_free(timer);
	assert_false(t->gone);
	assert_int_equal(t->answers, t->wanted);
}

/* Whether the last event's record holds this text. */
static inline bool role_test_said(const struct role_test *t, const char *text)
{
	return t->record.len &&
	       memmem(t->record.at, t->record.len, text, str_of(text).len) != NULL;
}

static int role_test_removed(const char *path, const struct stat *st, int type,
			     struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* The role drains, and what is the test's is given back. */
static inline void role_test_end(struct role_test *t)
{
	t->frame.ops->drain(&t->frame, false);
	assert_true(t->left);
	channel_free(t->near);
	channel_free(t->far);
	loop_free(t->frame.loop);
	conf_free(t->frame.conf);
	event_log_free(&t->log);
	buf_free(&t->record);
	(void)nftw(t->root, role_test_removed, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
