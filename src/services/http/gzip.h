/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 1952, by zlib, in memory. */
#ifndef IMS_HTTP_GZIP_H
#define IMS_HTTP_GZIP_H

#include "lib/base/buf.h"

/* Appends `text`, compressed. False: no memory, or it does not fit. */
bool gzip_write(struct buf *out, struct str text);

#endif
