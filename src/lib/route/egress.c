/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/egress.h"

#include "lib/base/map.h"

enum { DESTINATION_SEED = 0x65677273, SENDER_SEED = 0x73656e64 };

uint64_t egress_hash(struct str destination, struct str sender)
{
	uint64_t hash = hash_str_nocase(destination, DESTINATION_SEED);
	return hash_str_nocase(sender, hash ^ SENDER_SEED);
}

/* The best of as many draws as it has weight: of all draws of all egresses each is the best
 * equally often. */
static uint64_t draw(const struct conf_egress *e, uint64_t hash)
{
	uint64_t own = hash_str(e->name, hash), best = 0;
	for (int64_t i = 0; i < e->weight; i++) {
		uint64_t now = hash_u64((uint64_t)i, own);
		if (now > best) best = now;
	}
	return best;
}

size_t egress_order(const struct conf *conf, const struct conf_route *route, uint64_t hash,
		    const struct conf_egress *order[EGRESS_POOL_MAX])
{
	uint64_t draws[EGRESS_POOL_MAX];
	size_t count = 0;
	for (size_t i = 0; i < route->egress.count && count < EGRESS_POOL_MAX; i++) {
		const struct conf_egress *e = conf_egress_find(conf, route->egress.at[i]);
		if (!e) continue; /* the configuration is known to be good */
		uint64_t now = draw(e, hash);
		size_t at = count++;
		for (; at > 0 && draws[at - 1] < now; at--) {
			draws[at] = draws[at - 1];
			order[at] = order[at - 1];
		}
		draws[at] = now;
		order[at] = e;
	}
	return count;
}

bool egress_is_of(const struct conf_route *route, struct str name)
{
	for (size_t i = 0; i < route->egress.count; i++)
		if (str_eq(route->egress.at[i], name)) return true;
	return false;
}

enum egress_source egress_source(const struct conf_egress *e, bool v4, uint64_t hash,
				 egress_out_fn *out, const void *arg, struct ip *from)
{
	enum egress_source source = EGRESS_NO_FAMILY;
	uint64_t best = 0;
	for (size_t i = 0; i < e->addresses.count; i++) {
		struct ip ip = e->addresses.at[i];
		uint64_t now = ip_hash(ip, hash);
		if (ip_is_v4(ip) != v4) continue;
		if (source == EGRESS_NO_FAMILY) source = EGRESS_ALL_OUT;
		if (out(arg, ip) || (source == EGRESS_FROM && now <= best)) continue;
		source = EGRESS_FROM;
		best = now;
		*from = ip;
	}
	return source;
}

/* first << doublings; EGRESS_WARM_MAX + 1 where it is more than that. */
static int64_t limit_of(int64_t first, int64_t doublings)
{
	int64_t limit = first;
	while (doublings-- > 0 && limit <= EGRESS_WARM_MAX) limit *= 2;
	return limit <= EGRESS_WARM_MAX ? limit : EGRESS_WARM_MAX + 1;
}

struct egress_day egress_day(const struct conf_warm_up *w, int64_t wall_ms)
{
	struct egress_day day = { .limited = false };
	int64_t since_ms = wall_ms - w->start_ms;
	if (!w->first.count) return day;
	day.limited = true;
	if (since_ms < 0) {
		day.until_ms = w->start_ms;
		return day;
	}
	int64_t limit = limit_of(w->first.count, since_ms / w->double_every_ms);
	int64_t period = since_ms / w->first.every_ms;
	if (limit > EGRESS_WARM_MAX || period > UINT32_MAX) return (struct egress_day){ .limited = false };
	day.limit = (uint32_t)limit;
	day.period = (uint32_t)period;
	day.until_ms = w->start_ms + (period + 1) * w->first.every_ms;
	return day;
}
