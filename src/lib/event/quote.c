/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/quote.h"

#include "lib/base/utf8.h"

enum kind { KIND_PLAIN, KIND_QUOTED, KIND_ESCAPED, KIND_HIGH };

static enum kind kind_of(unsigned char c)
{
	if (c >= 0x80) return KIND_HIGH;
	if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') return KIND_ESCAPED;
	return c == ' ' || c == '=' ? KIND_QUOTED : KIND_PLAIN;
}

/* Length of the UTF-8 sequence at the head of `s` (its first octet is not ASCII), 0 if
 * there is none. */
static size_t sequence_len(struct str s)
{
	for (size_t len = 2; len <= 4 && len <= s.len; len++)
		if (utf8_is_valid(str_sub(s, 0, len))) return len;
	return 0;
}

/* Characters that would be seen as something else than one visible mark. */
static bool sequence_is_treacherous(struct str s)
{
	unsigned char a = (unsigned char)s.at[0], b = (unsigned char)s.at[1];
	if (s.len == 2)
		return (a == 0xc2 && b < 0xa0) ||
		       (a == 0xd8 && b == 0x9c); /* C1, U+061C */
	if (s.len != 3) return false;
	unsigned char c = (unsigned char)s.at[2];
	if (a == 0xef) return b == 0xbb && c == 0xbf; /* U+FEFF */
	if (a != 0xe2) return false;
	if (b == 0x80)
		return (c >= 0x8b && c <= 0x8f) ||
		       (c >= 0xa8 && c <= 0xae);    /* U+200B.. U+2028.. */
	return b == 0x81 && c >= 0xa6 && c <= 0xa9; /* U+2066 to U+2069 */
}

/* Length of what may stand at the head of `s` as it is (outside of quotes if `bare`). */
static size_t plain_len(struct str s, bool bare)
{
	size_t i = 0;
	while (i < s.len) {
		size_t step = 1;
		switch (kind_of((unsigned char)s.at[i])) {
		case KIND_PLAIN: break;
		case KIND_QUOTED:
			if (bare) return i;
			break;
		case KIND_ESCAPED: return i;
		case KIND_HIGH:
			step = sequence_len(str_from(s, i));
			if (!step || sequence_is_treacherous(str_sub(s, i, step)))
				return i;
			break;
		}
		i += step;
	}
	return i;
}

static void write_escaped(struct buf *out, struct str octets)
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < octets.len; i++) {
		unsigned char c = (unsigned char)octets.at[i];
		char code[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
		buf_bytes(out, code, sizeof code);
	}
}

void event_quote(struct buf *out, struct str value)
{
	if (value.len && plain_len(value, true) == value.len) {
		buf_str(out, value);
		return;
	}
	buf_byte(out, '"');
	while (value.len) {
		size_t plain = plain_len(value, false);
		buf_str(out, str_sub(value, 0, plain));
		value = str_from(value, plain);
		if (!value.len) break;
		size_t len = (unsigned char)value.at[0] < 0x80 ? 1 : sequence_len(value);
		if (!len) len = 1;
		write_escaped(out, str_sub(value, 0, len));
		value = str_from(value, len);
	}
	buf_byte(out, '"');
}

bool event_unquote(struct buf *out, struct str inside)
{
	while (inside.len) {
		ptrdiff_t at = str_find(inside, '\\');
		size_t plain = at < 0 ? inside.len : (size_t)at;
		buf_str(out, str_sub(inside, 0, plain));
		inside = str_from(inside, plain);
		if (!inside.len) break;
		if (inside.len < 4 || inside.at[1] != 'x') return false;
		int high = ascii_hex(inside.at[2]), low = ascii_hex(inside.at[3]);
		if (high < 0 || low < 0) return false;
		buf_byte(out, (char)(high << 4 | low));
		inside = str_from(inside, 4);
	}
	return !out->overflowed;
}
