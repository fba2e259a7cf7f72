/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/apply.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/base/crc32c.h"
#include "lib/queue/retry.h"
#include "spool/kvstore.h"
#include "spool/record.h"

static const struct str key_totals = STR_INIT("totals");
static const struct str key_recount = STR_INIT("recount");

int kv_put(struct kv *kv, enum kv_table table, struct str key, struct str value)
{
	char *at;
	int r = kv_reserve(kv, table, key, value.len, &at);
	if (!r && value.len) memcpy(at, value.at, value.len);
	return r;
}

/* Deletes what may already be gone. */
static int kv_clear(struct kv *kv, enum kv_table table, struct str key)
{
	int r = kv_del(kv, table, key);
	return r == -ENOENT ? 0 : r;
}

/* ---- totals ---------------------------------------------------------------------- */

void totals_add(struct spool_totals *t, const struct spool_msg *msg, int sign)
{
	uint64_t one = sign < 0 ? UINT64_MAX : 1; /* modulo 2^64 */
	t->messages += one;
	if (msg->state == SPOOL_HELD) t->held += one;
	if (msg->state == SPOOL_POISON) t->poison += one;
	if (msg->state == SPOOL_ACTIVE && msg->rcpts_deferred) t->deferred += one;
	t->rcpts += one * msg->rcpts;
	t->rcpts_open += one * msg->rcpts_open;
	t->bytes += one * msg->size;
}

int totals_count(struct kv *kv, struct spool_totals *out)
{
	struct spool_totals t = { 0 };
	struct str key, value;
	struct key from = key_of_id(1);
	int r;
	while (!(r = kv_seek(kv, KV_MSG, key_view(&from), &key, &value))) {
		struct spool_msg msg = { 0 };
		uint64_t id;
		if (!key_to_id(key, &id)) return -EIO;
		if (record_get_msg(value, &msg)) totals_add(&t, &msg, 1);
		else t.messages++;
		if (id == UINT64_MAX) break;
		from = key_of_id(id + 1);
	}
	if (r && r != -ENOENT) return r;
	*out = t;
	return 0;
}

bool totals_read(struct kv *kv, struct spool_totals *out)
{
	struct str value;
	if (!kv_get(kv, KV_META, key_recount, &value)) return false;
	if (kv_get(kv, KV_META, key_totals, &value)) return false;
	return record_get_totals(value, out);
}

int apply_begin(struct apply *a)
{
	struct str value;
	int r = kv_get(a->kv, KV_META, key_totals, &value);
	if (r && r != -ENOENT) return r;
	if (r || !record_get_totals(value, &a->totals)) a->recount = true;
	return 0;
}

int apply_end(struct apply *a)
{
	int r = apply_settle(a);
	if (r) return r;
	buf_reset(a->scratch);
	record_put_totals(a->scratch, &a->totals);
	if (a->scratch->overflowed) return -ENOMEM;
	r = kv_put(a->kv, KV_META, key_totals, buf_view(a->scratch));
	if (!r && a->recount) r = kv_put(a->kv, KV_META, key_recount, STR("1"));
	return r;
}

/* ---- records --------------------------------------------------------------------- */

static int msg_get(struct apply *a, uint64_t id, struct spool_msg *msg)
{
	struct str value;
	struct key key = key_of_id(id);
	int r = kv_get(a->kv, KV_MSG, key_view(&key), &value);
	if (r) return r;
	msg->id = id;
	return record_get_msg(value, msg) ? 0 : -EBADMSG;
}

static int msg_put(struct apply *a, const struct spool_msg *msg)
{
	struct key key = key_of_id(msg->id);
	buf_reset(a->scratch);
	record_put_msg(a->scratch, msg);
	if (a->scratch->overflowed) return -ENOMEM;
	return kv_put(a->kv, KV_MSG, key_view(&key), buf_view(a->scratch));
}

/* Writes `msg`; its envelope (and its reason, if that is not new) is read again, because
 * changes have ended those views. */
static int msg_rewrite(struct apply *a, struct spool_msg *msg, bool reason_is_new)
{
	struct spool_msg now;
	int r = msg_get(a, msg->id, &now);
	if (r) return r == -ENOENT || r == -EBADMSG ? -EIO : r;
	msg->envelope = now.envelope;
	if (!reason_is_new) msg->reason = now.reason;
	return msg_put(a, msg);
}

