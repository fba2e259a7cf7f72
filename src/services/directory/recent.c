/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/recent.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/map.h"

struct answer {
	struct link age; /* in recent->answers, oldest first */
	uint64_t key;
	int64_t until_ms;
	enum backend_result result;
	bool checks;
	size_t asked_len, address_len, home_len;
	char text[]; /* the three, one behind the other */
};

struct recent {
	struct map by_key;
	struct link answers;
	int64_t keep_ms;
	uint64_t seed;
};

struct recent *recent_new(int64_t keep_ms, uint64_t seed)
{
	struct recent *r = calloc(1, sizeof *r);
	if (!r) return NULL;
	map_init(&r->by_key, RECENT_MAX, seed);
	list_init(&r->answers);
	r->keep_ms = keep_ms;
	r->seed = seed;
	return r;
}

static void drop(struct recent *r, struct answer *a)
{
	(void)map_take(&r->by_key, a->key);
	link_remove(&a->age);
	free(a);
}

void recent_free(struct recent *r)
{
	if (!r) return;
	LIST_EACH(it, &r->answers) drop(r, CONTAINER(it, struct answer, age));
	map_free(&r->by_key);
	free(r);
}

size_t recent_count(const struct recent *r) { return r->by_key.count; }

static struct str asked(const struct answer *a)
{
	return (struct str){ a->text, a->asked_len };
}

/* Two addresses of one hash are a matter of chance: the later one has the place. */
enum backend_result recent_get(const struct recent *r, struct str address, int64_t now_ms,
			       struct backend_entry *entry)
{
	const struct answer *a = map_get(&r->by_key, hash_str(address, r->seed));
	if (!a || a->until_ms <= now_ms || !str_eq(asked(a), address)) return BACKEND_UNSURE;
	if (a->result != BACKEND_OK) return a->result;
	*entry = (struct backend_entry){ .address_len = a->address_len,
					 .home_len = a->home_len,
					 .checks = a->checks };
	memcpy(entry->address, a->text + a->asked_len, a->address_len);
	memcpy(entry->home, a->text + a->asked_len + a->address_len, a->home_len);
	return BACKEND_OK;
}

static struct answer *answer_new(struct str address, const struct backend_entry *entry)
{
	size_t address_len = entry ? entry->address_len : 0;
	size_t home_len = entry ? entry->home_len : 0;
	struct answer *a = calloc(1, sizeof *a + address.len + address_len + home_len);
	if (!a) return NULL;
	a->asked_len = address.len;
	a->address_len = address_len;
	a->home_len = home_len;
	a->checks = entry && entry->checks;
	if (address.len) memcpy(a->text, address.at, address.len);
	if (entry) {
		memcpy(a->text + address.len, entry->address, address_len);
		memcpy(a->text + address.len + address_len, entry->home, home_len);
	}
	return a;
}

void recent_put(struct recent *r, struct str address, enum backend_result result,
		const struct backend_entry *entry, int64_t now_ms)
{
	int64_t keep_ms = r->keep_ms;
	if (result != BACKEND_OK && keep_ms > RECENT_NONE_MS) keep_ms = RECENT_NONE_MS;
	if (keep_ms <= 0) return;
	uint64_t key = hash_str(address, r->seed);
	struct answer *old = map_get(&r->by_key, key);
	if (!old && r->by_key.count == RECENT_MAX)
		old = CONTAINER(r->answers.next, struct answer, age);
	if (old) drop(r, old);
	struct answer *a = answer_new(address, result == BACKEND_OK ? entry : NULL);
	if (!a) return;
	a->key = key;
	a->result = result;
	a->until_ms = now_ms + keep_ms;
	list_add_tail(&r->answers, &a->age);
	if (map_put(&r->by_key, key, a)) return;
	link_remove(&a->age);
	free(a);
}
