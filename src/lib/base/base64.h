/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 (RFC 4648 4), strict: no line ends, padding where it belongs. */
#ifndef IMS_BASE_BASE64_H
#define IMS_BASE_BASE64_H

#include "lib/base/buf.h"

void base64_encode(struct buf *out, struct str bytes);
/* Appends what `text` stands for, which may be any byte. False (then nothing useful was
 * appended) if it is not base 64, or if bits behind the last octet are set: two texts
 * never mean the same. */
bool base64_decode(struct buf *out, struct str text);

#endif
