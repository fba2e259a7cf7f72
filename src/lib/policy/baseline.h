/* SPDX-License-Identifier: Apache-2.0 */
/* Who suddenly sends to many more recipients than he does on average. Counted are
 * recipients in a window of time; the average is of the windows in which he has sent
 * something, the last ones weigh more. A window counts for the average no more than was
 * allowed in it, so a flood does not make the next one usual; and somebody new is taken for
 * quiet, so that his average grows slowly. Pure: time is an argument (wall clock: averages
 * outlive a restart); the memory is slots.h's. */
#ifndef IMS_POLICY_BASELINE_H
#define IMS_POLICY_BASELINE_H

#include "lib/base/buf.h"
#include "lib/policy/slots.h"

enum {
	BASELINES = 65536,
	BASELINE_NEW = 24, /* quiet windows that somebody new is taken to have had */
};

struct baselines {
	struct slot slots[BASELINES]; /* word: number of the window << 32 | recipients in it */
	uint64_t usual[BASELINES];    /* thousandths of the average << 16 | windows seen */
};

struct baseline_limits {
	int64_t factor, floor;
	int64_t window_ms, learn_ms;
};

struct baseline_state {
	uint64_t count; /* recipients in this window */
	uint64_t usual; /* average, rounded */
	uint64_t limit; /* max(floor, factor * average) */
	bool over;      /* one more is too much; of baseline_count: was */
	bool first;     /* of baseline_count: it was the first that was */
};

struct baseline_state baseline_look(struct baselines *b, uint64_t key,
				    const struct baseline_limits *limits, int64_t wall_ms);
/* Counts one recipient; one that is too much only with `anyway`. */
struct baseline_state baseline_count(struct baselines *b, uint64_t key,
				     const struct baseline_limits *limits, bool anyway,
				     int64_t wall_ms);

#endif
