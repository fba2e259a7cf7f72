/* SPDX-License-Identifier: Apache-2.0 */
/* Log files on disk: which there are, and their lines. Reads only. */
#ifndef IMS_EVENT_LOGFILE_H
#define IMS_EVENT_LOGFILE_H

#include "lib/event/format.h"

enum {
	LOGFILE_PATH_MAX = 1024, /* with its NUL */
	LOGFILES_MAX = 4096,     /* of one list: ten years of days */
	LOGFILE_HEAD = 256,      /* octets by which a file is known again */
};

/* Where the log is: the day's logs stand in `folder` as YYYY-MM-DD.log; `file` is the one
 * that `log { file }` names, or empty. */
struct log_place {
	char folder[LOGFILE_PATH_MAX];
	char file[LOGFILE_PATH_MAX];
};

/* False if a path is too long. */
bool log_place_set(struct log_place *place, struct str folder, struct str file);
/* "FOLDER/YYYY-MM-DD.log"; false if it does not fit. */
bool log_place_day(const struct log_place *place, int64_t unix_ms, char *path,
		   size_t size);
/* True if `name` (without folder) is that of a day's log; `*end_ms` is the day's end. */
bool log_day_of(struct str name, int64_t *end_ms);

struct logfile {
	char path[LOGFILE_PATH_MAX];
	uint64_t inode;
	uint64_t size;
	int64_t changed_ms;
};

struct logfiles {
	struct logfile *at;
	size_t count;
};

/* The day's logs, the log file, and what a rotation made of it (FILE.1, FILE-20260714;
 * compressed ones cannot be read), the longest unchanged first. 0, or -errno with an
 * empty list; no folder is an empty list. Ends with logfiles_free. */
int logfiles_list(const struct log_place *place, struct logfiles *out);
void logfiles_free(struct logfiles *files);

/* A number made of the file's first line, by which it is known again when another file
 * gets its name or its inode. 0: it has no whole line yet. */
uint64_t logfile_head(int fd);

/* Reads whole lines from an offset on. */
struct log_reader {
	int fd;          /* owned; -1: none */
	uint64_t offset; /* of the first octet in `at` */
	char *at;
	size_t start, len; /* what of `at` is not read yet, and its end */
	bool skipping;     /* inside a line over EVENT_LINE_MAX */
};

/* 0 or -errno. */
int log_reader_open(struct log_reader *r, const char *path, uint64_t offset);
void log_reader_close(struct log_reader *r); /* also one that is all zero but fd -1 */
/* 1: `*line` (without LF, good until the next call) stands at `*offset`; 0: there is no
 * whole line now; -errno. Lines over EVENT_LINE_MAX are passed over. */
int log_reader_next(struct log_reader *r, struct str *line, uint64_t *offset);
/* Where the next line begins. */
uint64_t log_reader_offset(const struct log_reader *r);

/* The line at `offset`, in the caller's memory of EVENT_LINE_MAX octets; without its LF.
 * False if there is none. */
bool log_line_at(int fd, uint64_t offset, char *memory, struct str *line);

#endif
