/* SPDX-License-Identifier: Apache-2.0 */
/* Where a recipient goes next. Pure. */
#ifndef IMS_ROUTE_ROUTE_H
#define IMS_ROUTE_ROUTE_H

#include "lib/conf/conf.h"

enum { ROUTE_KEY_MAX = 300 };

enum route_kind {
	ROUTE_MAILBOX, /* a Maildir of this server */
	ROUTE_LMTP,    /* the server that keeps the mailboxes of a local domain */
	ROUTE_VIA,     /* the hosts that a route lists */
	ROUTE_MX,      /* the hosts that the DNS names for the domain of `mailbox`; for an
			* address literal that host itself */
	ROUTE_NONE,    /* nobody says where: the message waits */
};

/* Of what it is chosen. */
struct route_ask {
	struct str address; /* local@domain, or "postmaster" alone */
	bool exists;        /* the directory knows the address */
	struct str sender;  /* reverse-path without brackets; empty: null */
	struct str user;    /* who has logged in; empty: nobody */
	/* The hosts of so many routes that match as well and cost less are dead. */
	unsigned dearer;
};

struct route {
	enum route_kind kind;
	const struct conf_domain *domain; /* ROUTE_MAILBOX, ROUTE_LMTP: deliver.lmtp */
	const struct conf_route *via;     /* ROUTE_VIA: via->via; ROUTE_MX: via->port */
	/* The words of `via` that fitted: of match, sender and user; empty where it is not
	 * chosen by such a word. */
	struct str match, sender, user;
	/* Who gets it: the address asked for, or the configured postmaster's. Points into
	 * the address or the configuration. */
	struct str mailbox;
	/* How many cheaper ones stand before it; less than was asked for: it is the dearest. */
	unsigned dearer;
};

/* A local domain goes where its `deliver` says; every other one (an address literal, too)
 * by the route that matches it best for this sender and user, else by the one called default. A
 * postmaster whose domain has no mailbox of that
 * name goes where mail for the configured postmaster goes, or on as it is if none is
 * configured. */
struct route route_find(const struct conf *conf, const struct route_ask *ask);

/* Appends what stands for the destination: recipients with the same key can go with one
 * copy over one connection. "mailbox", "lmtp:TARGET,...", "route:NAME", "mx:DOMAIN" or
 * "mx:DOMAIN:PORT" (and "/NAME" of a route that is not for everybody, or stands for a cheaper one), "none"; names of hosts and domains in lower case, at most
 * ROUTE_KEY_MAX octets (the end of a longer one is replaced by a hash of all of it). */
void route_key(struct buf *out, const struct route *route);

/* What the log calls it: "mailbox", "lmtp", the name of the route, or "-". */
struct str route_name(const struct route *route);

/* The part after the last '@'; empty if there is none. */
struct str route_domain_of(struct str address);

#endif
