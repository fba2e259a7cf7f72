/* SPDX-License-Identifier: Apache-2.0 */
/* The client of Dovecot's sockets before servers that answer, lie, hang and go away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scripted.h"
#include "services/directory/dovecot.h"
#include "services/directory/dovecot_stream.h"
#include "services/directory/wait.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define AUTH_HELLO  "VERSION\t1\t2\nMECH\tPLAIN\nSPID\t1\nCUID\t2\nCOOKIE\tabc\nDONE\n"
#define USERDB_HELLO "VERSION\t1\t1\nSPID\t1\n"
#define TEN         "0123456789"
#define HUNDRED     TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

enum { TIMEOUT_MS = 300, CANNOT_OPEN = 100 };

/* An auth client sends two lines and then the question, a master one. */
static const struct {
	const char *name;
	bool password; /* a password is compared; else a user looked up */
	const char *hello, *answer;
	size_t repeat;
	int want;
	const char *address, *why;
} rows[] = {
	{ "right", true, AUTH_HELLO, "OK\t1\tuser=ann@us.example\n", 0, BACKEND_OK,
	  "ann@us.example", "" },
	{ "right, nothing said", true, AUTH_HELLO, "OK\t1\n", 0, BACKEND_OK, "", "" },
	{ "right, no domain", true, AUTH_HELLO, "OK\t1\tuser=bob\n", 0, BACKEND_OK,
	  "bob@us.example", "" },
	{ "wrong", true, AUTH_HELLO, "FAIL\t1\tuser=ann\n", 0, BACKEND_WRONG, "",
	  "dovecot: wrong password" },
	{ "disabled", true, AUTH_HELLO, "FAIL\t1\tcode=user_disabled\n", 0, BACKEND_WRONG, "",
	  "dovecot: the user is disabled" },
	{ "later", true, AUTH_HELLO, "FAIL\t1\ttemp\treason=no database\n", 0, BACKEND_UNSURE,
	  "", "dovecot: no database" },
	{ "wants more", true, AUTH_HELLO, "CONT\t1\tAA==\n", 0, BACKEND_UNSURE, "",
	  "dovecot: it cannot compare passwords now" },
	{ "another's answer", true, AUTH_HELLO, "OK\t2\tuser=eve@us.example\nFAIL\t1\n", 0,
	  BACKEND_WRONG, "", "dovecot: wrong password" },
	{ "of the other dialect", true, AUTH_HELLO, "USER\t1\teve@us.example\nFAIL\t1\n", 0,
	  BACKEND_WRONG, "", "dovecot: wrong password" },
	{ "another's only", true, AUTH_HELLO, "OK\t2\n", 0, BACKEND_DOWN, "",
	  "dovecot auth: Connection timed out" },
	{ "others' without end", true, AUTH_HELLO, "OK\t2\n", 100000000, BACKEND_DOWN, "",
	  "dovecot auth: Connection timed out" },
	{ "silence", true, AUTH_HELLO, "", 0, BACKEND_DOWN, "",
	  "dovecot auth: Connection timed out" },
	{ "no number", true, AUTH_HELLO, "OK\tx\n", 0, BACKEND_DOWN, "",
	  "dovecot auth: its answer is damaged" },
	{ "no line", true, AUTH_HELLO, HUNDRED, 700, BACKEND_DOWN, "",
	  "dovecot auth: its answer is damaged" },
	{ "a long line", true, AUTH_HELLO, "OK\t1\tuser=" HUNDRED HUNDRED HUNDRED HUNDRED "\n",
	  0, BACKEND_DOWN, "", "dovecot auth: its answer is damaged" },
	{ "user too long with his domain", true, AUTH_HELLO,
	  "OK\t1\tuser=" HUNDRED HUNDRED HUNDRED TEN "\n", 0,
	  BACKEND_UNSURE, "", "dovecot: its name for the user is not an address" },
	{ "greeting of version 2", true, "VERSION\t2\t0\nDONE\n", "", 0, CANNOT_OPEN, "",
	  "dovecot auth: another version of the protocol" },
	{ "greeting without version", true, "DONE\n", "", 0, CANNOT_OPEN, "",
	  "dovecot auth: its greeting is not that of this socket" },
	{ "damaged greeting", true, "VERSION\tx\n", "", 0, CANNOT_OPEN, "",
	  "dovecot auth: its greeting is damaged" },
	{ "no greeting", true, "", "", 0, CANNOT_OPEN, "",
	  "dovecot auth: Connection timed out" },
	{ "greeting of the other socket", true, USERDB_HELLO, "", 0, CANNOT_OPEN, "",
	  "dovecot auth: Connection timed out" },
	{ "user", false, USERDB_HELLO, "USER\t1\tann@us.example\thome=/h\n", 0, BACKEND_OK,
	  "ann@us.example", "" },
	{ "no user", false, USERDB_HELLO, "NOTFOUND\t1\n", 0, BACKEND_NONE, "", "" },
	{ "user later", false, USERDB_HELLO, "FAIL\t1\treason=x\001ty\n", 0, BACKEND_UNSURE, "",
	  "dovecot: x y" },
	{ "user, another's", false, USERDB_HELLO, "NOTFOUND\t9\nUSER\t1\tann\n", 0, BACKEND_OK,
	  "ann@us.example", "" },
	{ "user, password's answer", false, USERDB_HELLO, "OK\t1\nNOTFOUND\t1\n", 0,
	  BACKEND_NONE, "", "" },
};

