/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the LMDB backend share. */
#ifndef IMS_SPOOL_LMDB_ENV_H
#define IMS_SPOOL_LMDB_ENV_H

#include <lmdb.h>
#include <stdatomic.h>

#include "spool/kvstore.h"

#define LMDB_MAP_SIZE ((uint64_t)1 << 40)
#define LMDB_FILE     "mail.mdb"
#define LMDB_NEW_FILE "new.mdb"

enum {
	LMDB_PATH_MAX = 4096,
	LMDB_SPARE = 4 << 20,  /* bytes on disk that arrivals leave to everything else */
	LMDB_GROW = 16 << 20,  /* bytes reserved at a time */
	LMDB_TOUCH = 64 << 20, /* bytes touched until the map is trimmed by itself */
	LMDB_AROUND = 16 << 10, /* what the kernel maps for one look, on average */
};

struct lmdb_env;

struct lmdb_kv {
	struct kv kv;
	struct lmdb_env *env;
	MDB_txn *txn;
	MDB_txn *child; /* the savepoint, or NULL */
	/* Of the reading transaction: a walk goes on where it is instead of looking for its
	 * place each time. */
	MDB_cursor *cursors[KV_TABLES];
	bool placed[KV_TABLES]; /* in this transaction */
	uint64_t touched; /* about how many bytes of the map since the last trim */
};

struct lmdb_env {
	MDB_env *mdb;
	MDB_dbi tables[KV_TABLES];
	int folder, lock; /* descriptors or -1 */
	char path[LMDB_PATH_MAX];
	struct lmdb_kv reader, writer;
	size_t page_size;
	uint64_t map_size; /* bytes that arrivals may make the file */
	char *map;          /* where the file is mapped, or NULL if that is not known */
	uint64_t reserved;  /* bytes of the file that have their place on disk */
	bool cannot_reserve;
};

struct lmdb_store {
	struct kvstore ks;
	struct lmdb_env env;
};

extern const struct kv_engine lmdb_engine;
extern const struct files lmdb_files; /* env: struct lmdb_env, its `folder` */

/* -errno as struct kv_engine wants it. */
int lmdb_error(int rc);
/* Opens `file` in e->path with its tables; `make`: an empty one, with schema. */
int lmdb_env_open(struct lmdb_env *e, const char *file,
		  const struct store_options *options, bool make);
void lmdb_env_close(struct lmdb_env *e);
/* Gives the pages of the map back; any thread. */
void lmdb_env_trim(struct lmdb_env *e);
/* Bytes of the file that are in use. */
uint64_t lmdb_env_used(struct lmdb_env *e);
/* path/name; -ENAMETOOLONG. */
int lmdb_path(char out[LMDB_PATH_MAX], const char *path, const char *name);

int lmdb_backup(struct store *s, const char *folder);
int lmdb_compact(const char *path, const struct store_options *options);

#endif
