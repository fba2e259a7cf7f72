/* SPDX-License-Identifier: Apache-2.0 */
/* Role `directory`: tells receive whether an address exists. Looks into SQLite databases
 * that the role can only reach with its own user's rights. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/os/process.h"
#include "lib/os/sandbox.h"
#include "services/directory/db.h"
#include "services/frame.h"

enum {
	SOURCES_MAX = 64,
	BUSY_MS = 200,            /* what one question waits for a lock at most */
	CHECK_EVERY_MS = 1000,    /* whether the file was replaced */
	BACK_OFF_FIRST_MS = 1000, /* after an error; doubles */
	BACK_OFF_MAX_MS = 60 * 1000,
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_LATER };

struct source {
	struct buf name, path;
	int folder;              /* of the database; or -errno of opening it */
	struct directory_db *db; /* NULL: not open */
	int64_t check_ms;        /* next look at the file */
	int64_t retry_ms;        /* not asked before */
	int64_t back_off_ms;
};

struct directory {
	struct frame *frame;
	struct process_user user;
	struct source sources[SOURCES_MAX];
	size_t count;
};

static void log_error(struct directory *d, struct str path, struct str error)
{
	event_begin(d->frame->log, EVENT_directory_error, 0, 0);
	event_str(d->frame->log, FIELD_path, path);
	event_str(d->frame->log, FIELD_error, error);
	event_end(d->frame->log);
}

/* --- sources ------------------------------------------------------------------------ */

static void source_close(struct source *s)
{
	directory_db_close(s->db);
	s->db = NULL;
}

static void source_free(struct source *s)
{
	source_close(s);
	if (s->folder >= 0) (void)close(s->folder);
	buf_free(&s->name);
	buf_free(&s->path);
}

/* Logs, and leaves the source alone for a while: clients are told to come again, and a
 * loop that waits for a lock at every question would serve nobody. */
static void source_failed(struct directory *d, struct source *s, struct str error)
{
	log_error(d, buf_view(&s->path), error);
	s->back_off_ms = s->back_off_ms ? s->back_off_ms * 2 : BACK_OFF_FIRST_MS;
	if (s->back_off_ms > BACK_OFF_MAX_MS) s->back_off_ms = BACK_OFF_MAX_MS;
	s->retry_ms = loop_now_ms(d->frame->loop) + s->back_off_ms;
}

static bool source_open(struct directory *d, struct source *s)
{
	char memory[256];
	struct buf why;
	buf_init_fixed(&why, memory, sizeof memory);
	if (s->folder < 0) buf_str(&why, str_of(strerror(-s->folder)));
	else
		(void)directory_db_open(&s->db, s->folder,
					directory_db_name(buf_view(&s->path)), BUSY_MS,
					&why);
	if (!s->db) {
		source_failed(d, s, buf_view(&why));
		return false;
	}
	s->check_ms = loop_now_ms(d->frame->loop) + CHECK_EVERY_MS;
	return true;
}

/* Whether the source can be asked now. */
static bool source_ready(struct directory *d, struct source *s)
{
	int64_t now = loop_now_ms(d->frame->loop);
	if (now < s->retry_ms) return false;
	if (s->db && now >= s->check_ms) {
		s->check_ms = now + CHECK_EVERY_MS;
		if (directory_db_is_replaced(s->db)) source_close(s);
	}
	return s->db || source_open(d, s);
}

static struct source *source_find(struct directory *d, struct str name)
{
	for (size_t i = 0; i < d->count; i++)
		if (str_eq(buf_view(&d->sources[i].name), name)) return &d->sources[i];
	return NULL;
}

static void source_set(struct source *s, const struct conf_directory *c)
{
	*s = (struct source){ .folder = -1 };
	buf_init(&s->name, DIRECTORY_PATH_MAX);
	buf_init(&s->path, DIRECTORY_PATH_MAX);
	buf_str(&s->name, c->name);
	buf_str(&s->path, c->sqlite);
}

/* What an open database and its folder are; the old row is left without. */
static void source_take(struct source *s, struct source *old)
{
	s->db = old->db;
	s->folder = old->folder;
	s->check_ms = old->check_ms;
	old->db = NULL;
	old->folder = -1;
}

