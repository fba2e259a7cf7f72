/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a DNS server that looks for answers itself sends is a plain answer: one
 * that needs no second thought, of whatever kind. Everything else (errors, answers that
 * are cut or do not fit, aliases that lead nowhere) is for a complete resolver to deal
 * with. Pure. */
#ifndef IMS_ROUTE_REPLY_H
#define IMS_ROUTE_REPLY_H

#include "lib/route/answer.h"

enum {
	DNS_REPLY_MAX =
		1232, /* octets that a server may send (RFC 6891 6.1.2): no fragments */
	DNS_KEEP_MAX_S = 24 * 3600,
	DNS_KEEP_NOTHING_MAX_S = 3600, /* that there is nothing (RFC 2308 5) */
};

/* Whether it is: found, no data, or no such name. `packet` has the question, and its id,
 * to which it is the answer: that was looked at before. `keep_s`: how long a plain answer
 * may be kept; 0: not at all. */
bool dns_reply_is_plain(struct str packet, enum dns_type type, uint32_t *keep_s);

#endif
