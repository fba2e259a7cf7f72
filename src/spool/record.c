/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/record.h"

#include <string.h>

#include "lib/base/crc32c.h"
#include "lib/base/cur.h"

/* Beside the state of a recipient. */
#define RCPT_WARNED 0x80u

static void put_be(struct key *k, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;) k->at[k->len++] = (char)(v >> (8 * i) & 0xff);
}

static uint64_t get_be(struct str s, size_t from, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++) v = v << 8 | (unsigned char)s.at[from + i];
	return v;
}

struct key key_of_id(uint64_t id)
{
	struct key k = { .len = 0 };
	put_be(&k, id, 8);
	return k;
}

struct key key_of_rcpt(uint64_t id, uint32_t index)
{
	struct key k = key_of_id(id);
	put_be(&k, index, 4);
	return k;
}

struct key key_of_due(struct spool_due due)
{
	struct key k = { .len = 0 };
	put_be(&k, due.due_ms > 0 ? (uint64_t)due.due_ms : 0, 8);
	put_be(&k, due.id, 8);
	return k;
}

struct key key_of_name(struct str name)
{
	struct key k = { .len = name.len < KEY_MAX ? name.len : KEY_MAX };
	memcpy(k.at, name.at, k.len);
	return k;
}

bool key_to_id(struct str key, uint64_t *id)
{
	if (key.len != 8) return false;
	*id = get_be(key, 0, 8);
	return true;
}

bool key_to_rcpt(struct str key, uint64_t *id, uint32_t *index)
{
	if (key.len != 12) return false;
	*id = get_be(key, 0, 8);
	*index = (uint32_t)get_be(key, 8, 4);
	return true;
}

bool key_to_due(struct str key, struct spool_due *due)
{
	if (key.len != 16) return false;
	uint64_t ms = get_be(key, 0, 8);
	if (ms > INT64_MAX) return false;
	*due = (struct spool_due){ .due_ms = (int64_t)ms, .id = get_be(key, 8, 8) };
	return true;
}

static void put_crc(struct buf *out, size_t from)
{
	if (out->overflowed) return;
	buf_put_u32(out, crc32c(0, out->at + from, out->len - from));
}

/* The record without its CRC, or an empty one (which then reads as bad). */
static struct cur checked(struct str record)
{
	if (record.len < 4) return cur_of(STR(""));
	struct str body = str_sub(record, 0, record.len - 4);
	struct cur tail = cur_of(str_from(record, body.len));
	if (cur_u32(&tail) != crc32c(0, body.at, body.len)) return cur_of(STR(""));
	return cur_of(body);
}

static void put_time(struct buf *out, int64_t ms)
{
	buf_put_u64(out, ms > 0 ? (uint64_t)ms : 0);
}

static int64_t get_time(struct cur *c)
{
	uint64_t ms = cur_u64(c);
	if (ms > INT64_MAX) c->bad = true;
	return c->bad ? 0 : (int64_t)ms;
}

static void put_text(struct buf *out, struct str s, size_t max)
{
	buf_put_str(out, str_sub(s, 0, max));
}

static struct str get_text(struct cur *c, size_t max)
{
	struct str s = cur_str(c);
	if (s.len > max) c->bad = true;
	return s;
}

static uint8_t get_enum(struct cur *c, unsigned count)
{
	uint8_t v = cur_u8(c);
	if (v >= count) c->bad = true;
	return v;
}

void record_put_msg(struct buf *out, const struct spool_msg *msg)
{
	size_t from = out->len;
	buf_put_u8(out, RECORD_VERSION);
	buf_put_u8(out, (uint8_t)msg->state);
	buf_put_u8(out, (uint8_t)msg->body);
	buf_put_u8(out, msg->priority);
	buf_put_u32(out, msg->crc);
	buf_put_u32(out, msg->deaths);
	buf_put_u32(out, msg->rcpts);
	buf_put_u32(out, msg->rcpts_open);
	buf_put_u32(out, msg->rcpts_deferred);
	buf_put_u64(out, msg->size);
	put_time(out, msg->arrived_ms);
	put_time(out, msg->next_due_ms);
	put_text(out, msg->reason, SPOOL_REASON_MAX);
	put_text(out, msg->envelope, SPOOL_ENVELOPE_MAX);
	put_crc(out, from);
}

