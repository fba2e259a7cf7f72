/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a DNS server that looks for the answer itself, and whether what comes back
 * is the plain answer to it: one that needs no second thought, of whatever kind. Everything
 * else (errors, answers that are cut or do not fit, aliases that lead nowhere) is "odd", and
 * for a complete resolver to deal with. Pure. */
#ifndef IMS_ROUTE_QUERY_H
#define IMS_ROUTE_QUERY_H

#include "lib/route/answer.h"

enum {
	DNS_QUERY_MAX = 12 + DNS_NAME_MAX + 2 + 4 + 11,
	DNS_REPLY_MAX = 1232, /* octets that a server may send: no fragments */
	DNS_KEEP_MAX_S = 24 * 3600,
	DNS_KEEP_NOTHING_MAX_S = 3600, /* that there is nothing (RFC 2308 5) */
};

/* Writes the query. `name` is one that dns_name_is_host is true of; its letters are upper
 * or lower case by the bits of `caps`, which a server gives back as they are: what an
 * attacker cannot see he has to guess, as he has `id` (RFC 5452 9). */
void dns_query_write(struct buf *out, uint16_t id, struct str name, enum dns_type type,
		     const uint8_t caps[(DNS_NAME_MAX + 7) / 8]);

enum dns_reply {
	DNS_REPLY_PLAIN, /* found, no data, or no such name */
	DNS_REPLY_ODD,
	DNS_REPLY_OTHER, /* to another query: it says nothing of this one */
};

/* `keep_s`: how long a plain answer may be kept; 0: not at all. */
enum dns_reply dns_reply_read(struct str packet, struct str query, enum dns_type type,
			      uint32_t *keep_s);

#endif
