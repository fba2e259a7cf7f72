/* SPDX-License-Identifier: Apache-2.0 */
/* When a process that died is started again: the first time at once, then after pauses
 * that double; one that lived long enough has a clean record. Pure. */
#ifndef IMS_SERVICES_MASTER_BACKOFF_H
#define IMS_SERVICES_MASTER_BACKOFF_H

#include <stdint.h>

enum {
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MAX_MS = 10 * 1000,
	BACKOFF_FORGET_MS = 60 * 1000
};

struct backoff {
	unsigned deaths; /* in a row; zeroed: none */
};

/* One more death, after having lived `alive_ms`: how long to wait. */
int64_t backoff_death(struct backoff *b, int64_t alive_ms);

#endif