/* The same, where it was `old` before. */
static int msg_change(struct apply *a, struct spool_msg *msg, const struct spool_msg *old,
		      bool reason_is_new)
{
	totals_add(&a->totals, old, -1);
	totals_add(&a->totals, msg, 1);
	return msg_rewrite(a, msg, reason_is_new);
}

/* The message of an outcome; only its numbers are to be looked at. */
static int msg_hold(struct apply *a, uint64_t id, struct spool_msg *msg)
{
	if (a->held.msg.id != id) {
		struct spool_msg now;
		int r = msg_get(a, id, &now);
		if (r) return r;
		a->held = (struct apply_held){ .msg = now, .listed_ms = now.next_due_ms };
	}
	*msg = a->held.msg;
	return 0;
}

static int rcpt_get(struct apply *a, uint64_t id, uint32_t index, struct spool_rcpt *rcpt)
{
	struct str value;
	struct key key = key_of_rcpt(id, index);
	int r = kv_get(a->kv, KV_RCPT, key_view(&key), &value);
	if (r) return r == -ENOENT ? -EBADMSG : r;
	rcpt->index = index;
	return record_get_rcpt(value, rcpt) ? 0 : -EBADMSG;
}

static int rcpt_put(struct apply *a, uint64_t id, const struct spool_rcpt *rcpt)
{
	struct key key = key_of_rcpt(id, rcpt->index);
	buf_reset(a->scratch);
	record_put_rcpt(a->scratch, rcpt);
	if (a->scratch->overflowed) return -ENOMEM;
	return kv_put(a->kv, KV_RCPT, key_view(&key), buf_view(a->scratch));
}

static int due_put(struct apply *a, uint64_t id, int64_t due_ms)
{
	struct key key = key_of_due((struct spool_due){ due_ms, id });
	return kv_put(a->kv, KV_DUE, key_view(&key), STR(""));
}

static int due_clear(struct apply *a, uint64_t id, int64_t due_ms)
{
	struct key key = key_of_due((struct spool_due){ due_ms, id });
	return kv_clear(a->kv, KV_DUE, key_view(&key));
}

static int64_t time_of(int64_t ms) { return ms > 0 ? ms : 0; }

/* The earliest time of the open recipients of `msg`. Begins after `start` and ends as
 * soon as one with time `floor` is found, which no other can be before: recipients are
 * worked off in order, so the next one is mostly it. Damaged records have no time. */
static int due_min(struct apply *a, const struct spool_msg *msg, uint32_t start,
		   int64_t floor, int64_t *out)
{
	int64_t min = INT64_MAX;
	for (uint32_t i = 0; i < msg->rcpts; i++) {
		struct spool_rcpt rcpt;
		int r = rcpt_get(a, msg->id, (start + 1 + i) % msg->rcpts, &rcpt);
		if (r == -EBADMSG) continue;
		if (r) return r;
		if (!spool_rcpt_is_open(rcpt.state)) continue;
		if (rcpt.next_due_ms < min) min = rcpt.next_due_ms;
		if (min <= floor) break;
	}
	*out = min == INT64_MAX ? msg->next_due_ms : min;
	return 0;
}

int apply_settle(struct apply *a)
{
	struct apply_held held = a->held;
	struct spool_msg *msg = &held.msg;
	int r = 0;
	a->held.msg.id = 0;
	if (!msg->id || !held.changed) return 0;
	if (held.due_gone) r = due_min(a, msg, held.last, msg->next_due_ms, &msg->next_due_ms);
	if (!r && msg->next_due_ms != held.listed_ms) {
		r = due_clear(a, msg->id, held.listed_ms);
		if (!r) r = due_put(a, msg->id, msg->next_due_ms);
	}
	return r ? r : msg_rewrite(a, msg, false);
}

/* Another copy of it too soon may be one more than its recipient has already. */
static int64_t due_in_doubt(const struct spool_rcpt *rcpt, int64_t due_ms, int64_t doubt_ms)
{
	if (!rcpt->in_doubt || doubt_ms <= 0) return due_ms;
	int64_t last_ms = due_ms + retry_doubled_ms(doubt_ms, rcpt->doubts);
	return rcpt->next_due_ms < last_ms ? rcpt->next_due_ms : last_ms;
}

