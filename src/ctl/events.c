/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/events.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

#include "ctl/ctl.h"
#include "lib/event/instant.h"
#include "lib/event/parse.h"
#include "lib/os/clock.h"

struct events {
	const struct events_args *args;
	struct log_reader reader;
	uint64_t inode; /* of what is read */
	struct buf line, scratch;
	struct event_view view;
	uint64_t shown;
};

bool events_place(const struct conf *conf, struct log_place *place)
{
	struct buf folder;
	char memory[LOGFILE_PATH_MAX];
	buf_init_fixed(&folder, memory, sizeof memory);
	buf_str(&folder, conf->state);
	buf_str(&folder, STR("/log"));
	/* What is in Postfix's form cannot be read back: then the day's logs are there.
	 */
	bool readable = conf->log.format != CONF_LOG_POSTFIX;
	return !folder.overflowed && log_place_set(place, buf_view(&folder),
						   readable ? conf->log.file : STR(""));
}

static bool is_wanted(const struct events *e)
{
	const struct event_view *v = &e->view;
	const struct events_args *args = e->args;
	if (args->number && v->number != args->number) return false;
	if (args->event.len && !str_eq(v->name_text, args->event)) return false;
	return v->ts_ms >= args->since_ms;
}

/* What there is to read now. False when it cannot be read, or nobody reads the output. */
static bool show_lines(struct events *e)
{
	struct str line;
	uint64_t offset;
	int rc = 0;
	while (e->reader.fd >= 0 &&
	       (rc = log_reader_next(&e->reader, &line, &offset)) > 0) {
		if (!event_parse(line, &e->scratch, &e->view) || !is_wanted(e)) continue;
		buf_reset(&e->line);
		if (e->args->json) event_format_json(&e->view, &e->line);
		else event_format_text(&e->view, &e->line);
		(void)fwrite(e->line.at, 1, e->line.len, e->args->out);
		e->shown++;
	}
	if (rc < 0)
		fprintf(e->args->err, "imsctl: the log cannot be read: %s\n",
			strerror(-rc));
	return fflush(e->args->out) == 0 && rc == 0;
}

/* Goes on in that file; a file that is not there is no error. */
static int open_log(struct events *e, const char *path)
{
	struct stat st;
	struct log_reader reader;
	int rc = log_reader_open(&reader, path, 0);
	if (rc == -ENOENT) return 0;
	if (rc == 0 && fstat(reader.fd, &st) != 0) {
		rc = -errno;
		log_reader_close(&reader);
	}
	if (rc != 0) {
		fprintf(e->args->err, "imsctl: %s: %s\n", path, strerror(-rc));
		return rc == -EACCES ? EX_NOPERM : EX_IOERR;
	}
	log_reader_close(&e->reader);
	e->reader = reader;
	e->inode = st.st_ino;
	return 0;
}

/* The log that is written now. */
static bool current_path(const struct events *e, char *path, size_t size)
{
	const struct log_place *place = &e->args->place;
	if (place->file[0]) return str_to_cstr(str_of(place->file), path, size);
	return log_place_day(place, clock_wall_ms(), path, size);
}

static int show_since(struct events *e)
{
	struct logfiles files;
	int rc = logfiles_list(&e->args->place, &files), status = 0;
	if (rc != 0) {
		fprintf(e->args->err, "imsctl: %s: %s\n", e->args->place.folder,
			strerror(-rc));
		return rc == -EACCES ? EX_NOPERM : EX_IOERR;
	}
	for (size_t i = 0; i < files.count && status == 0; i++) {
		if (files.at[i].changed_ms < e->args->since_ms) continue;
		status = open_log(e, files.at[i].path);
		if (status == 0 && !show_lines(e)) status = EX_IOERR;
	}
	logfiles_free(&files);
	return status;
}

static int show_current(struct events *e)
{
	char path[LOGFILE_PATH_MAX];
	if (!current_path(e, path, sizeof path)) return EX_CONFIG;
	int status = open_log(e, path);
	return status == 0 && !show_lines(e) ? EX_IOERR : status;
}

/* Another file has taken the name, or another day has begun: what was read is at its end,
 * since its writer looks once a second and has gone on as well. */
static int follow_rotation(struct events *e)
{
	char path[LOGFILE_PATH_MAX];
	struct stat st;
	if (!current_path(e, path, sizeof path) || stat(path, &st) != 0) return 0;
	if (e->reader.fd >= 0 && st.st_ino == e->inode) return 0;
	if (!show_lines(e)) return EX_IOERR;
	return open_log(e, path);
}

static int follow(struct events *e)
{
	const struct timespec pause = { .tv_nsec = EVENTS_POLL_MS * 1000000L };
	int status = 0;
	while (status == 0 && !(e->args->stop && *e->args->stop)) {
		(void)nanosleep(&pause, NULL);
		if (!show_lines(e)) return EX_IOERR;
		status = follow_rotation(e);
	}
	return status;
}

int events_run(const struct events_args *args)
{
	static struct events e; /* a view is large */
	e = (struct events){ .args = args, .reader = { .fd = -1 } };
	buf_init(&e.line, EVENT_LINE_MAX);
	buf_init(&e.scratch, EVENT_LINE_MAX);
	int status = args->since_ms >= 0 ? show_since(&e) : show_current(&e);
	if (status == 0 && args->follow) status = follow(&e);
	if (status == 0 && !args->follow && !args->json && !e.shown)
		fputs("imsctl: no such event\n", args->err);
	log_reader_close(&e.reader);
	buf_free(&e.line);
	buf_free(&e.scratch);
	return status;
}

int ctl_events(const struct conf *conf, bool json, int argc, char **argv)
{
	const char *since = ctl_option(&argc, argv, "--since");
	const char *number = ctl_option(&argc, argv, "--number");
	const char *event = ctl_option(&argc, argv, "--event");
	struct events_args args = {
		.json = json, .since_ms = -1, .out = stdout, .err = stderr
	};
	args.follow = ctl_flag(&argc, argv, "--follow");
	if (argc > 0)
		return ctl_fail(
			EX_USAGE,
			"events [--follow] [--since T] [--number N] [--event NAME]");
	if (since && !event_since_parse(str_of(since), clock_wall_ms(), &args.since_ms))
		return ctl_fail(
			EX_USAGE,
			"--since wants a time (2026-07-14T02:15:26Z) or an age (2h)");
	if (number &&
	    (!str_to_u64(str_of(number), &args.number) || !event_by_number(args.number)))
		return ctl_fail(EX_USAGE, "there is no event of that number");
	if (event) args.event = str_of(event);
	if (event && !event_by_name(args.event))
		return ctl_fail(EX_USAGE, "there is no event of that name");
	if (!events_place(conf, &args.place))
		return ctl_fail(EX_CONFIG, "the path of the log is too long");
	return events_run(&args);
}
