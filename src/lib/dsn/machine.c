/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/units.h"
#include "lib/base/utf8.h"
#include "lib/dsn/explain.h"
#include "lib/dsn/parts.h"
#include "lib/dsn/text.h"
#include "lib/mail/received.h"
#include "lib/smtp/command.h"

enum {
	ENTRY_MAX = 8 * 1024,
	/* Octets of an address that has to be embedded: each may take 6 ("+" is \x{2B}). */
	EMBEDDED_MAX = (DSN_VALUE_MAX - 64) / 6,
};

static void field_date(struct buf *out, struct str name, int64_t ms)
{
	buf_str(out, name);
	buf_str(out, STR(": "));
	mail_date_write(out, ms / 1000);
	buf_crlf(out);
}

/* --- addresses --------------------------------------------------------------------------- */

static uint32_t code_point(struct str s, size_t len)
{
	static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t point = (unsigned char)s.at[0] & first_bits[len];
	for (size_t i = 1; i < len; i++) point = point << 6 | ((unsigned char)s.at[i] & 0x3f);
	return point;
}

/* RFC 6533 3, utf-8-addr-xtext: an address in UTF-8 where only ASCII may stand. */
static void put_embedded(struct buf *out, struct str address)
{
	while (address.len) {
		size_t len = utf8_sequence(address);
		char c = *address.at;
		if (len == 1 && c > ' ' && c < 0x7f && c != '+' && c != '=' && c != '\\')
			buf_byte(out, c);
		else buf_fmt(out, "\\x{%X}", (unsigned)code_point(address, len));
		address = str_from(address, len);
	}
}

/* RFC 3464 2.1.2 and RFC 6533 3: the type says what the address may hold. */
static void field_address(struct buf *out, struct str name, struct str type,
			  struct str address, bool utf8)
{
	char memory[DSN_VALUE_MAX], cut[DSN_VALUE_MAX];
	struct buf value, plain;
	bool ascii = utf8_is_ascii(address) || !utf8_is_valid(address);
	buf_init_fixed(&value, memory, sizeof memory);
	buf_init_fixed(&plain, cut, sizeof cut);
	dsn_text_plain(&plain, address, !ascii, ascii || utf8 ? sizeof cut - 64 : EMBEDDED_MAX);
	dsn_text_plain(&value, ascii ? type : STR("utf-8"), false, 32);
	buf_str(&value, STR("; "));
	if (ascii || utf8) buf_str(&value, buf_view(&plain));
	else put_embedded(&value, buf_view(&plain));
	dsn_field_put(out, name, buf_view(&value));
}

/* RFC 3461 4.2: what the sender wrote, decoded. */
static void field_orcpt(struct buf *out, struct str orcpt, bool utf8)
{
	char memory[DSN_STR_MAX];
	struct buf text;
	struct str value = orcpt, type = str_cut(&value, ';');
	buf_init_fixed(&text, memory, sizeof memory);
	if (value.len == 0) return;
	if (!smtp_xtext_decode(&text, value)) {
		buf_reset(&text);
		buf_str(&text, value);
	}
	field_address(out, STR("Original-Recipient"), type, buf_view(&text), utf8);
}

/* --- one recipient ------------------------------------------------------------------------ */

static const struct str action_names[DSN_ACTIONS] = {
	[DSN_FAILED] = STR_INIT("failed"),     [DSN_DELAYED] = STR_INIT("delayed"),
	[DSN_EXPANDED] = STR_INIT("expanded"), [DSN_RELAYED] = STR_INIT("relayed"),
	[DSN_DELIVERED] = STR_INIT("delivered"),
};

/* A code that is none is replaced by the one that says nothing. */
static struct str status_of(const struct dsn_rcpt *rcpt)
{
	if (dsn_status_is_valid(rcpt->status)) return rcpt->status;
	return rcpt->action == DSN_FAILED    ? STR("5.0.0")
	       : rcpt->action == DSN_DELAYED ? STR("4.0.0")
					     : STR("2.0.0");
}

/* What RFC 3464 2.3 wants of every recipient. */
static void put_needed(struct buf *out, const struct dsn_rcpt *rcpt, bool utf8)
{
	buf_crlf(out);
	field_orcpt(out, rcpt->orcpt, utf8);
	field_address(out, STR("Final-Recipient"), STR("rfc822"), rcpt->address, utf8);
	dsn_field_put(out, STR("Action"), action_names[rcpt->action]);
	dsn_field_put(out, STR("Status"), status_of(rcpt));
}

