/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as in RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
#ifndef IMS_BASE_UTF8_H
#define IMS_BASE_UTF8_H

#include "lib/base/str.h"

/* Length of the well-formed sequence at the head of `s` (s.len > 0), or 0. */
size_t utf8_sequence(struct str s);
bool utf8_is_valid(struct str s);
bool utf8_is_ascii(struct str s);

#endif
