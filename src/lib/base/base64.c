/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/base64.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
		unsigned v = 0;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < have ? (unsigned char)bytes.at[i + k] : 0u);
		char text[4] = { digits[v >> 18], digits[v >> 12 & 63],
				 have > 1 ? digits[v >> 6 & 63] : '=',
				 have > 2 ? digits[v & 63] : '=' };
		buf_bytes(out, text, sizeof text);
	}
}

static int value_of(char c, const char last[2])
{
	if (c >= 'A' && c <= 'Z') return c - 'A';
	if (c >= 'a' && c <= 'z') return c - 'a' + 26;
	if (c >= '0' && c <= '9') return c - '0' + 52;
	return c == last[0] ? 62 : c == last[1] ? 63 : -1;
}

/* One group of four; `chars` of them are no padding. */
static bool decode_group(struct buf *out, const char *at, size_t chars, const char last[2])
{
	unsigned v = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i < chars ? value_of(at[i], last) : 0;
		if (value < 0) return false;
		v = v << 6 | (unsigned)value;
	}
	char bytes[3] = { (char)(v >> 16), (char)(v >> 8), (char)v };
	for (size_t i = chars - 1; i < 3; i++)
		if (bytes[i]) return false;
	buf_bytes(out, bytes, chars - 1);
	return true;
}

bool base64_decode(struct buf *out, struct str text)
{
	if (text.len % 4) return false;
	for (size_t i = 0; i < text.len; i += 4) {
		const char *at = text.at + i;
		size_t chars = 4;
		if (i + 4 == text.len && at[3] == '=') chars = at[2] == '=' ? 2 : 3;
		if (!decode_group(out, at, chars, "+/")) return false;
	}
	return true;
}

bool base64url_decode(struct buf *out, struct str text)
{
	if (text.len % 4 == 1) return false;
	for (size_t i = 0; i < text.len; i += 4) {
		size_t chars = text.len - i < 4 ? text.len - i : 4;
		if (!decode_group(out, text.at + i, chars, "-_")) return false;
	}
	return true;
}
