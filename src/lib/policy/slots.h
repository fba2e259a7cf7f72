/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded table of pairs of words that several processes share and change at the same
 * time without a lock: each word changes by itself, in one step. Who dies in the middle
 * leaves a word as it was or as it is to be; at worst one entry is lost, or one key sees
 * for a moment what the one before it in its place had. Where there is no room, what is
 * oldest of its set of eight makes it. Pure: memory and keys (hashes with a random seed)
 * are the caller's. */
#ifndef IMS_POLICY_SLOTS_H
#define IMS_POLICY_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOTS_WAYS = 8 };

struct slot {
	uint64_t key; /* 0: free */
	uint64_t word;
};

/* Of two words the one with the lower age is forgotten first. */
typedef uint64_t slots_age_fn(uint64_t word);

/* `count` is a power of two, and at least SLOTS_WAYS. NULL: there is none. */
struct slot *slots_find(struct slot *slots, size_t count, uint64_t key);
/* The key's slot, or a fresh one with the word 0 (`*fresh`); never NULL. */
struct slot *slots_take(struct slot *slots, size_t count, uint64_t key, slots_age_fn *age,
			bool *fresh);

static inline uint64_t slots_read(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* False: somebody was faster; `*old` is what it is now. */
static inline bool slots_change(uint64_t *word, uint64_t *old, uint64_t now)
{
	return __atomic_compare_exchange_n(word, old, now, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

#endif
