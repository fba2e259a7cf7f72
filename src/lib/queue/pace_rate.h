/* SPDX-License-Identifier: Apache-2.0 */
/* So many in so long: in no stretch of that length are there ever more, wherever it begins.
 * Time is cut into slots of a 32nd of the length; what was in the slot of now and the 32
 * before it counts. Where there are many, one slot takes an eighth of them at most, so that
 * they are spread. Pure: time is an argument (ms since 1970; it may jump). */
#ifndef IMS_QUEUE_PACE_RATE_H
#define IMS_QUEUE_PACE_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_SLOTS = 33, PACE_SHARE = 256 };

struct pace_rate {
	uint32_t count; /* 0: no limit */
	int64_t every_ms;
	int64_t slot; /* of now, since 1970 */
	uint32_t slots[PACE_SLOTS], total;
};

/* Another limit; what was counted stays if the length is the same. */
void pace_rate_set(struct pace_rate *r, int64_t count, int64_t every_ms);
/* Whether there may be one more now; `share`: of the count only so many 256ths, but one. */
bool pace_rate_has(struct pace_rate *r, unsigned share, int64_t now_ms);
/* There was one. */
void pace_rate_use(struct pace_rate *r, int64_t now_ms);
/* The last one that was counted was none after all. */
void pace_rate_give_back(struct pace_rate *r);

#endif
