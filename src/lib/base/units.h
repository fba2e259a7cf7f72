/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and times as people write them, in configuration and in commands. */
#ifndef IMS_BASE_UNITS_H
#define IMS_BASE_UNITS_H

#include "lib/base/buf.h"

/* "90s" "15m" "4h" "2d" "1w", also "500ms"; a bare 0 is 0. Milliseconds; false if it is
 * none or too large. */
bool units_duration(struct str s, int64_t *ms);
/* "64K" "50M" "2G", or plain bytes. */
bool units_size(struct str s, int64_t *bytes);
/* RFC 3339 in UTC with milliseconds: 2026-11-22T02:15:26.123Z.
 * Years have four digits: a time before year 0 or after 9999 becomes the nearest. */
void units_time_write(struct buf *out, int64_t unix_ms);
/* The same without milliseconds: 2026-11-22T02:15:26Z. */
void units_second_write(struct buf *out, int64_t unix_ms);
/* "2026-11-22", a day of the years 1970 to 9999: its beginning in UTC, in milliseconds. */
bool units_date(struct str s, int64_t *unix_ms);
void units_date_write(struct buf *out, int64_t unix_ms);

#endif
