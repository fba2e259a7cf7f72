/* SPDX-License-Identifier: Apache-2.0 */
/* So many in each period of the calendar, for each key: what is left of one is not kept for
 * the next. Pure: the number of the period is an argument, the memory is slots.h's. */
#ifndef IMS_POLICY_QUOTA_H
#define IMS_POLICY_QUOTA_H

#include "lib/policy/slots.h"

enum { QUOTAS = 1024 };

struct quotas {
	struct slot slots[QUOTAS]; /* number of the period << 32 | how many were taken */
};

/* `key` is not 0. Takes one of `limit`; false: there is none left. A period that is older
 * than the last one seen counts as that one: who sets a clock back gets nothing for it. */
bool quota_take(struct quotas *q, uint64_t key, uint32_t period, uint32_t limit);
/* Of that period, and only if it still is the last one. */
void quota_give_back(struct quotas *q, uint64_t key, uint32_t period);
uint32_t quota_used(struct quotas *q, uint64_t key, uint32_t period);

#endif
