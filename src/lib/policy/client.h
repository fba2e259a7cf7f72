/* SPDX-License-Identifier: Apache-2.0 */
/* What can be known of a client before it has said anything worth reading: the name of its
 * address, which lists have it, how it introduces itself. Pure; who asks the DNS is the
 * role receive. */
#ifndef IMS_POLICY_CLIENT_H
#define IMS_POLICY_CLIENT_H

#include "lib/base/ip.h"
#include "lib/conf/conf.h"

enum { CLIENT_LISTS_MAX = 32 }; /* blocks `dnsbl` of a configuration */

/* The name of the client's address (PTR), and whether that leads back (A, AAAA). */
enum client_name {
	CLIENT_NAME_UNKNOWN, /* not asked, or not answered yet */
	CLIENT_NAME_MISSING,
	CLIENT_NAME_UNVERIFIED,
	CLIENT_NAME_VERIFIED,
	CLIENT_NAME_CANNOT_TELL,
};

/* What the DNS is to be asked; bits. */
enum client_ask { CLIENT_ASK_NAME = 1, CLIENT_ASK_LISTS = 2, CLIENT_ASK_HELO = 4 };

enum client_helo {
	CLIENT_HELO_GOOD,
	CLIENT_HELO_INVALID, /* neither a host name nor an address in brackets */
	CLIENT_HELO_LITERAL, /* an address, and not the client's */
	CLIENT_HELO_OWN,     /* this server's name, or a local domain */
	CLIENT_HELO_NAME,    /* a name that the DNS can be asked about */
};

/* The name at which a list (or in-addr.arpa, ip6.arpa) has the address. */
void client_list_name(struct buf *out, struct ip client, struct str zone);
void client_ptr_name(struct buf *out, struct ip client);

enum client_listed {
	CLIENT_NOT_LISTED,
	CLIENT_LISTED,
	CLIENT_LIST_FAULT, /* an answer that no list gives: counts nothing */
};
/* What a list's addresses mean. RFC 5782 2.1: a listing is in 127.0.0.0/8; anything else is
 * a list that is gone, or a resolver that makes up answers. */
enum client_listed client_list_read(const struct conf_dnsbl *list, const struct ip *ips,
                                    size_t count);

#endif
