/* SPDX-License-Identifier: Apache-2.0 */
/* The whole life of the service, with small roles: start, work, deaths of every kind,
 * reload, stop. As root (every role its own user) and as an ordinary user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "family.h"
#include "lib/os/sandbox_rows.h"
#include "lib/os/socket.h"

enum { ORDINARY_USER = 61790 };

static struct world world;
static unsigned run_as; /* 0: as we are */

static int setup(void **state)
{
	(void)state;
	world_make(&world, run_as);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(&world);
	return 0;
}

static void test_works_and_stops(void **state)
{
	char text[128];
	(void)state;
	world_configure(&world, "mail.example.com", true, false);
	world_start(&world);
	client_hears(world.port, "mail", "hello\n250\n");
	assert_string_equal(client_say(world.port, "nonsense"), "hello\n?\n");
	/* Each role has its own user, if we may give it one. */
	(void)snprintf(text, sizeof text, "count=%u",
		       geteuid() == 0 && !run_as ? 61702u
		       : run_as                  ? run_as
						 : (unsigned)geteuid());
	world_expect(&world, "spool serves", text, 1);
	assert_int_equal(world_count(&world, "event=sandbox_less", ""), 0);
	const char *roles = console_say(&world, "who");
	assert_non_null(strstr(roles, "master[0] restarts 0 generation 1\n"));
	assert_non_null(strstr(roles, "spool[0] restarts 0 generation 1\n"));
	assert_non_null(strstr(roles, "receive[0] restarts 0 generation 1\n"));
	assert_non_null(strstr(roles, "status 0 count "));
	/* A second one on the same folders does not start. */
	struct world second = world;
	world_configure(&world, "mail.example.com", false, true);
	world_spawn(&second);
	assert_int_equal(world_wait(&second), EX_TEMPFAIL);
	assert_int_equal(kill(world.pid, SIGTERM), 0);
	assert_int_equal(world_wait(&world), 0);
	assert_int_equal(world_count(&world, "event=service_stop", "reason=SIGTERM"), 1);
	assert_int_equal(world_count(&world, "event=crash_contained", ""), 0);
	assert_string_equal(client_say(world.port, "mail"), "");
	(void)snprintf(text, sizeof text, "%s/run/imsd.pid", world.folder);
	assert_int_not_equal(access(text, F_OK), 0);
}

static const struct {
	const char *word, *line;
	bool plain_only; /* a sanitizer's sandbox lets it pass */
} deaths[] = {
	{ "segv", " code=11 flags=1 address=0x", false },
	{ "abort", " code=6 flags=-6 address=0x", false },
	{ "forbidden", " code=31 ", true },
	{ "exit", "exit status 70", false },
	{ "fail", "exit status 74", false },
};

static void test_deaths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
		if (deaths[i].plain_only && SANDBOX_SANITIZED) continue;
		world_configure(&world, "mail.example.com", true, false);
		unsigned before =
			world_count(&world, "event=crash_contained", "process=receive[");
		world_start(&world);
		/* What is in hand is lost, and told; the next client is served. */
		assert_string_equal(client_say(world.port, deaths[i].word), "hello\n");
		world_expect(&world, "event=crash_contained", "process=receive[",
			     before + 1);
		world_expect(&world, "event=crash_contained", deaths[i].line, 1);
		world_expect(&world, "event=crash_contained", "client=127.0.0.1",
			     before + 1);
		world_expect(&world, "event=crash_contained", "id=0000000000001d00",
			     before + 1);
		world_expect(
			&world, "death of receive id 1d00",
			strstr(deaths[i].line, "exit status") ? "blamed 0" : "blamed 1", 1);
		client_hears(world.port, "mail", "hello\n250\n");
		assert_int_equal(kill(world.pid, SIGINT), 0);
		assert_int_equal(world_wait(&world), 0);
	}
}

/* A client that is there at two deaths is refused, by workers that start later as well.
 */
