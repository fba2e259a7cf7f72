/* SPDX-License-Identifier: Apache-2.0 */
/* Reads: each is one short transaction, so that none pins pages for long. */
#include <errno.h>
#include <string.h>

#include "lib/base/crc32c.h"
#include "spool/apply.h"
#include "spool/kvstore.h"
#include "spool/record.h"

static int begin(struct store *s, struct kvstore **ks, struct kv **kv)
{
	*ks = (struct kvstore *)(void *)s;
	return (*ks)->engine->read_begin((*ks)->env, kv);
}

static void end(struct kvstore *ks, struct kv *kv) { ks->engine->read_end(kv); }

static int msg_at(struct kv *kv, uint64_t id, struct spool_msg *msg)
{
	struct str value;
	struct key key = key_of_id(id);
	int r = kv_get(kv, KV_MSG, key_view(&key), &value);
	if (r) return r;
	msg->id = id;
	return record_get_msg(value, msg) ? 0 : -EBADMSG;
}

int kvstore_read_msg(struct store *s, uint64_t id, struct arena *arena,
		     struct spool_msg *out)
{
	struct kvstore *ks;
	struct kv *kv;
	int r = begin(s, &ks, &kv);
	if (r) return r;
	r = msg_at(kv, id, out);
	if (!r) {
		size_t want = out->reason.len + out->envelope.len;
		out->reason = arena_str(arena, out->reason);
		out->envelope = arena_str(arena, out->envelope);
		if (out->reason.len + out->envelope.len != want) r = -ENOMEM;
	}
	end(ks, kv);
	return r;
}

static int rcpts_read(struct kv *kv, uint64_t id, uint32_t from, uint32_t limit,
		      spool_rcpt_fn *fn, void *ctx)
{
	struct spool_msg msg;
	int r = msg_at(kv, id, &msg);
	for (uint32_t i = from; !r && i < msg.rcpts && i - from < limit; i++) {
		struct str value;
		struct key key = key_of_rcpt(id, i);
		struct spool_rcpt rcpt = { .index = i };
		r = kv_get(kv, KV_RCPT, key_view(&key), &value);
		if (r == -ENOENT || (!r && !record_get_rcpt(value, &rcpt))) r = -EBADMSG;
		if (!r) r = fn(ctx, &rcpt);
	}
	return r;
}

int kvstore_read_rcpts(struct store *s, uint64_t id, uint32_t from, uint32_t limit,
		       spool_rcpt_fn *fn, void *ctx)
{
	struct kvstore *ks;
	struct kv *kv;
	int r = begin(s, &ks, &kv);
	if (r) return r;
	r = rcpts_read(kv, id, from, limit, fn, ctx);
	end(ks, kv);
	return r;
}

static int inline_read(struct kv *kv, const struct spool_msg *msg, uint64_t offset,
		       void *memory, size_t len)
{
	struct str value;
	struct key key = key_of_id(msg->id);
	int r = kv_get(kv, KV_BODY, key_view(&key), &value);
	if (r) return r == -ENOENT ? -EBADMSG : r;
	if (value.len != msg->size) return -EBADMSG;
	memcpy(memory, value.at + offset, len);
	return 0;
}

static int big_read(struct kvstore *ks, const struct spool_msg *msg, uint64_t offset,
		    void *memory, size_t len)
{
	char name[BIG_NAME_MAX];
	big_name(name, msg->id);
	int file = ks->files->open(ks->env, name);
	if (file < 0) return file == -ENOENT ? -EBADMSG : file;
	int64_t size = ks->files->size(ks->env, file);
	int64_t n = size < 0 ? size : ks->files->read(ks->env, file, offset, memory, len);
	ks->files->close(ks->env, file);
	if (n < 0) return (int)n;
	return (uint64_t)n == len && (uint64_t)size == msg->size ? 0 : -EBADMSG;
}

static int body_read(struct kvstore *ks, struct kv *kv, uint64_t id, uint64_t offset,
		     void *memory, size_t len, uint32_t *crc, size_t *got)
{
	struct spool_msg msg;
	int r = msg_at(kv, id, &msg);
	if (r) return r;
	uint64_t left = offset < msg.size ? msg.size - offset : 0;
	size_t n = left < len ? (size_t)left : len;
	if (n && msg.body == SPOOL_BODY_BIG) r = big_read(ks, &msg, offset, memory, n);
	else if (n) r = inline_read(kv, &msg, offset, memory, n);
	if (r) return r;
	if (crc) {
		*crc = crc32c(*crc, memory, n);
		if (n == left && *crc != msg.crc) return -EBADMSG;
	}
	*got = n;
	return 0;
}

int kvstore_read_body(struct store *s, uint64_t id, uint64_t offset, void *memory,
		      size_t len, uint32_t *crc, size_t *got)
{
	struct kvstore *ks;
	struct kv *kv;
	*got = 0;
	int r = begin(s, &ks, &kv);
	if (r) return r;
	r = body_read(ks, kv, id, offset, memory, len, crc, got);
	end(ks, kv);
	return r;
}

