/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/ipc/identity.h"
#include "services/frame.h"
#include "services/records.h"
#include "services/setup.h"

static void test_queue(void **state)
{
	struct setup_queue q;
	(void)state;
	setup_queue_init(&q);
	assert_null(setup_queue_take(&q));
	for (int i = 0; i < SETUP_WAITING_MAX; i++)
		assert_true(
			setup_queue_put(&q, MSG_shun, i % 2 ? STR("odd") : STR(""), -1));
	int fd = memfd_create("t", MFD_CLOEXEC);
	assert_false(setup_queue_put(&q, MSG_shun, STR(""), fd));
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed: nobody else would */
	for (int i = 0; i < SETUP_WAITING_MAX; i++) {
		struct setup_message *m = setup_queue_take(&q);
		assert_int_equal(m->len, i % 2 ? 3 : 0);
		free(m);
	}
	assert_int_equal(q.count, 0);
}

static void test_conf_travels(void **state)
{
	struct conf_bundle bundle;
	struct buf why;
	(void)state;
	buf_init(&why, 4096);
	conf_bundle_init(&bundle);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("t.conf"),
				    STR("hostname mail.example.com\n")));
	bundle.generation = 7;
	struct conf *conf = setup_conf_read(setup_conf_write(&bundle), CONF_LISTS_NONE, &why);
	conf_bundle_free(&bundle);
	assert_non_null(conf);
	assert_int_equal(conf->generation, 7);
	assert_true(str_eq(conf->hostname, STR("mail.example.com")));
	conf_free(conf);
	buf_free(&why);
}

/* Who does not ask for clients and senders, or for routes, is spared the files of them, and those
 * alone. */
static void test_conf_without_lists(void **state)
{
	static const char text[] = "hostname mail.example.com\n"
				   "host 10.0.0.1 reject\nhost file /hosts\n"
				   "filter senders { action reject\n @c.example\n"
				   "file /senders\n }\n"
				   "route a { mx; match-file /domains }\n";
	struct conf_bundle bundle;
	struct buf why;
	(void)state;
	buf_init(&why, 4096);
	conf_bundle_init(&bundle);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)));
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_HOSTS, STR("/hosts"),
				    STR("10.0.0.2 reject\n10.0.0.3 reject\n")));
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_SENDERS, STR("/senders"),
				    STR("@d.example\nx@e.example\n")));
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_MATCHES, STR("/domains"),
				    STR("f.example\n")));
	for (unsigned lists = 0; lists < 4; lists++) {
		bool clients = lists & CONF_LISTS_CLIENTS, matches = lists & CONF_LISTS_MATCHES;
		struct conf *conf = setup_conf_read(setup_conf_write(&bundle), lists, &why);
		assert_int_equal(why.len, 0);
		assert_non_null(conf);
		assert_true(str_eq(conf->hostname, STR("mail.example.com")));
		assert_int_equal(conf->host_count, clients ? 3 : 1);
		assert_int_equal(conf->filter_count, 1);
		assert_int_equal(conf->filters[0].senders.count, clients ? 3 : 1);
		assert_int_equal(conf->routes[0].listed.count, matches ? 1 : 0);
		conf_free(conf);
	}
	conf_bundle_free(&bundle);
	buf_free(&why);
}

static void test_conf_bad(void **state)
{
	enum { UNSEALED, EMPTY, GARBAGE, WRONG, PIPE, COUNT };
	(void)state;
	for (int kind = 0; kind < COUNT; kind++) {
		struct conf_bundle bundle;
		struct buf why;
		int fds[2] = { -1, -1 };
		int fd = kind == PIPE
				 ? -1
				 : memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		buf_init(&why, 4096);
		if (kind == UNSEALED || kind == GARBAGE)
			assert_int_equal(write(fd, "garbage", 7), 7);
		if (kind == EMPTY || kind == GARBAGE)
			assert_int_equal(
				fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE), 0);
		if (kind == WRONG) {
			close(fd);
			conf_bundle_init(&bundle);
			assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE,
						    STR("t.conf"), STR("hostnam x\n")));
			fd = setup_conf_write(&bundle);
			conf_bundle_free(&bundle);
		}
		if (kind == PIPE) {
			assert_int_equal(pipe(fds), 0);
			fd = fds[0];
		}
		assert_null(setup_conf_read(fd, CONF_LISTS_CLIENTS, &why));
		assert_true(why.len > 0);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
		if (kind == PIPE) close(fds[1]);
		buf_free(&why);
	}
}

static size_t replayed;

static void count_one(void *arg, struct str record)
{
	assert_ptr_equal(arg, &replayed);
	assert_int_equal(record.len, 100);
	replayed++;
}

static int64_t wall(void *arg)
{
	(void)arg;
	return 0;
}

/* Without a journal records wait, up to a limit; what is over is counted. */
static void test_records_wait(void **state)
{
	struct event_log log;
	struct records r;
	char text[100] = { 0 };
	struct loop *loop = loop_new();
	(void)state;
	event_log_init(&log, "test", records_write, wall, &r);
	records_init(&r, loop, &log);
	size_t fit = RECORDS_WAITING_MAX / (4 + sizeof text);
	for (size_t i = 0; i < fit + 5; i++)
		records_write(&r, (struct str){ text, sizeof text });
	assert_int_equal(r.lost, 5);
	records_replay(&r, count_one, &replayed);
	assert_int_equal(replayed, fit);
	assert_int_equal(r.waiting.len, 0);
	records_free(&r);
	event_log_free(&log);
	loop_free(loop);
}

static void test_titles(void **state)
{
	char title[FRAME_TITLE_MAX];
	(void)state;
	frame_title(title, ROLE_RECEIVE, 3);
	assert_string_equal(title, "receive[3]");
	frame_title(title, ROLE_SPOOL, 0);
	assert_string_equal(title, "spool");
	struct process_user a = role_user(ROLE_SPOOL), b = role_user(ROLE_RECEIVE);
	assert_int_equal(a.root, geteuid() == 0);
	assert_int_equal(a.uid == b.uid,
			 geteuid() != 0); /* root gives each role its own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),    cmocka_unit_test(test_conf_travels),
		cmocka_unit_test(test_conf_without_lists), cmocka_unit_test(test_conf_bad), cmocka_unit_test(test_records_wait),
		cmocka_unit_test(test_titles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
