/* SPDX-License-Identifier: Apache-2.0 */
/* What all receive processes, or all deliver processes (quotas), count together, in memory that they share: without a question
 * to another process, without a lock, and whatever process dies, the counts are there. Zeroed
 * memory is an empty tally. What lasts (baselines, greylist, quotas) has a seed of its own that is kept
 * with it. */
#ifndef IMS_POLICY_TALLY_H
#define IMS_POLICY_TALLY_H

#include "lib/policy/baseline.h"
#include "lib/policy/bucket.h"
#include "lib/policy/grey.h"
#include "lib/policy/quota.h"

struct tally {
	uint64_t seed;    /* of what is kept; 0: not yet */
	uint64_t changes; /* of it, since the service began */
	struct buckets buckets;
	struct baselines baselines;
	struct greylist grey;
	struct quotas quotas;
};

/* Behind a change of what lasts. */
static inline void tally_changed(struct tally *t)
{
	(void)__atomic_fetch_add(&t->changes, 1, __ATOMIC_RELAXED);
}

enum { TALLY_RECORD_MAX = 16 * 1024 * 1024 };

/* What lasts, as a record with a checksum. */
void tally_write(const struct tally *t, struct buf *out);
/* Puts what a record says into a tally, beside what is there already; the seed becomes the
 * record's. False: it is damaged or none, and nothing was changed. */
bool tally_read(struct tally *t, struct str record);

#endif
