/* SPDX-License-Identifier: Apache-2.0 */
/* The client of PostgreSQL before servers that lie, hang and go away; what is right is
 * tested with the real one (tests/e2e/test_postgres.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scripted.h"
#include "services/directory/postgres.h"
#include "services/directory/wait.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define TEN         "0123456789"
#define HUNDRED     TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

enum { TIMEOUT_MS = 300, CANNOT_OPEN = 100, COLUMNS_MAX = 4 };

/* --- what a server says ------------------------------------------------------------- */

/* Parts: behind the start of a connection, SET, PREPARE and EXECUTE, of so many messages. */
static const size_t frames[] = { 1, 1, 2, 4, 0 };

struct talk {
	char memory[8192];
	struct buf say;
	size_t ends[ROWS(frames)];
	size_t count;
};

static void part(struct talk *t)
{
	assert_true(t->count < ROWS(frames) && !t->say.overflowed);
	t->ends[t->count++] = t->say.len;
}

static void number(struct buf *b, uint32_t n, int octets)
{
	while (octets--) buf_byte(b, (char)(n >> 8 * octets));
}

static void message(struct buf *b, char type, struct str payload)
{
	buf_byte(b, type);
	number(b, (uint32_t)payload.len + 4, 4);
	buf_str(b, payload);
}

static void ready(struct buf *b) { message(b, 'Z', STR("I")); }

static void hello(struct talk *t)
{
	part(t);
	message(&t->say, 'R', STR("\0\0\0\0"));
	ready(&t->say);
	part(t);
}

static void set(struct talk *t)
{
	message(&t->say, 'C', STR("SET\0"));
	message(&t->say, 'C', STR("SET\0"));
	ready(&t->say);
	part(t);
}

static void set_up(struct talk *t)
{
	hello(t);
	set(t);
	message(&t->say, '1', STR(""));
	ready(&t->say);
	part(t);
}

static void columns(struct buf *b, const char *const *names, size_t count)
{
	char memory[512];
	struct buf p;
	buf_init_fixed(&p, memory, sizeof memory);
	number(&p, (uint32_t)count, 2);
	for (size_t i = 0; i < count; i++) {
		buf_str(&p, str_of(names[i]));
		buf_byte(&p, '\0');
		number(&p, 0, 4);
		number(&p, 0, 2);
		number(&p, 25, 4); /* text */
		number(&p, 0xffff, 2);
		number(&p, 0, 4);
		number(&p, 0, 2);
	}
	message(b, '2', STR(""));
	message(b, 'T', buf_view(&p));
}

static void row(struct buf *b, const struct str *values, size_t count)
{
	char memory[2048];
	struct buf p;
	buf_init_fixed(&p, memory, sizeof memory);
	number(&p, (uint32_t)count, 2);
	for (size_t i = 0; i < count; i++) {
		number(&p, values[i].at ? (uint32_t)values[i].len : UINT32_MAX, 4);
		buf_str(&p, values[i]);
	}
	message(b, 'D', buf_view(&p));
}

/* --- rows --------------------------------------------------------------------------- */

/* One result of the columns that are named. */
static const struct {
	const char *name, *columns[COLUMNS_MAX];
	struct str values[COLUMNS_MAX];
	size_t rows;
	enum backend_result want;
	const char *address, *home, *why;
} results[] = {
	{ "one", { "address", "home" }, { STR_INIT("Ann@x"), STR_INIT("mx") }, 1, BACKEND_OK,
	  "Ann@x", "mx", "" },
	{ "other order, others too", { "id", "home", "address" },
	  { STR_INIT("7"), STR_INIT("mx"), STR_INIT("ann@x") }, 1, BACKEND_OK, "ann@x", "mx",
	  "" },
	{ "no address", { "home" }, { STR_INIT("mx") }, 1, BACKEND_OK, "", "mx", "" },
	{ "null", { "address", "home" }, { STR_INIT("ann@x"), { NULL, 0 } }, 1, BACKEND_OK,
	  "ann@x", "", "" },
	{ "none", { "address" }, { STR_INIT("") }, 0, BACKEND_NONE, "", "", "" },
	{ "two", { "address" }, { STR_INIT("ann@x") }, 2, BACKEND_UNSURE, NULL, NULL,
	  "postgres: the query finds more than one row" },
	{ "long address", { "address" },
	  { STR_INIT(HUNDRED HUNDRED HUNDRED HUNDRED) }, 1, BACKEND_UNSURE, NULL, NULL,
	  "postgres: column address: not an address, or too long" },
	{ "two lines", { "home" }, { STR_INIT("a\nb") }, 1, BACKEND_UNSURE, NULL, NULL,
	  "postgres: column home: not the name of a server, or too long" },
	{ "a NUL", { "verifier" }, { STR_INIT("a\0b") }, 1, BACKEND_UNSURE, NULL, NULL,
	  "postgres: column verifier: not a hash, or too long" },
	{ "long keys", { "scram" },
	  { STR_INIT(HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED) }, 1, BACKEND_UNSURE,
	  NULL, NULL, "postgres: column scram: not text, or too long" },
};

