/* SPDX-License-Identifier: Apache-2.0 */
/* Asks DNS servers that look for answers themselves (RFC 1034 5.3.1), in the plainest
 * way: a question goes to one server, once, over UDP, by c-ares. Many share a channel of
 * that library, and so a socket, which costs a tenth of a socket for each; a channel
 * takes no new ones after a second, so that its port is worth little to who finds it out
 * (RFC 5452 9.2). A question that comes to nothing is for a complete resolver. When
 * nothing comes of many, the next server's turn comes, after a rest. */
#ifndef IMS_DNS_STUB_H
#define IMS_DNS_STUB_H

#include "lib/os/loop.h"
#include "lib/route/reply.h"

enum {
	STUB_SERVERS_MAX = 8,
	STUB_QUESTIONS_MAX = 4096, /* under way */
	STUB_CHANNELS_MAX = 128,   /* that have some under way */
	STUB_CHANNEL_MAX = 128,    /* over one: as many answers as its buffer holds */
	STUB_CHANNEL_MS = 1000,    /* how long it takes new ones */
	STUB_VAIN_MAX = 8,         /* questions in a row that come to nothing, and then */
	STUB_REST_MS = 5 * 1000,   /* none is taken for this long */
};

struct stub_server {
	struct ip ip;
	uint16_t port;
};

struct stub;

/* The question is over. `packet` is a plain answer, which lives until the function
 * returns; or it is empty. */
typedef void stub_fn(void *arg, struct str packet, uint32_t keep_s);

/* Each question waits for `wait_ms` at most. NULL: no memory. */
struct stub *stub_new(struct loop *loop, const struct stub_server *servers, size_t count,
		      int64_t wait_ms);
void stub_free(struct stub *s); /* nobody is answered; NULL is fine */

/* Asks for a name that dns_name_is_host is true of. `fn` is not called before it returns.
 * False: not now, and `fn` is not called. */
bool stub_ask(struct stub *s, struct str name, enum dns_type type, stub_fn *fn,
	      void *arg);

#endif
