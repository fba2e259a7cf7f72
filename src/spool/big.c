/* SPDX-License-Identifier: Apache-2.0 */
/* Big bodies: a file each, written while they arrive (docs/spool.md, S4 to S6). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/crc32c.h"
#include "spool/kvstore.h"
#include "spool/record.h"

static const struct str big_prefix = STR_INIT("big/");
static const struct str tmp_prefix = STR_INIT("tmp-");

static void name_of(char name[BIG_NAME_MAX], struct str prefix, uint64_t number)
{
	struct buf b;
	buf_init_fixed(&b, name, BIG_NAME_MAX - 1);
	buf_str(&b, big_prefix);
	buf_str(&b, prefix);
	buf_hex64(&b, number);
	name[b.len] = '\0';
}

void big_name(char name[BIG_NAME_MAX], uint64_t id) { name_of(name, STR(""), id); }

static void big_tmp_name(char name[BIG_NAME_MAX], uint64_t handle)
{
	name_of(name, tmp_prefix, handle);
}

uint64_t big_id_of(struct str name)
{
	uint64_t id;
	return name.len == 16 && str_from_hex64(name, &id) ? id : 0;
}

static void big_free(struct kvstore *ks, struct spool_big *big)
{
	if (big->file >= 0) ks->files->close(ks->env, big->file);
	atomic_fetch_sub(&ks->bigs, 1);
	free(big);
}

int kvstore_big_begin(struct store *s, struct spool_big **out)
{
	struct kvstore *ks = (struct kvstore *)(void *)s;
	char name[BIG_NAME_MAX];
	if (ks->read_only) return -EROFS;
	if (kvstore_usable(ks)) return -EIO;
	if (atomic_load(&ks->bigs) >= SPOOL_BIGS_MAX) return -EMFILE;
	struct spool_big *big = calloc(1, sizeof *big);
	if (!big) return -ENOMEM;
	big->handle = ++ks->last_handle;
	big_tmp_name(name, big->handle);
	big->file = ks->files->create(ks->env, name);
	if (big->file < 0) {
		int r = big->file;
		free(big);
		return r;
	}
	atomic_fetch_add(&ks->bigs, 1);
	*out = big;
	return 0;
}

/* Through memory of our own: what is written is what the CRC is of, even if a peer
 * changes the span meanwhile. */
static int piece_append(struct kvstore *ks, struct spool_big *big, struct str piece)
{
	memcpy(ks->piece, piece.at, piece.len);
	struct str own = { ks->piece, piece.len };
	int r = ks->files->write(ks->env, big->file, big->size, own);
	if (r) return r;
	big->crc = crc32c(big->crc, own.at, own.len);
	big->size += own.len;
	return 0;
}

int kvstore_big_append(struct store *s, struct spool_big *big, const struct str *spans,
		       size_t count)
{
	struct kvstore *ks = (struct kvstore *)(void *)s;
	if (!big->error && big->state != BIG_STREAMING) big->error = -EIO;
	for (size_t i = 0; i < count; i++) {
		struct str rest = spans[i];
		while (!big->error && rest.len) {
			struct str piece = str_sub(rest, 0, BIG_PIECE);
			big->error = piece_append(ks, big, piece);
			rest = str_from(rest, piece.len);
		}
	}
	return big->error;
}

void kvstore_big_abort(struct store *s, struct spool_big *big)
{
	struct kvstore *ks = (struct kvstore *)(void *)s;
	char name[BIG_NAME_MAX];
	if (!big) return;
	if (big->state == BIG_STREAMING) {
		big_tmp_name(name, big->handle);
		(void)ks->files->unlink(ks->env, name);
	}
	big_free(ks, big);
}

int big_seal(struct kvstore *ks, struct spool_big *big, uint64_t id)
{
	char from[BIG_NAME_MAX], to[BIG_NAME_MAX];
	if (big->error) return big->error == -EIO ? -EBADF : big->error;
	int file = -1, r;
	big_tmp_name(from, big->handle);
	big_name(to, id);
	/* Never rename over the body of another message: the id may be taken. */
	file = ks->files->open(ks->env, to);
	if (file >= 0) {
		ks->files->close(ks->env, file);
		return -EEXIST;
	}
	if (file != -ENOENT) return file;
	if ((r = ks->files->sync(ks->env, big->file))) {
		/* The pages may be gone: a second sync would prove nothing. */
		big->error = r == -ENOSPC ? r : -EIO;
		return big->error;
	}
	if ((r = ks->files->rename(ks->env, from, to))) return r;
	big->state = BIG_RENAMED;
	big->id = id;
	return 0;
}

void big_unseal(struct kvstore *ks, struct spool_big *big)
{
	char from[BIG_NAME_MAX], to[BIG_NAME_MAX];
	if (big->state != BIG_RENAMED) return;
	big_name(from, big->id);
	big_tmp_name(to, big->handle);
	int r = ks->files->rename(ks->env, from, to);
	big->state = r ? BIG_IN_DOUBT : BIG_STREAMING;
	if (r && !big->error) big->error = -EBADF;
}

void big_consume(struct kvstore *ks, struct spool_big *big) { big_free(ks, big); }

/* ---- sweep ----------------------------------------------------------------------- */

struct sweep {
	struct kvstore *ks;
	struct kv *kv;
};

static int sweep_one(void *ctx, struct str name)
{
	struct sweep *sw = ctx;
	char path[BIG_NAME_MAX];
	struct str value;
	uint64_t id = big_id_of(name);
	if (id) {
		struct key key = key_of_id(id);
		int r = kv_get(sw->kv, KV_MSG, key_view(&key), &value);
		if (r != -ENOENT) return r; /* damaged or not, it is a message's */
	} else if (!str_starts(name, tmp_prefix)) {
		return 0; /* not ours */
	}
	if (name.len + big_prefix.len >= sizeof path) return 0;
	(void)snprintf(path, sizeof path, "big/%.*s", STR_ARG(name));
	int r = sw->ks->files->unlink(sw->ks->env, path);
	return r == -ENOENT ? 0 : r;
}

int big_sweep(struct kvstore *ks)
{
	struct sweep sw = { .ks = ks };
	int r = ks->engine->read_begin(ks->env, &sw.kv);
	if (r) return r;
	r = ks->files->list_big(ks->env, sweep_one, &sw);
	ks->engine->read_end(sw.kv);
	return r;
}

static int any_one(void *ctx, struct str name)
{
	bool *any = ctx;
	if (big_id_of(name)) *any = true;
	return 0;
}

int big_any(struct kvstore *ks, bool *any)
{
	*any = false;
	return ks->files->list_big(ks->env, any_one, any);
}