static void test_shun(void **state)
{
	(void)state;
	world_configure(&world, "mail.example.com", true, false);
	world_start(&world);
	unsigned started =
		world_count(&world, "event=process_start", "process=receive[");
	assert_string_equal(client_say(world.port, "segv"), "hello\n");
	world_expect(&world, "event=crash_contained", "", 1);
	assert_int_equal(world_count(&world, "event=shun", ""), 0);
	assert_string_equal(client_say(world.port, "abort"), "hello\n");
	world_expect(&world, "event=shun", "client=127.0.0.1 count=2 delay=600000", 1);
	world_expect(&world, "told to shun", "count=16", 1);
	world_expect(&world, "event=process_start", "process=receive[", started + 2);
	client_hears(world.port, "mail", "shunned\n");
	/* Killed from outside: nobody's fault but the message may have been too large. */
	assert_int_equal(kill(world_pid_of(&world, "receive[0]"), SIGKILL), 0);
	world_expect(&world, "event=crash_contained", "code=9", 1);
	assert_int_equal(world_count(&world, "event=crash_contained code=9", "address="),
			 0);
	client_hears(world.port, "mail", "shunned\n");
}

/* Any other process dies: its peers get a new channel, and nothing else changes. */
static void test_backends(void **state)
{
	static const char *const names[] = { "spool", "journal", "mailbox[0]", "console",
					     "spool" };
	char text[64];
	(void)state;
	world_configure(&world, "mail.example.com", true, false);
	world_start(&world);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		pid_t pid = world_pid_of(&world, names[i]);
		(void)snprintf(text, sizeof text, "process=%s ", names[i]);
		unsigned before = world_count(&world, "event=process_start", text);
		assert_int_equal(kill(pid, SIGKILL), 0);
		/* Told also where it is journal itself that died: the line waited for it.
		 */
		world_expect(&world, "event=process_start", text, before + 1);
		(void)snprintf(text, sizeof text, "pid=%ld code=9", (long)pid);
		world_expect(&world, "event=crash_contained", text, 1);
		/* What journal was told and had not read when it dies is lost: so it is
		 * quiet. */
		if (strcmp(names[i], "spool") == 0)
			world_expect(&world, "spool serves again", "", i ? 2 : 1);
	}
	world_expect(&world, "event=backend_lost", "process=spool", 2);
	world_expect(&world, "death of mailbox", "blamed 1", 1);
	client_hears(world.port, "mail", "hello\n250\n");
}

/* A channel breaks while both its processes live: it is made anew, and nobody dies. */
static void test_channels(void **state)
{
	(void)state;
	world_configure(&world, "mail.example.com", true, false);
	world_start(&world);
	pid_t spool = world_pid_of(&world, "spool");
	assert_string_equal(client_say(world.port, "sever"), "hello\n?\n");
	world_expect(&world, "event=channel_lost", "reason=spool", 1);
	client_hears(world.port, "mail", "hello\n250\n");
	assert_int_equal(world_count(&world, "event=crash_contained", ""), 0);
	assert_int_equal(world_pid_of(&world, "spool"), spool);
	assert_int_equal(kill(world.pid, SIGTERM), 0);
	assert_int_equal(world_wait(&world), 0);
}

static void test_reload(void **state)
{
	(void)state;
	world_configure(&world, "mail.example.com", true, false);
	world_start(&world);
	assert_string_equal(client_say(world.other_port, "mail"), "");
	world_write_conf(&world, "hostnam mail.example.com\n");
	assert_int_equal(kill(world.pid, SIGHUP), 0);
	world_expect(&world, "event=config_error", "t.conf:1:1", 1);
	client_hears(world.port, "mail", "hello\n250\n");
	const char *answer = console_say(&world, "reload");
	assert_non_null(strstr(answer, "status 78"));
	assert_non_null(strstr(answer, "t.conf:1:1"));

	world_configure(&world, "other.example.com", false, true);
	assert_int_equal(kill(world.pid, SIGHUP), 0);
	world_expect(&world, "event=reload", "generation=2", 1);
	world_expect(&world, "reason=reloaded", "count=1", 1);
	client_hears(world.other_port, "mail", "hello\n250\n");
	client_hears(world.port, "mail", "");

	/* The old port is taken by somebody else: the rest goes on, and it is tried
	 * again. */
	int other = socket_listen(ip_of_v4(0x7f000001), world.port);
	assert_true(other >= 0);
	world_configure(&world, "other.example.com", true, true);
	assert_non_null(strstr(console_say(&world, "reload"), "status 0"));
	world_expect(&world, "event=bind_fail", "listener=first", 1);
	client_hears(world.other_port, "mail", "hello\n250\n");
	unsigned before = world_count(&world, "event=listen", "listener=first");
	close(other);
	world_expect(&world, "event=listen", "listener=first", before + 1);
	client_hears(world.port, "mail", "hello\n250\n");
	assert_non_null(
		strstr(console_say(&world, "who"), "spool[0] restarts 0 generation 3\n"));
}

