/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_init_fixed(struct buf *b, char *memory, size_t size)
{
	*b = (struct buf){ .at = memory, .cap = size, .max = size, .fixed = true };
}

void buf_free(struct buf *b)
{
	if (!b->fixed) free(b->at);
	*b = (struct buf){ .max = b->max };
}

void buf_wipe(struct buf *b)
{
	if (b->at) explicit_bzero(b->at, b->cap);
	buf_free(b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->overflowed = false;
}

struct str buf_view(const struct buf *b)
{
	return (struct str){ b->at, b->len };
}

void buf_consume(struct buf *b, size_t n)
{
	if (n == 0) return;
	b->len -= n;
	if (b->len) memmove(b->at, b->at + n, b->len);
}

static bool buf_grow(struct buf *b, size_t need)
{
	if (b->fixed || need > b->max) return false;
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	while (cap < need) cap *= 2;
	if (cap > b->max) cap = b->max;
	char *at = realloc(b->at, cap);
	if (!at) return false;
	b->at = at;
	b->cap = cap;
	return true;
}

char *buf_room(struct buf *b, size_t n)
{
	if (b->overflowed) return NULL;
	if (n > b->cap - b->len && (n > b->max - b->len || !buf_grow(b, b->len + n))) {
		b->overflowed = true;
		return NULL;
	}
	return b->at + b->len;
}

void buf_added(struct buf *b, size_t n)
{
	b->len += n;
}

void buf_bytes(struct buf *b, const void *at, size_t len)
{
	if (len == 0) return;
	char *room = buf_room(b, len);
	if (!room) return;
	memcpy(room, at, len);
	b->len += len;
}

void buf_byte(struct buf *b, char c)
{
	buf_bytes(b, &c, 1);
}

void buf_str(struct buf *b, struct str s)
{
	buf_bytes(b, s.at, s.len);
}

void buf_crlf(struct buf *b)
{
	buf_bytes(b, "\r\n", 2);
}

void buf_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_bytes(b, digits + at, sizeof digits - at);
}

void buf_i64(struct buf *b, int64_t value)
{
	if (value < 0) buf_byte(b, '-');
	buf_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static const char hex_digits[] = "0123456789abcdef";

void buf_hex64(struct buf *b, uint64_t value)
{
	char text[16];
	for (int i = 15; i >= 0; i--, value >>= 4) text[i] = hex_digits[value & 15];
	buf_bytes(b, text, sizeof text);
}

void buf_hex8(struct buf *b, unsigned char value)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[2] = { digits[value >> 4], digits[value & 15] };
	buf_bytes(b, text, sizeof text);
}

void buf_form(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (ascii_is_alnum(s.at[i]) || str_find(STR("-._~"), s.at[i]) >= 0) {
			buf_byte(b, s.at[i]);
			continue;
		}
		buf_byte(b, '%');
		buf_hex8(b, (unsigned char)s.at[i]);
	}
}

void buf_fmt(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	va_list again;
	va_copy(again, args);
	int need = vsnprintf(NULL, 0, format, args);
	va_end(args);
	/* vsnprintf wants room for its NUL; it is not counted in. */
	char *room = need >= 0 ? buf_room(b, (size_t)need + 1) : NULL;
	if (room) {
		(void)vsnprintf(room, (size_t)need + 1, format, again);
		b->len += (size_t)need;
	} else {
		b->overflowed = true;
	}
	va_end(again);
}

void buf_escaped(struct buf *b, struct str s)
{
	size_t from = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c >= 0x20 && c != 0x7f && c != '"' && c != '\\') continue;
		buf_bytes(b, s.at + from, i - from);
		char code[4] = { '\\', 'x', hex_digits[c >> 4], hex_digits[c & 15] };
		buf_bytes(b, code, sizeof code);
		from = i + 1;
	}
	if (s.len) buf_bytes(b, s.at + from, s.len - from);
}

static void buf_put_le(struct buf *b, uint64_t v, size_t bytes)
{
	unsigned char le[8];
	for (size_t i = 0; i < bytes; i++, v >>= 8) le[i] = (unsigned char)(v & 0xff);
	buf_bytes(b, le, bytes);
}

void buf_put_u8(struct buf *b, uint8_t v) { buf_put_le(b, v, 1); }
void buf_put_u16(struct buf *b, uint16_t v) { buf_put_le(b, v, 2); }
void buf_put_u32(struct buf *b, uint32_t v) { buf_put_le(b, v, 4); }
void buf_put_u64(struct buf *b, uint64_t v) { buf_put_le(b, v, 8); }

void buf_put_str(struct buf *b, struct str s)
{
	if (s.len > UINT32_MAX) {
		b->overflowed = true;
		return;
	}
	buf_put_u32(b, (uint32_t)s.len);
	buf_str(b, s);
}
