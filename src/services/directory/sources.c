/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/os/sandbox.h"
#include "services/directory/directory.h"

enum {
	BUSY_MS = 200,            /* what one question waits for a lock at most */
	CHECK_EVERY_MS = 1000,    /* whether the file was replaced */
	BACK_OFF_FIRST_MS = 1000, /* after an error; doubles */
	BACK_OFF_MAX_MS = 60 * 1000,
};

static void log_error(struct directory *d, struct str path, struct str error)
{
	event_begin(d->frame->log, EVENT_directory_error, 0, 0);
	event_str(d->frame->log, FIELD_path, path);
	event_str(d->frame->log, FIELD_error, error);
	event_end(d->frame->log);
}

static void source_close(struct source *s)
{
	directory_db_close(s->db);
	s->db = NULL;
}

void source_free(struct source *s)
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

bool source_ready(struct directory *d, struct source *s)
{
	int64_t now = loop_now_ms(d->frame->loop);
	if (now < s->retry_ms) return false;
	if (s->db && now >= s->check_ms) {
		s->check_ms = now + CHECK_EVERY_MS;
		if (directory_db_is_replaced(s->db)) source_close(s);
	}
	return s->db || source_open(d, s);
}

struct source *source_find(struct directory *d, struct str name)
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
	s->prepared = old->prepared;
	old->db = NULL;
	old->folder = -1;
}

void sources_set(struct directory *d, const struct conf *conf)
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

void source_prepare(struct directory *d, struct source *s)
{
	struct str path = buf_view(&s->path);
	int error = s->folder < 0 ? s->folder : 0;
	s->prepared = true;
	if (!error)
		error = directory_db_prepare(s->folder, directory_db_name(path),
					     d->user.uid, d->user.gid);
	/* Its helpers come and go beside it. */
	if (!error) error = sandbox_allow_fd(s->folder, true);
	if (error) log_error(d, path, str_of(strerror(-error)));
}

bool sources_are_prepared(const struct directory *d)
{
	for (size_t i = 0; i < d->count; i++)
		if (!d->sources[i].prepared) return false;
	return true;
}

/* What the database said. A source that has trouble is asked again later. */
static enum answer answer_of(struct directory *d, struct source *s,
			     enum directory_result result)
{
	if (result == DIRECTORY_OK || result == DIRECTORY_NONE) {
		s->back_off_ms = 0;
		return result == DIRECTORY_OK ? ANSWER_YES : ANSWER_NO;
	}
	source_failed(d, s, directory_db_error(s->db));
	if (result != DIRECTORY_BUSY) source_close(s);
	return ANSWER_LATER;
}

enum answer source_lookup(struct directory *d, struct source *s, struct str address,
			  struct directory_entry *entry)
{
	if (!s || !source_ready(d, s)) return ANSWER_LATER;
	return answer_of(d, s, directory_db_lookup(s->db, address, entry));
}

enum answer source_login(struct directory *d, struct source *s, struct str address,
			 struct directory_login *login)
{
	if (!s || !source_ready(d, s)) return ANSWER_LATER;
	return answer_of(d, s, directory_db_login(s->db, address, login));
}
