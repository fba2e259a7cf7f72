/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of DNS servers by name and type, for as long as their records say. The oldest go
 * first when there are too many. */
#ifndef IMS_DNS_CACHE_H
#define IMS_DNS_CACHE_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/route/answer.h"

enum { CACHE_MAX = 32768, CACHE_BYTES_MAX = 8 * 1024 * 1024 };

struct cache {
	struct map map;    /* by name and type */
	struct link oldest; /* in the order in which they came */
	size_t bytes;
	uint64_t seed;
};

void cache_init(struct cache *c, uint64_t seed);
void cache_free(struct cache *c);
/* False: nothing is known. `packet` lives until something is put; it may be empty. */
bool cache_get(struct cache *c, struct str name, enum dns_type type, int64_t now_ms,
	       struct str *packet);
/* In the place of what is there. Without memory it is not kept. */
void cache_put(struct cache *c, struct str name, enum dns_type type, struct str packet,
	       int64_t until_ms);

/* What names and types are told apart by; upper and lower case are the same. */
uint64_t cache_key(uint64_t seed, struct str name, enum dns_type type);

#endif
