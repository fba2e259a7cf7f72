/* SPDX-License-Identifier: Apache-2.0 */
/* In which order the hosts of a route are used for one message. Pure. */
#ifndef IMS_ROUTE_SPREAD_H
#define IMS_ROUTE_SPREAD_H

#include "lib/base/rng.h"
#include "lib/conf/conf.h"

enum { SPREAD_HOPS_MAX = 16 };

/* Hosts with a weight come first, in an order drawn by their weights: a host of weight 3 is the
 * first of them three times as often as one of weight 1. Those without one follow in the order of
 * the configuration. Returns how many there are, at most SPREAD_HOPS_MAX. */
size_t spread_order(const struct conf_hops *hops, struct rng *rng, uint8_t order[SPREAD_HOPS_MAX]);
/* Whether any has a weight. */
bool spread_is_wanted(const struct conf_hops *hops);

#endif
