/* SPDX-License-Identifier: Apache-2.0 */
/* Which block `pacing` of the configuration is about a destination: by the domain of its
 * recipients, or by the names of its hosts. All destinations of one block are one *site*,
 * whose limits they share. Pure; walks the blocks. */
#ifndef IMS_ROUTE_SITE_H
#define IMS_ROUTE_SITE_H

#include "lib/route/route.h"

/* The block that `match` of the domain names best, or NULL. */
const struct conf_pacing *site_of_domain(const struct conf *conf, struct str domain);

/* The same, as far as the route tells: only mail by MX has a domain. `by_hosts`: what its hosts are
 * called decides (site_host), else what is returned holds. */
const struct conf_pacing *site_of_route(const struct conf *conf, const struct route *route,
					bool *by_hosts);

/* For each name of the hosts of one destination: how well `mx` of some block names it.
 * Begin with {NULL}; in the end `block` is that of the whole set, in whatever order its
 * names came: one of the files before one that comes with the program, then the longest
 * name, and of equally long ones the first. */
struct site_best {
	const struct conf_pacing *block; /* NULL: none */
	size_t length;                   /* of the name */
};
void site_host(const struct conf *conf, struct str host, struct site_best *best);

/* That of what no other is about, or NULL. */
const struct conf_pacing *site_default(const struct conf *conf);
const struct conf_pacing *site_find(const struct conf *conf, struct str name);

#endif
