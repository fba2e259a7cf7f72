/* SPDX-License-Identifier: Apache-2.0 */
/* One report from what spool sent for it: the record of lib/dsn and the pieces of the
 * original. No channel, no window. */
#ifndef IMS_BOUNCE_MAKE_H
#define IMS_BOUNCE_MAKE_H

#include "lib/dsn/report.h"

/* Appends the report to `out`, which takes DSN_REPORT_MAX octets. `r` is what
 * dsn_report_decode gave; its original is put together here. NULL, or why there is none:
 * the original is too large, or no memory. */
const char *bounce_make(struct buf *out, struct dsn_report *r, const struct str *pieces,
			size_t count);

#endif
