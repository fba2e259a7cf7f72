/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend with ordered tables gives to the store (kvstore.h): transactions over
 * five tables, and files. Errors are -errno: -ENOENT for "no such key", -ENOSPC or
 * -ENOMEM for "does not fit, the transaction is to be aborted"; anything else is fatal
 * for the environment. */
#ifndef IMS_SPOOL_KV_H
#define IMS_SPOOL_KV_H

#include "lib/base/str.h"

enum kv_table { KV_META, KV_MSG, KV_RCPT, KV_BODY, KV_DUE, KV_TABLES };

struct kv_engine;

/* A transaction. Views of values live until the next change in it. */
struct kv {
	const struct kv_engine *engine;
};

struct kv_engine {
	/* One read transaction at a time, one write transaction beside it. */
	int (*read_begin)(void *env, struct kv **out);
	void (*read_end)(struct kv *kv);
	/* `arrivals`: bytes that they need; -ENOSPC leaves room for all else. */
	int (*write_begin)(void *env, uint64_t arrivals, struct kv **out);
	int (*write_commit)(struct kv *kv); /* durable when 0; ends it in any case */
	void (*write_abort)(struct kv *kv);
	/* One savepoint inside the write transaction, kept or undone. */
	int (*save)(struct kv *kv);
	int (*save_keep)(struct kv *kv);
	void (*save_undo)(struct kv *kv);

	int (*get)(struct kv *kv, enum kv_table table, struct str key, struct str *value);
	/* First entry with key >= from. */
	int (*seek)(struct kv *kv, enum kv_table table, struct str from, struct str *key,
		    struct str *value);
	/* Sets the value to `len` bytes, for the caller to write at once at *at. */
	int (*put)(struct kv *kv, enum kv_table table, struct str key, size_t len,
		   char **at);
	int (*del)(struct kv *kv, enum kv_table table, struct str key);

	uint64_t (*version)(struct kv *kv); /* number of the last commit that it sees */
};

static inline int kv_get(struct kv *kv, enum kv_table table, struct str key,
			 struct str *value)
{
	return kv->engine->get(kv, table, key, value);
}
static inline int kv_seek(struct kv *kv, enum kv_table table, struct str from,
			  struct str *key, struct str *value)
{
	return kv->engine->seek(kv, table, from, key, value);
}
static inline int kv_reserve(struct kv *kv, enum kv_table table, struct str key,
			     size_t len, char **at)
{
	return kv->engine->put(kv, table, key, len, at);
}
static inline int kv_del(struct kv *kv, enum kv_table table, struct str key)
{
	return kv->engine->del(kv, table, key);
}
int kv_put(struct kv *kv, enum kv_table table, struct str key, struct str value);

/* Files in the spool folder and its folder "big". Names are the program's own. A file is
 * a number >= 0. */
typedef int files_list_fn(void *ctx, struct str name);
struct files {
	int (*create)(void *env, const char *name); /* -EEXIST if it is there */
	int (*open)(void *env, const char *name);   /* to read */
	void (*close)(void *env, int file);
	/* All of the bytes. */
	int (*write)(void *env, int file, uint64_t offset, struct str bytes);
	/* Bytes read into memory, < len only at the end of the file. */
	int64_t (*read)(void *env, int file, uint64_t offset, void *memory, size_t len);
	int64_t (*size)(void *env, int file);
	int (*sync)(void *env, int file);
	int (*sync_folder)(void *env, const char *folder); /* "." or "big" */
	int (*rename)(void *env, const char *from, const char *to);
	int (*unlink)(void *env, const char *name);
	/* Names in "big"; the callback may unlink. */
	int (*list_big)(void *env, files_list_fn *fn, void *ctx);
	int (*descriptor)(void *env, const char *name); /* a descriptor to hand out */
	int (*free_bytes)(void *env, uint64_t *out);
};

#endif
