/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/logfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/event/instant.h"

enum { READER_SIZE = 2 * EVENT_LINE_MAX };

bool log_place_set(struct log_place *place, struct str folder, struct str file)
{
	return str_to_cstr(folder, place->folder, sizeof place->folder) &&
	       str_to_cstr(file, place->file, sizeof place->file);
}

static bool path_join(char *path, size_t size, struct str folder, struct str name)
{
	struct buf b;
	buf_init_fixed(&b, path, size);
	buf_str(&b, folder);
	buf_byte(&b, '/');
	buf_str(&b, name);
	buf_byte(&b, '\0');
	return !b.overflowed;
}

bool log_place_day(const struct log_place *place, int64_t unix_ms, char *path,
		   size_t size)
{
	char memory[32];
	struct buf name;
	buf_init_fixed(&name, memory, sizeof memory);
	event_day_write(&name, unix_ms);
	buf_str(&name, STR(".log"));
	return path_join(path, size, str_of(place->folder), buf_view(&name));
}

bool log_day_of(struct str name, int64_t *end_ms)
{
	int64_t begin;
	if (name.len != EVENT_DAY_LEN + 4 || !str_ends_nocase(name, STR(".log")))
		return false;
	if (!event_time_parse(str_sub(name, 0, EVENT_DAY_LEN), &begin)) return false;
	*end_ms = begin + INT64_C(86400000);
	return true;
}

static bool list_add(struct logfiles *out, struct str folder, struct str name)
{
	struct stat st;
	struct logfile *f = &out->at[out->count];
	if (out->count == LOGFILES_MAX ||
	    !path_join(f->path, sizeof f->path, folder, name))
		return false;
	if (stat(f->path, &st) != 0 || !S_ISREG(st.st_mode)) return false;
	f->inode = st.st_ino;
	f->size = (uint64_t)st.st_size;
	f->changed_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	out->count++;
	return true;
}

static bool is_day(struct str name, struct str base)
{
	int64_t end;
	(void)base;
	return log_day_of(name, &end);
}

/* The file itself, or what a rotation left of it. */
static bool is_rotated(struct str name, struct str base)
{
	static const struct str packed[] = { STR_INIT(".gz"), STR_INIT(".xz"),
					     STR_INIT(".bz2"), STR_INIT(".zst") };
	if (!base.len || !str_starts(name, base)) return false;
	for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
		if (str_ends_nocase(name, packed[i])) return false;
	return name.len == base.len || name.at[base.len] == '.' ||
	       name.at[base.len] == '-';
}

static int list_folder(struct logfiles *out, const char *folder, struct str base,
		       bool (*wanted)(struct str name, struct str base))
{
	DIR *dir = opendir(folder);
	if (!dir) return errno == ENOENT ? 0 : -errno;
	for (struct dirent *entry; (entry = readdir(dir));) {
		struct str name = str_of(entry->d_name);
		if (wanted(name, base)) (void)list_add(out, str_of(folder), name);
	}
	(void)closedir(dir);
	return 0;
}

static int by_change(const void *a, const void *b)
{
	const struct logfile *x = a, *y = b;
	if (x->changed_ms != y->changed_ms) return x->changed_ms < y->changed_ms ? -1 : 1;
	return str_cmp(str_of(x->path), str_of(y->path));
}

static int list_all(const struct log_place *place, struct logfiles *out)
{
	int rc = list_folder(out, place->folder, STR(""), is_day);
	struct str file = str_of(place->file);
	ptrdiff_t slash = str_rfind(file, '/');
	if (rc != 0 || slash < 0) return rc;
	char folder[LOGFILE_PATH_MAX];
	if (!str_to_cstr(str_sub(file, 0, slash ? (size_t)slash : 1), folder,
			 sizeof folder))
		return -ENAMETOOLONG;
	return list_folder(out, folder, str_from(file, (size_t)slash + 1), is_rotated);
}

int logfiles_list(const struct log_place *place, struct logfiles *out)
{
	*out = (struct logfiles){ .at = calloc(LOGFILES_MAX, sizeof *out->at) };
	if (!out->at) return -ENOMEM;
	int rc = list_all(place, out);
	if (rc != 0) logfiles_free(out);
	else if (out->count) qsort(out->at, out->count, sizeof *out->at, by_change);
	return rc;
}

void logfiles_free(struct logfiles *files)
{
	free(files->at);
	*files = (struct logfiles){ 0 };
}

uint64_t logfile_head(int fd)
{
	char octets[LOGFILE_HEAD];
	ssize_t got = pread(fd, octets, sizeof octets, 0);
	struct str head = { octets, got > 0 ? (size_t)got : 0 };
	ptrdiff_t end = str_find(head, '\n');
	if (end < 0 && head.len < sizeof octets) return 0;
	return hash_str(str_sub(head, 0, end < 0 ? head.len : (size_t)end), 0) | 1;
}

int log_reader_open(struct log_reader *r, const char *path, uint64_t offset)
{
	*r = (struct log_reader){ .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
							   O_NONBLOCK),
				  .offset = offset };
	if (r->fd < 0) return -errno;
	r->at = malloc(READER_SIZE);
	if (r->at) return 0;
	log_reader_close(r);
	return -ENOMEM;
}

void log_reader_close(struct log_reader *r)
{
	if (r->fd >= 0) (void)close(r->fd);
	free(r->at);
	*r = (struct log_reader){ .fd = -1 };
}

uint64_t log_reader_offset(const struct log_reader *r) { return r->offset + r->start; }

/* Reads more behind what is there; the number of octets, or -errno. */
static ssize_t reader_fill(struct log_reader *r)
{
	if (r->start) {
		memmove(r->at, r->at + r->start, r->len - r->start);
		r->offset += r->start;
		r->len -= r->start;
		r->start = 0;
	}
	ssize_t got = pread(r->fd, r->at + r->len, READER_SIZE - r->len,
			    (off_t)(r->offset + r->len));
	if (got > 0) r->len += (size_t)got;
	return got < 0 ? -errno : got;
}

int log_reader_next(struct log_reader *r, struct str *line, uint64_t *offset)
{
	size_t looked = 0; /* of what is there, known to be without LF */
	for (;;) {
		struct str rest = { r->at + r->start, r->len - r->start };
		ptrdiff_t end = str_find(str_from(rest, looked), '\n');
		if (end >= 0) {
			*line = str_sub(rest, 0, looked + (size_t)end);
			*offset = log_reader_offset(r);
			r->start += line->len + 1;
			looked = 0;
			bool skipped = r->skipping || line->len >= EVENT_LINE_MAX;
			r->skipping = false;
			if (skipped) continue;
			return 1;
		}
		looked = rest.len;
		if (rest.len >= EVENT_LINE_MAX) {
			r->skipping = true;
			r->start = r->len;
			looked = 0;
		}
		ssize_t got = reader_fill(r);
		if (got <= 0) return (int)got;
	}
}

bool log_line_at(int fd, uint64_t offset, char *memory, struct str *line)
{
	ssize_t got = pread(fd, memory, EVENT_LINE_MAX, (off_t)offset);
	if (got <= 0) return false;
	struct str all = { memory, (size_t)got };
	ptrdiff_t end = str_find(all, '\n');
	if (end < 0) return false;
	*line = str_sub(all, 0, (size_t)end);
	return true;
}
