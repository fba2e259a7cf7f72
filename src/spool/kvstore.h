/* SPDX-License-Identifier: Apache-2.0 */
/* The store over ordered tables: everything that backends with transactions over five
 * tables and a folder of files have in common. A backend fills in `env`, `engine`,
 * `files` and calls kvstore_start. */
#ifndef IMS_SPOOL_KVSTORE_H
#define IMS_SPOOL_KVSTORE_H

#include <stdatomic.h>

#include "lib/base/buf.h"
#include "spool/kv.h"
#include "spool/store.h"

enum {
	BIG_NAME_MAX = 32, /* "big/tmp-" and 16 digits */
	BIG_PIECE = 64 * 1024,
	SPOOL_SCHEMA = 1,
};

/* Operations that fall or stand together. */
struct unit {
	uint32_t first, count;
	bool arrival;
};

struct spool_big {
	uint64_t handle; /* names its file until the commit */
	int file;
	uint64_t size;
	uint32_t crc;
	int error;
	enum { BIG_STREAMING, BIG_RENAMED, BIG_IN_DOUBT } state;
	uint64_t id; /* renamed to this */
};

struct kvstore {
	struct store base;
	void *env;
	const struct kv_engine *engine;
	const struct files *files;
	bool read_only;
	atomic_int error; /* 0: usable */
	/* the reading thread's */
	atomic_uint bigs;
	uint64_t last_handle;
	char *piece; /* BIG_PIECE bytes */
	/* the committing thread's */
	struct unit *units;  /* SPOOL_BATCH_MAX */
	uint64_t *unlinks;   /* SPOOL_BATCH_MAX */
	struct buf scratch;  /* one record */
};

/* Takes memory, checks or writes the schema, sweeps and counts where that is needed. On
 * an error the caller closes the environment and calls kvstore_stop. */
int kvstore_start(struct kvstore *ks);
void kvstore_stop(struct kvstore *ks);
int kvstore_schema_write(struct kv *kv); /* into empty tables */
int kvstore_usable(const struct kvstore *ks); /* 0 or why not */
void kvstore_break(struct kvstore *ks, int error);

/* Functions of struct store_backend. */
void kvstore_commit(struct store *s, struct spool_op *ops, size_t count);
int kvstore_big_begin(struct store *s, struct spool_big **out);
int kvstore_big_append(struct store *s, struct spool_big *big, const struct str *spans,
		       size_t count);
void kvstore_big_abort(struct store *s, struct spool_big *big);
int kvstore_read_msg(struct store *s, uint64_t id, struct arena *arena,
		     struct spool_msg *out);
int kvstore_read_rcpts(struct store *s, uint64_t id, uint32_t from, uint32_t limit,
		       spool_rcpt_fn *fn, void *ctx);
int kvstore_read_body(struct store *s, uint64_t id, uint64_t offset, void *memory,
		      size_t len, uint32_t *crc, size_t *got);
int kvstore_open_big(struct store *s, uint64_t id);
int kvstore_due_list(struct store *s, int64_t now_ms, struct spool_due *from,
		     size_t limit, spool_due_fn *fn, void *ctx);
int kvstore_walk(struct store *s, uint64_t from, size_t limit, spool_msg_fn *fn,
		 void *ctx);
int kvstore_walk_rcpts(struct store *s, uint64_t from, size_t limit,
		       const struct spool_walk *walk);
int kvstore_notes(struct store *s, struct str prefix, spool_note_fn *fn, void *ctx);
int kvstore_totals(struct store *s, struct spool_totals *out);
int kvstore_verify(struct store *s, bool bodies, spool_finding_fn *fn, void *ctx);

/* big.c: the steps of a big body inside a commit (docs/spool.md, S4 to S6). */
int big_seal(struct kvstore *ks, struct spool_big *big, uint64_t id);
void big_unseal(struct kvstore *ks, struct spool_big *big); /* back to its first name */
void big_consume(struct kvstore *ks, struct spool_big *big);
void big_name(char name[BIG_NAME_MAX], uint64_t id);
/* Removes what no message refers to. */
int big_sweep(struct kvstore *ks);
/* "big" holds a body under its final name. */
int big_any(struct kvstore *ks, bool *any);
/* Id of a file in "big", or 0 (also for tmp files). */
uint64_t big_id_of(struct str name);

#endif