/* RFC 3464 2.3.6: only what is an SMTP reply may be called one. */
static bool is_smtp_reply(struct str s)
{
	return s.len >= 3 && s.at[0] >= '2' && s.at[0] <= '5' && ascii_is_digit(s.at[1]) &&
	       ascii_is_digit(s.at[2]) && (s.len == 3 || s.at[3] == ' ' || s.at[3] == '-');
}

static void put_details(struct buf *out, const struct dsn_rcpt *rcpt, bool utf8)
{
	if (rcpt->host.len)
		dsn_field_text(out, STR("Remote-MTA"), STR("dns; "), rcpt->host, utf8);
	if (rcpt->reply.len)
		dsn_field_text(out, STR("Diagnostic-Code"),
			       is_smtp_reply(rcpt->reply) ? STR("smtp; ") : STR("X-IMS; "),
			       rcpt->reply, utf8);
	if (rcpt->last_attempt_ms > 0)
		field_date(out, STR("Last-Attempt-Date"), rcpt->last_attempt_ms);
	if (rcpt->action == DSN_DELAYED && rcpt->will_retry_until_ms > 0)
		field_date(out, STR("Will-Retry-Until"), rcpt->will_retry_until_ms);
}

/* --- all of them -------------------------------------------------------------------------- */

_Static_assert(DSN_NAMED_MAX + ENTRY_MAX <= DSN_MACHINE_MAX,
	       "the fields of the message itself have room");

size_t dsn_rcpt_size(const struct dsn_rcpt *rcpt, bool smtputf8)
{
	char memory[ENTRY_MAX];
	struct buf one;
	buf_init_fixed(&one, memory, sizeof memory);
	put_needed(&one, rcpt, smtputf8);
	return one.len;
}

/* How many fit, and what is left over for details. */
static uint32_t fit(const struct dsn_rcpt *rcpts, uint32_t count, bool utf8, size_t *room)
{
	uint32_t n = 0;
	*room = DSN_NAMED_MAX;
	for (; n < count && n < DSN_RCPTS_MAX; n++) {
		size_t size = dsn_rcpt_size(&rcpts[n], utf8);
		if (size > *room) break;
		*room -= size;
	}
	return n;
}

uint32_t dsn_rcpts_fit(const struct dsn_rcpt *rcpts, uint32_t count, bool smtputf8)
{
	size_t room;
	return fit(rcpts, count, smtputf8, &room);
}

static void put_message(struct buf *out, const struct dsn_report *r, uint64_t unnamed)
{
	char memory[DSN_STR_MAX];
	struct buf envid;
	buf_init_fixed(&envid, memory, sizeof memory);
	if (r->envid.len && smtp_xtext_decode(&envid, r->envid))
		dsn_field_text(out, STR("Original-Envelope-Id"), STR(""), buf_view(&envid),
			       r->smtputf8);
	dsn_field_text(out, STR("Reporting-MTA"), STR("dns; "), r->hostname, r->smtputf8);
	field_date(out, STR("Arrival-Date"), r->arrived_ms);
	/* RFC 2852 5 and RFC 4865 5.1.2 add these to what stands there about the message. */
	if (r->by_ms > 0) field_date(out, STR("Deliver-By-Date"), r->by_ms);
	if (r->hold_until_ms > 0) {
		buf_str(out, STR("Future-Release-Request: until;"));
		units_second_write(out, r->hold_until_ms);
		buf_crlf(out);
	}
	if (r->id.len)
		dsn_field_text(out, STR("X-IMS-Queue-Id"), STR(""), r->id, r->smtputf8);
	if (unnamed == 0) return;
	buf_str(out, STR("X-IMS-Recipients-Not-Named: "));
	buf_u64(out, unnamed);
	buf_crlf(out);
}

void dsn_machine_write(struct buf *out, const struct dsn_report *r)
{
	char memory[ENTRY_MAX];
	struct buf details;
	size_t room;
	uint32_t named = fit(r->rcpts, r->count, r->smtputf8, &room);
	put_message(out, r, (uint64_t)r->count - named + r->more);
	buf_init_fixed(&details, memory, sizeof memory);
	for (uint32_t i = 0; i < named; i++) {
		put_needed(out, &r->rcpts[i], r->smtputf8);
		buf_reset(&details);
		put_details(&details, &r->rcpts[i], r->smtputf8);
		if (details.len > room) continue;
		room -= details.len;
		buf_str(out, buf_view(&details));
	}
}
