/* SPDX-License-Identifier: Apache-2.0 */
/* So many in a time, for each key: who was quiet may take all at once, and what was taken
 * comes back evenly (a token bucket; kept is one number, the time at which it is full
 * again). Pure: time is an argument, milliseconds of a clock that does not go back and that
 * all processes share; the memory is slots.h's. */
#ifndef IMS_POLICY_BUCKET_H
#define IMS_POLICY_BUCKET_H

#include "lib/policy/slots.h"

enum { BUCKETS = 65536 };

struct buckets {
	struct slot slots[BUCKETS];
};

struct bucket_limit {
	int64_t count;    /* 1 to 1,000,000 */
	int64_t every_ms; /* at least 1000 */
};

struct bucket_state {
	int64_t used;    /* of limit.count, rounded up */
	int64_t wait_ms; /* until there is one; 0: there is */
};

/* `key` is not 0. */
struct bucket_state bucket_look(struct buckets *b, uint64_t key,
				const struct bucket_limit *limit, int64_t now_ms);
/* Takes one, if there is one: then wait_ms is 0. */
struct bucket_state bucket_take(struct buckets *b, uint64_t key,
				const struct bucket_limit *limit, int64_t now_ms);

#endif
