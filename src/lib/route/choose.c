/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/choose.h"

bool route_choose_dearer(const struct conf *conf, const struct route_ask *ask, unsigned than,
			 route_state_fn *state, void *arg, struct route *route)
{
	struct route_ask next = *ask;
	/* Each costs more than the one before it: there are at most as many as routes. */
	for (next.dearer = than + 1;; next.dearer++) {
		struct route r = route_find(conf, &next);
		if (r.dearer < next.dearer) return false;
		if (state(arg, &r) != ROUTE_UP) continue;
		*route = r;
		return true;
	}
}

struct route route_choose(const struct conf *conf, const struct route_ask *ask, route_state_fn *state,
			  void *arg)
{
	struct route_ask first = *ask;
	first.dearer = 0;
	struct route cheapest = route_find(conf, &first), other;
	/* Mostly there is no other. */
	if (!cheapest.via || !cheapest.match.len || !conf_routes_have_costs(conf)) return cheapest;
	if (state(arg, &cheapest) != ROUTE_DOWN) return cheapest;
	return route_choose_dearer(conf, &first, 0, state, arg, &other) ? other : cheapest;
}
