/* SPDX-License-Identifier: Apache-2.0 */
/* Which block `pacing` of the configuration is about a destination: by the domain of its
 * recipients, or by the names of its hosts. All destinations of one block are one *site*,
 * whose limits they share. Pure; walks the blocks. */
#ifndef IMS_ROUTE_SITE_H
#define IMS_ROUTE_SITE_H

#include "lib/conf/conf.h"

/* The block that `match` of the domain names best, or NULL. */
const struct conf_pacing *site_of_domain(const struct conf *conf, struct str domain);

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
