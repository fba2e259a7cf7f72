/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/str.h"

#include <string.h>

struct str str_of(const char *text)
{
	return (struct str){ text, text ? strlen(text) : 0 };
}

struct str str_sub(struct str s, size_t from, size_t len)
{
	if (from > s.len) from = s.len;
	if (len > s.len - from) len = s.len - from;
	return (struct str){ s.len ? s.at + from : s.at, len };
}

struct str str_from(struct str s, size_t from)
{
	return str_sub(s, from, s.len);
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && ascii_is_blank(s.at[0])) s = str_from(s, 1);
	while (s.len > 0 && ascii_is_blank(s.at[s.len - 1])) s.len--;
	return s;
}

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool str_eq_nocase(struct str a, struct str b)
{
	return a.len == b.len && str_starts_nocase(a, b);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_sub(s, 0, prefix.len), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
	if (s.len < prefix.len) return false;
	for (size_t i = 0; i < prefix.len; i++)
		if (ascii_lower(s.at[i]) != ascii_lower(prefix.at[i])) return false;
	return true;
}

bool str_ends_nocase(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq_nocase(str_from(s, s.len - suffix.len), suffix);
}

int str_cmp(struct str a, struct str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.at, b.at, len) : 0;
	if (order != 0) return order;
	return (a.len > b.len) - (a.len < b.len);
}

ptrdiff_t str_find(struct str s, char c)
{
	const char *hit = s.len ? memchr(s.at, c, s.len) : NULL;
	return hit ? hit - s.at : -1;
}

ptrdiff_t str_rfind(struct str s, char c)
{
	const char *hit = s.len ? memrchr(s.at, c, s.len) : NULL;
	return hit ? hit - s.at : -1;
}

struct str str_cut(struct str *rest, char sep)
{
	ptrdiff_t at = str_find(*rest, sep);
	struct str head = *rest;
	if (at < 0) {
		*rest = str_from(*rest, rest->len);
		return head;
	}
	head.len = (size_t)at;
	*rest = str_from(*rest, (size_t)at + 1);
	return head;
}

struct str str_word(struct str *rest)
{
	size_t from = 0;
	while (from < rest->len && ascii_is_blank(rest->at[from])) from++;
	size_t to = from;
	while (to < rest->len && !ascii_is_blank(rest->at[to])) to++;
	struct str word = str_sub(*rest, from, to - from);
	*rest = str_from(*rest, to);
	return word;
}

bool str_to_u64(struct str s, uint64_t *out)
{
	uint64_t value = 0;
	if (s.len == 0) return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.at[i])) return false;
		if (__builtin_mul_overflow(value, 10, &value)) return false;
		if (__builtin_add_overflow(value, (uint64_t)(s.at[i] - '0'), &value)) return false;
	}
	*out = value;
	return true;
}

int ascii_hex(char c)
{
	if (ascii_is_digit(c)) return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool str_from_hex64(struct str s, uint64_t *out)
{
	uint64_t value = 0;
	if (s.len == 0 || s.len > 16) return false;
	for (size_t i = 0; i < s.len; i++) {
		int digit = ascii_hex(s.at[i]);
		if (digit < 0) return false;
		value = value << 4 | (uint64_t)digit;
	}
	*out = value;
	return true;
}

bool str_to_cstr(struct str s, char *dst, size_t dst_size)
{
	size_t len = s.len < dst_size ? s.len : dst_size - 1;
	if (len) memcpy(dst, s.at, len);
	dst[len] = '\0';
	return len == s.len;
}