/* Gives all open recipients the time `due_ms`; doubt_ms: see struct spool_op. */
static int due_set_all(struct apply *a, const struct spool_msg *msg, int64_t due_ms, int64_t doubt_ms)
{
	for (uint32_t i = 0; i < msg->rcpts; i++) {
		struct spool_rcpt rcpt;
		int r = rcpt_get(a, msg->id, i, &rcpt);
		if (r == -EBADMSG) continue;
		if (r) return r;
		if (!spool_rcpt_is_open(rcpt.state)) continue;
		int64_t at_ms = due_in_doubt(&rcpt, due_ms, doubt_ms);
		if (rcpt.next_due_ms == at_ms) continue;
		rcpt.next_due_ms = at_ms;
		if ((r = rcpt_put(a, msg->id, &rcpt))) return r;
	}
	return 0;
}

/* ---- operations ------------------------------------------------------------------ */

static int rcpts_clear(struct apply *a, uint64_t id)
{
	struct key from = key_of_rcpt(id, 0);
	struct str key, value;
	int r;
	while (!(r = kv_seek(a->kv, KV_RCPT, key_view(&from), &key, &value))) {
		uint64_t at;
		uint32_t index;
		if (!key_to_rcpt(key, &at, &index) || at != id) return 0;
		from = key_of_rcpt(id, index);
		if ((r = kv_del(a->kv, KV_RCPT, key_view(&from)))) return r;
	}
	return r == -ENOENT ? 0 : r;
}

/* Removes all of the id but its due entry; the file goes after the commit. */
static int clear(struct apply *a, uint64_t id, bool big)
{
	struct key key = key_of_id(id);
	int r = kv_clear(a->kv, KV_MSG, key_view(&key));
	if (!r) r = rcpts_clear(a, id);
	if (!r) r = kv_clear(a->kv, KV_BODY, key_view(&key));
	if (r || !big) return r;
	assert(a->unlinks_count < SPOOL_BATCH_MAX);
	a->unlinks[a->unlinks_count++] = id;
	return 0;
}

static int remove_msg(struct apply *a, const struct spool_msg *msg)
{
	totals_add(&a->totals, msg, -1);
	int r = clear(a, msg->id, msg->body == SPOOL_BODY_BIG);
	if (r || !spool_is_listed(msg->state, msg->next_due_ms)) return r;
	return due_clear(a, msg->id, msg->next_due_ms);
}

static int op_remove(struct apply *a, struct spool_op *op)
{
	struct spool_msg msg;
	int r = msg_get(a, op->id, &msg);
	if (!r) return remove_msg(a, &msg);
	if (r != -EBADMSG) return r;
	a->recount = true;
	return clear(a, op->id, true);
}

static int arrive_check(struct apply *a, const struct spool_op *op, size_t *size)
{
	const struct spool_arrive *in = &op->arrive;
	struct str value;
	struct key key = key_of_id(op->id);
	if (!op->id || op->id == UINT64_MAX || (unsigned)in->state >= SPOOL_MSG_STATES)
		return -EINVAL;
	if (!in->rcpts_count || in->rcpts_count > SPOOL_RCPTS_MAX) return -EINVAL;
	if (in->envelope.len > SPOOL_ENVELOPE_MAX) return -EMSGSIZE;
	for (uint32_t i = 0; i < in->rcpts_count; i++)
		if (in->rcpts[i].address.len > SPOOL_ADDRESS_MAX) return -EMSGSIZE;
	*size = 0;
	for (size_t i = 0; !in->big && i < in->spans_count; i++) {
		if (in->spans[i].len > SPOOL_INLINE_MAX - *size) return -EMSGSIZE;
		*size += in->spans[i].len;
	}
	int r = kv_get(a->kv, KV_MSG, key_view(&key), &value);
	return r == -ENOENT ? 0 : r ? r : -EEXIST;
}

/* Copies the body and takes its CRC from the copy: a peer may change the spans. */
static int body_put(struct apply *a, uint64_t id, const struct spool_arrive *in,
		    size_t size, uint32_t *crc)
{
	struct key key = key_of_id(id);
	char *at;
	int r = kv_reserve(a->kv, KV_BODY, key_view(&key), size, &at);
	if (r) return r;
	size_t used = 0;
	for (size_t i = 0; i < in->spans_count; i++) {
		if (in->spans[i].len)
			memcpy(at + used, in->spans[i].at, in->spans[i].len);
		used += in->spans[i].len;
	}
	*crc = crc32c(0, at, size);
	return 0;
}

