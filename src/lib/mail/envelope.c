/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mail/envelope.h"

/* Record: u8 version, u32 octets that follow, then the fields in the order below; version 1
 * ends with the recipients. A recipient takes at least three string lengths and its notify
 * bits. */
enum { RCPT_RECORD_MIN = 3 * 4 + 1 };
enum {
	FLAG_BODY8 = 1, FLAG_SMTPUTF8 = 2, FLAG_ESMTP = 4, FLAG_COPY = 8, FLAGS_FIRST = 15,
	FLAG_BULK = 16, FLAG_BY_TRACE = 32, FLAGS_ALL = 63,
};

static void put_str(struct buf *out, struct str s)
{
	if (s.len > ENVELOPE_STR_MAX) out->overflowed = true;
	buf_put_str(out, s);
}

static void put_fields(struct buf *out, const struct envelope *e)
{
	unsigned flags = (e->body8 ? FLAG_BODY8 : 0u) |
			 (e->smtputf8 ? FLAG_SMTPUTF8 : 0u) |
			 (e->esmtp ? FLAG_ESMTP : 0u) | (e->copy ? FLAG_COPY : 0u) |
			 (e->bulk ? FLAG_BULK : 0u) | (e->by_trace ? FLAG_BY_TRACE : 0u);
	buf_put_u8(out, (uint8_t)flags);
	buf_put_u8(out, e->ret);
	buf_put_u8(out, e->priority);
	buf_put_u64(out, (uint64_t)e->arrived_ms);
	buf_put_u64(out, e->size);
	buf_bytes(out, e->client.octets, sizeof e->client.octets);
	put_str(out, e->sender);
	put_str(out, e->envid);
	put_str(out, e->helo);
	put_str(out, e->user);
	put_str(out, e->sid);
	buf_put_u32(out, e->rcpt_count);
	for (uint32_t i = 0; i < e->rcpt_count; i++) {
		put_str(out, e->rcpts[i].address);
		put_str(out, e->rcpts[i].orcpt);
		put_str(out, e->rcpts[i].route);
		buf_put_u8(out, e->rcpts[i].notify);
	}
	buf_put_u8(out, e->tls_wish);
	buf_put_u8(out, e->by);
	buf_put_u8(out, (uint8_t)e->mt_priority);
	buf_put_u64(out, (uint64_t)e->by_ms);
	buf_put_u64(out, (uint64_t)e->hold_until_ms);
}

void envelope_encode(struct buf *out, const struct envelope *e)
{
	if (e->rcpt_count > ENVELOPE_RCPTS_MAX) {
		out->overflowed = true;
		return;
	}
	buf_put_u8(out, ENVELOPE_VERSION);
	size_t at = out->len;
	buf_put_u32(out, 0);
	size_t from = out->len;
	put_fields(out, e);
	if (out->len - from > ENVELOPE_RECORD_MAX) out->overflowed = true;
	if (out->overflowed) return;
	/* The length is known only now. */
	struct buf length;
	buf_init_fixed(&length, out->at + at, 4);
	buf_put_u32(&length, (uint32_t)(out->len - from));
}

static struct str get_str(struct cur *c)
{
	struct str s = cur_str(c);
	if (s.len > ENVELOPE_STR_MAX) c->bad = true;
	return s;
}

static void get_head(struct cur *c, uint8_t version, struct envelope *e)
{
	uint8_t flags = cur_u8(c);
	if (flags > (version == 1 ? FLAGS_FIRST : FLAGS_ALL)) c->bad = true;
	e->bulk = flags & FLAG_BULK;
	e->by_trace = flags & FLAG_BY_TRACE;
	e->body8 = flags & FLAG_BODY8;
	e->smtputf8 = flags & FLAG_SMTPUTF8;
	e->esmtp = flags & FLAG_ESMTP;
	e->copy = flags & FLAG_COPY;
	e->ret = cur_u8(c);
	e->priority = cur_u8(c);
	e->arrived_ms = (int64_t)cur_u64(c);
	e->size = cur_u64(c);
	struct str octets = cur_bytes(c, sizeof e->client.octets);
	for (size_t i = 0; i < octets.len; i++)
		e->client.octets[i] = (unsigned char)octets.at[i];
	e->sender = get_str(c);
	e->envid = get_str(c);
	e->helo = get_str(c);
	e->user = get_str(c);
	e->sid = get_str(c);
	e->rcpt_count = cur_u32(c);
}

static void get_rcpt(struct cur *c, struct envelope_rcpt *rcpt)
{
	rcpt->address = get_str(c);
	rcpt->orcpt = get_str(c);
	rcpt->route = get_str(c);
	rcpt->notify = cur_u8(c);
}

static uint8_t get_enum(struct cur *c, unsigned count)
{
	uint8_t v = cur_u8(c);
	if (v >= count) c->bad = true;
	return v;
}

static void get_wishes(struct cur *c, struct envelope *e)
{
	e->tls_wish = get_enum(c, MAIL_TLS_WISHES);
	e->by = get_enum(c, MAIL_BY_MODES);
	e->mt_priority = (int8_t)cur_u8(c);
	e->by_ms = (int64_t)cur_u64(c);
	e->hold_until_ms = (int64_t)cur_u64(c);
	if (e->mt_priority < -MAIL_MT_PRIORITY_MAX || e->mt_priority > MAIL_MT_PRIORITY_MAX)
		c->bad = true;
}

static enum envelope_result decode_fields(struct cur c, uint8_t version,
					  struct arena *arena, struct envelope *e)
{
	get_head(&c, version, e);
	/* Compared with what is left before memory is asked for: the count is data. */
	if (c.bad || e->rcpt_count > ENVELOPE_RCPTS_MAX ||
	    e->rcpt_count > c.left / RCPT_RECORD_MIN)
		return ENVELOPE_BAD;
	e->rcpts = arena_alloc(arena, e->rcpt_count * sizeof *e->rcpts);
	if (!e->rcpts) return ENVELOPE_NO_MEMORY;
	for (uint32_t i = 0; i < e->rcpt_count; i++) get_rcpt(&c, &e->rcpts[i]);
	if (version > 1) get_wishes(&c, e);
	return cur_done(&c) ? ENVELOPE_OK : ENVELOPE_BAD;
}

enum envelope_result envelope_decode(struct cur *record, struct arena *arena,
				     struct envelope *e)
{
	*e = (struct envelope){ 0 };
	uint8_t version = cur_u8(record);
	uint32_t len = cur_u32(record);
	struct str fields = cur_bytes(record, len);
	if (record->bad || len > ENVELOPE_RECORD_MAX) return ENVELOPE_BAD;
	if (version == 0 || version > ENVELOPE_VERSION) return ENVELOPE_VERSION_UNKNOWN;
	if (fields.len == 0) return ENVELOPE_BAD;
	struct str copy = arena_str(arena, fields);
	if (!copy.at) return ENVELOPE_NO_MEMORY;
	enum envelope_result result = decode_fields(cur_of(copy), version, arena, e);
	if (result != ENVELOPE_OK) *e = (struct envelope){ 0 };
	return result;
}
