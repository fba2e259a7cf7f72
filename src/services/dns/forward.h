/* SPDX-License-Identifier: Apache-2.0 */
/* The short way to an answer, where nothing has to be proved by DNSSEC: what the configured
 * servers answer plainly, kept for its time. Equal questions share one. Whatever is not
 * plain is left to the complete resolver, and for a while it is not tried here again. */
#ifndef IMS_DNS_FORWARD_H
#define IMS_DNS_FORWARD_H

#include "services/dns/cache.h"
#include "services/dns/stub.h"

enum { FORWARD_ODD_MS = 60 * 1000 };

struct forward;

/* Who waits for an answer; the caller's memory, until it is called or cancelled. */
struct forward_wait {
	struct link link;
	struct forward_asked *asked; /* NULL: nothing is under way */
};

/* `packet` is a plain answer, or empty: ask the complete resolver for `name`. Both live until
 * it returns. */
typedef void forward_fn(struct forward_wait *w, struct str name, enum dns_type type,
			struct str packet);

/* NULL: no memory. */
struct forward *forward_new(struct loop *loop, const struct stub_server *servers, size_t count,
			    int64_t wait_ms, forward_fn *fn, uint64_t seed);
void forward_free(struct forward *f); /* nobody is answered; NULL is fine */

/* Asks for a name that dns_name_is_host is true of. Answered from the cache `fn` is called
 * before it returns. False: it is not to be asked here, and `fn` is not called. */
bool forward_ask(struct forward *f, struct str name, enum dns_type type,
		 struct forward_wait *w);
/* `fn` will not be called for it; nothing if it is not under way. */
void forward_cancel(struct forward_wait *w);

#endif
