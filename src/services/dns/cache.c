/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/cache.h"

#include <stdlib.h>
#include <string.h>

struct kept {
	struct link link;
	uint64_t key;
	int64_t until_ms;
	enum dns_type type;
	struct str name, packet; /* in `bytes` */
	char bytes[];
};

uint64_t cache_key(uint64_t seed, struct str name, enum dns_type type)
{
	return hash_str_nocase(name, hash_u64((uint64_t)type, seed));
}

static size_t size_of(const struct kept *k)
{
	return sizeof *k + k->name.len + k->packet.len;
}

static void drop(struct cache *c, struct kept *k)
{
	(void)map_take(&c->map, k->key);
	link_remove(&k->link);
	c->bytes -= size_of(k);
	free(k);
}

bool cache_get(struct cache *c, struct str name, enum dns_type type, int64_t now_ms,
	       struct str *packet)
{
	struct kept *k = map_get(&c->map, cache_key(c->seed, name, type));
	if (!k || k->type != type || !str_eq_nocase(k->name, name)) return false;
	if (k->until_ms <= now_ms) {
		drop(c, k);
		return false;
	}
	*packet = k->packet;
	return true;
}

static struct str copy(char *to, struct str s)
{
	if (s.len) memcpy(to, s.at, s.len);
	return (struct str){ to, s.len };
}

void cache_put(struct cache *c, struct str name, enum dns_type type, struct str packet,
	       int64_t until_ms)
{
	uint64_t key = cache_key(c->seed, name, type);
	struct kept *old = map_get(&c->map, key);
	struct kept *k = malloc(sizeof *k + name.len + packet.len);
	if (old) drop(c, old);
	if (!k) return;
	k->key = key;
	k->until_ms = until_ms;
	k->type = type;
	k->name = copy(k->bytes, name);
	k->packet = copy(k->bytes + name.len, packet);
	while (c->map.count >= CACHE_MAX ||
	       (c->bytes && c->bytes + size_of(k) > CACHE_BYTES_MAX))
		drop(c, CONTAINER(c->oldest.next, struct kept, link));
	if (!map_put(&c->map, key, k)) {
		free(k);
		return;
	}
	list_add_tail(&c->oldest, &k->link);
	c->bytes += size_of(k);
}

void cache_init(struct cache *c, uint64_t seed)
{
	*c = (struct cache){ .seed = seed };
	list_init(&c->oldest);
	map_init(&c->map, CACHE_MAX, seed);
}

void cache_free(struct cache *c)
{
	while (!list_empty(&c->oldest)) drop(c, CONTAINER(c->oldest.next, struct kept, link));
	map_free(&c->map);
}
