/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to `dns`, by number; each is answered once: by dns, or with DNS_FAILED when it
 * goes away. It has deadlines of its own, so there is none here. */
#ifndef IMS_HTTP_NAMES_H
#define IMS_HTTP_NAMES_H

#include "lib/base/list.h"
#include "lib/ipc/channel.h"
#include "lib/route/answer.h"

enum { NAMES_MAX = 1024 }; /* under way */

/* records: as message dns_found says; it lives until the function returns. */
typedef void names_fn(void *arg, enum dns_state state, struct str records);

struct names {
	struct channel *dns; /* borrowed; NULL: it is away */
	struct link asked;
	size_t count;
	uint64_t last;
};

void names_init(struct names *n);
void names_free(struct names *n); /* nobody is answered */
void names_up(struct names *n, struct channel *dns);
void names_down(struct names *n); /* answers all that wait */
/* False: it cannot be asked now, fn is not called. It is never called before this returns. */
bool names_ask(struct names *n, struct str name, enum dns_type type, names_fn *fn, void *arg);
void names_found(struct names *n, const struct msg_dns_found *m);
/* Who asked with that argument is gone. */
void names_forget(struct names *n, const void *arg);

#endif
