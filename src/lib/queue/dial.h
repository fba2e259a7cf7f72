/* SPDX-License-Identifier: Apache-2.0 */
/* When the windows of a dial open: at times of the local day, on days of the week. Pure: the
 * time and the local zone are arguments.
 *
 * A time that the clocks leave out in spring is the moment at which they are put forward; one
 * that comes twice in autumn is the first of the two. */
#ifndef IMS_QUEUE_DIAL_H
#define IMS_QUEUE_DIAL_H

#include "lib/base/str.h"
#include "lib/conf/conf.h"

enum {
	DIAL_TIMES_MAX = 48,
	DIAL_DAY_MIN = 24 * 60,     /* minutes */
	DIAL_ZONE_MAX = 256,
	DIAL_NEVER_MS = 0,
};

/* Offsets of the local time from UTC, each from a time on; the first from ever on. */
struct dial_zone {
	struct { int64_t from_s; int32_t offset_s; } at[DIAL_ZONE_MAX];
	size_t count; /* 1 at least */
};

/* The offset from UTC at that time (Unix seconds), as the system knows it. */
typedef int32_t dial_offset_fn(void *arg, int64_t utc_s);
/* The changes from one time to another, found by asking day by day and then more closely;
 * what there is no room for is left out at the end. */
void dial_zone_make(struct dial_zone *zone, int64_t from_s, int64_t to_s, dial_offset_fn *fn,
                    void *arg);

struct dial_plan {
	int64_t every_min;           /* minutes after midnight, and its multiples; 0: none */
	uint16_t times[DIAL_TIMES_MAX]; /* minutes of the day */
	size_t time_count;
	unsigned weekdays;           /* bit 0: Monday; 0: every day */
};

/* "06:30"; false: it is none. */
bool dial_time_parse(struct str text, uint16_t *minute);
void dial_plan_of(const struct conf_dial *dial, struct dial_plan *plan);

/* The first opening after that time (Unix ms); DIAL_NEVER_MS: there is none. */
int64_t dial_next_ms(const struct dial_plan *plan, const struct dial_zone *zone,
                     int64_t after_ms);

/* Where a dial stands; zeroed: before its first look at the clock. */
struct dial_clock {
	int64_t seen_ms; /* of the wall clock, when it was last looked at */
	int64_t next_ms; /* the opening that comes next */
};
/* Whether an opening has come since the last look. However many have passed meanwhile (the
 * machine slept, or its clock was put forward) it is one; when the clock is put back nothing is due, and what comes
 * next is reckoned anew. `anew`: the plan is another one. */
bool dial_is_due(struct dial_clock *clock, const struct dial_plan *plan,
                 const struct dial_zone *zone, int64_t now_ms, bool anew);

#endif
