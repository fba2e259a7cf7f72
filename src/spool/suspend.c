/* SPDX-License-Identifier: Apache-2.0 */
/* Domains and routes that are left alone. Each is a note of the store, so that it outlives
 * us, and here an entry that is asked for each recipient. Mail for it is skipped, in the
 * sense of lib/queue/sched, at a destination that stands for the entry and is suspended:
 * so it waits on the disk, and is found again from the place of the first. */
#include "spool/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/base/units.h"

enum {
	STOP_KEY_MAX = SUSPEND_KEY_MAX,
	/* As many as can be in hand (role.c). */
	HANDS_MAX = SPOOL_JOBS_MAX + SPOOL_DEATHS_MAX * FRAME_INDEX_MAX,
};

struct stop {
	struct suspension what; /* name and reason point into `key` and `text` */
	char key[STOP_KEY_MAX], text[QUEUE_REASON_MAX];
	size_t key_len;
	bool ending; /* its time has come; the note is being removed */
};

/* --- the entries -------------------------------------------------------------------------- */

static struct stop *stop_at(struct spool *s, struct str key)
{
	struct stop *stop = map_get(&s->stops, hash_str(key, s->sched.seed));
	return stop && str_eq((struct str){ stop->key, stop->key_len }, key) ? stop : NULL;
}

static struct stop *stop_find(struct spool *s, enum suspend_kind kind, struct str name)
{
	char memory[STOP_KEY_MAX];
	struct buf key;
	if (name.len == 0 || name.len > SUSPEND_NAME_MAX) return NULL;
	buf_init_fixed(&key, memory, sizeof memory);
	suspend_key_write(&key, kind, name);
	return stop_at(s, buf_view(&key));
}

static struct stop *stop_of(struct spool *s, const struct route *route, struct str address)
{
	if (s->stops.count == 0) return NULL;
	struct stop *stop = stop_find(s, SUSPEND_ROUTE, route_name(route));
	return stop ? stop : stop_find(s, SUSPEND_DOMAIN, route_domain_of(address));
}

bool suspend_is(struct spool *s, const struct route *route, struct str address)
{
	return stop_of(s, route, address) != NULL;
}

/* From a note; false if there is no room for it. */
static bool stop_set(struct spool *s, struct str key, struct str value)
{
	struct suspension what;
	struct stop *stop = stop_at(s, key);
	if (!suspend_read(key, value, &what) || key.len > STOP_KEY_MAX) return false;
	if (!stop) {
		uint64_t hash = hash_str(key, s->sched.seed);
		stop = map_get(&s->stops, hash) ? NULL : calloc(1, sizeof *stop);
		if (!stop || !map_put(&s->stops, hash, stop)) {
			free(stop);
			return false;
		}
		memcpy(stop->key, key.at, key.len);
		stop->key_len = key.len;
	}
	if (what.reason.len) memcpy(stop->text, what.reason.at, what.reason.len);
	what.reason.at = stop->text;
	what.name = str_from((struct str){ stop->key, key.len }, key.len - what.name.len);
	stop->what = what;
	stop->ending = false;
	return true;
}

/* "suspended/domain/d": no destination of a route has such a key. */
static struct str dest_key(const struct stop *stop, struct buf *out)
{
	struct str key = { stop->key, stop->key_len };
	buf_str(out, STR("suspended"));
	buf_str(out, str_from(key, SUSPEND_PREFIX.len - 1));
	return buf_view(out);
}

bool suspend_dest(struct spool *s, const struct route *route, struct str address,
		  struct sched_dest **d)
{
	char memory[SCHED_KEY_MAX];
	struct buf key;
	const struct stop *stop = stop_of(s, route, address);
	*d = NULL;
	if (!stop) return false;
	buf_init_fixed(&key, memory, sizeof memory);
	*d = sched_dest(&s->sched, dest_key(stop, &key), route_name(route), 1, false);
	if (*d) sched_suspend(&s->sched, *d, true);
	return true;
}

static void stop_free(struct spool *s, struct stop *stop)
{
	char memory[SCHED_KEY_MAX];
	struct buf key;
	buf_init_fixed(&key, memory, sizeof memory);
	struct sched_dest *d = sched_find(&s->sched, dest_key(stop, &key));
	if (d) sched_suspend(&s->sched, d, false);
	(void)map_take(&s->stops, hash_str((struct str){ stop->key, stop->key_len }, s->sched.seed));
	free(stop);
	pump_rescan(s);
}

/* --- what stands in lines already ----------------------------------------------------------- */

static bool job_is_stopped(struct spool *s, const struct job *job)
{
	LIST_EACH(it, &job->parts) {
		const struct part *part = CONTAINER(it, struct part, link);
		if (part->away) continue; /* is ended as it was begun */
		if (stop_find(s, SUSPEND_ROUTE, part->dest->route)) return true;
		for (uint32_t i = part->first; i != JOB_NO_RCPT; i = job->rcpts[i].next)
			if (stop_find(s, SUSPEND_DOMAIN, route_domain_of(job->rcpts[i].address)))
				return true;
	}
	return false;
}

/* Collected first: the map changes. */
static void lines_leave(struct spool *s)
{
	static uint64_t ids[HANDS_MAX];
	size_t count = 0, at = 0;
	for (struct job *job; (job = map_next(&s->in_hand, &at, NULL));)
		if (count < HANDS_MAX && job_is_stopped(s, job)) ids[count++] = job->id;
	for (size_t i = 0; i < count; i++) job_place_anew(s, ids[i]);
}

