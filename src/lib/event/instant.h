/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as text: RFC 3339 in UTC with milliseconds. Pure: no clock, no zone of
 * the system. Times are Unix milliseconds from 1970 to the end of the year 9999. */
#ifndef IMS_EVENT_INSTANT_H
#define IMS_EVENT_INSTANT_H

#include "lib/base/buf.h"

enum { EVENT_DAY_LEN = 10 }; /* "2026-07-14" */

struct event_date {
	unsigned year, month, day, hour, minute, second, ms; /* month and day from 1 */
};

/* Times out of range are taken as the nearest in range. */
struct event_date event_date_of(int64_t unix_ms);
/* "2026-07-14T02:15:26.123Z" */
void event_time_write(struct buf *out, int64_t unix_ms);
/* "2026-07-14", the name of a day's log. */
void event_day_write(struct buf *out, int64_t unix_ms);

/* RFC 3339: date, 'T' or a blank, time, perhaps a fraction, 'Z' or an offset (without
 * either: UTC). Also a date alone: its midnight. Whole string; false otherwise. */
bool event_time_parse(struct str s, int64_t *unix_ms);
/* What --since takes: a point in time as above, or how long ago in units of s m h d w,
 * 90s 15m 2h 3d 1h30m. False if it is neither. */
bool event_since_parse(struct str s, int64_t now_ms, int64_t *unix_ms);

#endif
