/* SPDX-License-Identifier: Apache-2.0 */
/* The role in a frame: a record goes in over a channel, and is in the log and the index.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "folder.h"
#include "lib/ipc/identity.h"
#include "lib/os/clock.h"
#include "services/journal/journal.h"
#include "services/journal/role.h"

static struct frame frame;
static struct event_log own, worker;
static struct channel *far_end;
static bool left;

void frame_leave(struct frame *f)
{
	left = true;
	loop_stop(f->loop);
}

static int64_t wall_ms(void *arg)
{
	(void)arg;
	return clock_wall_ms();
}

static unsigned early; /* records before journal serves */

static void drop_record(void *arg, struct str record)
{
	(void)arg;
	(void)record;
	early++;
}

static void send_record(void *arg, struct str record)
{
	(void)arg;
	channel_send_event(far_end, &(struct msg_event){ .record = record });
}

static void on_message(void *arg, struct channel *ch, enum msg_type type,
		       struct str payload, int fd)
{
	(void)arg;
	frame.ops->message(&frame, ch, type, payload, fd);
}

static void on_closed(void *arg, struct channel *ch)
{
	(void)arg;
	(void)ch;
	fail();
}

static const struct channel_handler handler = { on_message, on_closed };

static void stop_loop(void *arg) { loop_stop(arg); }

static void run_for(int64_t ms)
{
	struct loop_timer *timer = loop_timer_new(frame.loop, stop_loop, frame.loop);
	loop_timer_set(timer, ms);
	loop_run(frame.loop);
	loop_timer_free(timer);
}

static struct conf *conf_of(const char *more)
{
	char text[1024];
	struct conf_bundle bundle;
	struct conf_errors errors;
	(void)snprintf(text, sizeof text, "hostname mx.example.com\nstate %s\n%s\n",
		       folder_path("state"), more);
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("ims.conf"),
				    str_of(text)));
	struct conf *conf = conf_parse(&bundle, &errors);
	assert_non_null(conf);
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	return conf;
}

static void hold(uint64_t id)
{
	event_begin(&worker, EVENT_hold, 0, id);
	event_str(&worker, FIELD_reason, STR("a test"));
	event_end(&worker);
}

static void clear_state(void)
{
	char command[512];
	(void)snprintf(command, sizeof command, "rm -rf '%s'", folder_path("state"));
	assert_int_equal(system(command), 0);
}

static void test_life(void **state)
{
	int pair[2];
	char more[512];
	(void)state;
	assert_int_equal(mkdir(folder_path("state"), 0755), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
		0);
	(void)snprintf(more, sizeof more, "log { file %s; format json }",
		       folder_path("log"));
	frame = (struct frame){ .ops = &journal_role,
				.loop = loop_new(),
				.conf = conf_of(more),
				.log = &own };
	frame.user = role_user(ROLE_JOURNAL);
	assert_non_null(frame.loop);
	event_log_init(&own, "journal[0]", drop_record, wall_ms, NULL);
	event_log_init(&worker, "spool[0]", send_record, wall_ms, NULL);
	assert_int_equal(frame.ops->open(&frame), 0);
	assert_int_equal(frame.ops->serve(&frame), 0);
	assert_int_equal(early, 0);
	struct channel *near_end = channel_new(frame.loop, pair[0], ROLE_JOURNAL,
					       ROLE_SPOOL, 3, &handler, NULL);
	far_end = channel_new(frame.loop, pair[1], ROLE_SPOOL, ROLE_JOURNAL, 0, &handler,
			      NULL);
	hold(1);
	event_begin(&own, EVENT_admin, 0, 0);
	event_end(&own);
	run_for(50);
	assert_true(folder_has("log", "\"event\":\"hold\",\"number\":3020,\"severity\":"
				      "\"notice\",\"role\":\"spool\""));
	assert_true(folder_has("log", "\"event\":\"admin\",\"number\":4091,\"severity\":"
				      "\"notice\",\"role\":\"journal[0]\""));
	run_for(JOURNAL_TICK_MS * 2);
	struct stat st;
	assert_int_equal(stat(folder_path("state/log/index.db"), &st), 0);

	struct conf *old = frame.conf;
	frame.conf = conf_of("log { level queue none }\ntrack off");
	frame.ops->reload(&frame, old);
	conf_free(old);
	hold(2);
	event_begin(&own, EVENT_reload, 0, 0);
	event_end(&own);
	run_for(50);
	assert_int_equal(folder_lines("log"), 2);
	char day[LOGFILE_PATH_MAX];
	struct log_place place;
	assert_true(log_place_set(&place, str_of(folder_path("state/log")), STR("")));
	assert_true(log_place_day(&place, clock_wall_ms(), day, sizeof day));
	assert_int_equal(stat(day, &st), 0);
	frame.ops->drain(&frame, false);
	assert_true(left);
	channel_free(near_end);
	channel_free(far_end);
	event_log_free(&own);
	event_log_free(&worker);
	journal_role_free(&frame);
	conf_free(frame.conf);
	loop_free(frame.loop);
	clear_state();
}

static void test_no_state(void **state)
{
	(void)state;
	left = false;
	early = 0;
	frame = (struct frame){
		.ops = &journal_role, .loop = loop_new(), .conf = conf_of(""), .log = &own
	};
	event_log_init(&own, "journal[0]", drop_record, wall_ms, NULL);
	assert_int_equal(frame.ops->open(&frame),
			 EX_CANTCREAT); /* there is no state folder */
	assert_int_equal(early, 1);     /* and why was said */
	journal_role_free(&frame);
	event_log_free(&own);
	conf_free(frame.conf);
	loop_free(frame.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)
		TEST(test_life),
		TEST(test_no_state),
	};
	/* The copy on standard error is tested elsewhere. */
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), kept = dup(STDERR_FILENO);
	(void)dup2(null, STDERR_FILENO);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)dup2(kept, STDERR_FILENO);
	(void)close(kept);
	(void)close(null);
	return failed;
}
