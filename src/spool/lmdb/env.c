/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB environment as an engine of tables. No MDB_WRITEMAP (a stray pointer could
 * write mail), MDB_NOTLS (the reading transaction is the store's, not a thread's). */
#include "spool/lmdb/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "spool/record.h"

static const char *const table_names[KV_TABLES] = {
	[KV_META] = "meta", [KV_MSG] = "msg", [KV_RCPT] = "rcpt",
	[KV_BODY] = "body", [KV_DUE] = "due",
};

int lmdb_error(int rc)
{
	switch (rc) {
	case 0:                return 0;
	case MDB_NOTFOUND:     return -ENOENT;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:           return -ENOSPC;
	case ENOMEM:           return -ENOMEM;
	case MDB_READERS_FULL: return -EBUSY;
	default:               return -EIO;
	}
}

int lmdb_path(char out[LMDB_PATH_MAX], const char *path, const char *name)
{
	int n = snprintf(out, LMDB_PATH_MAX, "%s/%s", path, name);
	return n > 0 && n < LMDB_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* ---- transactions ---------------------------------------------------------------- */

static struct lmdb_kv *of(struct kv *kv) { return (struct lmdb_kv *)(void *)kv; }
static MDB_txn *txn_of(struct kv *kv)
{
	return of(kv)->child ? of(kv)->child : of(kv)->txn;
}
static MDB_dbi dbi_of(struct kv *kv, enum kv_table table)
{
	return of(kv)->env->tables[table];
}
static MDB_val val_of(struct str s)
{
	return (MDB_val){ .mv_size = s.len, .mv_data = (void *)(uintptr_t)s.at };
}
static struct str str_of_val(MDB_val v) { return (struct str){ v.mv_data, v.mv_size }; }

void lmdb_env_trim(struct lmdb_env *e)
{
	if (e->map) (void)madvise(e->map, (size_t)lmdb_env_used(e), MADV_DONTNEED);
}

/* Pages of the map count as memory of the process, though the system could take them at
 * any time: a spool that is read through must not look like a leak. */
static void trim_when_due(struct lmdb_kv *l)
{
	if (l->touched < LMDB_TOUCH) return;
	l->touched = 0;
	lmdb_env_trim(l->env);
}

static int read_begin(void *env, struct kv **out)
{
	struct lmdb_env *e = env;
	trim_when_due(&e->reader);
	memset(e->reader.placed, 0, sizeof e->reader.placed);
	int rc = mdb_txn_renew(e->reader.txn);
	*out = &e->reader.kv;
	return lmdb_error(rc);
}

static void read_end(struct kv *kv) { mdb_txn_reset(of(kv)->txn); }

uint64_t lmdb_env_used(struct lmdb_env *e)
{
	MDB_envinfo info;
	if (mdb_env_info(e->mdb, &info)) return 0;
	return ((uint64_t)info.me_last_pgno + 1) * e->page_size;
}

static int reserve_to(struct lmdb_env *e, uint64_t end)
{
	int fd;
	if (end <= e->reserved) return 0;
	if (mdb_env_get_fd(e->mdb, &fd)) return -EIO;
	/* From the start the first time: LMDB may have left holes before its end. */
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)e->reserved,
		      (off_t)(end - e->reserved)))
		return -errno;
	e->reserved = end;
	return 0;
}

/* A write into reserved blocks cannot find the disk full half way. */
static int reserve(struct lmdb_env *e, uint64_t arrivals)
{
	uint64_t need = lmdb_env_used(e) + arrivals + LMDB_SPARE;
	if (e->cannot_reserve) return 0;
	int r = reserve_to(e, (need / LMDB_GROW + 1) * LMDB_GROW);
	if (r == -ENOSPC || r == -EDQUOT) r = reserve_to(e, need);
	if (r == -ENOSPC || r == -EDQUOT) return -ENOSPC;
	if (r) e->cannot_reserve = true;
	return 0;
}

/* Pages inside the file that nothing uses: lists of them are table 0, each beginning with
 * its length. LMDB shows that table to reading transactions only. */
static uint64_t pages_free(struct lmdb_env *e)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val k, v;
	uint64_t sum = 0;
	if (mdb_txn_begin(e->mdb, NULL, MDB_RDONLY, &txn)) return 0;
	if (!mdb_cursor_open(txn, 0, &cursor)) {
		while (!mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
			size_t count = 0;
			if (v.mv_size >= sizeof count)
				memcpy(&count, v.mv_data, sizeof count);
			sum += count;
		}
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return sum;
}

/* The map is larger than arrivals may make the file: changes to a full one need room. */
static bool map_fits(struct lmdb_env *e, uint64_t arrivals)
{
	if (lmdb_env_used(e) + arrivals <= e->map_size) return true;
	return pages_free(e) * e->page_size >= arrivals + LMDB_SPARE;
}

