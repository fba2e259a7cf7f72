/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cur.h"
#include "lib/dsn/report.h"

enum { RECORD_VERSION = 1, RET_MAX = 2 };
enum { FLAG_SMTPUTF8 = 1, FLAG_COPY = 2, FLAG_WHOLE = 4, FLAGS_ALL = 7 };
/* Five lengths, action, expired, two times. */
enum { RCPT_RECORD_MIN = 5 * 4 + 1 + 1 + 2 * 8 };
/* The end of the year 9999: later times are nobody's, and sums of them would not fit. */
static const uint64_t time_max = 253402300799999;

static void put_str(struct buf *out, struct str s)
{
	if (s.len > DSN_STR_MAX) out->overflowed = true;
	buf_put_str(out, s);
}

static void put_time(struct buf *out, int64_t ms)
{
	buf_put_u64(out, ms < 0 ? 0 : (uint64_t)ms > time_max ? time_max : (uint64_t)ms);
}

static void put_rcpt(struct buf *out, const struct dsn_rcpt *rcpt)
{
	put_str(out, rcpt->address);
	put_str(out, rcpt->orcpt);
	put_str(out, rcpt->status);
	put_str(out, rcpt->host);
	put_str(out, rcpt->reply);
	buf_put_u8(out, (uint8_t)rcpt->action);
	buf_put_u8(out, rcpt->expired);
	put_time(out, rcpt->last_attempt_ms);
	put_time(out, rcpt->will_retry_until_ms);
}

void dsn_report_encode(struct buf *out, const struct dsn_report *r)
{
	unsigned flags = (r->smtputf8 ? FLAG_SMTPUTF8 : 0u) | (r->copy ? FLAG_COPY : 0u) |
			 (r->whole ? FLAG_WHOLE : 0u);
	if (r->count == 0 || r->count > DSN_RCPTS_MAX) {
		out->overflowed = true;
		return;
	}
	buf_put_u8(out, RECORD_VERSION);
	buf_put_u8(out, (uint8_t)flags);
	buf_put_u8(out, r->ret);
	put_str(out, r->hostname);
	put_str(out, r->to);
	put_str(out, r->postmaster);
	put_str(out, r->message_id);
	put_str(out, r->id);
	put_str(out, r->sender);
	put_str(out, r->envid);
	put_time(out, r->now_ms);
	put_time(out, r->arrived_ms);
	buf_put_u64(out, r->size);
	buf_put_u32(out, r->more);
	buf_put_u32(out, r->count);
	for (uint32_t i = 0; i < r->count; i++) put_rcpt(out, &r->rcpts[i]);
	/* What is not there at the end is not said. */
	if (r->by_ms > 0 || r->hold_until_ms > 0) put_time(out, r->by_ms);
	if (r->hold_until_ms > 0) put_time(out, r->hold_until_ms);
}

static struct str get_str(struct cur *c)
{
	struct str s = cur_str(c);
	if (s.len > DSN_STR_MAX) c->bad = true;
	return s;
}

static int64_t get_time(struct cur *c)
{
	uint64_t ms = cur_u64(c);
	if (ms > time_max) c->bad = true;
	return c->bad ? 0 : (int64_t)ms;
}

static uint8_t get_max(struct cur *c, uint8_t max)
{
	uint8_t v = cur_u8(c);
	if (v > max) c->bad = true;
	return v;
}

static void get_rcpt(struct cur *c, struct dsn_rcpt *rcpt)
{
	rcpt->address = get_str(c);
	rcpt->orcpt = get_str(c);
	rcpt->status = get_str(c);
	rcpt->host = get_str(c);
	rcpt->reply = get_str(c);
	rcpt->action = (enum dsn_action)get_max(c, DSN_ACTIONS - 1);
	rcpt->expired = get_max(c, 1);
	rcpt->last_attempt_ms = get_time(c);
	rcpt->will_retry_until_ms = get_time(c);
}

static bool get_extra(struct cur *c, struct dsn_report *r)
{
	if (c->left == 0) return true;
	r->by_ms = get_time(c);
	if (c->left == 0) return r->by_ms > 0;
	r->hold_until_ms = get_time(c);
	return r->hold_until_ms > 0;
}

static void get_head(struct cur *c, struct dsn_report *r)
{
	if (cur_u8(c) != RECORD_VERSION) c->bad = true;
	uint8_t flags = get_max(c, FLAGS_ALL);
	r->smtputf8 = flags & FLAG_SMTPUTF8;
	r->copy = flags & FLAG_COPY;
	r->whole = flags & FLAG_WHOLE;
	r->ret = get_max(c, RET_MAX);
	r->hostname = get_str(c);
	r->to = get_str(c);
	r->postmaster = get_str(c);
	r->message_id = get_str(c);
	r->id = get_str(c);
	r->sender = get_str(c);
	r->envid = get_str(c);
	r->now_ms = get_time(c);
	r->arrived_ms = get_time(c);
	r->size = cur_u64(c);
	r->more = cur_u32(c);
	r->count = cur_u32(c);
}

bool dsn_report_decode(struct str record, struct arena *arena, struct dsn_report *r)
{
	struct cur c = cur_of(record);
	*r = (struct dsn_report){ 0 };
	get_head(&c, r);
	/* Compared with what is left before memory is asked for. */
	if (c.bad || r->count == 0 || r->count > DSN_RCPTS_MAX ||
	    r->count > c.left / RCPT_RECORD_MIN)
		return false;
	struct dsn_rcpt *rcpts = arena_alloc(arena, r->count * sizeof *rcpts);
	if (!rcpts) return false;
	for (uint32_t i = 0; i < r->count; i++) get_rcpt(&c, &rcpts[i]);
	r->rcpts = rcpts;
	return get_extra(&c, r) && cur_done(&c);
}
