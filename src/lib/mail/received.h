/* SPDX-License-Identifier: Apache-2.0 */
/* The trace that each host puts on top of a message (RFC 5321 4.4), and the two forms
 * that it is made of: dates and address literals. Pure. */
#ifndef IMS_MAIL_RECEIVED_H
#define IMS_MAIL_RECEIVED_H

#include "lib/base/buf.h"
#include "lib/base/ip.h"

struct received {
	struct str helo;    /* as the client said it: hostile */
	struct str name;    /* of the client's address, checked; empty: not known */
	struct ip client;   /* none: the message was made here, no "from" is written */
	struct str by;      /* our host name */
	struct str id;      /* of the message, our own */
	struct str rcpt;    /* address if there is exactly one, else empty: the others'
			     * addresses are nobody's business */
	int64_t arrived_s;  /* seconds since 1970 */
	struct str tls_name; /* protocol and cipher, said if `tls` */
	bool esmtp, smtputf8, tls, authenticated;
	bool has_priority;  /* MT-PRIORITY was said: */
	int8_t priority;    /* what it is now */
};

/* Appends "Received: ...CRLF", folded. */
void received_write(struct buf *out, const struct received *r);

/* "Tue, 05 Aug 2025 10:00:00 +0000" (RFC 5322 3.3) without clock, locale or zone data
 * (Q161839: a server's time zone made the date wrong by 13 hours). Years 1 to 9999;
 * times outside of them are written as the nearest. */
void mail_date_write(struct buf *out, int64_t unix_s);

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). */
void mail_literal_write(struct buf *out, struct ip ip);

#endif
