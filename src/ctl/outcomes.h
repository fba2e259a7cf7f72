/* SPDX-License-Identifier: Apache-2.0 */
/* How the last attempts at one destination ended, from the tracking index and the log. */
#ifndef IMS_CTL_OUTCOMES_H
#define IMS_CTL_OUTCOMES_H

#include <stdio.h>

#include "lib/base/arena.h"
#include "lib/base/json.h"
#include "lib/event/logfile.h"

enum {
	OUTCOMES_MAX = 5,
	OUTCOMES_ROWS_MAX = 500 * 1000, /* the newest events of the index that are looked at */
	OUTCOMES_READ_MAX = 20 * 1000,  /* of them, read in the log */
};

/* Texts lie in the arena. */
struct outcome {
	int64_t ts_ms;
	struct str event, to, host, step, code, dsn, reply;
	struct str line; /* as attempt_write writes it */
};

struct outcomes {
	struct arena arena;
	size_t count;
	struct outcome at[OUTCOMES_MAX]; /* the newest first */
};

/* Those by that route, and with a domain only those to it. What cannot be read is said on `err`, and there
 * are none. Ends with outcomes_free. */
void outcomes_find(const struct log_place *place, struct str route, struct str domain, FILE *err,
		   struct outcomes *out);
void outcomes_free(struct outcomes *out);
/* An array: objects with time, event, to, host, step, code, dsn, reply, the newest first. */
void outcomes_json(const struct outcomes *out, struct json *json);

#endif