static void test_start_fails(void **state)
{
	(void)state;
	world_write_conf(&world, "listner first { }\n");
	world_spawn(&world);
	assert_int_equal(world_wait(&world), EX_CONFIG);
	/* An address that is taken. */
	int other = socket_listen(ip_of_v4(0x7f000001), world.port);
	assert_true(other >= 0);
	world_configure(&world, "mail.example.com", true, false);
	world_spawn(&world);
	assert_int_equal(world_wait(&world), EX_UNAVAILABLE);
	close(other);
	/* A role that cannot open what it needs says why, and the service ends with that.
	 */
	world_configure(&world, "fail.open", true, false);
	world_spawn(&world);
	assert_int_equal(world_wait(&world), EX_CANTCREAT);
	assert_int_equal(world_count(&world, "cannot open on purpose", "role=spool"), 1);
	assert_int_equal(world_count(&world, "event=service_start", ""), 0);
}

/* The second SIGTERM does not wait for those who take their time. */
static void test_stop_now(void **state)
{
	(void)state;
	world_configure(&world, "slow.leave", true, false);
	world_start(&world);
	assert_int_equal(kill(world.pid, SIGTERM), 0);
	(void)usleep(200 * 1000);
	assert_int_equal(kill(world.pid, 0), 0);
	assert_int_equal(kill(world.pid, SIGTERM), 0);
	assert_int_equal(world_wait(&world), 0);
	assert_int_equal(world_count(&world, "event=service_stop", ""), 1);
}

/* Without master there is no service: everybody leaves by himself. */
static void test_master_dies(void **state)
{
	(void)state;
	world_configure(&world, "mail.example.com", true, false);
	world_start(&world);
	pid_t spool = world_pid_of(&world, "spool"),
	      receive = world_pid_of(&world, "receive[0]");
	assert_int_equal(kill(world.pid, SIGKILL), 0);
	assert_int_equal(world_wait(&world), 256 + SIGKILL);
	for (int i = 0; i < 500 && (kill(spool, 0) == 0 || kill(receive, 0) == 0); i++)
		(void)usleep(10 * 1000);
	assert_int_not_equal(kill(spool, 0), 0);
	assert_int_not_equal(kill(receive, 0), 0);
	/* And it can be started again: the lock died with it. */
	world_start(&world);
	client_hears(world.port, "mail", "hello\n250\n");
}

static void test_command_line(void **state)
{
	static const struct {
		const char *argv[4];
		int status;
	} rows[] = {
		{ { "imsd", "--version" }, 0 },
		{ { "imsd", "--help" }, 0 },
		{ { "imsd", "--nonsense" }, EX_USAGE },
		{ { "imsd", "--config" }, EX_USAGE },
		{ { "imsd", "--check", "--config=/no/such/file" }, EX_CONFIG },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int argc = 0;
		while (argc < 4 && rows[i].argv[argc]) argc++;
		assert_int_equal(
			imsd_main(argc, (char **)(uintptr_t)rows[i].argv, family_roles),
			rows[i].status);
	}
	/* Roles are not for people. */
	char *argv[] = { (char *)(uintptr_t) "imsd", NULL };
	assert_int_equal(setenv("IMS_ROLE", "nobody", 1), 0);
	assert_int_equal(imsd_main(1, argv, family_roles), EX_USAGE);
	assert_int_equal(unsetenv("IMS_ROLE"), 0);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
	if (argc > 1 || getenv("IMS_ROLE")) return imsd_main(argc, argv, family_roles);
	const struct CMUnitTest tests[] = {
		ROW(test_works_and_stops), ROW(test_deaths),      ROW(test_shun),
		ROW(test_backends),        ROW(test_channels),    ROW(test_reload),      ROW(test_start_fails),
		ROW(test_stop_now),        ROW(test_master_dies), ROW(test_command_line),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (geteuid() == 0) {
		run_as = ORDINARY_USER;
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
