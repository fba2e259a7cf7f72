/* SPDX-License-Identifier: Apache-2.0 */
/* Walks all tables against each other, in slices of one read transaction each. A
 * message's records change in one transaction, so a slice never sees half of a change. */
#include <errno.h>

#include "lib/base/crc32c.h"
#include "spool/apply.h"
#include "spool/kvstore.h"
#include "spool/note.h"
#include "spool/record.h"

enum { SLICE = 64 };

struct verify {
	struct kvstore *ks;
	struct kv *kv;
	bool bodies;
	spool_finding_fn *fn;
	void *ctx;
	bool begun, changed; /* something was committed since the walk began */
	uint64_t version;
	struct spool_totals totals;
	struct key from;
	struct note_key note;
};

static int slice_begin(struct verify *v)
{
	v->kv = NULL;
	int r = v->ks->engine->read_begin(v->ks->env, &v->kv);
	if (r) return r;
	uint64_t version = v->ks->engine->version(v->kv);
	if (v->begun && version != v->version) v->changed = true;
	v->version = version;
	v->begun = true;
	return 0;
}

static void slice_end(struct verify *v)
{
	if (v->kv) v->ks->engine->read_end(v->kv);
	v->kv = NULL;
}

static int found(struct verify *v, enum spool_finding_kind kind, uint64_t id)
{
	struct spool_finding f = { .kind = kind,
				   .id = id,
				   .harmless = kind == SPOOL_BIG_ORPHAN };
	return v->fn(v->ctx, &f);
}

/* -ENOENT, -EBADMSG, another error, or 0. */
static int msg_at(struct verify *v, uint64_t id, struct spool_msg *msg)
{
	struct str value;
	struct key key = key_of_id(id);
	int r = kv_get(v->kv, KV_MSG, key_view(&key), &value);
	if (r) return r;
	msg->id = id;
	return record_get_msg(value, msg) ? 0 : -EBADMSG;
}

/* ---- one message ----------------------------------------------------------------- */

static int check_rcpts(struct verify *v, const struct spool_msg *msg)
{
	uint32_t open = 0, deferred = 0;
	int64_t min = INT64_MAX;
	struct str key, value;
	uint64_t id;
	uint32_t index;
	for (uint32_t i = 0; i < msg->rcpts; i++) {
		struct key at = key_of_rcpt(msg->id, i);
		struct spool_rcpt rcpt = { .index = i };
		int r = kv_get(v->kv, KV_RCPT, key_view(&at), &value);
		if (r && r != -ENOENT) return r;
		if (r || !record_get_rcpt(value, &rcpt))
			return found(v, SPOOL_BAD_RCPT, msg->id);
		if (!spool_rcpt_is_open(rcpt.state)) continue;
		open++;
		if (rcpt.state == SPOOL_DEFERRED) deferred++;
		if (rcpt.next_due_ms < min) min = rcpt.next_due_ms;
	}
	struct key after = key_of_rcpt(msg->id, msg->rcpts);
	int r = kv_seek(v->kv, KV_RCPT, key_view(&after), &key, &value);
	if (r && r != -ENOENT) return r;
	if (!r && key_to_rcpt(key, &id, &index) && id == msg->id)
		return found(v, SPOOL_BAD_RCPT, msg->id);
	if (open != msg->rcpts_open || deferred != msg->rcpts_deferred ||
	    (msg->state == SPOOL_ACTIVE && min != msg->next_due_ms))
		return found(v, SPOOL_BAD_COUNTS, msg->id);
	return 0;
}

static int check_due(struct verify *v, const struct spool_msg *msg)
{
	struct str value;
	struct key key = key_of_due((struct spool_due){ msg->next_due_ms, msg->id });
	if (!spool_is_listed(msg->state, msg->next_due_ms)) return 0;
	int r = kv_get(v->kv, KV_DUE, key_view(&key), &value);
	return r == -ENOENT ? found(v, SPOOL_DUE_MISSING, msg->id) : r;
}