static int op_arrive(struct apply *a, struct spool_op *op)
{
	struct spool_arrive *in = &op->arrive;
	struct spool_msg msg = { .id = op->id, .arrived_ms = in->arrived_ms,
		.state = in->state, .priority = in->priority, .rcpts = in->rcpts_count,
		.rcpts_open = in->rcpts_count, .next_due_ms = INT64_MAX,
		.reason = in->reason, .envelope = in->envelope };
	size_t size;
	int r = arrive_check(a, op, &size);
	if (r) return r;
	if (in->big) {
		msg.body = SPOOL_BODY_BIG;
		msg.size = in->big->size;
		msg.crc = in->big->crc;
	} else {
		msg.size = size;
		if ((r = body_put(a, op->id, in, size, &msg.crc))) return r;
	}
	for (uint32_t i = 0; i < in->rcpts_count; i++) {
		struct spool_rcpt rcpt = { .index = i, .state = SPOOL_PENDING,
			.address = in->rcpts[i].address,
			.next_due_ms = time_of(in->rcpts[i].next_due_ms) };
		if ((r = rcpt_put(a, op->id, &rcpt))) return r;
		if (rcpt.next_due_ms < msg.next_due_ms)
			msg.next_due_ms = rcpt.next_due_ms;
	}
	if (msg.state == SPOOL_HELD) msg.next_due_ms = time_of(in->hold_until_ms);
	else if (msg.state != SPOOL_ACTIVE) msg.next_due_ms = 0;
	if (spool_is_listed(msg.state, msg.next_due_ms) &&
	    (r = due_put(a, op->id, msg.next_due_ms)))
		return r;
	totals_add(&a->totals, &msg, 1);
	return msg_put(a, &msg);
}

/* The earliest time may have moved. */
static void outcome_due(struct apply_held *held, const struct spool_rcpt *rcpt, int64_t was_ms)
{
	struct spool_msg *msg = &held->msg;
	if (msg->state != SPOOL_ACTIVE) return;
	if (spool_rcpt_is_open(rcpt->state) && rcpt->next_due_ms <= msg->next_due_ms) {
		msg->next_due_ms = rcpt->next_due_ms;
		held->due_gone = false;
	} else if (was_ms <= msg->next_due_ms) {
		held->due_gone = true;
	}
}

static int op_outcome(struct apply *a, struct spool_op *op)
{
	struct spool_outcome *in = &op->outcome;
	struct spool_msg msg;
	struct spool_rcpt rcpt;
	if ((unsigned)in->state >= SPOOL_RCPT_STATES) return -EINVAL;
	int r = msg_hold(a, op->id, &msg);
	if (r) return r;
	if (in->index >= msg.rcpts) return -ENOENT;
	if ((r = rcpt_get(a, op->id, in->index, &rcpt))) return r;
	if (!spool_rcpt_is_open(rcpt.state)) return -EALREADY;

	struct spool_msg old = msg;
	int64_t was_ms = rcpt.next_due_ms;
	bool open = spool_rcpt_is_open(in->state);
	if (rcpt.state == SPOOL_DEFERRED && msg.rcpts_deferred) msg.rcpts_deferred--;
	if (in->state == SPOOL_DEFERRED) msg.rcpts_deferred++;
	if (!open) msg.rcpts_open--;
	in->open_left = msg.rcpts_open;
	if (!msg.rcpts_open) {
		old.next_due_ms = a->held.listed_ms;
		a->held.msg.id = 0;
		return remove_msg(a, &old);
	}
	rcpt.state = in->state;
	rcpt.attempts = in->attempts;
	rcpt.next_due_ms = open ? time_of(in->next_due_ms) : 0;
	rcpt.last_ms = time_of(in->last_ms);
	rcpt.host = in->host;
	rcpt.reply = in->reply;
	rcpt.dsn = in->dsn;
	rcpt.warned |= in->warned;
	if (in->doubts > rcpt.doubts) rcpt.doubts = in->doubts;
	rcpt.in_doubt = in->in_doubt && rcpt.doubts > 0;
	if (msg.rcpts_deferred > msg.rcpts_open) msg.rcpts_deferred = msg.rcpts_open;
	totals_add(&a->totals, &old, -1);
	totals_add(&a->totals, &msg, 1);
	a->held.msg = msg;
	a->held.last = in->index;
	a->held.changed = true;
	outcome_due(&a->held, &rcpt, was_ms);
	return rcpt_put(a, op->id, &rcpt);
}