int kvstore_open_big(struct store *s, uint64_t id)
{
	struct kvstore *ks;
	struct kv *kv;
	struct spool_msg msg;
	char name[BIG_NAME_MAX];
	int r = begin(s, &ks, &kv);
	if (r) return r;
	r = msg_at(kv, id, &msg);
	end(ks, kv);
	if (r) return r;
	if (msg.body != SPOOL_BODY_BIG) return -EINVAL;
	big_name(name, id);
	r = ks->files->descriptor(ks->env, name);
	return r == -ENOENT ? -EBADMSG : r;
}

static int due_read(struct kv *kv, int64_t now_ms, struct spool_due *from, size_t limit,
		    spool_due_fn *fn, void *ctx)
{
	for (size_t n = 0; n < limit; n++) {
		struct str key, value;
		struct spool_due due;
		struct key at =
			key_of_due((struct spool_due){ from->due_ms, from->id + 1 });
		int r = kv_seek(kv, KV_DUE, key_view(&at), &key, &value);
		if (r) return r == -ENOENT ? 0 : r;
		if (!key_to_due(key, &due)) return -EIO;
		if (due.due_ms > now_ms) return 0;
		*from = due;
		if ((r = fn(ctx, due))) return r;
	}
	return 0;
}

int kvstore_due_list(struct store *s, int64_t now_ms, struct spool_due *from,
		     size_t limit, spool_due_fn *fn, void *ctx)
{
	struct kvstore *ks;
	struct kv *kv;
	int r = begin(s, &ks, &kv);
	if (r) return r;
	r = due_read(kv, now_ms, from, limit, fn, ctx);
	end(ks, kv);
	return r;
}

static int walk_read(struct kv *kv, uint64_t from, size_t limit, spool_msg_fn *fn,
		     void *ctx)
{
	for (size_t n = 0; n < limit; n++) {
		struct str key, value;
		struct key at = key_of_id(from);
		struct spool_msg msg = { 0 };
		int r = kv_seek(kv, KV_MSG, key_view(&at), &key, &value);
		if (r) return r == -ENOENT ? 0 : r;
		if (!key_to_id(key, &msg.id)) return -EIO;
		from = msg.id + 1;
		if (!record_get_msg(value, &msg))
			msg = (struct spool_msg){ .id = msg.id };
		if ((r = fn(ctx, &msg)) || !from) return r;
	}
	return 0;
}

int kvstore_walk(struct store *s, uint64_t from, size_t limit, spool_msg_fn *fn,
		 void *ctx)
{
	struct kvstore *ks;
	struct kv *kv;
	int r = begin(s, &ks, &kv);
	if (r) return r;
	r = walk_read(kv, from, limit, fn, ctx);
	end(ks, kv);
	return r;
}

/* The recipients that are there, in order. */
static int walk_msg_rcpts(struct kv *kv, uint64_t id, const struct spool_walk *walk)
{
	struct key at = key_of_rcpt(id, 0);
	struct str key, value;
	int r;
	while (!(r = kv_seek(kv, KV_RCPT, key_view(&at), &key, &value))) {
		struct spool_rcpt rcpt = { 0 };
		uint64_t owner;
		if (!key_to_rcpt(key, &owner, &rcpt.index)) return -EIO;
		if (owner != id) return 0;
		at = key_of_rcpt(id, rcpt.index + 1);
		if (record_get_rcpt(value, &rcpt)) r = walk->rcpt(walk->ctx, &rcpt);
		if (r) return r == SPOOL_PASS ? 0 : r;
		if (rcpt.index == UINT32_MAX) return 0;
	}
	return r == -ENOENT ? 0 : r;
}

struct walk_in {
	struct kv *kv;
	const struct spool_walk *walk;
};

static int walk_msg(void *ctx, const struct spool_msg *msg)
{
	const struct walk_in *in = ctx;
	int r = in->walk->begin(in->walk->ctx, msg);
	if (r) return r == SPOOL_PASS ? 0 : r;
	if (msg->rcpts > 0) r = walk_msg_rcpts(in->kv, msg->id, in->walk);
	return r || !in->walk->end ? r : in->walk->end(in->walk->ctx, msg);
}

int kvstore_walk_rcpts(struct store *s, uint64_t from, size_t limit,
		       const struct spool_walk *walk)
{
	struct kvstore *ks;
	struct walk_in in = { .walk = walk };
	int r = begin(s, &ks, &in.kv);
	if (r) return r;
	r = walk_read(in.kv, from, limit, walk_msg, &in);
	end(ks, in.kv);
	return r;
}

int kvstore_totals(struct store *s, struct spool_totals *out)
{
	struct kvstore *ks;
	struct kv *kv;
	int r = begin(s, &ks, &kv);
	if (r) return r;
	if (!totals_read(kv, out)) r = totals_count(kv, out);
	end(ks, kv);
	return r;
}