static int check_inline(struct verify *v, const struct spool_msg *msg)
{
	struct str value;
	struct key key = key_of_id(msg->id);
	int r = kv_get(v->kv, KV_BODY, key_view(&key), &value);
	if (r && r != -ENOENT) return r;
	if (r || value.len != msg->size) return found(v, SPOOL_BODY_MISSING, msg->id);
	if (v->bodies && crc32c(0, value.at, value.len) != msg->crc)
		return found(v, SPOOL_BODY_CRC, msg->id);
	return 0;
}

static int big_crc(struct verify *v, int file, uint64_t size, uint32_t *crc)
{
	*crc = 0;
	for (uint64_t at = 0; at < size;) {
		int64_t n =
			v->ks->files->read(v->ks->env, file, at, v->ks->piece, BIG_PIECE);
		if (n < 0) return (int)n;
		if (!n) break;
		*crc = crc32c(*crc, v->ks->piece, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

/* A message may be finished, and its file gone, since the slice began. */
static int big_missing(struct verify *v, uint64_t id)
{
	struct spool_msg now;
	slice_end(v);
	int r = slice_begin(v);
	if (r) return r;
	r = msg_at(v, id, &now);
	if (r == -ENOENT) return 0;
	return r && r != -EBADMSG ? r : found(v, SPOOL_BODY_MISSING, id);
}

static int check_big(struct verify *v, const struct spool_msg *msg)
{
	char name[BIG_NAME_MAX];
	uint32_t crc = msg->crc;
	big_name(name, msg->id);
	int file = v->ks->files->open(v->ks->env, name);
	if (file == -ENOENT) return big_missing(v, msg->id);
	if (file < 0) return file;
	int64_t size = v->ks->files->size(v->ks->env, file);
	int r = size < 0 ? (int)size : 0;
	if (!r && v->bodies) r = big_crc(v, file, (uint64_t)size, &crc);
	v->ks->files->close(v->ks->env, file);
	if (r) return r;
	if ((uint64_t)size != msg->size) return found(v, SPOOL_BODY_MISSING, msg->id);
	return crc == msg->crc ? 0 : found(v, SPOOL_BODY_CRC, msg->id);
}

/* ---- one step of each walk: moves v->from; -ENOENT at the end ---------------------- */

static int step_msg(struct verify *v)
{
	struct str key, value;
	struct spool_msg msg = { 0 };
	int r = kv_seek(v->kv, KV_MSG, key_view(&v->from), &key, &value);
	if (r) return r;
	if (!key_to_id(key, &msg.id)) return -EIO;
	v->from = key_of_id(msg.id + 1);
	if (!record_get_msg(value, &msg)) {
		v->totals.messages++;
		return found(v, SPOOL_BAD_MSG, msg.id);
	}
	totals_add(&v->totals, &msg, 1);
	r = check_rcpts(v, &msg);
	if (!r) r = check_due(v, &msg);
	if (!r)
		r = msg.body == SPOOL_BODY_BIG ? check_big(v, &msg)
					       : check_inline(v, &msg);
	return r;
}

static int step_rcpt(struct verify *v)
{
	struct str key, value;
	struct spool_msg msg;
	uint64_t id;
	uint32_t index;
	int r = kv_seek(v->kv, KV_RCPT, key_view(&v->from), &key, &value);
	if (r) return r;
	if (!key_to_rcpt(key, &id, &index)) return -EIO;
	v->from =
		key_of_rcpt(id + 1, 0); /* how many there are is checked by the message */
	r = msg_at(v, id, &msg);
	if (r == -ENOENT) return found(v, SPOOL_RCPT_ORPHAN, id);
	return r == -EBADMSG ? 0 : r;
}

static int step_body(struct verify *v)
{
	struct str key, value;
	struct spool_msg msg;
	uint64_t id;
	int r = kv_seek(v->kv, KV_BODY, key_view(&v->from), &key, &value);
	if (r) return r;
	if (!key_to_id(key, &id)) return -EIO;
	v->from = key_of_id(id + 1);
	r = msg_at(v, id, &msg);
	if (r == -ENOENT || (!r && msg.body != SPOOL_BODY_INLINE))
		return found(v, SPOOL_BODY_ORPHAN, id);
	return r == -EBADMSG ? 0 : r;
}

static int step_due(struct verify *v)
{
	struct str key, value;
	struct spool_msg msg;
	struct spool_due due;
	int r = kv_seek(v->kv, KV_DUE, key_view(&v->from), &key, &value);
	if (r) return r;
	if (!key_to_due(key, &due)) return -EIO;
	v->from = key_of_due((struct spool_due){ due.due_ms, due.id + 1 });
	r = msg_at(v, due.id, &msg);
	if (r == -ENOENT ||
	    (!r && (!spool_is_listed(msg.state, msg.next_due_ms) || msg.next_due_ms != due.due_ms)))
		return found(v, SPOOL_DUE_ORPHAN, due.id);
	return r == -EBADMSG ? 0 : r;
}

static int step_note(struct verify *v)
{
	struct str key, value, note;
	int r = kv_seek(v->kv, KV_META, note_key_view(&v->note), &key, &value);
	if (r) return r;
	if (!note_key_name(key, &note)) return -ENOENT; /* behind the last */
	note_key_after(&v->note, note);
	return record_get_note(value, &note) ? 0 : found(v, SPOOL_BAD_NOTE, 0);
}

static int walk(struct verify *v, int step(struct verify *v))
{
	int r = 0;
	v->from = key_of_id(0);
	while (!r) {
		if ((r = slice_begin(v))) return r;
		for (unsigned i = 0; !r && i < SLICE; i++) r = step(v);
		slice_end(v);
	}
	return r == -ENOENT ? 0 : r;
}

/* ---- the rest ---------------------------------------------------------------------- */

static int check_totals(struct verify *v)
{
	struct spool_totals t;
	int r = slice_begin(v);
	if (r) return r;
	/* Totals that are to be counted anew are no finding. */
	if (!v->changed && totals_read(v->kv, &t)) {
		const struct spool_totals *n = &v->totals;
		if (t.messages != n->messages || t.held != n->held ||
		    t.poison != n->poison || t.deferred != n->deferred ||
		    t.rcpts != n->rcpts || t.rcpts_open != n->rcpts_open ||
		    t.bytes != n->bytes)
			r = found(v, SPOOL_BAD_TOTALS, 0);
	}
	slice_end(v);
	return r;
}

static int check_file(void *ctx, struct str name)
{
	struct verify *v = ctx;
	struct spool_msg msg;
	uint64_t id = big_id_of(name);
	if (!id) return 0;
	int r = msg_at(v, id, &msg);
	if (r == -ENOENT || (!r && msg.body != SPOOL_BODY_BIG))
		return found(v, SPOOL_BIG_ORPHAN, id);
	return r == -EBADMSG ? 0 : r;
}

int kvstore_verify(struct store *s, bool bodies, spool_finding_fn *fn, void *ctx)
{
	struct verify v = { .ks = (struct kvstore *)(void *)s, .bodies = bodies, .fn = fn,
		.ctx = ctx };
	int r = walk(&v, step_msg);
	if (!r) r = check_totals(&v);
	if (!r) r = walk(&v, step_rcpt);
	if (!r) r = walk(&v, step_body);
	if (!r) r = walk(&v, step_due);
	note_key_set(&v.note, STR(""));
	if (!r) r = walk(&v, step_note);
	if (r || (r = slice_begin(&v))) return r;
	r = v.ks->files->list_big(v.ks->env, check_file, &v);
	slice_end(&v);
	return r;
}