static int write_begin(void *env, uint64_t arrivals, struct kv **out)
{
	struct lmdb_env *e = env;
	if (arrivals && !map_fits(e, arrivals)) return -ENOSPC;
	int r = arrivals ? reserve(e, arrivals) : 0;
	if (r) return r;
	e->writer.touched += arrivals;
	trim_when_due(&e->writer);
	*out = &e->writer.kv;
	return lmdb_error(mdb_txn_begin(e->mdb, NULL, 0, &e->writer.txn));
}

static int write_commit(struct kv *kv)
{
	MDB_txn *txn = of(kv)->txn;
	of(kv)->txn = NULL;
	int r = lmdb_error(mdb_txn_commit(txn));
	if (!r) return 0;
	if (r != -ENOSPC && r != -ENOMEM) return -EIO;
	/* If it was the meta page that failed, nobody knows what the disk has; LMDB then
	 * lets no other transaction begin. */
	if (mdb_txn_begin(of(kv)->env->mdb, NULL, 0, &txn)) return -EIO;
	mdb_txn_abort(txn);
	return r;
}

static void save_undo(struct kv *kv)
{
	mdb_txn_abort(of(kv)->child);
	of(kv)->child = NULL;
}

static void write_abort(struct kv *kv)
{
	if (of(kv)->child) save_undo(kv);
	mdb_txn_abort(of(kv)->txn);
	of(kv)->txn = NULL;
}

static int save(struct kv *kv)
{
	struct lmdb_kv *l = of(kv);
	return lmdb_error(mdb_txn_begin(l->env->mdb, l->txn, 0, &l->child));
}

static int save_keep(struct kv *kv)
{
	MDB_txn *child = of(kv)->child;
	of(kv)->child = NULL;
	return lmdb_error(mdb_txn_commit(child));
}

static int get(struct kv *kv, enum kv_table table, struct str key, struct str *value)
{
	MDB_val k = val_of(key), v;
	int rc = mdb_get(txn_of(kv), dbi_of(kv, table), &k, &v);
	if (!rc) *value = str_of_val(v);
	if (!rc) of(kv)->touched += v.mv_size + LMDB_AROUND;
	return lmdb_error(rc);
}

static bool is_reader(struct kv *kv) { return of(kv) == &of(kv)->env->reader; }

static int cursor_begin(struct lmdb_kv *l, enum kv_table table)
{
	MDB_cursor **cursor = &l->cursors[table];
	if (!*cursor) return mdb_cursor_open(l->txn, l->env->tables[table], cursor);
	return mdb_cursor_renew(l->txn, *cursor);
}

/* One step on if that is the entry: the cursor stands before `from`, the next one does
 * not. Otherwise MDB_NOTFOUND. */
static int cursor_step(struct lmdb_kv *l, enum kv_table table, MDB_val *from, MDB_val *k,
		       MDB_val *v)
{
	MDB_cursor *cursor = l->cursors[table];
	MDB_dbi dbi = l->env->tables[table];
	if (!l->placed[table] || mdb_cursor_get(cursor, k, v, MDB_GET_CURRENT) ||
	    mdb_cmp(l->txn, dbi, k, from) >= 0 || mdb_cursor_get(cursor, k, v, MDB_NEXT))
		return MDB_NOTFOUND;
	return mdb_cmp(l->txn, dbi, k, from) >= 0 ? 0 : MDB_NOTFOUND;
}

static int walk(struct lmdb_kv *l, enum kv_table table, struct str from, struct str *key,
		struct str *value)
{
	MDB_val at = val_of(from), k, v;
	int rc = l->placed[table] ? 0 : cursor_begin(l, table);
	if (rc) return lmdb_error(rc);
	bool stepped = cursor_step(l, table, &at, &k, &v) == 0;
	if (!stepped) {
		k = at;
		rc = mdb_cursor_get(l->cursors[table], &k, &v, MDB_SET_RANGE);
	}
	l->placed[table] = !rc;
	if (rc) return lmdb_error(rc);
	*key = str_of_val(k);
	*value = str_of_val(v);
	l->touched += stepped ? k.mv_size + v.mv_size : LMDB_AROUND;
	return 0;
}

static int seek(struct kv *kv, enum kv_table table, struct str from, struct str *key,
		struct str *value)
{
	MDB_val k = val_of(from), v;
	MDB_cursor *cursor;
	if (is_reader(kv)) return walk(of(kv), table, from, key, value);
	int rc = mdb_cursor_open(txn_of(kv), dbi_of(kv, table), &cursor);
	if (rc) return lmdb_error(rc);
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	mdb_cursor_close(cursor);
	if (rc) return lmdb_error(rc);
	*key = str_of_val(k);
	*value = str_of_val(v);
	of(kv)->touched += LMDB_AROUND;
	return 0;
}

static int put(struct kv *kv, enum kv_table table, struct str key, size_t len, char **at)
{
	MDB_val k = val_of(key), v = { .mv_size = len };
	int rc = mdb_put(txn_of(kv), dbi_of(kv, table), &k, &v, MDB_RESERVE);
	if (!rc) *at = v.mv_data;
	return rc ? lmdb_error(rc) : 0;
}

