/* SPDX-License-Identifier: Apache-2.0 */
/* The store on LMDB: opening, closing, health. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/lmdb/env.h"

static int folder_open(struct lmdb_env *e, const char *path, bool read_only)
{
	if (!str_to_cstr(str_of(path), e->path, sizeof e->path)) return -ENAMETOOLONG;
	if (!read_only && mkdir(path, 0700) && errno != EEXIST) return -errno;
	e->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->folder < 0) return -errno;
	if (read_only) return 0;
	e->lock = openat(e->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			 0600);
	if (e->lock < 0) return -errno;
	if (flock(e->lock, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return mkdirat(e->folder, "big", 0700) && errno != EEXIST ? -errno : 0;
}

/* Makes the database under another name first: a power cut inside its creation must not
 * leave a file that cannot be opened. */
static int database_make(struct lmdb_store *ls, const struct store_options *options)
{
	bool any;
	int r = big_any(&ls->ks, &any);
	if (r || any) return r ? r : -ENOTEMPTY;
	r = lmdb_env_open(&ls->env, LMDB_NEW_FILE, options, true);
	if (r) return r;
	lmdb_env_close(&ls->env);
	r = lmdb_files.rename(&ls->env, LMDB_NEW_FILE, LMDB_FILE);
	return r ? r : lmdb_files.sync_folder(&ls->env, ".");
}

static int database_open(struct lmdb_store *ls, const struct store_options *options)
{
	struct lmdb_env *e = &ls->env;
	bool there = !faccessat(e->folder, LMDB_FILE, F_OK, 0);
	if (!there && errno != ENOENT) return -errno;
	if (!ls->ks.read_only) {
		int r = lmdb_files.unlink(e, LMDB_NEW_FILE);
		if (r && r != -ENOENT) return r;
		if (!there && (r = database_make(ls, options))) return r;
	}
	return lmdb_env_open(e, LMDB_FILE, options, false);
}

static void lmdb_close(struct store *s)
{
	struct lmdb_store *ls = (struct lmdb_store *)(void *)s;
	lmdb_env_close(&ls->env);
	kvstore_stop(&ls->ks);
	if (ls->env.lock >= 0) (void)close(ls->env.lock);
	if (ls->env.folder >= 0) (void)close(ls->env.folder);
	free(ls);
}

static int lmdb_open(const char *path, const struct store_options *options,
		     struct store **out)
{
	struct lmdb_store *ls = calloc(1, sizeof *ls);
	if (!ls) return -ENOMEM;
	ls->ks = (struct kvstore){ .base.backend = &store_lmdb, .env = &ls->env,
		.engine = &lmdb_engine, .files = &lmdb_files,
		.read_only = options && options->read_only };
	ls->env.folder = ls->env.lock = -1;
	int r = folder_open(&ls->env, path, ls->ks.read_only);
	if (!r) r = database_open(ls, options);
	if (!r) r = kvstore_start(&ls->ks);
	if (r) {
		lmdb_close(&ls->ks.base);
		return r;
	}
	*out = &ls->ks.base;
	return 0;
}

static void lmdb_health(struct store *s, struct spool_health *out)
{
	struct lmdb_store *ls = (struct lmdb_store *)(void *)s;
	*out = (struct spool_health){ .error = kvstore_usable(&ls->ks) };
	out->usable = !out->error;
	if (lmdb_files.free_bytes(&ls->env, &out->free_bytes)) out->free_bytes = 0;
	out->used_bytes = lmdb_env_used(&ls->env);
}

static void lmdb_trim(struct store *s)
{
	struct lmdb_env *e = &((struct lmdb_store *)(void *)s)->env;
	int dead;
	(void)mdb_reader_check(e->mdb, &dead);
	lmdb_env_trim(e);
}

const struct store_backend store_lmdb = {
	.name = "lmdb", .open = lmdb_open, .close = lmdb_close, .commit = kvstore_commit,
	.big_begin = kvstore_big_begin, .big_append = kvstore_big_append,
	.big_abort = kvstore_big_abort, .read_msg = kvstore_read_msg,
	.read_rcpts = kvstore_read_rcpts, .read_body = kvstore_read_body,
	.open_big = kvstore_open_big, .due_list = kvstore_due_list, .walk = kvstore_walk,
	.walk_rcpts = kvstore_walk_rcpts, .notes = kvstore_notes,
	.totals = kvstore_totals, .health = lmdb_health, .verify = kvstore_verify,
	.backup = lmdb_backup, .compact = lmdb_compact, .trim = lmdb_trim,
};
