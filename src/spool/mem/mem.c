/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory over a log on a fake disk. A transaction is one record: magic,
 * sequence number, length, CRC-32C of all that and of the changes. A log ends where the
 * next record does not follow. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/crc32c.h"
#include "lib/base/cur.h"
#include "spool/kvstore.h"
#include "spool/mem/fake_disk.h"
#include "spool/mem/tables.h"

enum {
	LOG_HEADER = 20,
	LOG_RECORD_MAX = 1 << 30,
	MEM_SPARE = 64 * 1024, /* bytes that arrivals leave to everything else */
};
#define LOG_MAGIC 0x474f4c31u

struct mem_env {
	struct kv kv;
	struct fake_disk *disk;
	pthread_mutex_t lock; /* held by the transaction */
	struct tables tables;
	size_t mark; /* of the savepoint */
	int log;
	uint64_t log_end, seq;
};

struct mem_store {
	struct kvstore ks;
	struct mem_env env;
};

static struct mem_env *of(struct kv *kv) { return (struct mem_env *)(void *)kv; }

/* ---- log ------------------------------------------------------------------------- */

static void record_begin(struct buf *b, uint64_t seq)
{
	buf_put_u32(b, LOG_MAGIC);
	buf_put_u64(b, seq);
	buf_put_u32(b, 0);
	buf_put_u32(b, 0);
}

static void put_u32_at(struct buf *b, size_t at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++) b->at[at + i] = (char)(v >> (8 * i) & 0xff);
}

static void record_end(struct buf *b)
{
	if (b->overflowed) return;
	put_u32_at(b, 12, (uint32_t)(b->len - LOG_HEADER));
	uint32_t crc = crc32c(0, b->at, 16);
	put_u32_at(b, 16, crc32c(crc, b->at + LOG_HEADER, b->len - LOG_HEADER));
}

/* The changes of the record at the front of `log`, if it is whole and number `seq`. */
static bool record_check(struct str log, uint64_t seq, struct str *changes)
{
	struct cur c = cur_of(log);
	bool good = cur_u32(&c) == LOG_MAGIC && cur_u64(&c) == seq;
	uint32_t len = cur_u32(&c), crc = cur_u32(&c);
	*changes = cur_bytes(&c, len);
	if (!good || c.bad) return false;
	return crc32c(crc32c(0, log.at, 16), changes->at, changes->len) == crc;
}

static int log_replay(struct mem_env *e)
{
	int64_t size = fake_disk_size(e->disk, e->log);
	char *bytes = malloc((size_t)size + 1);
	if (!bytes) return -ENOMEM;
	(void)fake_disk_read(e->disk, e->log, 0, bytes, (size_t)size);
	struct str log = { bytes, (size_t)size }, changes;
	int r = 0;
	while (!r &&
	       record_check(str_from(log, (size_t)e->log_end), e->seq + 1, &changes)) {
		if (!tables_read(&e->tables, changes)) r = -ENOMEM;
		tables_settle(&e->tables);
		e->seq++;
		e->log_end += LOG_HEADER + changes.len;
	}
	free(bytes);
	return r;
}

static int log_append(struct mem_env *e)
{
	struct buf b;
	buf_init(&b, LOG_RECORD_MAX);
	record_begin(&b, e->seq + 1);
	tables_write_changes(&e->tables, &b);
	record_end(&b);
	int r = b.overflowed ? -ENOMEM
			     : fake_disk_write(e->disk, e->log, e->log_end, buf_view(&b),
					       false);
	if (!r && fake_disk_sync(e->disk, e->log)) r = -EIO;
	if (!r) {
		e->seq++;
		e->log_end += b.len;
	} else if (r == -ENOSPC) {
		/* A part of it may be there; nothing may follow it by chance. */
		(void)fake_disk_truncate(e->disk, e->log, e->log_end);
	} else if (r != -ENOMEM) {
		r = -EIO;
	}
	buf_free(&b);
	return r;
}

/* A new log with one record of everything takes the old one's name. */
static int log_rewrite(struct mem_env *e)
{
	struct buf b;
	int file = fake_disk_create(e->disk, "new.log");
	if (file < 0) return file;
	buf_init(&b, LOG_RECORD_MAX);
	record_begin(&b, 1);
	tables_write_all(&e->tables, &b);
	record_end(&b);
	int r = b.overflowed ? -ENOMEM
			     : fake_disk_write(e->disk, file, 0, buf_view(&b), false);
	if (!r) r = fake_disk_sync(e->disk, file);
	if (!r) r = fake_disk_rename(e->disk, "new.log", "log");
	if (!r) r = fake_disk_sync_folder(e->disk, ".");
	if (r) (void)fake_disk_unlink(e->disk, "new.log");
	buf_free(&b);
	return r;
}

