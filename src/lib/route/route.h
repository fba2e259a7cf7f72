/* SPDX-License-Identifier: Apache-2.0 */
/* Where a recipient goes next. Pure. */
#ifndef IMS_ROUTE_ROUTE_H
#define IMS_ROUTE_ROUTE_H

#include "lib/conf/conf.h"

enum route_kind {
	ROUTE_MAILBOX, /* a Maildir of this server */
	ROUTE_HOST,    /* another host, by `via` of a route */
	ROUTE_NONE,    /* nobody says where: the message waits */
};

struct route {
	enum route_kind kind;
	const struct conf_domain *domain; /* ROUTE_MAILBOX */
	const struct conf_route *via;     /* ROUTE_HOST */
	/* Who gets it: the address asked for, or the configured postmaster's. Points into
	 * the address or the configuration. */
	struct str mailbox;
};

/* `address` is local@domain, or "postmaster" alone. A postmaster whose domain has no
 * mailbox of that name goes where mail for the configured postmaster goes, or on as it is
 * if none is configured. */
struct route route_find(const struct conf *conf, struct str address, bool exists);

/* The part after the last '@'; empty if there is none. */
struct str route_domain_of(struct str address);

#endif
