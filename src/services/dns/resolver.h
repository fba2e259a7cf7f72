/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver library, set up from the configuration's `resolver` block, on our loop: no
 * thread and no process of its own. Everything that is a file (resolv.conf, hosts, trust
 * anchor) is read by resolver_new, so that afterwards sockets are all it needs; changes
 * of those files need a new process. Caches, queries and ports are bounded. Without a trust
 * anchor the servers (of the configuration, or of resolv.conf) are asked in a plainer way
 * first (forward.h). */
#ifndef IMS_DNS_RESOLVER_H
#define IMS_DNS_RESOLVER_H

#include "lib/conf/conf.h"
#include "lib/os/loop.h"
#include "lib/route/answer.h"
#include "services/dns/forward.h"

struct resolver;

/* The system's own files: /etc/resolv.conf, used where the configuration names no server,
 * and /etc/hosts, where it says `hosts yes`. */
struct resolver_files {
	const char *resolv, *hosts;
};
extern const struct resolver_files resolver_files_system;

/* NULL: `why` (for a log) has a sentence, and `path` the file in question, if any. What
 * is wrong with the system's files is told in the same way, but does not keep it from
 * going on with what it could read. `files` is borrowed for the call. */
struct resolver *resolver_new(struct loop *loop, const struct conf_resolver *conf,
			      const struct resolver_files *files, struct buf *why,
			      struct str *path);
void resolver_free(struct resolver *r); /* what was asked is not answered; NULL is fine */

/* A question under way; the caller's memory, until `fn` is called or it is cancelled. */
struct resolver_query {
	/* `secure`: signed up to the trust anchor, with all aliases, and so is what is not
	 * there. `packet` (only with DNS_FOUND, which then means: read it) lives until `fn`
	 * returns. */
	void (*fn)(void *arg, enum dns_state state, bool secure, struct str packet);
	void *arg;
	struct resolver *resolver;
	struct forward_wait wait;
	int id;        /* the library's; 0: not under way there */
	bool *at_once; /* for resolver_ask: answered before it returned */
};

static inline bool resolver_is_asked(const struct resolver_query *q)
{
	return q->id || q->wait.asked;
}

/* Asks for a name that dns_name_is_host is true of. `fn` may be called before it returns.
 * False: it could not be asked, and `fn` is not called. */
bool resolver_ask(struct resolver *r, struct str name, enum dns_type type,
		  struct resolver_query *q);
/* `fn` will not be called any more; nothing if it is not under way. */
void resolver_cancel(struct resolver_query *q);

#endif