struct world {
	struct scripted server;
	struct scripted_step steps[ROWS(frames)];
	struct backend_settings c;
	char conninfo[128], link[96], memory[BACKEND_WHY_MAX];
	struct talk talk;
	struct buf why;
	struct backend_entry entry;
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	buf_init_fixed(&w->talk.say, w->talk.memory, sizeof w->talk.memory);
	buf_init_fixed(&w->why, w->memory, sizeof w->memory);
}

static void world_start(struct world *w)
{
	size_t from = 0;
	part(&w->talk);
	for (size_t i = 0; i < w->talk.count; from = w->talk.ends[i++])
		w->steps[i] = (struct scripted_step){
			.say = str_sub(buf_view(&w->talk.say), from, w->talk.ends[i] - from),
			.frames = frames[i], .hang = i + 1 == w->talk.count };
	scripted_start(&w->server, w->steps, w->talk.count);
	(void)snprintf(w->link, sizeof w->link, "%s/.s.PGSQL.5432", w->server.folder);
	assert_int_equal(symlink(w->server.path, w->link), 0);
	(void)snprintf(w->conninfo, sizeof w->conninfo,
		       "host=%s port=5432 user=ims dbname=mail", w->server.folder);
	w->c = (struct backend_settings){ .postgres = { w->conninfo,
							"SELECT $1::text AS address" },
					  .secret = "",
					  .timeout_ms = TIMEOUT_MS };
}

static void world_end(struct world *w)
{
	(void)unlink(w->link);
	scripted_end(&w->server);
}

static int find(struct world *w)
{
	void *conn = backend_postgres.open(&w->c, &w->why);
	if (!conn) return CANNOT_OPEN;
	int64_t deadline = wait_deadline(10 * TIMEOUT_MS);
	enum backend_result result =
		backend_postgres.find(conn, STR("ann@x"), &w->entry, &w->why);
	assert_true(wait_left_ms(deadline) > 8 * TIMEOUT_MS);
	backend_postgres.close(conn);
	return (int)result;
}

static bool is(const char *want, const char *got, size_t len)
{
	return !want || str_eq(str_of(want), (struct str){ got, len });
}

static void takes_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(results); i++) {
		struct world w;
		size_t count = 0;
		world_init(&w);
		struct buf *b = &w.talk.say;
		while (count < COLUMNS_MAX && results[i].columns[count]) count++;
		set_up(&w.talk);
		columns(b, results[i].columns, count);
		for (size_t n = 0; n < results[i].rows; n++) row(b, results[i].values, count);
		message(b, 'C', STR("SELECT 1\0"));
		ready(b);
		world_start(&w);
		int got = find(&w);
		if (got != (int)results[i].want ||
		    !is(results[i].address, w.entry.address, w.entry.address_len) ||
		    !is(results[i].home, w.entry.home, w.entry.home_len) ||
		    !is(results[i].why, w.memory, w.why.len))
			fail_msg("%s: %d, %.*s", results[i].name, got,
				 STR_ARG(buf_view(&w.why)));
		world_end(&w);
	}
}

static void no_rows(struct talk *t)
{
	set_up(t);
	message(&t->say, '2', STR(""));
	message(&t->say, 'n', STR(""));
	message(&t->say, 'C', STR("DELETE 5\0"));
	ready(&t->say);
}

static void fails(struct talk *t)
{
	set_up(t);
	message(&t->say, 'E', STR("SERROR\000C57014\0Mtoo\nslow\0\0"));
	ready(&t->say);
}

static void cannot_bear_it(struct talk *t)
{
	set_up(t);
	message(&t->say, 'E', STR("SERROR\000C22P02\0Mnot a number\0\0"));
	ready(&t->say);
}

static void bad_query(struct talk *t)
{
	hello(t);
	set(t);
	message(&t->say, 'E', STR("SERROR\000C42P01\0Mno users\0\0"));
	ready(&t->say);
}

static void refuses(struct talk *t)
{
	part(t);
	message(&t->say, 'E', STR("SFATAL\000C28000\0Mno entry\033[1m\0\0"));
}

static void huge(struct talk *t)
{
	set_up(t);
	buf_byte(&t->say, '2');
	number(&t->say, 0x7fffffff, 4);
}

