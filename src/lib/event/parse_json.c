/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/parse_json.h"

struct json_reader json_reader_of(struct str line, struct buf *scratch)
{
	return (struct json_reader){ .rest = line, .scratch = scratch };
}

static void skip_blanks(struct json_reader *r)
{
	while (r->rest.len && (ascii_is_blank(r->rest.at[0]) || r->rest.at[0] == '\r'))
		r->rest = str_from(r->rest, 1);
}

static bool take_byte(struct json_reader *r, char c)
{
	skip_blanks(r);
	if (!r->rest.len || r->rest.at[0] != c) return false;
	r->rest = str_from(r->rest, 1);
	return true;
}

static bool hex4(struct str s, uint32_t *out)
{
	*out = 0;
	if (s.len < 4) return false;
	for (size_t i = 0; i < 4; i++) {
		int digit = ascii_hex(s.at[i]);
		if (digit < 0) return false;
		*out = *out << 4 | (uint32_t)digit;
	}
	return true;
}

static void put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_byte(out, (char)c);
	} else if (c < 0x800) {
		buf_byte(out, (char)(0xc0 | c >> 6));
		buf_byte(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_byte(out, (char)(0xe0 | c >> 12));
		buf_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_byte(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_byte(out, (char)(0xf0 | c >> 18));
		buf_byte(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_byte(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* `s` begins behind "\u"; how many octets were used, 0: bad. Half a pair of surrogates
 * is no character. */
static size_t unescape_u(struct str s, struct buf *out)
{
	uint32_t c, low;
	if (!hex4(s, &c) || (c >= 0xdc00 && c < 0xe000)) return 0;
	if (c < 0xd800 || c >= 0xe000) {
		put_utf8(out, c);
		return 4;
	}
	if (!str_starts(str_from(s, 4), STR("\\u")) || !hex4(str_from(s, 6), &low))
		return 0;
	if (low < 0xdc00 || low >= 0xe000) return 0;
	put_utf8(out, 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00)));
	return 10;
}

static size_t unescape(struct str s, struct buf *out)
{
	static const char codes[] = "\"\\/bfnrt", octets[] = "\"\\/\b\f\n\r\t";
	if (s.len < 2) return 0;
	if (s.at[1] == 'u') {
		size_t used = unescape_u(str_from(s, 2), out);
		return used ? used + 2 : 0;
	}
	ptrdiff_t at = str_find(STR(codes), s.at[1]);
	if (at < 0) return 0;
	buf_byte(out, octets[at]);
	return 2;
}

static bool take_string(struct json_reader *r, struct str *text)
{
	if (!take_byte(r, '"')) return false;
	struct str s = r->rest;
	size_t from = r->scratch->len, i = 0, plain = 0;
	bool escaped = false;
	while (i < s.len && s.at[i] != '"') {
		if ((unsigned char)s.at[i] < 0x20) return false;
		if (s.at[i] != '\\') {
			i++;
			continue;
		}
		escaped = true;
		buf_str(r->scratch, str_sub(s, plain, i - plain));
		size_t used = unescape(str_from(s, i), r->scratch);
		if (!used) return false;
		plain = i += used;
	}
	if (i == s.len) return false;
	if (escaped) buf_str(r->scratch, str_sub(s, plain, i - plain));
	*text = escaped ? str_from(buf_view(r->scratch), from) : str_sub(s, 0, i);
	r->rest = str_from(s, i + 1);
	return !r->scratch->overflowed;
}

static bool word_is_good(struct str word)
{
	if (str_eq(word, STR("true")) || str_eq(word, STR("false")) ||
	    str_eq(word, STR("null")))
		return true;
	bool digit = false;
	for (size_t i = 0; i < word.len; i++) {
		if (ascii_is_digit(word.at[i])) digit = true;
		else if (str_find(STR("+-.eE"), word.at[i]) < 0) return false;
	}
	return digit;
}

static bool take_value(struct json_reader *r, struct str *text)
{
	skip_blanks(r);
	if (r->rest.len && r->rest.at[0] == '"') return take_string(r, text);
	size_t len = 0;
	while (len < r->rest.len && str_find(STR(",} \t\r"), r->rest.at[len]) < 0) len++;
	*text = str_sub(r->rest, 0, len);
	r->rest = str_from(r->rest, len);
	return word_is_good(*text);
}

bool json_reader_next(struct json_reader *r, struct str *key, struct str *text)
{
	bool first = !r->begun;
	if (first && !take_byte(r, '{')) return false;
	r->begun = true;
	if (take_byte(r, '}')) {
		skip_blanks(r);
		r->complete = !r->rest.len;
		return false;
	}
	if (!first && !take_byte(r, ',')) return false;
	return take_string(r, key) && take_byte(r, ':') && take_value(r, text);
}
