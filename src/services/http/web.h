/* SPDX-License-Identifier: Apache-2.0 */
/* What the service asks of web servers: the name of the host is looked up by `dns`, as all
 * names of this service are, and then the fetcher's helper threads do the rest. */
#ifndef IMS_HTTP_WEB_H
#define IMS_HTTP_WEB_H

#include "lib/os/fetcher.h"
#include "services/http/names.h"

enum {
	WEB_MAX = 128, /* under way */
	WEB_THREADS = 3,
	WEB_MS = 20000, /* of one transfer */
	WEB_ADDRESSES_MAX = 8, /* of one host that are tried, of each family */
};

/* On the loop, once for each request. */
typedef void web_fn(void *arg, const struct fetched *result);

struct web {
	struct names *names; /* borrowed */
	struct fetcher *fetcher;
	struct loop *loop; /* borrowed */
	const struct ip *own; /* addresses of this machine, borrowed; the caller's to set */
	size_t own_count;
	struct link jobs;
	size_t count;
	uint64_t last;
};

/* Before rights are given up. False: the library cannot be loaded. */
bool web_prepare(void);
bool web_init(struct web *w, struct loop *loop, struct names *names); /* false: no memory */
void web_free(struct web *w); /* nobody is answered */
/* As fetcher_put, but `at` is filled in here. The URL is https, or http to an address of this
 * machine. False: too many are under way, no memory, or no such URL; then fn is not called. It
 * is never called before this returns. */
bool web_ask(struct web *w, const struct fetch *what, web_fn *fn, void *arg);
/* The same for a URL that a stranger has named, who may want this machine to ask what he cannot: https, and
 * the host a name (web_is_for_strangers). Unless `near`, of its addresses none is asked that is this machine's
 * or not public. */
bool web_ask_for_stranger(struct web *w, const struct fetch *what, bool near, web_fn *fn, void *arg);
/* Whether such a URL may be asked at all: no address in digits, in whatever form, and not localhost. */
bool web_is_for_strangers(struct str url);
/* Who asked with that argument is gone; nobody is answered. */
void web_forget(struct web *w, const void *arg);

#endif