/* Makes the table again from the configuration; databases that stay keep what they have.
 * A folder that is new is opened with the rights of now. */
static void sources_set(struct directory *d, const struct conf *conf)
{
	struct source old[SOURCES_MAX];
	size_t old_count = d->count;
	memcpy(old, d->sources, sizeof old);
	d->count = 0;
	for (size_t i = 0; i < conf->directory_count && d->count < SOURCES_MAX; i++) {
		const struct conf_directory *c = &conf->directories[i];
		if (c->sqlite.len == 0) continue;
		struct source *s = &d->sources[d->count++];
		source_set(s, c);
		for (size_t j = 0; j < old_count && s->folder < 0; j++)
			if (str_eq(buf_view(&old[j].path), c->sqlite) &&
			    old[j].folder >= 0)
				source_take(s, &old[j]);
		if (s->folder < 0)
			s->folder = directory_db_folder(c->sqlite, true, d->user.uid,
							d->user.gid);
	}
	for (size_t i = 0; i < old_count; i++) source_free(&old[i]);
}

/* --- life --------------------------------------------------------------------------- */

/* With the first rights: the files, made for the role's user if they are missing. */
static void source_prepare(struct directory *d, struct source *s)
{
	struct str path = buf_view(&s->path);
	int error = s->folder < 0 ? s->folder : 0;
	if (!error)
		error = directory_db_prepare(s->folder, directory_db_name(path),
					     d->user.uid, d->user.gid);
	/* Its helpers come and go beside it. */
	if (!error) error = sandbox_allow_fd(s->folder, true);
	if (error) log_error(d, path, str_of(strerror(-error)));
}

static int directory_open(struct frame *f)
{
	struct directory *d = calloc(1, sizeof *d);
	if (!d) return EX_OSERR;
	f->role = d;
	d->frame = f;
	d->user = f->user;
	sources_set(d, f->conf);
	for (size_t i = 0; i < d->count; i++) source_prepare(d, &d->sources[i]);
	return 0;
}

/* Only now, so that SQLite's files belong to the role's user. */
static int directory_serve(struct frame *f)
{
	struct directory *d = f->role;
	for (size_t i = 0; i < d->count; i++) (void)source_ready(d, &d->sources[i]);
	return 0;
}

static void directory_reload(struct frame *f, struct conf *old)
{
	(void)old;
	sources_set(f->role, f->conf);
}

static void directory_drain(struct frame *f, bool now)
{
	struct directory *d = f->role;
	(void)now;
	for (size_t i = 0; i < d->count; i++) source_free(&d->sources[i]);
	d->count = 0;
	frame_leave(f);
}

/* --- questions ---------------------------------------------------------------------- */

static enum answer ask(struct directory *d, struct source *s, struct str address,
		       struct directory_entry *entry)
{
	if (!s || !source_ready(d, s)) return ANSWER_LATER;
	enum directory_result result = directory_db_lookup(s->db, address, entry);
	if (result == DIRECTORY_OK || result == DIRECTORY_NONE) {
		s->back_off_ms = 0;
		return result == DIRECTORY_OK ? ANSWER_YES : ANSWER_NO;
	}
	source_failed(d, s, directory_db_error(s->db));
	if (result != DIRECTORY_BUSY) source_close(s);
	return ANSWER_LATER;
}

static void directory_message(struct frame *f, struct channel *ch, enum msg_type type,
			      struct str payload, int fd)
{
	struct directory *d = f->role;
	struct msg_lookup q;
	if (fd >= 0) (void)close(fd);
	if (type != MSG_lookup || !msg_lookup_get(payload, &q)) return;
	struct directory_entry entry = { 0 };
	enum answer answer = ask(d, source_find(d, q.directory), q.address, &entry);
	struct msg_found found = { .query = q.query, .result = (uint8_t)answer };
	if (answer == ANSWER_YES) {
		found.address = entry.address;
		found.home = entry.home;
	}
	channel_send_found(ch, &found);
}

const struct role_ops directory_role = {
	.role = ROLE_DIRECTORY,
	.open = directory_open,
	.serve = directory_serve,
	.message = directory_message,
	.reload = directory_reload,
	.drain = directory_drain,
};
