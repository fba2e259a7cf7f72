/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <assert.h>
#include <string.h>

static bool is_finished(const struct model_msg *msg)
{
	for (uint32_t i = 0; i < msg->rcpts; i++)
		if (spool_rcpt_is_open(msg->rcpt[i].state)) return false;
	return true;
}

static void set_due(struct model_msg *msg, int64_t due_ms)
{
	for (uint32_t i = 0; i < msg->rcpts; i++)
		if (spool_rcpt_is_open(msg->rcpt[i].state)) msg->rcpt[i].due_ms = due_ms;
}

static void apply_arrive(struct model_msg *msg, const struct spool_arrive *in,
			 size_t size)
{
	*msg = (struct model_msg){ .present = true, .state = in->state, .size = size,
		.rcpts = in->rcpts_count };
	for (uint32_t i = 0; i < in->rcpts_count; i++)
		msg->rcpt[i].due_ms = in->rcpts[i].next_due_ms;
}

static void apply_outcome(struct model_msg *msg, const struct spool_outcome *in)
{
	msg->rcpt[in->index].state = in->state;
	msg->rcpt[in->index].due_ms = spool_rcpt_is_open(in->state) ? in->next_due_ms : 0;
	if (is_finished(msg)) msg->present = false;
}

static void apply_state(struct model_msg *msg, const struct spool_set_state *in)
{
	if (msg->state == SPOOL_POISON && in->state == SPOOL_ACTIVE) msg->deaths = 0;
	msg->state = in->state;
	if (in->state == SPOOL_ACTIVE && in->next_due_ms >= 0)
		set_due(msg, in->next_due_ms);
}

void model_apply(struct model *m, const struct spool_op *op, size_t size)
{
	if (op->kind == SPOOL_OP_NOTE) {
		assert(op->id < MODEL_NOTES);
		m->notes[op->id] = op->note.value.len;
		return;
	}
	assert(op->id < MODEL_MSGS);
	struct model_msg *msg = &m->msgs[op->id];
	assert(msg->present == (op->kind != SPOOL_OP_ARRIVE));
	switch (op->kind) {
	case SPOOL_OP_ARRIVE:  apply_arrive(msg, &op->arrive, size); break;
	case SPOOL_OP_OUTCOME: apply_outcome(msg, &op->outcome); break;
	case SPOOL_OP_STATE:   apply_state(msg, &op->state); break;
	case SPOOL_OP_DUE:     set_due(msg, op->next_due_ms); break;
	case SPOOL_OP_DEATH:   msg->deaths++; break;
	case SPOOL_OP_REMOVE:  msg->present = false; break;
	case SPOOL_OP_UNLIST:  break;
	case SPOOL_OP_NOTE:    break;
	}
}

/* ---- text ------------------------------------------------------------------------ */

static void put_msg(struct buf *out, uint64_t id, enum spool_msg_state state,
		    uint32_t deaths, size_t size)
{
	buf_fmt(out, "%llu %.*s %u %zu", (unsigned long long)id,
		STR_ARG(spool_msg_state_name(state)), deaths, size);
}

static void put_rcpt(struct buf *out, enum spool_rcpt_state state, int64_t due_ms)
{
	buf_fmt(out, " %.*s@%lld", STR_ARG(spool_rcpt_state_name(state)),
		(long long)due_ms);
}

void model_text(const struct model *m, struct buf *out)
{
	for (uint64_t id = 0; id < MODEL_MSGS; id++) {
		const struct model_msg *msg = &m->msgs[id];
		if (!msg->present) continue;
		put_msg(out, id, msg->state, msg->deaths, msg->size);
		for (uint32_t i = 0; i < msg->rcpts; i++)
			put_rcpt(out, msg->rcpt[i].state, msg->rcpt[i].due_ms);
		buf_byte(out, '\n');
	}
	for (size_t i = 0; i < MODEL_NOTES; i++)
		if (m->notes[i]) buf_fmt(out, "note-%zu %zu\n", i, m->notes[i]);
}

static int text_note(void *ctx, struct str key, struct str value)
{
	struct buf *out = ctx;
	buf_str(out, key);
	buf_fmt(out, " %zu\n", value.len);
	return 0;
}

static int text_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	put_rcpt(ctx, rcpt->state, rcpt->next_due_ms);
	return 0;
}

struct ids {
	uint64_t ids[MODEL_MSGS];
	size_t count;
};

static int collect(void *ctx, const struct spool_msg *msg)
{
	struct ids *ids = ctx;
	assert(ids->count < MODEL_MSGS);
	ids->ids[ids->count++] = msg->id;
	return 0;
}

/* Every byte is compared with what was sent. */
static void text_body(struct store *s, uint64_t id, size_t size, struct buf *out)
{
	static char bytes[1 << 20];
	uint32_t crc = 0;
	size_t got;
	int r = store_read_body(s, id, 0, bytes, sizeof bytes, &crc, &got);
	if (r || got != size) buf_fmt(out, " body %d", r);
	for (size_t i = 0; i < got; i++) {
		if (bytes[i] == model_byte(id, i)) continue;
		buf_fmt(out, " byte %zu", i);
		break;
	}
}

void store_text(struct store *s, struct buf *out)
{
	struct ids ids = { .count = 0 };
	int r = store_walk(s, 0, MODEL_MSGS, collect, &ids);
	if (r) buf_fmt(out, "walk %d\n", r);
	for (size_t i = 0; i < ids.count; i++) {
		struct arena arena;
		struct spool_msg msg;
		arena_init(&arena, 1 << 20);
		r = store_read_msg(s, ids.ids[i], &arena, &msg);
		if (r) buf_fmt(out, "msg %llu %d\n", (unsigned long long)ids.ids[i], r);
		if (!r) {
			put_msg(out, msg.id, msg.state, msg.deaths, (size_t)msg.size);
			r = store_read_rcpts(s, msg.id, 0, MODEL_RCPTS, text_rcpt, out);
			if (r) buf_fmt(out, " rcpts %d", r);
			text_body(s, msg.id, (size_t)msg.size, out);
			buf_byte(out, '\n');
		}
		arena_free(&arena);
	}
	r = store_notes(s, STR("note-"), text_note, out);
	if (r) buf_fmt(out, "notes %d\n", r);
}
