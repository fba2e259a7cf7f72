/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of the queue a command means.
 *   FILTER    state=deferred to=@example.com route=R from=a@b older=1h size>1M   (all must
 *             hold, each key once, size once with > and once with <)
 *   SELECTOR  MESSAGE-ID | domain D | route R | sender A | all
 * One grammar for imsctl and for the processes. Pure. */
#ifndef IMS_QUEUE_FILTER_H
#define IMS_QUEUE_FILTER_H

#include "lib/base/buf.h"

enum filter_state {
	FILTER_ANY_STATE, FILTER_ACTIVE, FILTER_DEFERRED, FILTER_HELD, FILTER_POISON,
};

/* Strings point into the text that was parsed. Zeroed: matches everything. */
struct filter {
	uint64_t id; /* 0: any */
	enum filter_state state;
	struct str from; /* whole address, or @domain; "<>" is the null sender */
	struct str to;
	struct str route; /* its name, as route_name gives it */
	int64_t older_ms, younger_ms;     /* 0: any */
	uint64_t size_min_b, size_below_b; /* size_below_b 0: any */
};

/* What the filter looks at. `to` is asked for each recipient in turn. */
struct filter_facts {
	uint64_t id;
	enum filter_state state; /* of the message, as listed */
	struct str from;
	int64_t age_ms;
	uint64_t size_b;
};

/* False, with a sentence in `why`, if the text is not a filter (selector). */
bool filter_parse(struct str text, struct filter *out, struct buf *why);
bool filter_parse_selector(struct str text, struct filter *out, struct buf *why);

/* Everything except `to` and `route`. */
bool filter_matches(const struct filter *f, const struct filter_facts *facts);
/* Whether it looks at recipients at all. */
bool filter_has_recipient(const struct filter *f);
/* `route`, the name of where the recipient goes, matters only if f->route is set. */
bool filter_matches_recipient(const struct filter *f, struct str address, struct str route);

#endif