bool record_get_msg(struct str record, struct spool_msg *msg)
{
	struct cur c = checked(record);
	struct spool_msg m = { .id = msg->id };
	if (cur_u8(&c) != RECORD_VERSION) return false;
	m.state = (enum spool_msg_state)get_enum(&c, SPOOL_MSG_STATES);
	m.body = (enum spool_body_kind)get_enum(&c, SPOOL_BODY_KINDS);
	m.priority = cur_u8(&c);
	m.crc = cur_u32(&c);
	m.deaths = cur_u32(&c);
	m.rcpts = cur_u32(&c);
	m.rcpts_open = cur_u32(&c);
	m.rcpts_deferred = cur_u32(&c);
	m.size = cur_u64(&c);
	m.arrived_ms = get_time(&c);
	m.next_due_ms = get_time(&c);
	m.reason = get_text(&c, SPOOL_REASON_MAX);
	m.envelope = get_text(&c, SPOOL_ENVELOPE_MAX);
	if (!cur_done(&c)) return false;
	if (m.rcpts > SPOOL_RCPTS_MAX || m.rcpts_open > m.rcpts || !m.rcpts_open)
		return false;
	if (m.rcpts_deferred > m.rcpts_open) return false;
	if (m.body == SPOOL_BODY_INLINE && m.size > SPOOL_INLINE_MAX) return false;
	*msg = m;
	return true;
}

void record_put_rcpt(struct buf *out, const struct spool_rcpt *rcpt)
{
	size_t from = out->len;
	buf_put_u8(out, RECORD_VERSION);
	buf_put_u8(out, (uint8_t)((unsigned)rcpt->state | (rcpt->warned ? RCPT_WARNED : 0u)));
	buf_put_u32(out, rcpt->attempts);
	put_time(out, rcpt->next_due_ms);
	put_time(out, rcpt->last_ms);
	put_text(out, rcpt->address, SPOOL_ADDRESS_MAX);
	put_text(out, rcpt->host, SPOOL_HOST_MAX);
	put_text(out, rcpt->reply, SPOOL_REPLY_MAX);
	put_text(out, rcpt->dsn, SPOOL_DSN_MAX);
	/* Records of before have neither. */
	if (rcpt->doubts) buf_put_u8(out, rcpt->doubts);
	if (rcpt->doubts && rcpt->in_doubt) buf_put_u8(out, 1);
	put_crc(out, from);
}

bool record_get_rcpt(struct str record, struct spool_rcpt *rcpt)
{
	struct cur c = checked(record);
	struct spool_rcpt r = { .index = rcpt->index };
	if (cur_u8(&c) != RECORD_VERSION) return false;
	uint8_t state = cur_u8(&c);
	r.warned = (state & RCPT_WARNED) != 0;
	state &= (uint8_t)~RCPT_WARNED;
	if (state >= SPOOL_RCPT_STATES) return false;
	r.state = (enum spool_rcpt_state)state;
	r.attempts = cur_u32(&c);
	r.next_due_ms = get_time(&c);
	r.last_ms = get_time(&c);
	r.address = get_text(&c, SPOOL_ADDRESS_MAX);
	r.host = get_text(&c, SPOOL_HOST_MAX);
	r.reply = get_text(&c, SPOOL_REPLY_MAX);
	r.dsn = get_text(&c, SPOOL_DSN_MAX);
	if (!c.bad && c.left && (r.doubts = cur_u8(&c)) == 0) return false;
	if (!c.bad && c.left && !(r.in_doubt = cur_u8(&c) == 1)) return false;
	if (!cur_done(&c)) return false;
	*rcpt = r;
	return true;
}

void record_put_note(struct buf *out, struct str value)
{
	size_t from = out->len;
	buf_put_u8(out, RECORD_VERSION);
	put_text(out, value, SPOOL_NOTE_VALUE_MAX);
	put_crc(out, from);
}

bool record_get_note(struct str record, struct str *value)
{
	struct cur c = checked(record);
	if (cur_u8(&c) != RECORD_VERSION) return false;
	struct str text = get_text(&c, SPOOL_NOTE_VALUE_MAX);
	if (!cur_done(&c) || text.len == 0) return false;
	*value = text;
	return true;
}

void record_put_totals(struct buf *out, const struct spool_totals *totals)
{
	size_t from = out->len;
	buf_put_u8(out, RECORD_VERSION);
	buf_put_u64(out, totals->messages);
	buf_put_u64(out, totals->held);
	buf_put_u64(out, totals->poison);
	buf_put_u64(out, totals->deferred);
	buf_put_u64(out, totals->rcpts);
	buf_put_u64(out, totals->rcpts_open);
	buf_put_u64(out, totals->bytes);
	put_crc(out, from);
}

bool record_get_totals(struct str record, struct spool_totals *totals)
{
	struct cur c = checked(record);
	struct spool_totals t = { 0 };
	if (cur_u8(&c) != RECORD_VERSION) return false;
	t.messages = cur_u64(&c);
	t.held = cur_u64(&c);
	t.poison = cur_u64(&c);
	t.deferred = cur_u64(&c);
	t.rcpts = cur_u64(&c);
	t.rcpts_open = cur_u64(&c);
	t.bytes = cur_u64(&c);
	if (!cur_done(&c)) return false;
	*totals = t;
	return true;
}