static void noise(struct talk *t) 
{
	part(t);
	buf_str(&t->say, STR("220 mx ESMTP\r\n"));
}

static void nothing(struct talk *t) { (void)t; }

static const struct {
	const char *name;
	void (*say)(struct talk *t);
	int want;
	const char *why; /* begins so */
} troubles[] = {
	{ "hangs", nothing, CANNOT_OPEN, "postgres: connecting: Connection timed out" },
	{ "another service", noise, CANNOT_OPEN, "postgres: " },
	{ "refuses", refuses, CANNOT_OPEN, "postgres: connection to server" },
	{ "hangs behind its greeting", hello, CANNOT_OPEN,
	  "postgres does not answer: Connection timed out" },
	{ "bad query", bad_query, CANNOT_OPEN, "postgres: ERROR:  no users" },
	{ "hangs at the question", set_up, BACKEND_DOWN,
	  "postgres does not answer: Connection timed out" },
	{ "no query", no_rows, BACKEND_DOWN, "postgres: find is not a query that has rows" },
	{ "fails", fails, BACKEND_DOWN, "postgres: ERROR:  too slow" },
	{ "fails for this address", cannot_bear_it, BACKEND_UNSURE, "postgres: ERROR:  not a number" },
	{ "never ends a message", huge, BACKEND_DOWN, "postgres" },
};

static void bears_trouble(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(troubles); i++) {
		struct world w;
		world_init(&w);
		troubles[i].say(&w.talk);
		world_start(&w);
		int got = find(&w);
		struct str why = buf_view(&w.why);
		bool clean = true;
		for (size_t n = 0; n < why.len; n++) clean &= !ascii_is_ctl(why.at[n]);
		if (got != troubles[i].want || !clean ||
		    !str_starts(why, str_of(troubles[i].why)))
			fail_msg("%s: %d, %.*s", troubles[i].name, got, STR_ARG(why));
		world_end(&w);
	}
	struct world w;
	world_init(&w);
	world_start(&w);
	world_end(&w);
	assert_int_equal(find(&w), CANNOT_OPEN); /* nobody is there */
}

/* Addresses that cannot be said to it are nobody's. */
static void asks_for_text_alone(void **state)
{
	static const struct str bad[] = {
		STR_INIT("a\0b@x"), STR_INIT("\xff@x"),
		STR_INIT(HUNDRED HUNDRED HUNDRED HUNDRED),
	};
	struct world w;
	(void)state;
	world_init(&w);
	set_up(&w.talk);
	world_start(&w);
	void *conn = backend_postgres.open(&w.c, &w.why);
	assert_non_null(conn);
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_int_equal(backend_postgres.find(conn, bad[i], &w.entry, &w.why),
				 BACKEND_NONE);
	backend_postgres.close(conn);
	world_end(&w);
}

static const struct {
	const char *conninfo;
	bool good;
	const char *why;
	size_t paths;
} conninfos[] = {
	{ "host=/run/postgresql dbname=mail", true, "", 0 },
	{ "postgresql://ims@db.example/mail?sslmode=verify-full", true, "", 0 },
	{ "host=db sslrootcert=/etc/ca.pem sslcert=/c sslkey=/k", true, "", 3 },
	{ "host=db sslrootcert=system", true, "", 0 },
	{ "", true, "", 0 },
	{ "host=db password=x", false, "postgres: the password belongs into a secret", 0 },
	{ "host=db sslpassword=x", false, "postgres: the password belongs into a secret", 0 },
	{ "postgresql://ims:x@db/mail", false, "postgres: the password belongs into a secret",
	  0 },
	{ "nonsense", false, "postgres: missing \"=\"", 0 },
	{ "colour=red", false, "postgres: invalid connection option", 0 },
};

static void count(void *arg, const char *path)
{
	size_t *n = arg;
	assert_int_equal(path[0], '/');
	++*n;
}

static void reads_conninfo(void **state)
{
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	(void)state;
	for (size_t i = 0; i < ROWS(conninfos); i++) {
		size_t paths = 0;
		buf_init_fixed(&why, memory, sizeof memory);
		struct str text = str_of(conninfos[i].conninfo);
		bool good = postgres_conninfo_check(text, &why);
		postgres_paths(text, count, &paths);
		if (good != conninfos[i].good || paths != conninfos[i].paths ||
		    !str_starts(buf_view(&why), str_of(conninfos[i].why)))
			fail_msg("%s: %d, %zu, %.*s", conninfos[i].conninfo, good, paths,
				 STR_ARG(buf_view(&why)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_rows),
		cmocka_unit_test(bears_trouble),
		cmocka_unit_test(asks_for_text_alone),
		cmocka_unit_test(reads_conninfo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
