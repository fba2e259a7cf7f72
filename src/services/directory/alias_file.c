/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/alias_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/sandbox.h"
#include "services/directory/db.h"

enum { READ_SIZE = 64 * 1024, WATCHED_MAX = (ALIAS_LISTS_MAX + 1) * (ALIAS_PATH_MAX + 1) };

/* --- folders ------------------------------------------------------------------------------ */

void alias_folders_free(struct alias_folders *folders)
{
	for (size_t i = 0; i < folders->count; i++) {
		(void)close(folders->at[i]->fd);
		free(folders->at[i]);
	}
	folders->count = 0;
}

bool alias_folders_are_prepared(const struct alias_folders *folders)
{
	for (size_t i = 0; i < folders->count; i++)
		if (!folders->at[i]->prepared) return false;
	return true;
}

static struct str folder_name(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');
	return str_sub(path, 0, slash > 0 ? (size_t)slash : 1);
}

/* A descriptor of the folder of `path`, or -errno. */
static int folder_of(struct alias_folders *folders, struct str path)
{
	struct str name = folder_name(path);
	for (size_t i = 0; i < folders->count; i++)
		if (str_eq(str_of(folders->at[i]->path), name)) return folders->at[i]->fd;
	if (folders->count == ALIAS_FOLDERS_MAX) return -EMFILE;
	int fd = directory_db_folder(path, false, 0, 0);
	if (fd < 0) return fd;
	struct alias_folder *f = calloc(1, sizeof *f);
	if (!f || !str_to_cstr(name, f->path, sizeof f->path)) {
		free(f);
		(void)close(fd);
		return f ? -ENAMETOOLONG : -ENOMEM;
	}
	f->fd = fd;
	f->prepared = folders->preparing;
	if (folders->preparing) (void)sandbox_allow_fd(fd, false);
	folders->at[folders->count++] = f;
	return fd;
}

/* --- one file ----------------------------------------------------------------------------- */

static uint64_t mix(uint64_t seen, const void *at, size_t len)
{
	return hash_str((struct str){ at, len }, seen);
}

static uint64_t mix_file(uint64_t seen, int error, const struct stat *st)
{
	if (error) return mix(seen, &error, sizeof error);
	seen = mix(seen, &st->st_ino, sizeof st->st_ino);
	seen = mix(seen, &st->st_size, sizeof st->st_size);
	seen = mix(seen, &st->st_mtim, sizeof st->st_mtim);
	return mix(seen, &st->st_ctim, sizeof st->st_ctim);
}

/* What the file is now. */
static uint64_t look(struct alias_folders *folders, struct str path, uint64_t seen)
{
	char name[ALIAS_PATH_MAX];
	struct stat st;
	int folder = folder_of(folders, path);
	if (folder < 0) return mix_file(seen, folder, NULL);
	if (!str_to_cstr(directory_db_name(path), name, sizeof name))
		return mix_file(seen, ENAMETOOLONG, NULL);
	int error = fstatat(folder, name, &st, 0) == 0 ? 0 : errno;
	return mix_file(seen, error, &st);
}

static int read_open(int fd, struct buf *text)
{
	for (;;) {
		char *room = buf_room(text, READ_SIZE);
		if (!room) return -EFBIG;
		ssize_t n = read(fd, room, READ_SIZE);
		if (n < 0) return -errno;
		if (n == 0) return 0;
		buf_added(text, (size_t)n);
	}
}

/* Without waiting: the path may be one of a pipe. */
static int read_file(struct alias_folders *folders, struct str path, struct buf *text)
{
	char name[ALIAS_PATH_MAX];
	struct stat st;
	int folder = folder_of(folders, path);
	if (folder < 0) return folder;
	if (!str_to_cstr(directory_db_name(path), name, sizeof name)) return -ENAMETOOLONG;
	int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) return -errno;
	int error = fstat(fd, &st) == 0 ? 0 : -errno;
	if (!error && !S_ISREG(st.st_mode)) error = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (!error) error = read_open(fd, text);
	(void)close(fd);
	return error;
}

/* Looked at before it is read: a change in between is seen the next time. */
static int read_watched(void *arg, struct str path, struct buf *text)
{
	struct alias_file *f = arg;
	buf_str(&f->watched, path);
	buf_byte(&f->watched, '\0');
	f->seen = look(f->folders, path, f->seen);
	return read_file(f->folders, path, text);
}

bool alias_file_init(struct alias_file *f, struct alias_folders *folders, struct str path)
{
	*f = (struct alias_file){ .folders = folders };
	buf_init(&f->path, ALIAS_PATH_MAX - 1);
	buf_init(&f->watched, WATCHED_MAX);
	buf_str(&f->path, path);
	return !f->path.overflowed;
}

void alias_file_free(struct alias_file *f)
{
	buf_free(&f->path);
	buf_free(&f->watched);
}

static void cannot_read(struct alias_table *t, struct str path, int error)
{
	*t = (struct alias_table){ 0 };
	arena_init(&t->arena, ALIAS_MEMORY_MAX);
	t->path = arena_str(&t->arena, path);
	t->problem_count = 1;
	t->problems[0].file = t->path;
	(void)snprintf(t->problems[0].sentence, sizeof t->problems[0].sentence,
		"the file cannot be read: %s", strerror(error));
}

bool alias_file_read(struct alias_file *f, struct alias_table *table)
{
	struct buf text;
	struct str path = buf_view(&f->path);
	buf_init(&text, ALIAS_TEXT_MAX + READ_SIZE);
	buf_reset(&f->watched);
	f->seen = 1;
	f->changed = 0;
	int error = read_watched(f, path, &text);
	bool good = false;
	if (error) cannot_read(table, path, -error);
	else good = alias_table_read(table, path, buf_view(&text), read_watched, f);
	buf_free(&text);
	return good;
}

bool alias_file_has_changed(struct alias_file *f)
{
	uint64_t now = 1;
	for (struct str rest = buf_view(&f->watched); rest.len;)
		now = look(f->folders, str_cut(&rest, '\0'), now);
	bool settled = now != f->seen && now == f->changed;
	f->changed = now == f->seen ? 0 : now;
	return settled;
}
