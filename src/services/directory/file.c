/* SPDX-License-Identifier: Apache-2.0 */
/* The file as a backend: looked at again every second, read again when it has changed. One
 * that has gone, or cannot be read, leaves in use what there was. */
#include "services/directory/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/os/sandbox.h"
#include "services/directory/answer.h"
#include "services/directory/db.h"

enum { LOOK_EVERY_MS = 1000 };

struct file {
	const struct backend_settings *settings;
	char name[DIRECTORY_NAME_MAX + 1];
	struct file_table *table; /* NULL: never read */
	struct stat as;           /* what was read */
	int fault;                /* errno of the last look, which was told */
	int64_t look_ms;
};

static int64_t clock_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Octets, or -errno; those that are added meanwhile come with the next look. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	while (len < size) {
		ssize_t got = read(fd, text + len, size - len);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return -errno;
		if (got == 0) break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

/* 0 or an errno. */
static int load(struct file *f, struct buf *why)
{
	struct stat st;
	char *text = NULL;
	int error = 0, fd = openat(f->settings->folder, f->name,
				   O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) error = errno;
	else if (!S_ISREG(st.st_mode)) error = EISDIR;
	else if (st.st_size > FILE_OCTETS_MAX) error = EFBIG;
	else text = malloc((size_t)st.st_size + 1);
	if (!error && !text) error = ENOMEM;
	ssize_t len = error ? 0 : read_all(fd, text, (size_t)st.st_size);
	if (len < 0) error = (int)-len;
	if (fd >= 0) (void)close(fd);
	struct file_table *table = NULL;
	if (error) free(text);
	else table = file_table_new(text, (size_t)len, why);
	if (!error && !table) error = ENOMEM;
	if (error) return error;
	file_table_free(f->table);
	f->table = table;
	f->as = st;
	return 0;
}

/* Tells each fault once, until there is another or none. */
static void look(struct file *f, struct buf *why)
{
	struct stat st;
	int error = fstatat(f->settings->folder, f->name, &st, 0) != 0 ? errno : 0;
	if (!error && f->table && is_same(&st, &f->as)) {
		f->fault = 0;
		return;
	}
	if (!error) error = load(f, why);
	if (error && error != f->fault)
		buf_fmt(why, "%s: %s%s", f->settings->path, strerror(error),
			f->table ? "; what was read before stays in use" : "");
	f->fault = error;
}

static void file_close(void *conn)
{
	struct file *f = conn;
	file_table_free(f->table);
	free(f);
}

static void *file_open(const struct backend_settings *c, struct buf *why)
{
	struct file *f = calloc(1, sizeof *f);
	if (!f) return NULL;
	f->settings = c;
	if (c->folder < 0)
		buf_fmt(why, "folder of %s: %s", c->path, strerror(-c->folder));
	else if (!str_to_cstr(directory_db_name(str_of(c->path)), f->name, sizeof f->name))
		buf_fmt(why, "%s: %s", c->path, strerror(ENAMETOOLONG));
	else return f;
	free(f);
	return NULL;
}

static enum backend_result file_find(void *conn, struct str address,
				     struct backend_entry *entry, struct buf *why)
{
	struct file *f = conn;
	int64_t now_ms = clock_ms();
	if (now_ms >= f->look_ms) look(f, why);
	if (now_ms >= f->look_ms) f->look_ms = now_ms + LOOK_EVERY_MS;
	if (!f->table) return BACKEND_DOWN;
	const struct file_user *user = file_table_find(f->table, address);
	if (!user) return BACKEND_NONE;
	bool good = BACKEND_PUT(entry, address, user->address) &&
		    BACKEND_PUT(entry, verifier, user->verifier) &&
		    BACKEND_PUT(entry, home, user->home);
	return good ? BACKEND_OK : BACKEND_UNSURE;
}

static bool file_prepare(const struct backend_settings *c, struct buf *why)
{
	int error = c->folder < 0 ? c->folder : sandbox_allow_fd(c->folder, false);
	if (error) buf_fmt(why, "folder of %s: %s", c->path, strerror(-error));
	return !error;
}

const struct backend backend_file = {
	.name = "file",
	.prepare = file_prepare,
	.open = file_open,
	.find = file_find,
	.close = file_close,
	.single = true, /* one copy in memory, and answers in no time */
};

enum backend_result file_ask(const struct backend_settings *c, struct str address,
			     struct backend_entry *entry, struct buf *why)
{
	char memory[DIRECTORY_ADDRESS_MAX];
	struct buf plain;
	void *file = file_open(c, why);
	if (!file) return BACKEND_DOWN;
	buf_init_fixed(&plain, memory, sizeof memory);
	*entry = (struct backend_entry){ 0 };
	enum backend_result result = file_find(file, address, entry, why);
	if (result == BACKEND_NONE && answer_without_detail(&plain, address))
		result = file_find(file, buf_view(&plain), entry, why);
	file_close(file);
	return result;
}
