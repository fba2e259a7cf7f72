/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/utf8.h"

/* RFC 3629 section 4. */
size_t utf8_sequence(struct str s)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t len = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3
	           : c >= 0xf0 && c < 0xf5 ? 4 : 0;
	if (len == 0 || len > s.len) return 0;
	for (size_t i = 1; i < len; i++)
		if (((unsigned char)s.at[i] & 0xc0) != 0x80) return 0;
	unsigned char second = len > 1 ? (unsigned char)s.at[1] : 0;
	if (c == 0xe0 && second < 0xa0) return 0; /* overlong */
	if (c == 0xed && second > 0x9f) return 0; /* surrogates */
	if (c == 0xf0 && second < 0x90) return 0; /* overlong */
	if (c == 0xf4 && second > 0x8f) return 0; /* past U+10FFFF */
	return len;
}

bool utf8_is_valid(struct str s)
{
	while (s.len) {
		size_t len = utf8_sequence(s);
		if (len == 0) return false;
		s = str_from(s, len);
	}
	return true;
}

bool utf8_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] >= 0x80) return false;
	return true;
}
