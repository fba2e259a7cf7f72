/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mail/id.h"

enum {
	EPOCH_S = 1577836800, /* 2020-01-01 */
	WORKER_BITS = 6,
	COUNT_BITS = 14,
};

uint64_t mail_id_next(struct mail_ids *ids, int64_t wall_ms)
{
	int64_t since_ms = wall_ms - (int64_t)EPOCH_S * 1000;
	/* A clock before the epoch must not wrap into ids of the far future: all that come
	 * after it would count on from there. */
	uint64_t ms = since_ms > 0 ? (uint64_t)since_ms : 0;
	uint64_t id = ms << (WORKER_BITS + COUNT_BITS) | (uint64_t)ids->worker << COUNT_BITS;
	/* The clock stood still or went back: count on from the last one. A full count runs
	 * over into the worker's bits, so step the milliseconds then. */
	if (id <= ids->last) {
		id = ids->last + 1;
		if ((id & ((1u << COUNT_BITS) - 1)) == 0)
			id += (1u << (WORKER_BITS + COUNT_BITS)) - (1u << COUNT_BITS);
	}
	ids->last = id;
	return id;
}
