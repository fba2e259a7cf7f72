/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as in RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
#ifndef IMS_BASE_UTF8_H
#define IMS_BASE_UTF8_H

#include "lib/base/str.h"

bool utf8_is_valid(struct str s);
bool utf8_is_ascii(struct str s);

#endif