static int op_state(struct apply *a, struct spool_op *op)
{
	const struct spool_set_state *in = &op->state;
	struct spool_msg msg;
	if ((unsigned)in->state >= SPOOL_MSG_STATES) return -EINVAL;
	int r = msg_get(a, op->id, &msg);
	if (r) return r;
	struct spool_msg old = msg;
	if (spool_is_listed(old.state, old.next_due_ms) &&
	    (r = due_clear(a, op->id, old.next_due_ms)))
		return r;
	if (old.state == SPOOL_POISON && in->state == SPOOL_ACTIVE) msg.deaths = 0;
	msg.state = in->state;
	msg.reason = in->reason;
	msg.next_due_ms = in->state == SPOOL_POISON ? 0 : time_of(in->next_due_ms);
	if (in->state == SPOOL_ACTIVE) {
		if (in->next_due_ms < 0) r = due_min(a, &msg, 0, 0, &msg.next_due_ms);
		else r = due_set_all(a, &msg, in->next_due_ms, 0);
	}
	if (!r && spool_is_listed(msg.state, msg.next_due_ms))
		r = due_put(a, op->id, msg.next_due_ms);
	return r ? r : msg_change(a, &msg, &old, true);
}

static int op_due(struct apply *a, struct spool_op *op)
{
	struct spool_msg msg;
	int64_t due_ms = time_of(op->next_due_ms);
	int r = msg_get(a, op->id, &msg);
	if (r) return r;
	struct spool_msg old = msg;
	if ((r = due_set_all(a, &msg, due_ms, op->doubt_ms)) || msg.state != SPOOL_ACTIVE) return r;
	msg.next_due_ms = due_ms;
	if (op->doubt_ms > 0) r = due_min(a, &msg, 0, due_ms, &msg.next_due_ms);
	if (!r) r = due_clear(a, op->id, old.next_due_ms);
	if (!r) r = due_put(a, op->id, msg.next_due_ms);
	return r ? r : msg_change(a, &msg, &old, false);
}

static int op_death(struct apply *a, struct spool_op *op)
{
	struct spool_msg msg;
	int r = msg_get(a, op->id, &msg);
	if (r) return r;
	struct spool_msg old = msg;
	if (msg.deaths < UINT32_MAX) msg.deaths++;
	op->deaths = msg.deaths;
	return msg_change(a, &msg, &old, false);
}

static int op_unlist(struct apply *a, struct spool_op *op)
{
	struct spool_msg msg;
	struct key key = key_of_due((struct spool_due){ op->next_due_ms, op->id });
	int r = msg_get(a, op->id, &msg);
	if (!r && spool_is_listed(msg.state, msg.next_due_ms) &&
	    msg.next_due_ms == time_of(op->next_due_ms))
		return -EEXIST;
	if (r && r != -ENOENT && r != -EBADMSG) return r;
	return kv_del(a->kv, KV_DUE, key_view(&key));
}

/* Codes by which an operation is refused before it changes anything. */
static bool is_refusal(int r)
{
	return r == -ENOENT || r == -EEXIST || r == -EALREADY || r == -EINVAL ||
	       r == -EMSGSIZE || r == -EBADMSG;
}

int apply_op(struct apply *a, struct spool_op *op)
{
	bool goes_on = op->kind == SPOOL_OP_OUTCOME && op->id == a->held.msg.id;
	int r = goes_on ? 0 : apply_settle(a);
	if (r) return r;
	r = -EINVAL;
	switch (op->kind) {
	case SPOOL_OP_ARRIVE:  r = op_arrive(a, op); break;
	case SPOOL_OP_OUTCOME: r = op_outcome(a, op); break;
	case SPOOL_OP_STATE:   r = op_state(a, op); break;
	case SPOOL_OP_DUE:     r = op_due(a, op); break;
	case SPOOL_OP_DEATH:   r = op_death(a, op); break;
	case SPOOL_OP_REMOVE:  r = op_remove(a, op); break;
	case SPOOL_OP_UNLIST:  r = op_unlist(a, op); break;
	case SPOOL_OP_NOTE:    r = apply_note(a, &op->note); break;
	}
	op->result = r;
	return is_refusal(r) ? 0 : r;
}
