/* SPDX-License-Identifier: Apache-2.0 */
/* Backup of a running service, and compaction of a stopped one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/lmdb/env.h"

static int file_fsync(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return -errno;
	int r = fsync(fd) ? -EIO : 0;
	(void)close(fd);
	return r;
}

/* Writes a compacted copy of one snapshot; mdb_env_copy2 does not sync it. */
static int database_copy(struct lmdb_env *e, int folder, const char *path,
			 const char *name)
{
	char file[LMDB_PATH_MAX];
	int r = lmdb_path(file, path, name);
	if (r) return r;
	int rc = mdb_env_copy2(e->mdb, file, MDB_CP_COMPACT);
	r = rc > 0 && rc != EDQUOT ? -rc : lmdb_error(rc);
	return r ? r : file_fsync(folder, name);
}

int lmdb_compact(const char *path, const struct store_options *options)
{
	struct store *s;
	struct store_options writer = options ? *options : (struct store_options){ 0 };
	writer.read_only = false;
	int r = store_open(&store_lmdb, path, &writer, &s);
	if (r) return r;
	struct lmdb_env *e = &((struct lmdb_store *)(void *)s)->env;
	r = database_copy(e, e->folder, e->path, LMDB_NEW_FILE);
	if (!r) r = lmdb_files.rename(e, LMDB_NEW_FILE, LMDB_FILE);
	if (!r) r = lmdb_files.sync_folder(e, ".");
	if (r) (void)lmdb_files.unlink(e, LMDB_NEW_FILE);
	store_close(s);
	return r;
}

/* ---- backup ---------------------------------------------------------------------- */

struct backup {
	struct lmdb_env *e;
	int folder; /* of the copy */
	char *piece;
};

static int file_copy(struct backup *b, int from, int to)
{
	for (uint64_t at = 0;;) {
		int64_t n = lmdb_files.read(b->e, from, at, b->piece, BIG_PIECE);
		if (n <= 0) return (int)n;
		int r = lmdb_files.write(b->e, to, at,
					 (struct str){ b->piece, (size_t)n });
		if (r) return r;
		at += (uint64_t)n;
	}
}

/* Another file system, or one without links. */
static int big_copy(struct backup *b, const char *path)
{
	int from = openat(b->e->folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0) return errno == ENOENT ? 0 : -errno;
	int to = openat(b->folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = to < 0 ? -errno : file_copy(b, from, to);
	if (!r && fdatasync(to)) r = -EIO;
	if (to >= 0) (void)close(to);
	(void)close(from);
	return r == -EEXIST ? 0 : r;
}

/* Bodies never change once they have their name, so a link is as good as a copy. */
static int big_link(void *ctx, struct str name)
{
	struct backup *b = ctx;
	char path[BIG_NAME_MAX];
	uint64_t id = big_id_of(name);
	if (!id) return 0;
	big_name(path, id);
	if (!linkat(b->e->folder, path, b->folder, path, 0)) return 0;
	switch (errno) {
	case EEXIST: return 0; /* by the first pass */
	case ENOENT: return 0; /* finished meanwhile */
	case EXDEV:
	case EPERM:
	case EMLINK:
	case EOPNOTSUPP: return big_copy(b, path);
	default:     return -errno;
	}
}

struct missing {
	struct lmdb_env *e;
	uint64_t next;
	struct spool_op *ops;
	size_t count;
};

static int missing_one(void *ctx, const struct spool_msg *msg)
{
	struct missing *m = ctx;
	char name[BIG_NAME_MAX];
	m->next = msg->id + 1;
	if (!msg->rcpts || msg->body != SPOOL_BODY_BIG) return 0;
	big_name(name, msg->id);
	if (!faccessat(m->e->folder, name, F_OK, 0)) return 0;
	if (errno != ENOENT) return -errno;
	m->ops[m->count++] = (struct spool_op){ .kind = SPOOL_OP_REMOVE, .id = msg->id };
	return 0;
}

/* A big message that arrived after the first pass over the files and was finished before
 * the second is in the snapshot without its body; all its recipients had an outcome. */
static int missing_remove(struct store *copy, struct spool_op *ops)
{
	struct missing m = { .e = &((struct lmdb_store *)(void *)copy)->env, .ops = ops };
	for (uint64_t from = 0;;) {
		m.count = 0;
		m.next = from;
		int r = store_walk(copy, from, SPOOL_BATCH_MAX, missing_one, &m);
		if (r) return r;
		store_commit(copy, ops, m.count);
		for (size_t i = 0; i < m.count; i++)
			if (ops[i].result) return ops[i].result;
		if (m.next == from) return 0;
		from = m.next;
	}
}

static int copy_finish(const char *folder)
{
	struct store *copy;
	struct spool_op *ops = calloc(SPOOL_BATCH_MAX, sizeof *ops);
	if (!ops) return -ENOMEM;
	int r = store_open(&store_lmdb, folder, NULL, &copy); /* sweeps bodies too many */
	if (!r) {
		r = missing_remove(copy, ops);
		store_close(copy);
	}
	free(ops);
	return r;
}

static int copy_make(struct backup *b, const char *folder)
{
	if (mkdirat(b->folder, "big", 0700)) return -errno;
	int r = lmdb_files.list_big(b->e, big_link, b);
	if (!r) r = database_copy(b->e, b->folder, folder, LMDB_FILE ".part");
	if (!r) r = lmdb_files.list_big(b->e, big_link, b);
	if (!r) r = file_fsync(b->folder, "big");
	if (!r && renameat(b->folder, LMDB_FILE ".part", b->folder, LMDB_FILE))
		r = -errno;
	if (!r) r = copy_finish(folder);
	return r ? r : file_fsync(b->folder, ".");
}

int lmdb_backup(struct store *s, const char *folder)
{
	struct backup b = { .e = &((struct lmdb_store *)(void *)s)->env };
	if (mkdir(folder, 0700)) return -errno;
	b.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b.folder < 0) return -errno;
	b.piece = malloc(BIG_PIECE);
	int r = b.piece ? copy_make(&b, folder) : -ENOMEM;
	free(b.piece);
	(void)close(b.folder);
	return r;
}