static int del(struct kv *kv, enum kv_table table, struct str key)
{
	MDB_val k = val_of(key);
	return lmdb_error(mdb_del(txn_of(kv), dbi_of(kv, table), &k, NULL));
}

static uint64_t version(struct kv *kv) { return mdb_txn_id(of(kv)->txn); }

const struct kv_engine lmdb_engine = {
	.read_begin = read_begin,
	.read_end = read_end,
	.write_begin = write_begin,
	.write_commit = write_commit,
	.write_abort = write_abort,
	.save = save,
	.save_keep = save_keep,
	.save_undo = save_undo,
	.get = get,
	.seek = seek,
	.put = put,
	.del = del,
	.version = version,
};

/* ---- opening --------------------------------------------------------------------- */

static int tables_open(struct lmdb_env *e, unsigned txn_flags, unsigned dbi_flags)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(e->mdb, NULL, txn_flags, &txn);
	if (rc) return rc;
	for (unsigned t = 0; !rc && t < KV_TABLES; t++)
		rc = mdb_dbi_open(txn, table_names[t], dbi_flags, &e->tables[t]);
	if (rc) mdb_txn_abort(txn);
	else rc = mdb_txn_commit(txn);
	return rc;
}

/* LMDB does not tell where it has mapped the file; each page begins with its number,
 * so that a page in memory tells. Believed only if the first page is there. */
static void map_find(struct lmdb_env *e)
{
	static const uint32_t magic = 0xBEEFC0DE; /* of page 0, after its header */
	struct kv *kv;
	struct str value = { NULL, 0 };
	uint64_t page;
	unsigned char resident;
	e->map = NULL;
	if (read_begin(e, &kv)) return;
	if (!get(kv, KV_META, STR("schema"), &value)) {
		uintptr_t at = (uintptr_t)value.at & ~(uintptr_t)(e->page_size - 1);
		memcpy(&page, (const void *)at, sizeof page);
		uint64_t offset = page * e->page_size;
		char *map = (char *)(at - offset);
		if (page < lmdb_env_used(e) / e->page_size && offset < at &&
		    !mincore(map, e->page_size, &resident) &&
		    !memcmp(map + 16, &magic, sizeof magic))
			e->map = map;
	}
	read_end(kv);
}

static int reader_open(struct lmdb_env *e)
{
	MDB_stat stat;
	e->reader = (struct lmdb_kv){ .kv.engine = &lmdb_engine, .env = e };
	e->writer = (struct lmdb_kv){ .kv.engine = &lmdb_engine, .env = e };
	int rc = mdb_env_stat(e->mdb, &stat);
	if (rc) return rc;
	e->page_size = stat.ms_psize;
	rc = mdb_txn_begin(e->mdb, NULL, MDB_RDONLY, &e->reader.txn);
	if (rc) return rc;
	mdb_txn_reset(e->reader.txn);
	map_find(e);
	return 0;
}

static int schema_make(struct lmdb_env *e)
{
	struct kv *kv;
	int r = write_begin(e, 0, &kv);
	if (r) return r;
	r = kvstore_schema_write(kv);
	if (!r) return write_commit(kv);
	write_abort(kv);
	return r;
}

int lmdb_env_open(struct lmdb_env *e, const char *file,
		  const struct store_options *options, bool make)
{
	char path[LMDB_PATH_MAX];
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
	e->map_size = options && options->map_size ? options->map_size : LMDB_MAP_SIZE;
	bool read_only = options && options->read_only;
	int r = lmdb_path(path, e->path, file);
	if (r) return r;
	if (read_only) flags |= MDB_RDONLY;
	if (make) flags |= MDB_NOLOCK; /* nobody else knows of it */
	int rc = mdb_env_create(&e->mdb);
	if (rc) return lmdb_error(rc);
	rc = mdb_env_set_maxdbs(e->mdb, KV_TABLES);
	if (!rc) rc = mdb_env_set_mapsize(e->mdb, (size_t)e->map_size + LMDB_SPARE);
	if (!rc) rc = mdb_env_open(e->mdb, path, flags, 0600);
	if (!rc) rc = tables_open(e, read_only ? MDB_RDONLY : 0, make ? MDB_CREATE : 0);
	if (!rc) rc = reader_open(e);
	r = rc > 0 && rc != EDQUOT ? -rc : lmdb_error(rc);
	if (!r && make) r = schema_make(e);
	if (r) lmdb_env_close(e);
	return r;
}

void lmdb_env_close(struct lmdb_env *e)
{
	for (unsigned t = 0; t < KV_TABLES; t++)
		if (e->reader.cursors[t]) mdb_cursor_close(e->reader.cursors[t]);
	memset(e->reader.cursors, 0, sizeof e->reader.cursors);
	if (e->reader.txn) mdb_txn_abort(e->reader.txn);
	e->reader.txn = NULL;
	if (e->mdb) mdb_env_close(e->mdb);
	e->mdb = NULL;
}
