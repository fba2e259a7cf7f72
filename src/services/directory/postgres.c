/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/postgres.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/os/sandbox.h"
#include "services/directory/wait.h"

#define STATEMENT "ims_find"

struct postgres {
	const struct backend_settings *c; /* the source's */
	PGconn *link;
	int64_t deadline_ms; /* of the call at hand */
};

static void say(struct buf *why, struct str text) { why_say(why, "postgres", text); }

static enum backend_result down(struct buf *why, struct str text)
{
	say(why, text);
	return BACKEND_DOWN;
}

static void disconnect(struct postgres *p)
{
	PQfinish(p->link);
	p->link = NULL;
}

/* --- one exchange ------------------------------------------------------------------- */

/* All that was written goes out; what comes meanwhile is taken, or both sides might wait.
 */
static bool send_all(struct postgres *p, struct buf *why)
{
	for (;;) {
		int left = PQflush(p->link);
		if (left == 0) return true;
		int error = left < 0 ? 0
				     : wait_fd(PQsocket(p->link), POLLIN | POLLOUT,
					       p->deadline_ms);
		if (left < 0 || !PQconsumeInput(p->link)) {
			say(why, str_of(PQerrorMessage(p->link)));
			return false;
		}
		if (error) {
			why_errno(why, "postgres", -error);
			return false;
		}
	}
}

/* The next result; NULL with an empty `why`: there is none. */
static PGresult *receive(struct postgres *p, struct buf *why)
{
	buf_reset(why);
	while (PQisBusy(p->link)) {
		int error = wait_fd(PQsocket(p->link), POLLIN, p->deadline_ms);
		if (error) {
			why_errno(why, "postgres does not answer", -error);
			return NULL;
		}
		if (!PQconsumeInput(p->link)) {
			say(why, str_of(PQerrorMessage(p->link)));
			return NULL;
		}
	}
	return PQgetResult(p->link);
}

/* Waits for the end of a command that has no rows. */
static bool is_done(struct postgres *p, int sent, struct buf *why)
{
	bool good = true;
	if (!sent) say(why, str_of(PQerrorMessage(p->link)));
	if (!sent || !send_all(p, why)) return false;
	for (PGresult *r; good && (r = receive(p, why));) {
		good = PQresultStatus(r) == PGRES_COMMAND_OK;
		if (!good) say(why, str_of(PQresultErrorMessage(r)));
		PQclear(r);
	}
	return good && why->len == 0;
}

/* --- connecting --------------------------------------------------------------------- */

/* The library would write them to stderr, word for word. */
static void notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* What stands before `dbname` may be changed by it, what stands behind it may not. */
static PGconn *begin(const struct backend_settings *c)
{
	const char *names[] = { "application_name",
				"gssencmode",
				"passfile",
				"dbname",
				"client_encoding",
				c->secret_len ? "password" : NULL,
				NULL };
	/* No file of passwords: the service's own user has none, and is not to have one.
	 */
	const char *values[] = {
		"ims",     "disable", "/nonexistent", c->postgres.conninfo, "UTF8",
		c->secret, NULL
	};
	return PQconnectStartParams(names, values, 1);
}

static bool is_connected(struct postgres *p, struct buf *why)
{
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;
	while (p->link && PQstatus(p->link) != CONNECTION_BAD &&
	       step != PGRES_POLLING_OK && step != PGRES_POLLING_FAILED) {
		int error = wait_fd(PQsocket(p->link),
				    step == PGRES_POLLING_READING ? POLLIN : POLLOUT,
				    p->deadline_ms);
		if (error) {
			why_errno(why, "postgres: connecting", -error);
			return false;
		}
		step = PQconnectPoll(p->link);
	}
	if (step == PGRES_POLLING_OK) return true;
	say(why, p->link ? str_of(PQerrorMessage(p->link)) : STR("no memory"));
	return false;
}

static bool is_set_up(struct postgres *p, struct buf *why)
{
	char memory[128];
	struct buf command;
	buf_init_fixed(&command, memory, sizeof memory - 1);
	buf_fmt(&command,
		"SET statement_timeout = %lld; SET default_transaction_read_only = on",
		(long long)p->c->timeout_ms);
	memory[command.len] = '\0';
	const char *find = p->c->postgres.find;
	if (!find[0]) find = POSTGRES_FIND_DEFAULT;
	return is_done(p, PQsendQuery(p->link, memory), why) &&
	       is_done(p, PQsendPrepare(p->link, STATEMENT, find, 1, NULL), why);
}

static bool connect_to(struct postgres *p, struct buf *why)
{
	disconnect(p);
	p->link = begin(p->c);
	if (p->link) (void)PQsetNoticeReceiver(p->link, notice, NULL);
	if (is_connected(p, why) && PQsetnonblocking(p->link, 1) == 0 &&
	    is_set_up(p, why))
		return true;
	disconnect(p);
	return false;
}

/* --- finding ------------------------------------------------------------------------ */

static struct str value(const PGresult *r, const char *name)
{
	int column = PQfnumber(r, name);
	if (column < 0 || PQgetisnull(r, 0, column)) return STR("");
	return (struct str){ PQgetvalue(r, 0, column),
			     (size_t)PQgetlength(r, 0, column) };
}

