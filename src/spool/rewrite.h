/* SPDX-License-Identifier: Apache-2.0 */
/* How the next host is to know a recipient. Pure. */
#ifndef IMS_SPOOL_REWRITE_H
#define IMS_SPOOL_REWRITE_H

#include "lib/mail/job.h"
#include "lib/route/route.h"

enum { REWRITE_MAX = 8 * 1024 }; /* an address, and an ORCPT of which each octet is three */

struct rewrite {
	char address[REWRITE_MAX], orcpt[REWRITE_MAX];
};

/* Where the route has a recipient-domain: r->address gets it, and r->orcpt, if the client gave none,
 * the original address (RFC 3461 4.2; none of a non-ASCII one). What is changed stands in `memory`.
 * An address without a domain, and what does not fit, stays as it is. */
void rewrite_recipient(const struct route *route, struct rewrite *memory, struct job_recipient *r);

#endif
