/* SPDX-License-Identifier: Apache-2.0 */
/* Enhanced status codes (RFC 3463 and its registry) in plain words. Pure. */
#ifndef IMS_DSN_EXPLAIN_H
#define IMS_DSN_EXPLAIN_H

#include "lib/base/str.h"

struct dsn_explanation {
	struct str happened; /* a sentence */
	struct str advice;   /* what the sender can do; a sentence or two */
};

/* The exact code first, then its subject, then what can always be said. Whether it is for
 * good (5.x.x) or for now (4.x.x) makes no difference here. */
struct dsn_explanation dsn_explain(struct str status);

/* "2.1.5", "5.7.1": three numbers of one, one to three and one to three digits. */
bool dsn_status_is_valid(struct str status);
/* Its subject and detail; false (and 0) if it is not valid. */
bool dsn_status_parts(struct str status, unsigned *subject, unsigned *detail);

#endif