/* Nobody can tell who is meant, or what he is: of this one alone. */
static enum backend_result unsure(struct buf *why, const char *text)
{
	say(why, str_of(text));
	return BACKEND_UNSURE;
}

static enum backend_result take_row(const PGresult *r, struct backend_entry *e,
				    struct buf *why)
{
	if (!BACKEND_PUT(e, address, value(r, "address")))
		return unsure(why, "column address: not an address, or too long");
	if (!BACKEND_PUT(e, home, value(r, "home")))
		return unsure(why, "column home: not the name of a server, or too long");
	if (!BACKEND_PUT(e, verifier, value(r, "verifier")))
		return unsure(why, "column verifier: not a hash, or too long");
	if (!BACKEND_PUT(e, scram, value(r, "scram")))
		return unsure(why, "column scram: not text, or too long");
	return BACKEND_OK;
}

/* Row by row: a query that finds the whole table costs two of them. */
/* The query did not bear what it was asked for: classes of SQLSTATE for several rows, data,
 * constraints and what a function raises. Others can still be asked about, or anybody could
 * close the directory with an address. */
static bool is_of_this_address(const PGresult *r)
{
	static const char classes[][3] = { "21", "22", "23", "P0" };
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	for (size_t i = 0; state && i < sizeof classes / sizeof *classes; i++)
		if (strncmp(state, classes[i], 2) == 0) return true;
	return false;
}

static enum backend_result take(const PGresult *r, size_t *rows, struct backend_entry *e,
				struct buf *why)
{
	ExecStatusType status = PQresultStatus(r);
	if (status == PGRES_TUPLES_OK) return *rows ? BACKEND_OK : BACKEND_NONE;
	if (status == PGRES_COMMAND_OK)
		return down(why, STR("find is not a query that has rows"));
	if (status != PGRES_SINGLE_TUPLE && is_of_this_address(r))
		return unsure(why, PQresultErrorMessage(r));
	if (status != PGRES_SINGLE_TUPLE)
		return down(why, str_of(PQresultErrorMessage(r)));
	if (++*rows > 1) return unsure(why, "the query finds more than one row");
	return take_row(r, e, why);
}

static enum backend_result run(struct postgres *p, const char *parameter,
			       struct backend_entry *e, struct buf *why)
{
	enum backend_result result = BACKEND_DOWN;
	size_t rows = 0;
	if (!PQsendQueryPrepared(p->link, STATEMENT, 1, &parameter, NULL, NULL, 0) ||
	    !PQsetSingleRowMode(p->link))
		return down(why, str_of(PQerrorMessage(p->link)));
	if (!send_all(p, why)) return BACKEND_DOWN;
	for (PGresult *r; (r = receive(p, why));) {
		result = take(r, &rows, e, why);
		PQclear(r);
		if (result == BACKEND_DOWN || result == BACKEND_UNSURE) return result;
	}
	return why->len ? BACKEND_DOWN : result;
}

static enum backend_result postgres_find(void *conn, struct str address,
					 struct backend_entry *e, struct buf *why)
{
	struct postgres *p = conn;
	char parameter[sizeof e->address + 1];
	memset(e, 0, sizeof *e);
	p->deadline_ms = wait_deadline(p->c->timeout_ms);
	/* A NUL would end the text that is looked for, and the server takes UTF-8 alone.
	 */
	if (!utf8_is_valid(address) || str_find(address, '\0') >= 0 ||
	    !str_to_cstr(address, parameter, sizeof parameter))
		return BACKEND_NONE;
	/* One whose last answer was not read to its end. */
	if (!p->link && !connect_to(p, why)) return BACKEND_DOWN;
	enum backend_result result = run(p, parameter, e, why);
	if (result == BACKEND_DOWN || result == BACKEND_UNSURE) disconnect(p);
	return result;
}

/* --- life --------------------------------------------------------------------------- */

static void postgres_close(void *conn)
{
	struct postgres *p = conn;
	if (!p) return;
	disconnect(p);
	free(p);
}

static void *postgres_open(const struct backend_settings *c, struct buf *why)
{
	struct postgres *p = calloc(1, sizeof *p);
	if (!p) {
		why_errno(why, "postgres", ENOMEM);
		return NULL;
	}
	p->c = c;
	p->deadline_ms = wait_deadline(c->timeout_ms);
	if (connect_to(p, why)) return p;
	postgres_close(p);
	return NULL;
}

static void allow(void *arg, const char *path)
{
	int *error = arg;
	int rc = sandbox_allow_path(path, false);
	if (rc != 0) *error = rc;
}

static bool postgres_prepare(const struct backend_settings *c, struct buf *why)
{
	int error = wait_allow(true);
	if (!postgres_conninfo_check(str_of(c->postgres.conninfo), why)) return false;
	postgres_paths(str_of(c->postgres.conninfo), allow, &error);
	if (error) why_errno(why, "postgres: a certificate or key", -error);
	return error == 0;
}

const struct backend backend_postgres = {
	.name = "postgres",
	.prepare = postgres_prepare,
	.open = postgres_open,
	.find = postgres_find,
	.close = postgres_close,
};
