/* SPDX-License-Identifier: Apache-2.0 */
/* A string is a pointer and a length, passed by value. It owns nothing, is not
 * terminated by NUL and may hold any byte. Everything here is pure. */
#ifndef IMS_BASE_STR_H
#define IMS_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *at;
	size_t len;
};

#define STR_INIT(lit) { (lit), sizeof(lit) - 1 } /* in static tables */
#define STR(lit)      ((struct str)STR_INIT(lit)) /* in expressions   */
/* For printf("%.*s"): only for text that the program itself made or checked. */
#define STR_ARG(s) (int)(s).len, (s).at

/* View of a NUL-terminated text of the program's own (argv, library messages). */
struct str str_of(const char *text);
struct str str_sub(struct str s, size_t from, size_t len); /* clamped to `s` */
struct str str_from(struct str s, size_t from);            /* the rest, clamped */
struct str str_trim(struct str s); /* without blanks and tabs at both ends */

bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII case only */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends_nocase(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b); /* order of bytes, then of lengths */

/* Index of the first (last) `c`, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);

/* Cuts `*rest` at the first `sep`: returns what stands before it and leaves what
 * stands after it. Without `sep` returns all and leaves an empty string. */
struct str str_cut(struct str *rest, char sep);
/* Next run of bytes without blanks and tabs; empty at the end of `*rest`. */
struct str str_word(struct str *rest);

/* Decimal digits only, whole string, no overflow; false otherwise. */
bool str_to_u64(struct str s, uint64_t *out);
bool str_from_hex64(struct str s, uint64_t *out); /* 1 to 16 hex digits, whole string */

/* Copies into `dst` (dst_size > 0) and terminates with NUL; false if it had to cut. */
bool str_to_cstr(struct str s, char *dst, size_t dst_size);

/* ASCII, whatever the locale. */
static inline bool ascii_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}
static inline bool ascii_is_alpha(char c)
{
	c = ascii_lower(c);
	return c >= 'a' && c <= 'z';
}
static inline bool ascii_is_alnum(char c) { return ascii_is_alpha(c) || ascii_is_digit(c); }
static inline bool ascii_is_blank(char c) { return c == ' ' || c == '\t'; }
static inline bool ascii_is_print(char c) { return c >= 0x20 && c < 0x7f; }
static inline bool ascii_is_ctl(char c) { return (unsigned char)c < 0x20 || c == 0x7f; }
/* 0 to 15, or -1. */
int ascii_hex(char c);

#endif
