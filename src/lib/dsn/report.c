/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dsn/report.h"

#include <assert.h>

#include "lib/base/utf8.h"
#include "lib/dsn/original.h"
#include "lib/dsn/parts.h"
#include "lib/dsn/text.h"
#include "lib/mail/received.h"
#include "lib/smtp/command.h"

enum {
	SUBJECT_MAX = 200,
	HEAD_MAX = 8 * 1024,
	TAIL_MAX = 1024, /* boundaries, and the header of the last part */
};

bool dsn_wants_whole(uint8_t ret, enum dsn_action action, bool copy, uint64_t size)
{
	/* The text is nobody's business but the sender's. */
	if (action != DSN_FAILED || copy) return false;
	if (ret == SMTP_RET_HDRS) return false;
	return size <= (ret == SMTP_RET_FULL ? DSN_ORIGINAL_MAX : DSN_FULL_MAX);
}

enum dsn_action dsn_report_action(const struct dsn_report *r)
{
	enum dsn_action first = DSN_DELIVERED;
	for (uint32_t i = 0; i < r->count; i++)
		if (r->rcpts[i].action < first) first = r->rcpts[i].action;
	return first;
}

/* --- the header of the report -------------------------------------------------------------- */

/* An address that may stand between angle brackets: no blank outside of quotes, nothing
 * that ends them. */
static void put_path(struct buf *out, struct str address, bool utf8)
{
	buf_byte(out, '<');
	dsn_text_plain(out, address, utf8, DSN_VALUE_MAX);
	buf_byte(out, '>');
}

/* RFC 3464 2: an answer to the report should reach a person. */
static void put_from(struct buf *out, const struct dsn_report *r)
{
	buf_str(out, STR("From: Mail Delivery System "));
	if (r->postmaster.len && (r->smtputf8 || utf8_is_ascii(r->postmaster))) {
		put_path(out, r->postmaster, r->smtputf8);
	} else {
		buf_str(out, STR("<MAILER-DAEMON@"));
		dsn_text_plain(out, r->hostname, r->smtputf8, DSN_VALUE_MAX);
		buf_byte(out, '>');
	}
	buf_crlf(out);
}

/* The subject of the original as its sender wrote it: encoded words stay what they are,
 * and are not cut. */
static struct str subject_of(struct buf *b, struct str header)
{
	dsn_text_plain(b, dsn_original_field(header, STR("Subject")), true, DSN_VALUE_MAX);
	struct str s = buf_view(b);
	if (s.len <= SUBJECT_MAX) return s;
	ptrdiff_t blank = str_rfind(str_sub(s, 0, SUBJECT_MAX), ' ');
	size_t end = blank > 0 ? (size_t)blank : SUBJECT_MAX;
	while (end > 0 && ((unsigned char)s.at[end] & 0xc0) == 0x80) end--;
	return str_sub(s, 0, end);
}

static void put_subject(struct buf *out, const struct dsn_report *r, struct str header)
{
	static const struct str words[DSN_ACTIONS] = {
		[DSN_FAILED] = STR_INIT("Undeliverable"), [DSN_DELAYED] = STR_INIT("Delayed"),
		[DSN_EXPANDED] = STR_INIT("Sent to list"), [DSN_RELAYED] = STR_INIT("Relayed"),
		[DSN_DELIVERED] = STR_INIT("Delivered"),
	};
	char memory[DSN_VALUE_MAX], line[DSN_VALUE_MAX];
	struct buf theirs, value;
	buf_init_fixed(&theirs, memory, sizeof memory);
	buf_init_fixed(&value, line, sizeof line);
	struct str subject = subject_of(&theirs, header);
	if (r->copy) buf_str(&value, STR("Copy: "));
	buf_str(&value, words[dsn_report_action(r)]);
	if (subject.len == 0) {
		dsn_field_put(out, STR("Subject"), buf_view(&value));
	} else if (r->smtputf8 || utf8_is_ascii(subject)) {
		buf_str(&value, STR(": "));
		buf_str(&value, subject);
		dsn_field_put(out, STR("Subject"), buf_view(&value));
	} else {
		buf_fmt(out, "Subject: %.*s:\r\n ", STR_ARG(buf_view(&value)));
		dsn_encoded_words(out, subject);
		buf_crlf(out);
	}
}

/* RFC 5322 3.6.4 msg-id, and nothing else. */
static bool is_message_id(struct str id)
{
	if (id.len < 5 || id.len > 255 || id.at[0] != '<' || id.at[id.len - 1] != '>')
		return false;
	struct str inside = str_sub(id, 1, id.len - 2);
	for (size_t i = 0; i < inside.len; i++) {
		char c = inside.at[i];
		if (!ascii_is_print(c) || c == ' ' || c == '<' || c == '>') return false;
	}
	return str_find(inside, '@') > 0;
}

