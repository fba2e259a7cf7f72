/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dsn/original.h"

#include <string.h>

#include "lib/base/utf8.h"
#include "lib/dsn/text.h"

static const struct str cut_mark =
	STR_INIT("X-IMS-Header-Cut: the header of the original went on here\r\n");

/* Next line without its end; `*rest` begins with the line after it. */
static struct str line_next(struct str *rest)
{
	struct str line = str_cut(rest, '\n');
	if (line.len && line.at[line.len - 1] == '\r') line.len--;
	return line;
}

struct str dsn_original_header(struct str text)
{
	struct str rest = text;
	while (rest.len) {
		size_t at = text.len - rest.len;
		if (line_next(&rest).len == 0) return str_sub(text, 0, at);
	}
	return text;
}

struct str dsn_original_field(struct str header, struct str name)
{
	while (header.len) {
		struct str line = line_next(&header);
		if (!str_starts_nocase(line, name)) continue;
		struct str value = str_from(line, name.len);
		while (value.len && ascii_is_blank(*value.at)) value = str_from(value, 1);
		if (value.len == 0 || *value.at != ':') continue;
		value = str_from(value, 1);
		/* With the lines that go on. */
		while (header.len && ascii_is_blank(*header.at)) {
			line = line_next(&header);
			value.len = (size_t)(line.at + line.len - value.at);
		}
		return value;
	}
	return STR("");
}

static const struct str boundary_begin = STR_INIT("=_ims_report");
enum { BOUNDARY_DIGITS = 4, BOUNDARIES = 1 << (4 * BOUNDARY_DIGITS) };
_Static_assert(sizeof "=_ims_report" - 1 + BOUNDARY_DIGITS == DSN_BOUNDARY_LEN, "all of it");
/* There are more boundaries than a text has room for, so that one is always free. */
_Static_assert(BOUNDARIES > DSN_ORIGINAL_MAX / DSN_BOUNDARY_LEN, "one is free");

void dsn_boundary_make(char boundary[DSN_BOUNDARY_LEN], struct str text)
{
	unsigned char used[BOUNDARIES / 8] = { 0 };
	while (text.len >= DSN_BOUNDARY_LEN) {
		uint64_t n;
		const char *at = memmem(text.at, text.len, boundary_begin.at, boundary_begin.len);
		if (!at) break;
		text = str_from(text, (size_t)(at - text.at) + boundary_begin.len);
		if (text.len >= BOUNDARY_DIGITS &&
		    str_from_hex64(str_sub(text, 0, BOUNDARY_DIGITS), &n))
			used[n / 8] |= (unsigned char)(1u << n % 8);
	}
	unsigned n = 0;
	while (used[n / 8] >> n % 8 & 1) n++;
	memcpy(boundary, boundary_begin.at, boundary_begin.len);
	for (unsigned i = 0; i < BOUNDARY_DIGITS; i++)
		boundary[boundary_begin.len + i] =
			"0123456789abcdef"[n >> 4 * (BOUNDARY_DIGITS - 1 - i) & 15];
}

/* A whole message can not be encoded (RFC 2046 5.2.1): one that holds what not every
 * server takes would make the report undeliverable. */
bool dsn_original_is_wanted(const struct dsn_report *r, enum dsn_action action)
{
	return r->whole && dsn_wants_whole(r->ret, action, r->copy, r->size) &&
	       dsn_text_is_clean(r->original, r->smtputf8);
}

static void part_begin(struct buf *out, const char *type, const char *encoding)
{
	buf_fmt(out, "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n"
		     "Content-Description: The message\r\n\r\n", type, encoding);
}

static void end_line(struct buf *out)
{
	if (out->len && out->at[out->len - 1] != '\n') buf_crlf(out);
}

static void whole_write(struct buf *out, struct str text)
{
	bool ascii = utf8_is_ascii(text);
	bool global = !ascii && !utf8_is_ascii(dsn_original_header(text));
	part_begin(out, global ? "message/global" : "message/rfc822", ascii ? "7bit" : "8bit");
	buf_str(out, text);
	end_line(out);
}

/* As many lines as fit. */
static struct str lines_in(struct str text, size_t room)
{
	if (text.len <= room) return text;
	ptrdiff_t end = str_rfind(str_sub(text, 0, room), '\n');
	return str_sub(text, 0, end < 0 ? 0 : (size_t)end + 1);
}

static void header_write(struct buf *out, const struct dsn_report *r, size_t room)
{
	struct str header = dsn_original_header(r->original);
	bool cut;
	room = room < DSN_HEADER_MAX ? room : DSN_HEADER_MAX;
	room = room > cut_mark.len + 2 ? room - cut_mark.len - 2 : 0;
	if (dsn_text_is_clean(header, r->smtputf8) && utf8_is_valid(header)) {
		bool ascii = utf8_is_ascii(header);
		struct str shown = lines_in(header, room);
		part_begin(out, ascii ? "text/rfc822-headers" : "message/global-headers",
			   ascii ? "7bit" : "8bit");
		buf_str(out, shown);
		end_line(out);
		cut = shown.len < header.len;
	} else {
		part_begin(out, "text/rfc822-headers", "quoted-printable");
		cut = !dsn_quoted_printable(out, header, room);
	}
	if (cut) buf_str(out, cut_mark);
}

void dsn_original_write(struct buf *out, const struct dsn_report *r, bool whole, size_t room)
{
	if (whole) whole_write(out, r->original);
	else header_write(out, r, room);
}