struct world {
	struct scripted server;
	struct scripted_step steps[4];
	struct backend_settings c;
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	struct backend_entry entry;
};

static void world_start(struct world *w, bool password, const char *hello,
			const char *answer, size_t repeat)
{
	memset(w, 0, sizeof *w);
	w->steps[0] = (struct scripted_step){ .say = str_of(hello), .hear = true };
	w->steps[1] = (struct scripted_step){ .say = STR(""), .hear = password };
	w->steps[2] = (struct scripted_step){ .say = STR(""), .hear = true };
	w->steps[3] = (struct scripted_step){ .say = str_of(answer), .repeat = repeat,
					     .hang = true };
	scripted_start(&w->server, w->steps, 4);
	w->c.timeout_ms = TIMEOUT_MS;
	w->c.dovecot.auth = password ? w->server.path : "";
	w->c.dovecot.userdb = password ? "" : w->server.path;
	buf_init_fixed(&w->why, w->memory, sizeof w->memory);
}

static int ask(struct world *w, bool password)
{
	const struct backend *b = password ? &backend_dovecot_auth : &backend_dovecot_userdb;
	void *conn = b->open(&w->c, &w->why);
	if (!conn) return CANNOT_OPEN;
	struct str ann = STR("ann@us.example");
	enum backend_result result =
		password ? b->verify(conn, ann, STR("secret"), &w->entry, &w->why)
			 : b->find(conn, ann, &w->entry, &w->why);
	b->close(conn);
	return (int)result;
}

static void answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;
		world_start(&w, rows[i].password, rows[i].hello, rows[i].answer,
			    rows[i].repeat);
		int64_t deadline = wait_deadline(10 * TIMEOUT_MS);
		int got = ask(&w, rows[i].password);
		struct str address = { w.entry.address, w.entry.address_len };
		if (got != rows[i].want || wait_left_ms(deadline) < 7 * TIMEOUT_MS ||
		    !str_eq(address, str_of(rows[i].address)) ||
		    (rows[i].why[0] && !str_eq(buf_view(&w.why), str_of(rows[i].why))))
			fail_msg("%s: %d, %.*s, %.*s", rows[i].name, got, STR_ARG(address),
				 STR_ARG(buf_view(&w.why)));
		scripted_end(&w.server);
	}
}

