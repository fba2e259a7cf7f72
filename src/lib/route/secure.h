/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection to another host is to be encrypted: what the route wants and what the
 * DNS knows of the host go in, what TLS has to do comes out. Pure. */
#ifndef IMS_ROUTE_SECURE_H
#define IMS_ROUTE_SECURE_H

#include "lib/route/mx.h"
#include "lib/smtp/client.h"

enum { SECURE_NAMES_MAX = 3, SECURE_IMPLICIT_PORT = 465 };

struct secure_facts {
	enum conf_route_tls tls;
	enum conf_route_start start;
	uint16_t port;
	struct str host;    /* name, or an address as text */
	struct str domain;  /* of the recipients, ASCII, where the DNS named the host; or "" */
	bool mx_secure;     /* it did so in a secure answer */
	enum mx_dane dane;
	struct str base;    /* DANE_FOUND */
	bool must;          /* a password is sent: not in the clear, even where `tls` would */
	bool failed;        /* TLS with it failed before: in the clear, if that may be */
};

/* How the host shows who it is. */
enum secure_check { SECURE_UNCHECKED, SECURE_BY_NAME, SECURE_BY_DANE };

/* Strings point into the facts. */
struct secure_plan {
	bool skip;      /* the host must not be used now */
	bool may_clear; /* if TLS fails, the same host in the clear */
	enum smtp_client_tls tls;
	enum secure_check check;
	struct str sni; /* empty: none */
	struct str names[SECURE_NAMES_MAX]; /* any of them will do */
	size_t name_count;
};

/* `verify` takes a name that only the administrator, the sender or DNSSEC can have given:
 * the smart host's; the recipients' domain, and the MX host's if it lies below that domain or
 * a secure answer names it (Postfix's "secure" takes the first and the second). What an
 * answer that anybody may have forged names proves nothing, whatever its certificate says.
 * An address as host wants a certificate for the address. */
void secure_plan_make(const struct secure_facts *facts, struct secure_plan *plan);

/* "none", "verified" or "dane": as events tell it. */
struct str secure_check_word(enum secure_check check);

#endif
