/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection to another host is to be encrypted: what the route wants and what the
 * DNS knows of the host go in, what TLS has to do comes out. Pure. */
#ifndef IMS_ROUTE_SECURE_H
#define IMS_ROUTE_SECURE_H

#include "lib/route/mx.h"
#include "lib/smtp/client.h"
#include "lib/transport/failure.h"

enum { SECURE_NAMES_MAX = 3, SECURE_IMPLICIT_PORT = 465 };

/* What the domain's MTA-STS policy says (RFC 8461). */
enum secure_sts { SECURE_STS_NONE, SECURE_STS_TESTING, SECURE_STS_ENFORCE };

struct secure_facts {
	enum conf_route_tls tls;
	enum conf_route_start start;
	uint16_t port;
	struct str host;    /* name, or an address as text */
	struct str domain;  /* of the recipients, ASCII, where the DNS named the host; or "" */
	bool mx_secure;     /* it did so in a secure answer */
	enum mx_dane dane;
	struct str base;    /* DANE_FOUND */
	enum secure_sts sts;
	bool sts_has;       /* and that lists the host */
	bool optional;      /* the sender wants delivery, whatever recipients' policies say */
	bool demanded;      /* the sender wants proof (RFC 8689) */
	bool must;          /* a password is sent: not in the clear, even where `tls` would */
	bool failed;        /* TLS with it failed before: in the clear, if that may be */
};

/* How the host shows who it is. */
enum secure_check { SECURE_UNCHECKED, SECURE_BY_NAME, SECURE_BY_DANE };

enum secure_skip {
	SECURE_USE,
	SECURE_SKIP_DANE, /* what its TLSA records are cannot be told now */
	SECURE_SKIP_STS,  /* the domain's policy does not list it */
};

/* Strings point into the facts. */
struct secure_plan {
	enum secure_skip skip; /* why the host must not be used now */
	enum transport_policy policy; /* of the domain, which decided */
	bool lenient;   /* what the certificate lacks is noted only */
	bool may_clear; /* if TLS fails, the same host in the clear */
	enum smtp_client_tls tls;
	enum secure_check check;
	struct str sni; /* empty: none */
	struct str names[SECURE_NAMES_MAX]; /* any of them will do */
	size_t name_count;
};

/* `auto`: DANE where there are TLSA records in secure answers; else MTA-STS where the domain has
 * a policy; else as `may`. DANE stands before MTA-STS (RFC 8461 2). `testing` checks and
 * uses the host whatever comes of it.
 *
 * `verify` takes a name that only the administrator, the sender or DNSSEC can have given:
 * the smart host's; the recipients' domain, and the MX host's if it lies below that domain or
 * a secure answer names it (Postfix's "secure" takes the first and the second). What an
 * answer that anybody may have forged names proves nothing, whatever its certificate says.
 * An address as host wants a certificate for the address. What the sender demands is the same,
 * or DANE, on top of what the route wants; a host that the policy lists has a name that is
 * as good as secure (RFC 8689 4.2.1). What the sender does without are DANE and MTA-STS, not the
 * route's own word. */
void secure_plan_make(const struct secure_facts *facts, struct secure_plan *plan);

/* What counts for mail by the route: the word of a block `tls-policy` about the domain, for which the DNS
 * names the hosts, stands before the route's. `domain` empty: the route lists them. */
enum conf_route_tls secure_word(const struct conf *conf, const struct conf_route *route,
				struct str domain, int64_t wall_ms);

/* Whether TLSA records say something then. */
static inline bool secure_wants_dane(enum conf_route_tls word)
{
	return word == CONF_ROUTE_TLS_DANE || word == CONF_ROUTE_TLS_AUTO;
}

/* "none", "verified" or "dane": as events tell it. */
struct str secure_check_word(enum secure_check check);

#endif
