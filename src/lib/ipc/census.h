/* SPDX-License-Identifier: Apache-2.0 */
/* How many sessions there are, over all receive workers and for each client address:
 * memory that the workers share. Each writes only its own region, so the death of one
 * leaves nothing behind once master has cleared it. Addresses share a bucket when their
 * hashes do (one in 65,536); the seed is random, so nobody can aim at that. */
#ifndef IMS_IPC_CENSUS_H
#define IMS_IPC_CENSUS_H

#include "lib/base/ip.h"

enum { CENSUS_BUCKETS = 65536, CENSUS_WORKERS = 64, CENSUS_LISTENERS = 64 };

struct census_region {
	uint32_t all;
	uint32_t listeners[CENSUS_LISTENERS];
	uint32_t clients[CENSUS_BUCKETS];
};

/* The shared memory; pages that nobody touches cost nothing. */
struct census {
	uint64_t seed;
	struct census_region regions[CENSUS_WORKERS];
};

struct census_counts {
	uint64_t all, listener, client;
};

/* Counts one session in (out) on the worker's region. `listener` is any small number that
 * stands for the listener in all workers. */
struct census_counts census_enter(struct census *c, unsigned worker, unsigned listener,
                                  struct ip client);
void census_leave(struct census *c, unsigned worker, unsigned listener, struct ip client);
void census_clear(struct census *c, unsigned worker); /* by master, after a death */

#endif
