/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of messages and sessions: ordered by time, unique over workers and restarts:
 * milliseconds since 2020, worker, count. Pure: time is an argument. */
#ifndef IMS_MAIL_ID_H
#define IMS_MAIL_ID_H

#include <stdint.h>

enum {
	MAIL_ID_WORKERS = 64,
	MAIL_ID_SPOOL = 63, /* the worker's number of who makes reports */
};

struct mail_ids {
	uint64_t last;
	unsigned worker; /* below MAIL_ID_WORKERS */
};

uint64_t mail_id_next(struct mail_ids *ids, int64_t wall_ms);

#endif