static void put_references(struct buf *out, struct str header)
{
	char memory[DSN_VALUE_MAX];
	struct buf id;
	buf_init_fixed(&id, memory, sizeof memory);
	dsn_text_plain(&id, dsn_original_field(header, STR("Message-ID")), false, sizeof memory);
	if (!is_message_id(buf_view(&id))) return;
	dsn_field_put(out, STR("In-Reply-To"), buf_view(&id));
	dsn_field_put(out, STR("References"), buf_view(&id));
}

static void put_head(struct buf *out, const struct dsn_report *r, const char *boundary)
{
	struct str header = dsn_original_header(r->original);
	put_from(out, r);
	buf_str(out, STR("To: "));
	put_path(out, r->to, r->smtputf8);
	buf_crlf(out);
	put_subject(out, r, header);
	buf_str(out, STR("Date: "));
	mail_date_write(out, r->now_ms / 1000);
	buf_str(out, STR("\r\nMessage-ID: "));
	put_path(out, r->message_id, r->smtputf8);
	buf_crlf(out);
	put_references(out, header);
	/* RFC 3834 5: nobody's program is to answer this. */
	buf_str(out, STR("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"));
	buf_fmt(out,
		"Content-Type: multipart/report; report-type=%sdelivery-status;\r\n"
		"\tboundary=\"%.*s\"\r\n",
		r->smtputf8 ? "global-" : "", DSN_BOUNDARY_LEN, boundary);
	if (r->smtputf8) buf_str(out, STR("Content-Transfer-Encoding: 8bit\r\n"));
	buf_str(out, STR("\r\nThis is a report in several parts (RFC 3464).\r\n"));
}

/* --- its parts ------------------------------------------------------------------------------ */

static void part(struct buf *out, const char *boundary)
{
	buf_fmt(out, "\r\n--%.*s", DSN_BOUNDARY_LEN, boundary);
}

static void put_human(struct buf *out, const struct dsn_report *r, bool whole)
{
	struct buf text;
	buf_init(&text, DSN_HUMAN_MAX);
	dsn_human_write(&text, r, whole);
	bool ascii = utf8_is_ascii(buf_view(&text));
	buf_fmt(out,
		"\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: %s\r\nContent-Description: What happened\r\n\r\n",
		ascii ? "7bit" : r->smtputf8 ? "8bit" : "quoted-printable");
	if (ascii || r->smtputf8) buf_str(out, buf_view(&text));
	else (void)dsn_quoted_printable(out, buf_view(&text), DSN_REPORT_MAX);
	if (text.overflowed) out->overflowed = true;
	buf_free(&text);
}

static void put_machine(struct buf *out, const struct dsn_report *r)
{
	buf_fmt(out, "\r\nContent-Type: message/%sdelivery-status\r\n",
		r->smtputf8 ? "global-" : "");
	if (r->smtputf8) buf_str(out, STR("Content-Transfer-Encoding: 8bit\r\n"));
	buf_str(out, STR("Content-Description: The same for programs\r\n\r\n"));
	dsn_machine_write(out, r);
}

static void put_made(struct buf *out, const struct dsn_report *r, const char *boundary,
		     bool whole)
{
	part(out, boundary);
	put_human(out, r, whole);
	part(out, boundary);
	put_machine(out, r);
	part(out, boundary);
}

/* What the first two parts can take at most, the human one encoded: three octets for one,
 * and a soft break in each line. */
_Static_assert(HEAD_MAX + TAIL_MAX + 3 * DSN_HUMAN_MAX + DSN_HUMAN_MAX / 8 + DSN_MACHINE_MAX <
		       DSN_REPORT_MAX, "something of the original always has room");

void dsn_report_write(struct buf *out, const struct dsn_report *r)
{
	char boundary[DSN_BOUNDARY_LEN];
	size_t from = out->len;
	assert(r->count > 0 && r->count <= DSN_RCPTS_MAX);
	assert(r->original.len <= DSN_ORIGINAL_MAX);
	dsn_boundary_make(boundary, r->original);
	put_head(out, r, boundary);


	/* Whether the original goes back whole depends on the room that is left for it, and
	 * what was written before says which it is. */
	size_t before = out->len;
	bool whole = dsn_original_is_wanted(r, dsn_report_action(r));
	put_made(out, r, boundary, whole);
	if (whole && r->original.len > DSN_REPORT_MAX - TAIL_MAX - (out->len - from)) {
		whole = false;
		if (!out->overflowed) out->len = before;
		put_made(out, r, boundary, whole);
	}
	buf_crlf(out);
	dsn_original_write(out, r, whole, DSN_REPORT_MAX - TAIL_MAX - (out->len - from));
	part(out, boundary);
	buf_str(out, STR("--\r\n"));
}
