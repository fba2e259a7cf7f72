/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/dovecot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/directory/dovecot_stream.h"
#include "services/directory/wait.h"

enum { REQUEST_MAX = 4096 };

struct dovecot {
	const struct backend_settings *c; /* the source's */
	struct dovecot_stream auth, userdb;
};

/* It answers: so what it says is of this user, and others can be asked about. */
static enum backend_result unsure(struct buf *why, struct str text)
{
	why_say(why, "dovecot", text);
	return BACKEND_UNSURE;
}

/* `password` NULL: who is it. */
static bool ask(struct dovecot_stream *s, int64_t timeout_ms, struct str user,
		const struct str *password, struct dovecot_line *answer, struct buf *why)
{
	char memory[REQUEST_MAX];
	struct buf request;
	int64_t deadline_ms = wait_deadline(timeout_ms);
	if (!dovecot_stream_ready(s, deadline_ms, why)) return false;
	buf_init_fixed(&request, memory, sizeof memory);
	s->id = s->id % UINT32_MAX + 1;
	if (password) dovecot_auth(&request, s->id, user, *password);
	else dovecot_user(&request, s->id, user);
	assert(!request.overflowed);
	bool good = dovecot_stream_ask(s, buf_view(&request), deadline_ms, answer, why);
	explicit_bzero(memory, sizeof memory);
	return good;
}

static struct str user_of(const struct dovecot_line *line)
{
	return (struct str){ line->user, line->user_len };
}

static struct str reason_of(const struct dovecot_line *line, struct str otherwise)
{
	return line->reason_len ? (struct str){ line->reason, line->reason_len }
				: otherwise;
}

/* Who it is by its answer, which may leave out the domain, or say nothing of him. */
static enum backend_result found(const struct dovecot_line *answer, struct str address,
				 struct backend_entry *e, struct buf *why)
{
	char memory[sizeof e->address];
	struct buf whole;
	struct str user = user_of(answer);
	ptrdiff_t at = str_rfind(address, '@');
	buf_init_fixed(&whole, memory, sizeof memory);
	buf_str(&whole, user);
	if (user.len && str_find(user, '@') < 0 && at >= 0)
		buf_str(&whole, str_from(address, (size_t)at));
	if (!whole.overflowed && BACKEND_PUT(e, address, buf_view(&whole)))
		return BACKEND_OK;
	why_say(why, "dovecot", STR("its name for the user is not an address"));
	return BACKEND_UNSURE;
}

/* What a line to it can hold. */
static bool can_say(struct str user, struct str password)
{
	return user.len <= DOVECOT_USER_MAX && password.len <= DOVECOT_PASSWORD_MAX &&
	       str_find(user, '\0') < 0 && str_find(password, '\0') < 0;
}

static enum backend_result dovecot_find(void *conn, struct str address,
					struct backend_entry *e, struct buf *why)
{
	struct dovecot *d = conn;
	struct dovecot_line answer;
	memset(e, 0, sizeof *e);
	if (!can_say(address, STR(""))) return BACKEND_NONE;
	if (!ask(&d->userdb, d->c->timeout_ms, address, NULL, &answer, why))
		return BACKEND_DOWN;
	e->checks = d->c->dovecot.auth[0] != '\0';
	if (answer.kind == DOVECOT_USER) return found(&answer, address, e, why);
	if (answer.kind == DOVECOT_NOTFOUND) return BACKEND_NONE;
	return unsure(why, reason_of(&answer, STR("it cannot look up users")));
}

static enum backend_result dovecot_verify(void *conn, struct str address,
					  struct str password, struct backend_entry *e,
					  struct buf *why)
{
	struct dovecot *d = conn;
	struct dovecot_line answer;
	memset(e, 0, sizeof *e);
	if (!password.len || !can_say(address, password)) return BACKEND_WRONG;
	if (!ask(&d->auth, d->c->timeout_ms, address, &password, &answer, why))
		return BACKEND_DOWN;
	e->checks = true;
	if (answer.kind == DOVECOT_OK) return found(&answer, address, e, why);
	if (answer.kind == DOVECOT_FAIL && !answer.later) {
		why_say(why, "dovecot", reason_of(&answer, STR("wrong password")));
		return BACKEND_WRONG;
	}
	/* PLAIN is said in one message: there is nothing to go on with. */
	if (answer.kind == DOVECOT_CONT) dovecot_stream_close(&d->auth);
	return unsure(why, reason_of(&answer, STR("it cannot compare passwords now")));
}

static void dovecot_close(void *conn)
{
	struct dovecot *d = conn;
	if (!d) return;
	dovecot_stream_close(&d->auth);
	dovecot_stream_close(&d->userdb);
	free(d);
}

static void *dovecot_open(const struct backend_settings *c, struct buf *why)
{
	struct dovecot *d = calloc(1, sizeof *d);
	if (!d) {
		why_errno(why, "dovecot", ENOMEM);
		return NULL;
	}
	int64_t deadline_ms = wait_deadline(c->timeout_ms);
	d->c = c;
	dovecot_stream_init(&d->auth, DOVECOT_CLIENT, c->dovecot.auth);
	dovecot_stream_init(&d->userdb, DOVECOT_MASTER, c->dovecot.userdb);
	if ((!c->dovecot.auth[0] || dovecot_stream_ready(&d->auth, deadline_ms, why)) &&
	    (!c->dovecot.userdb[0] || dovecot_stream_ready(&d->userdb, deadline_ms, why)))
		return d;
	dovecot_close(d);
	return NULL;
}

static bool dovecot_prepare(const struct backend_settings *c, struct buf *why)
{
	(void)c;
	int error = wait_allow(false);
	if (error) why_errno(why, "dovecot", -error);
	return error == 0;
}

const struct backend backend_dovecot = {
	.name = "dovecot",
	.prepare = dovecot_prepare,
	.open = dovecot_open,
	.find = dovecot_find,
	.verify = dovecot_verify,
	.close = dovecot_close,
};

const struct backend backend_dovecot_userdb = {
	.name = "dovecot",
	.prepare = dovecot_prepare,
	.open = dovecot_open,
	.find = dovecot_find,
	.close = dovecot_close,
};

const struct backend backend_dovecot_auth = {
	.name = "dovecot",
	.prepare = dovecot_prepare,
	.open = dovecot_open,
	.verify = dovecot_verify,
	.close = dovecot_close,
	.unlistable = true,
};
