/* SPDX-License-Identifier: Apache-2.0 */
/* The argument of XCLIENT, by which a trusted client says for whom it speaks, as Postfix's
 * XCLIENT_README describes it. Pure; results point into `memory`. */
#ifndef IMS_SMTP_XCLIENT_H
#define IMS_SMTP_XCLIENT_H

#include "lib/base/ip.h"

enum smtp_xclient_has {
	SMTP_XCLIENT_NAME = 1,
	SMTP_XCLIENT_ADDR = 2,
	SMTP_XCLIENT_PORT = 4,
	SMTP_XCLIENT_PROTO = 8,
	SMTP_XCLIENT_HELO = 16,
	SMTP_XCLIENT_LOGIN = 32,
	SMTP_XCLIENT_DESTADDR = 64,
	SMTP_XCLIENT_DESTPORT = 128,
};

struct smtp_xclient {
	unsigned has;     /* enum smtp_xclient_has: attributes with a value */
	unsigned unknown; /* those that are [UNAVAILABLE] or [TEMPUNAVAIL] */
	bool name_later;  /* NAME is [TEMPUNAVAIL]: the DNS could not be asked */
	struct str name;  /* a host name */
	struct ip addr, dest_addr;
	uint16_t port, dest_port;
	bool esmtp;       /* PROTO=ESMTP */
	struct str helo;  /* printable ASCII, at most 255 octets */
	struct str login; /* no control characters, at most 320 octets */
};

/* False if it is not one or more known attributes, each once, with values of their kind.
 * Decoded texts are put in `memory`, which has at least `arg.len` octets of room. */
bool smtp_xclient_parse(struct str arg, struct buf *memory, struct smtp_xclient *out);

#endif
