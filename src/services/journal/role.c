/* SPDX-License-Identifier: Apache-2.0 */
#include "services/journal/role.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/os/sandbox.h"
#include "services/journal/journal.h"

enum { FOLDER_MODE = 0750, COUNTS_MAX = 256 * 1024 };

struct journal_role_state {
	struct frame *frame;
	struct journal journal;
	struct loop_timer *tick;
	struct loop_turn turn;
	int64_t tick_at_ms; /* when the timer is to go off; INT64_MAX: it is not set */
};

static struct journal_settings settings_of(const struct conf *conf)
{
	static const enum journal_level levels[] = {
		[CONF_LEVEL_NONE] = JOURNAL_NONE,
		[CONF_LEVEL_MINIMUM] = JOURNAL_MINIMUM,
		[CONF_LEVEL_MEDIUM] = JOURNAL_MEDIUM,
		[CONF_LEVEL_MAXIMUM] = JOURNAL_MAXIMUM,
	};
	struct journal_settings s = { .keep_ms = conf->track.keep_ms };
	struct buf folder;
	char memory[LOGFILE_PATH_MAX];
	buf_init_fixed(&folder, memory, sizeof memory);
	buf_str(&folder, conf->state);
	buf_str(&folder, STR("/log"));
	(void)log_place_set(&s.place, buf_view(&folder), conf->log.file);
	(void)str_to_cstr(conf->hostname, s.host, sizeof s.host);
	s.track = conf->track.enabled == CONF_SWITCH_ON;
	s.format = conf->log.format == CONF_LOG_JSON      ? JOURNAL_JSON
		   : conf->log.format == CONF_LOG_POSTFIX ? JOURNAL_POSTFIX
							  : JOURNAL_TEXT;
	for (size_t i = 0; i < EVENT_CATEGORY_COUNT; i++) s.levels[i] = JOURNAL_MEDIUM;
	for (size_t i = 0; i < conf->log.levels.count; i++) {
		const struct conf_level *level = &conf->log.levels.at[i];
		enum event_category category = event_category_by_name(level->category);
		if (category < EVENT_CATEGORY_COUNT)
			s.levels[category] = levels[level->level];
	}
	return s;
}

/* --- the clock ------------------------------------------------------------------------
 */

static void set_tick(struct journal_role_state *s, int64_t delay_ms)
{
	int64_t at = loop_now_ms(s->frame->loop) + delay_ms;
	if (!s->tick || at >= s->tick_at_ms) return;
	s->tick_at_ms = at;
	loop_timer_set(s->tick, delay_ms);
}

static void on_tick(void *arg)
{
	struct journal_role_state *s = arg;
	s->tick_at_ms = INT64_MAX;
	set_tick(s, journal_tick(&s->journal, loop_now_ms(s->frame->loop),
				 loop_wall_ms(s->frame->loop)));
}

static void on_turn_end(void *arg)
{
	struct journal_role_state *s = arg;
	journal_flush(&s->journal, loop_now_ms(s->frame->loop),
		      loop_wall_ms(s->frame->loop));
	set_tick(s, JOURNAL_TICK_MS);
}

/* What journal's own process has to say goes no further than here. */
static void on_own_record(void *arg, struct str record)
{
	struct journal_role_state *s = arg;
	journal_record(&s->journal, STR(""), record, loop_now_ms(s->frame->loop),
		       loop_wall_ms(s->frame->loop));
	loop_at_turn_end(s->frame->loop, &s->turn);
}

static int64_t own_wall_ms(void *arg)
{
	return loop_wall_ms(((struct journal_role_state *)arg)->frame->loop);
}

/* --- folders --------------------------------------------------------------------------
 */

static void say_error(struct frame *f, const char *path, int error)
{
	event_begin(f->log, EVENT_log_error, 0, 0);
	event_str(f->log, FIELD_path, str_of(path));
	event_str(f->log, FIELD_error, str_of(strerror(error)));
	event_end(f->log);
}

/* The folder of the day's logs, ours; everything in it is made after the rights are
 * given up. */
static int make_folder(struct frame *f, const char *path, struct process_user user)
{
	if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST) {
		say_error(f, path, errno);
		return EX_CANTCREAT;
	}
	if (user.root && lchown(path, user.uid, user.gid) != 0) {
		say_error(f, path, errno);
		return EX_CANTCREAT;
	}
	int rc = sandbox_allow_path(path, true);
	if (rc == 0) return 0;
	say_error(f, path, -rc);
	return EX_CANTCREAT;
}

