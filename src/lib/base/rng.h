/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-random numbers for jitter and shuffling (SplitMix64); never for secrets.
 * The caller seeds it, so a test can replay it. */
#ifndef IMS_BASE_RNG_H
#define IMS_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t v = r->state += 0x9e3779b97f4a7c15u;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

/* 0 to bound - 1 (bound > 0). */
static inline uint64_t rng_below(struct rng *r, uint64_t bound)
{
	return (uint64_t)((unsigned __int128)rng_next(r) * bound >> 64);
}

#endif
