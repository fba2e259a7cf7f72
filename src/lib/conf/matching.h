/* SPDX-License-Identifier: Apache-2.0 */
/* Which route: an index of the words of all routes' match, sender and user. It lives in the
 * arena of conf. */
#ifndef IMS_CONF_MATCHING_H
#define IMS_CONF_MATCHING_H

#include "lib/conf/conf.h"

enum { CONF_ROUTES_MAX = 1024 };

/* A word of a route; those of one text hang together. */
struct conf_match_entry {
	uint32_t route, word; /* numbers */
	uint32_t next;        /* of the entries, plus one; 0: none */
};

struct conf_match_set {
	struct conf_match_entry *entries;
	size_t count;
	uint32_t *slots; /* first entry of a text, plus one; 0: free */
	size_t size;     /* power of two, at least twice the entries; 0: no entries */
};

enum conf_match_by { CONF_BY_DOMAIN, CONF_BY_SENDER, CONF_BY_USER, CONF_BY_COUNT };

struct conf_matching {
	struct conf_match_set sets[CONF_BY_COUNT];
	bool costs; /* some route has one */
};

/* Of all routes of conf; NULL without memory. */
struct conf_matching *conf_matching_new(struct conf *conf);

#endif
