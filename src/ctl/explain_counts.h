/* SPDX-License-Identifier: Apache-2.0 */
/* How a client stands against limits in time, asked of the running service; without one
 * there is nothing to say. */
#ifndef IMS_CTL_EXPLAIN_COUNTS_H
#define IMS_CTL_EXPLAIN_COUNTS_H

#include "ctl/explain_who.h"
#include "lib/base/json.h"

enum { COUNTS_MAX = 256 };

enum count_kind { COUNT_RATE, COUNT_BASELINE, COUNT_GREYLIST };

struct count_row {
	enum count_kind kind;
	char name[72], what[16]; /* of a rate; `what` is the state of greylist */
	int64_t used, usual, limit, every_ms, wait_s;
};

struct counts {
	struct count_row rows[COUNTS_MAX];
	size_t count;
};

void counts_ask(const struct who *w, struct counts *counts);
void counts_text(const struct counts *counts);
/* Keys rates, baseline, greylist of an object that is open. */
void counts_json(struct json *j, const struct counts *counts);

#endif
