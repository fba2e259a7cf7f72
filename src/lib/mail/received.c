/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mail/received.h"

enum { DAY_S = 24 * 60 * 60 };

struct civil {
	int64_t year;
	unsigned month, day; /* 1 to 12, 1 to 31 */
};

/* Gregorian date of a day counted from 1970-01-01. Counts in eras of 400 years that
 * begin on 1 March, so that the leap day is the last of its year. */
static struct civil civil_of_day(int64_t day)
{
	int64_t since = day + 719468; /* 0000-03-01 */
	int64_t era = (since >= 0 ? since : since - 146096) / 146097;
	unsigned in_era = (unsigned)(since - era * 146097);
	unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153; /* 0: March */
	struct civil date = {
		.day = in_year - (153 * month + 2) / 5 + 1,
		.month = month < 10 ? month + 3 : month - 9,
	};
	date.year = (int64_t)year + era * 400 + (date.month <= 2);
	return date;
}

static void put_two(struct buf *out, unsigned n)
{
	buf_byte(out, (char)('0' + n / 10 % 10));
	buf_byte(out, (char)('0' + n % 10));
}

void mail_date_write(struct buf *out, int64_t unix_s)
{
	static const char days[7][4] = {
		"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"
	};
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const int64_t first = -62135596800, last = 253402300799; /* years 1 and 9999 */
	if (unix_s < first) unix_s = first;
	if (unix_s > last) unix_s = last;
	int64_t day = (unix_s >= 0 ? unix_s : unix_s - DAY_S + 1) / DAY_S;
	unsigned second = (unsigned)(unix_s - day * DAY_S);
	struct civil date = civil_of_day(day);
	buf_bytes(out, days[(day % 7 + 7) % 7], 3);
	buf_str(out, STR(", "));
	put_two(out, date.day);
	buf_byte(out, ' ');
	buf_bytes(out, months[date.month - 1], 3);
	buf_byte(out, ' ');
	put_two(out, (unsigned)date.year / 100);
	put_two(out, (unsigned)date.year % 100);
	buf_byte(out, ' ');
	put_two(out, second / 3600);
	buf_byte(out, ':');
	put_two(out, second / 60 % 60);
	buf_byte(out, ':');
	put_two(out, second % 60);
	buf_str(out, STR(" +0000"));
}

void mail_literal_write(struct buf *out, struct ip ip)
{
	buf_str(out, ip_is_v4(ip) ? STR("[") : STR("[IPv6:"));
	ip_write(out, ip);
	buf_byte(out, ']');
}

/* Can stand where RFC 5321 4.4 wants a domain or a literal: nothing in it ends the
 * word, opens a comment or folds a line. */
static bool is_plain_name(struct str helo)
{
	if (helo.len == 0 || helo.len > 255) return false;
	bool literal = helo.at[0] == '[' && helo.at[helo.len - 1] == ']';
	struct str inside = literal ? str_sub(helo, 1, helo.len - 2) : helo;
	if (inside.len == 0) return false;
	for (size_t i = 0; i < inside.len; i++) {
		char c = inside.at[i];
		if (!ascii_is_alnum(c) && c != '.' && c != '-' && c != '_' &&
		    !(literal && c == ':'))
			return false;
	}
	return true;
}

/* RFC 5322 3.2.2 ctext: parentheses and backslash are quoted, the rest has to be
 * printable. Bounded, so that the line is. */
static void put_comment_text(struct buf *out, struct str text)
{
	text = str_sub(text, 0, 255);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == '(' || c == ')' || c == '\\') buf_byte(out, '\\');
		buf_byte(out, ascii_is_print(c) ? c : '?');
	}
}

static void put_from(struct buf *out, const struct received *r)
{
	bool plain = is_plain_name(r->helo);
	buf_str(out, STR("from "));
	if (plain) buf_str(out, r->helo);
	else mail_literal_write(out, r->client);
	buf_str(out, STR(" ("));
	/* The name that was looked up stands in front of the address, as everywhere. */
	bool named = r->name.len > 0 && is_plain_name(r->name);
	if (named) {
		buf_str(out, r->name);
		buf_byte(out, ' ');
	}
	if (plain || named) mail_literal_write(out, r->client);
	if (!plain) {
		buf_str(out, named ? STR(" helo=") : STR("helo="));
		put_comment_text(out, r->helo);
	}
	buf_str(out, STR(")\r\n\t"));
}

/* RFC 3848, RFC 6531 3.7.3. */
static void put_protocol(struct buf *out, const struct received *r)
{
	buf_str(out, r->smtputf8 ? STR("UTF8SMTP")
		     : r->esmtp  ? STR("ESMTP")
				 : STR("SMTP"));
	if (!r->esmtp && !r->smtputf8) return;
	if (r->tls) buf_byte(out, 'S');
	if (r->authenticated) buf_byte(out, 'A');
}

/* For people who read it: the words of RFC 3848 do not say how. */
static void put_cipher(struct buf *out, const struct received *r)
{
	if (!r->tls || r->tls_name.len == 0) return;
	buf_str(out, STR(" ("));
	put_comment_text(out, r->tls_name);
	buf_byte(out, ')');
}

void received_write(struct buf *out, const struct received *r)
{
	bool network = !ip_is_none(r->client);
	buf_str(out, STR("Received: "));
	if (network) put_from(out, r);
	buf_str(out, STR("by "));
	buf_str(out, r->by);
	if (network) {
		buf_str(out, STR(" with "));
		put_protocol(out, r);
		put_cipher(out, r);
	}
	buf_str(out, STR("\r\n\tid "));
	buf_str(out, r->id);
	if (r->rcpt.len) {
		buf_str(out, STR("\r\n\tfor <"));
		buf_str(out, r->rcpt);
		buf_byte(out, '>');
	}
	/* RFC 6710 4.1 and 7. */
	if (r->has_priority) {
		buf_str(out, STR("\r\n\tpriority "));
		buf_i64(out, r->priority);
	}
	buf_str(out, STR(";\r\n\t"));
	mail_date_write(out, r->arrived_s);
	buf_crlf(out);
}