/* Names and passwords that could break a line or move a border. */
static void says_only_what_it_can(void **state)
{
	struct world w;
	(void)state;
	world_start(&w, true, AUTH_HELLO, "OK\t1\n", 0);
	void *conn = backend_dovecot_auth.open(&w.c, &w.why);
	assert_non_null(conn);
	static const struct {
		struct str user, password;
	} bad[] = {
		{ STR_INIT("ann@x\000eve"), STR_INIT("p") },
		{ STR_INIT("ann@x"), STR_INIT("p\000q") },
		{ STR_INIT("ann@x"), STR_INIT("") },
		{ STR_INIT(HUNDRED HUNDRED HUNDRED HUNDRED), STR_INIT("p") },
		{ STR_INIT("ann@x"), STR_INIT(HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED) },
	};
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_int_equal(backend_dovecot_auth.verify(conn, bad[i].user, bad[i].password,
							     &w.entry, &w.why),
				 BACKEND_WRONG);
	assert_int_equal(backend_dovecot_auth.verify(conn, STR("ann\t\001@x"), STR("p\nq"),
						     &w.entry, &w.why),
			 BACKEND_OK);
	backend_dovecot_auth.close(conn);
	scripted_end(&w.server);
	struct str heard = { w.server.heard, w.server.heard_len };
	/* VERSION, CPID, and of the question one line. */
	size_t lines = 0;
	for (size_t i = 0; i < heard.len; i++) lines += heard.at[i] == '\n';
	assert_true(lines <= 3);
	assert_true(str_starts(heard, STR("VERSION\t1\t2\nCPID\t")));
}

/* What is no place, and nobody there. */
static void places(void **state)
{
	static const struct {
		const char *place;
		bool good;
		uint16_t port;
	} all[] = {
		{ "/run/dovecot/auth", true, 0 }, { "127.0.0.1:3000", true, 3000 },
		{ "[::1]:65535", true, 65535 },	  { "127.0.0.1:65536", false, 0 },
		{ "127.0.0.1:0", false, 0 },	  { "127.0.0.1", false, 0 },
		{ "host.example:3000", false, 0 }, { ":3000", false, 0 },
		{ "", false, 0 },		  { "[]:3000", false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(all); i++) {
		struct ip ip;
		uint16_t port;
		bool good = dovecot_place_parse(str_of(all[i].place), &ip, &port);
		if (good != all[i].good || (good && port != all[i].port))
			fail_msg("%s", all[i].place);
	}
	struct world w;
	world_start(&w, true, AUTH_HELLO, "", 0);
	scripted_end(&w.server);
	assert_int_equal(ask(&w, true), CANNOT_OPEN);
	assert_true(str_eq(buf_view(&w.why), STR("dovecot auth: No such file or directory")));
	w.c.dovecot.auth = "127.0.0.1:1";
	assert_int_equal(ask(&w, true), CANNOT_OPEN);
	assert_true(str_eq(buf_view(&w.why), STR("dovecot auth: Connection refused")));
}

/* A connection that ended is told as such; whoever asks makes another. */
static void ends(void **state)
{
	static const struct scripted_step steps[] = {
		{ .say = STR_INIT(USERDB_HELLO), .hear = true },
		{ .say = STR_INIT(""), .hear = true },
		{ .say = STR_INIT("USER\t1\tann\n") },
	};
	struct world w;
	(void)state;
	memset(&w, 0, sizeof w);
	scripted_start(&w.server, steps, ROWS(steps));
	buf_init_fixed(&w.why, w.memory, sizeof w.memory);
	w.c = (struct backend_settings){ .timeout_ms = TIMEOUT_MS, .dovecot = { "", w.server.path } };
	void *conn = backend_dovecot_userdb.open(&w.c, &w.why);
	assert_non_null(conn);
	assert_int_equal(backend_dovecot_userdb.find(conn, STR("ann@x"), &w.entry, &w.why),
			 BACKEND_OK);
	(void)usleep(50 * 1000);
	assert_int_equal(backend_dovecot_userdb.find(conn, STR("ann@x"), &w.entry, &w.why),
			 BACKEND_DOWN);
	backend_dovecot_userdb.close(conn);
	scripted_end(&w.server);
	assert_int_equal(w.server.connections, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(says_only_what_it_can),
		cmocka_unit_test(places),
		cmocka_unit_test(ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
