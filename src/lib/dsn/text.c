/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dsn/text.h"

#include "lib/base/utf8.h"

enum {
	FOLD_AT = 76,
	QP_LINE_MAX = 76,
	WORD_MAX = 75,
	QUOTED_MAX = 3 + 3 + 2, /* a soft break, one quoted octet, the end of the line */
};

/* U+0080 to U+009F, U+2028 to U+202E and U+2066 to U+2069: they steer a terminal, end
 * lines, or show text in another order than it has. */
static bool sequence_is_control(struct str s, size_t len)
{
	unsigned char a = (unsigned char)s.at[0], b = len > 1 ? (unsigned char)s.at[1] : 0;
	unsigned char c = len > 2 ? (unsigned char)s.at[2] : 0;
	if (len == 1) return ascii_is_ctl(s.at[0]);
	if (len == 2) return a == 0xc2 && b < 0xa0;
	if (len != 3 || a != 0xe2) return false;
	return (b == 0x80 && c >= 0xa8 && c <= 0xae) || (b == 0x81 && c >= 0xa6 && c <= 0xa9);
}

void dsn_text_plain(struct buf *out, struct str s, bool utf8, size_t max)
{
	size_t from = out->len;
	bool blank = false;
	while (s.len && !out->overflowed) {
		size_t len = utf8_sequence(s);
		struct str one = str_sub(s, 0, len);
		s = str_from(s, len ? len : 1);
		if (len && (one.at[0] == ' ' || sequence_is_control(one, len))) {
			blank = out->len > from;
			continue;
		}
		if (len == 0 || (len > 1 && !utf8)) one = STR("?");
		if (out->len - from + blank + one.len > max) return;
		if (blank) buf_byte(out, ' ');
		buf_str(out, one);
		blank = false;
	}
}

void dsn_field_put(struct buf *out, struct str name, struct str value)
{
	size_t column = name.len + 2;
	buf_str(out, name);
	buf_byte(out, ':');
	for (bool first = true; value.len; first = false) {
		struct str word = str_word(&value);
		/* The blank that is there begins the next line: unfolding gives it back. */
		if (!first && column + 1 + word.len > FOLD_AT) {
			buf_crlf(out);
			column = 0;
		}
		buf_byte(out, ' ');
		buf_str(out, word);
		column += 1 + word.len;
	}
	buf_crlf(out);
}

void dsn_field_text(struct buf *out, struct str name, struct str lead, struct str text,
		    bool utf8)
{
	char memory[DSN_VALUE_MAX];
	struct buf value;
	buf_init_fixed(&value, memory, sizeof memory);
	buf_str(&value, lead);
	dsn_text_plain(&value, text, utf8, sizeof memory - lead.len);
	dsn_field_put(out, name, buf_view(&value));
}

void dsn_text_wrap(struct buf *out, struct str indent, struct str text)
{
	size_t column = indent.len;
	buf_str(out, indent);
	for (bool first = true; text.len; first = false) {
		struct str word = str_word(&text);
		if (!first && column + 1 + word.len > FOLD_AT) {
			buf_crlf(out);
			buf_str(out, indent);
			column = indent.len;
		} else if (!first) {
			buf_byte(out, ' ');
			column++;
		}
		buf_str(out, word);
		column += word.len;
	}
	buf_crlf(out);
}

static void put_quoted(struct buf *out, char c)
{
	buf_byte(out, '=');
	buf_hex8(out, (unsigned char)c);
}

/* One line; a blank at its end would get lost on the way. False if it was cut so that
 * `out` has at most `end` octets. */
static bool quoted_line(struct buf *out, struct str line, size_t end)
{
	size_t column = 0;
	for (size_t i = 0; i < line.len; i++) {
		if (out->len + QUOTED_MAX > end) {
			buf_crlf(out);
			return false;
		}
		char c = line.at[i];
		bool last = i + 1 == line.len;
		bool plain = ascii_is_print(c) || c == '\t';
		if (c == '=' || (last && ascii_is_blank(c))) plain = false;
		if (column + (plain ? 1 : 3) > QP_LINE_MAX - 1) {
			buf_str(out, STR("=\r\n"));
			column = 0;
		}
		if (plain) buf_byte(out, c);
		else put_quoted(out, c);
		column += plain ? 1 : 3;
	}
	buf_crlf(out);
	return true;
}

bool dsn_quoted_printable(struct buf *out, struct str text, size_t max)
{
	size_t limit = out->len + max;
	while (text.len) {
		size_t end = 0;
		if (out->overflowed || out->len + QUOTED_MAX > limit) return false;
		while (end + 1 < text.len && !(text.at[end] == '\r' && text.at[end + 1] == '\n'))
			end++;
		bool ended = end + 1 < text.len;
		if (!quoted_line(out, ended ? str_sub(text, 0, end) : text, limit)) return false;
		text = str_from(text, ended ? end + 2 : text.len);
	}
	return !out->overflowed;
}

void dsn_encoded_words(struct buf *out, struct str text)
{
	static const struct str begin = STR_INIT("=?utf-8?Q?");
	for (bool first = true; text.len; first = false) {
		size_t column = begin.len;
		if (!first) buf_str(out, STR("\r\n "));
		buf_str(out, begin);
		while (text.len) {
			size_t len = utf8_sequence(text);
			if (len == 0) len = 1;
			bool plain = len == 1 && ascii_is_alnum(text.at[0]);
			bool blank = text.at[0] == ' ';
			size_t need = plain || blank ? 1 : 3 * len;
			if (column + need > WORD_MAX - 2) break; /* a character is never cut */
			for (size_t i = 0; i < len; i++) {
				if (blank) buf_byte(out, '_');
				else if (plain) buf_byte(out, text.at[i]);
				else put_quoted(out, text.at[i]);
			}
			column += need;
			text = str_from(text, len);
		}
		buf_str(out, STR("?="));
	}
}

bool dsn_text_is_clean(struct str text, bool eight)
{
	size_t line = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == '\0' || (!eight && (unsigned char)c >= 0x80)) return false;
		if (c == '\n') return false;
		if (c == '\r') {
			if (i + 1 == text.len || text.at[i + 1] != '\n') return false;
			i++;
			line = 0;
		} else if (++line > DSN_LINE_MAX) {
			return false;
		}
	}
	return true;
}
