/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 (RFC 4648 4 and 5), strict: no line ends, padding where it belongs. */
#ifndef IMS_BASE_BASE64_H
#define IMS_BASE_BASE64_H

#include "lib/base/buf.h"

void base64_encode(struct buf *out, struct str bytes);
/* Appends what `text` stands for, which may be any byte. False (then nothing useful was
 * appended) if it is not base 64, or if bits behind the last octet are set: two texts
 * never mean the same. */
bool base64_decode(struct buf *out, struct str text);
/* The same for the alphabet of RFC 4648 5 without padding, as JSON web tokens have it. */
bool base64url_decode(struct buf *out, struct str text);

#endif