/* ---- engine ---------------------------------------------------------------------- */

static int begin(struct mem_env *e, struct kv **out)
{
	(void)pthread_mutex_lock(&e->lock);
	*out = &e->kv;
	return 0;
}

static int read_begin(void *env, struct kv **out) { return begin(env, out); }
static void read_end(struct kv *kv) { (void)pthread_mutex_unlock(&of(kv)->lock); }

static int write_begin(void *env, uint64_t arrivals, struct kv **out)
{
	struct mem_env *e = env;
	if (arrivals && fake_disk_free_bytes(e->disk) < arrivals + MEM_SPARE)
		return -ENOSPC;
	return begin(e, out);
}

static void write_abort(struct kv *kv)
{
	tables_undo(&of(kv)->tables, 0);
	read_end(kv);
}

static int write_commit(struct kv *kv)
{
	int r = log_append(of(kv));
	if (r) tables_undo(&of(kv)->tables, 0);
	tables_settle(&of(kv)->tables);
	read_end(kv);
	return r;
}

static int save(struct kv *kv)
{
	of(kv)->mark = of(kv)->tables.changes_count;
	return 0;
}

static int save_keep(struct kv *kv)
{
	of(kv)->mark = 0;
	return 0;
}

static void save_undo(struct kv *kv) { tables_undo(&of(kv)->tables, of(kv)->mark); }

static int get(struct kv *kv, enum kv_table table, struct str key, struct str *value)
{
	bool exact;
	size_t at = tables_find(&of(kv)->tables, table, key, &exact);
	if (!exact) return -ENOENT;
	*value = entry_value(&of(kv)->tables.tables[table].entries[at]);
	return 0;
}

static int seek(struct kv *kv, enum kv_table table, struct str from, struct str *key,
		struct str *value)
{
	bool exact;
	const struct table *t = &of(kv)->tables.tables[table];
	size_t at = tables_find(&of(kv)->tables, table, from, &exact);
	if (at == t->count) return -ENOENT;
	*key = entry_key(&t->entries[at]);
	*value = entry_value(&t->entries[at]);
	return 0;
}

static int put(struct kv *kv, enum kv_table table, struct str key, size_t len, char **at)
{
	*at = tables_put(&of(kv)->tables, table, key, len);
	return *at ? 0 : -ENOMEM;
}

static int del(struct kv *kv, enum kv_table table, struct str key)
{
	return tables_del(&of(kv)->tables, table, key);
}

static uint64_t version(struct kv *kv) { return of(kv)->seq; }