/* The named file may stand where journal's own user may make nothing. */
static void open_named(struct frame *f, struct journal *j, struct process_user user)
{
	const char *path = j->settings.place.file;
	struct sink *sink = j->settings.format == JOURNAL_POSTFIX ? &j->postfix : &j->log;
	char folder[LOGFILE_PATH_MAX];
	ptrdiff_t slash = str_rfind(str_of(path), '/');
	if (slash < 0) return;
	int rc = sink_open(sink);
	if (rc == 0 && user.root && sink->regular &&
	    fchown(sink->fd, user.uid, user.gid) != 0)
		rc = -errno;
	/* Rotation: the new file is made, and old ones are read, beside it. */
	(void)str_to_cstr(str_sub(str_of(path), 0, slash ? (size_t)slash : 1), folder,
			  sizeof folder);
	if (rc == 0) rc = sandbox_allow_path(folder, true);
	if (rc != 0) say_error(f, path, -rc);
}

/* --- the role's row -------------------------------------------------------------------
 */

static int role_open(struct frame *f)
{
	struct journal_role_state *s = calloc(1, sizeof *s);
	const char *stream = getenv("JOURNAL_STREAM");
	if (!s) return EX_OSERR;
	f->role = s;
	s->frame = f;
	s->tick_at_ms = INT64_MAX;
	s->turn = (struct loop_turn){ .fn = on_turn_end, .arg = s };
	/* A limit of file size, a reader that goes away: errors of one write. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	tzset(); /* reads the zone's file while it can be read */
	journal_init(&s->journal, f->log->role, STDERR_FILENO,
		     str_of(stream ? stream : ""));
	struct journal_settings settings = settings_of(f->conf);
	journal_set(&s->journal, &settings, loop_now_ms(f->loop), loop_wall_ms(f->loop));
	int status = make_folder(f, settings.place.folder, f->user);
	if (status != 0) return status;
	open_named(f, &s->journal, f->user);
	f->log->write = on_own_record;
	f->log->wall_ms = own_wall_ms;
	f->log->arg = s;
	return 0;
}

static int role_serve(struct frame *f)
{
	struct journal_role_state *s = f->role;
	s->tick = loop_timer_new(f->loop, on_tick, s);
	if (!s->tick) return EX_OSERR;
	(void)journal_open(&s->journal); /* what is wrong is told at the first line */
	set_tick(s, 1);
	return 0;
}

static void tell_counts(struct journal_role_state *s, struct channel *ch, uint64_t query)
{
	struct buf text;
	buf_init(&text, COUNTS_MAX);
	if (s->journal.metrics) metrics_write(s->journal.metrics, &text);
	if (text.overflowed) buf_reset(&text);
	channel_send_counts(ch, &(struct msg_counts){ query, buf_view(&text) });
	buf_free(&text);
}

static void role_message(struct frame *f, struct channel *ch, enum msg_type type,
			 struct str payload, int fd)
{
	struct journal_role_state *s = f->role;
	struct msg_event m;
	char title[FRAME_TITLE_MAX];
	struct msg_ask_counts ask;
	if (fd >= 0) (void)close(fd);
	if (type == MSG_ask_counts && msg_ask_counts_get(payload, &ask)) tell_counts(s, ch, ask.query);
	if (type != MSG_event || !msg_event_get(payload, &m)) return;
	frame_title(title, channel_peer(ch), channel_peer_index(ch));
	journal_record(&s->journal, str_of(title), m.record, loop_now_ms(f->loop),
		       loop_wall_ms(f->loop));
	loop_at_turn_end(f->loop, &s->turn);
}

static void role_reload(struct frame *f, struct conf *old)
{
	struct journal_role_state *s = f->role;
	struct journal_settings settings = settings_of(f->conf);
	(void)old;
	journal_set(&s->journal, &settings, loop_now_ms(f->loop), loop_wall_ms(f->loop));
	set_tick(s, 1);
}

static void role_drain(struct frame *f, bool now)
{
	struct journal_role_state *s = f->role;
	(void)now;
	journal_flush(&s->journal, loop_now_ms(f->loop), loop_wall_ms(f->loop));
	/* A last slice, so that tracking of a stopped service has little to read. */
	(void)journal_tick(&s->journal, loop_now_ms(f->loop), loop_wall_ms(f->loop));
	loop_timer_free(s->tick);
	s->tick = NULL;
	frame_leave(f);
}

void journal_role_free(struct frame *f)
{
	struct journal_role_state *s = f->role;
	if (!s) return;
	loop_turn_cancel(f->loop, &s->turn);
	loop_timer_free(s->tick);
	journal_free(&s->journal, loop_now_ms(f->loop));
	free(s);
	f->role = NULL;
}

const struct role_ops journal_role = {
	.role = ROLE_JOURNAL,
	.open = role_open,
	.serve = role_serve,
	.message = role_message,
	.reload = role_reload,
	.drain = role_drain,
};