/* --- notes ---------------------------------------------------------------------------------- */

static int stop_load(void *ctx, struct str key, struct str value)
{
	struct spool *s = ctx;
	if (!stop_set(s, key, value)) watch_error(s, -EBADMSG, "a suspension cannot be read");
	return 0;
}

void suspend_load(struct spool *s)
{
	int error = store_notes(s->store, SUSPEND_PREFIX, stop_load, s);
	if (error) watch_error(s, error, "the suspensions could not be read");
}

/* An operation that sets the note, or removes it if the value is empty. */
static bool note_op(struct spool *s, struct act *act, struct str key, struct str value)
{
	struct note *note;
	struct arena *arena;
	struct spool_op *op = commit_op(s, &note, &arena);
	if (!op) return false;
	op->kind = SPOOL_OP_NOTE;
	op->note = (struct spool_note){ arena_str(arena, key), arena_str(arena, value) };
	if (op->note.key.len < key.len || op->note.value.len < value.len) {
		commit_undo(s);
		return false;
	}
	note->kind = NOTE_SUSPEND;
	note->act = act;
	return true;
}

void suspend_tick(struct spool *s)
{
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	size_t at = 0;
	for (struct stop *stop; (stop = map_next(&s->stops, &at, NULL));) {
		bool over = stop->what.until_ms > 0 && stop->what.until_ms <= now_ms;
		if (!over || stop->ending) continue;
		stop->ending = note_op(s, NULL, (struct str){ stop->key, stop->key_len }, STR(""));
	}
}

static void refuse(struct act *act, unsigned status, const char *text)
{
	act->status = status;
	act->text = text;
}

void suspend_ask(struct act *act, struct str selector)
{
	struct spool *s = act->spool;
	char key_text[STOP_KEY_MAX], value_text[SUSPEND_VALUE_MAX], why_text[256];
	struct buf key, value, why;
	struct suspension what = { .since_ms = loop_wall_ms(s->frame->loop),
		.until_ms = act->until_ms, .reason = act->reason };
	buf_init_fixed(&key, key_text, sizeof key_text);
	buf_init_fixed(&value, value_text, sizeof value_text);
	buf_init_fixed(&why, why_text, sizeof why_text);
	bool resume = act->action == QUEUE_RESUME;
	act->walked = true;
	if (!suspend_parse(selector, &what.kind, &what.name, &why)) {
		refuse(act, EX_USAGE, "only 'domain D' and 'route R' can be suspended");
		return;
	}
	suspend_key_write(&key, what.kind, what.name);
	if (!resume) suspend_value_write(&value, &what);
	if (resume && !stop_at(s, buf_view(&key)))
		refuse(act, EX_DATAERR, "this is not suspended");
	else if (!resume && !suspend_may(s->frame->conf, what.kind, what.name))
		refuse(act, EX_DATAERR, "there is no route of that name");
	else if (!note_op(s, act, buf_view(&key), buf_view(&value)))
		refuse(act, EX_TEMPFAIL, "out of memory");
	else act->pending++;
}

/* --- told ----------------------------------------------------------------------------------- */

static void tell(struct spool *s, enum event_name name, const struct suspension *what,
                 struct str reason)
{
	struct event_log *log = s->frame->log;
	char text[40];
	struct buf until;
	buf_init_fixed(&until, text, sizeof text);
	if (what->until_ms) units_time_write(&until, what->until_ms);
	event_begin(log, name, 0, 0);
	event_str(log, what->kind == SUSPEND_ROUTE ? FIELD_route : FIELD_domain, what->name);
	if (name == EVENT_suspend) event_str(log, FIELD_until, buf_view(&until));
	event_str(log, FIELD_reason, reason);
	event_end(log);
}

static void stop_begin(struct spool *s, const struct spool_note *note)
{
	const struct stop *stop = stop_set(s, note->key, note->value) ? stop_at(s, note->key) : NULL;
	if (!stop) {
		watch_error(s, -ENOMEM, "a suspension holds from the next start only");
		return;
	}
	tell(s, EVENT_suspend, &stop->what, stop->what.reason);
	lines_leave(s);
}

static void stop_end(struct spool *s, const struct spool_note *note, const struct act *act)
{
	struct stop *stop = stop_at(s, note->key);
	if (!stop) return;
	tell(s, EVENT_resume, &stop->what, act ? act->reason : STR("its time is over"));
	stop_free(s, stop);
}

void suspend_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct act *act = note->act;
	struct stop *stop = stop_at(s, op->note.key);
	bool gone = op->result == -ENOENT; /* it was what is asked for */
	if (op->result == 0 && op->note.value.len) stop_begin(s, &op->note);
	else if (op->result == 0 || gone) stop_end(s, &op->note, act);
	else if (stop) stop->ending = false; /* tried again */
	if (!act) {
		if (op->result && !gone) watch_error(s, op->result, "a suspension could not be ended");
		return;
	}
	act->pending--;
	if (op->result == 0) act->count = 1;
	else if (op->result == -EINVAL) refuse(act, EX_DATAERR, "too much is suspended already");
	else if (gone) refuse(act, EX_DATAERR, "this is not suspended");
	else refuse(act, EX_IOERR, "it could not be written");
	act_finish_if_done(act);
}
