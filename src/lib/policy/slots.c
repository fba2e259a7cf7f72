/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/slots.h"

#include <assert.h>

static struct slot *set_of(struct slot *slots, size_t count, uint64_t key)
{
	assert(count >= SLOTS_WAYS && (count & (count - 1)) == 0 && key != 0);
	return slots + (key & (count / SLOTS_WAYS - 1)) * SLOTS_WAYS;
}

struct slot *slots_find(struct slot *slots, size_t count, uint64_t key)
{
	struct slot *set = set_of(slots, count, key);
	for (size_t i = 0; i < SLOTS_WAYS; i++)
		if (slots_read(&set[i].key) == key) return &set[i];
	return NULL;
}

static struct slot *oldest_of(struct slot *set, slots_age_fn *age)
{
	struct slot *oldest = set;
	for (size_t i = 0; i < SLOTS_WAYS; i++) {
		if (slots_read(&set[i].key) == 0) return &set[i];
		if (age(slots_read(&set[i].word)) < age(slots_read(&oldest->word)))
			oldest = &set[i];
	}
	return oldest;
}

struct slot *slots_take(struct slot *slots, size_t count, uint64_t key, slots_age_fn *age,
			bool *fresh)
{
	struct slot *found = slots_find(slots, count, key);
	*fresh = !found;
	if (found) return found;
	struct slot *oldest = oldest_of(set_of(slots, count, key), age);
	/* The word first: a key never stands before what another has left. */
	__atomic_store_n(&oldest->word, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&oldest->key, key, __ATOMIC_RELEASE);
	return oldest;
}