static const struct kv_engine mem_engine = {
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

/* ---- files ----------------------------------------------------------------------- */

static struct fake_disk *disk_of(void *env) { return ((struct mem_env *)env)->disk; }

static int file_create(void *env, const char *name)
{
	return fake_disk_create(disk_of(env), name);
}
static int file_open(void *env, const char *name)
{
	return fake_disk_find(disk_of(env), name);
}
static void file_close(void *env, int file) { (void)env, (void)file; }
static int file_write(void *env, int file, uint64_t offset, struct str bytes)
{
	return fake_disk_write(disk_of(env), file, offset, bytes, false);
}
static int64_t file_read(void *env, int file, uint64_t offset, void *memory, size_t len)
{
	return fake_disk_read(disk_of(env), file, offset, memory, len);
}
static int64_t file_size(void *env, int file)
{
	return fake_disk_size(disk_of(env), file);
}
static int file_sync(void *env, int file) { return fake_disk_sync(disk_of(env), file); }
static int sync_folder(void *env, const char *folder)
{
	return fake_disk_sync_folder(disk_of(env), folder) ? -EIO : 0;
}
static int file_rename(void *env, const char *from, const char *to)
{
	return fake_disk_rename(disk_of(env), from, to);
}
static int file_unlink(void *env, const char *name)
{
	return fake_disk_unlink(disk_of(env), name);
}
static int list_big(void *env, files_list_fn *fn, void *ctx)
{
	return fake_disk_list(disk_of(env), STR("big/"), fn, ctx);
}

/* A descriptor needs a file of the kernel's. */
static int file_descriptor(void *env, const char *name)
{
	char piece[4096];
	int file = file_open(env, name);
	int fd = file < 0 ? file : memfd_create("big", MFD_CLOEXEC);
	if (fd < 0) return file < 0 ? file : -errno;
	for (uint64_t at = 0;;) {
		int64_t n = file_read(env, file, at, piece, sizeof piece);
		if (n <= 0) return fd;
		if (pwrite(fd, piece, (size_t)n, (off_t)at) != n) break;
		at += (uint64_t)n;
	}
	(void)close(fd);
	return -EIO;
}

static int free_bytes(void *env, uint64_t *out)
{
	*out = fake_disk_free_bytes(disk_of(env));
	return 0;
}

static const struct files mem_files = {
	.create = file_create,
	.open = file_open,
	.close = file_close,
	.write = file_write,
	.read = file_read,
	.size = file_size,
	.sync = file_sync,
	.sync_folder = sync_folder,
	.rename = file_rename,
	.unlink = file_unlink,
	.list_big = list_big,
	.descriptor = file_descriptor,
	.free_bytes = free_bytes,
};

/* ---- store ----------------------------------------------------------------------- */

static int schema_make(struct mem_store *ms)
{
	struct kv *kv;
	bool any;
	int r = big_any(&ms->ks, &any);
	if (r || any) return r ? r : -ENOTEMPTY;
	if ((r = write_begin(&ms->env, 0, &kv))) return r;
	r = kvstore_schema_write(kv);
	if (!r) return write_commit(kv);
	write_abort(kv);
	return r;
}

static int log_open(struct mem_store *ms)
{
	struct mem_env *e = &ms->env;
	(void)fake_disk_unlink(e->disk, "new.log");
	e->log = fake_disk_find(e->disk, "log");
	if (e->log == -ENOENT) {
		e->log = fake_disk_create(e->disk, "log");
		if (e->log < 0) return e->log;
		int r = fake_disk_sync_folder(e->disk, ".");
		if (r) return r;
	}
	if (e->log < 0) return e->log;
	int r = log_replay(e);
	return r || e->seq ? r : schema_make(ms);
}

static void mem_close(struct store *s)
{
	struct mem_store *ms = (struct mem_store *)(void *)s;
	tables_free(&ms->env.tables);
	(void)pthread_mutex_destroy(&ms->env.lock);
	kvstore_stop(&ms->ks);
	free(ms);
}

static int mem_open(const char *path, const struct store_options *options,
		    struct store **out)
{
	(void)path; /* the disk is the folder */
	if (!options || !options->disk) return -EINVAL;
	struct mem_store *ms = calloc(1, sizeof *ms);
	if (!ms) return -ENOMEM;
	ms->ks = (struct kvstore){ .base.backend = &store_mem,
				   .env = &ms->env,
				   .engine = &mem_engine,
				   .files = &mem_files,
				   .read_only = options->read_only };
	ms->env.kv.engine = &mem_engine;
	ms->env.disk = options->disk;
	(void)pthread_mutex_init(&ms->env.lock, NULL);
	int r = log_open(ms);
	if (!r) r = kvstore_start(&ms->ks);
	if (r) {
		mem_close(&ms->ks.base);
		return r;
	}
	*out = &ms->ks.base;
	return 0;
}

static void mem_health(struct store *s, struct spool_health *out)
{
	struct mem_store *ms = (struct mem_store *)(void *)s;
	*out = (struct spool_health){ .error = kvstore_usable(&ms->ks),
		.free_bytes = fake_disk_free_bytes(ms->env.disk) };
	out->usable = !out->error;
	out->used_bytes = (uint64_t)fake_disk_size(ms->env.disk, ms->env.log);
}

/* The fake disk has no second folder to copy into. */
static int mem_backup(struct store *s, const char *folder)
{
	(void)s, (void)folder;
	return -EOPNOTSUPP;
}

static int mem_compact(const char *path, const struct store_options *options)
{
	struct store *s;
	int r = store_open(&store_mem, path, options, &s);
	if (r) return r;
	r = log_rewrite(&((struct mem_store *)(void *)s)->env);
	store_close(s);
	return r;
}

static void mem_trim(struct store *s) { (void)s; /* maps no file */ }

const struct store_backend store_mem = {
	.name = "mem", .open = mem_open, .close = mem_close, .commit = kvstore_commit,
	.big_begin = kvstore_big_begin, .big_append = kvstore_big_append,
	.big_abort = kvstore_big_abort, .read_msg = kvstore_read_msg,
	.read_rcpts = kvstore_read_rcpts, .read_body = kvstore_read_body,
	.open_big = kvstore_open_big, .due_list = kvstore_due_list, .walk = kvstore_walk,
	.walk_rcpts = kvstore_walk_rcpts, .notes = kvstore_notes,
	.totals = kvstore_totals, .health = mem_health, .verify = kvstore_verify,
	.backup = mem_backup, .compact = mem_compact, .trim = mem_trim,
};
