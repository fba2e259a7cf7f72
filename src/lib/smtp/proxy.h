/* SPDX-License-Identifier: Apache-2.0 */
/* The header by which a proxy says for which client it speaks: the PROXY protocol, version
 * 1 (a line) and 2 (binary), as HAProxy's document proxy-protocol.txt describes it. Pure. */
#ifndef IMS_SMTP_PROXY_H
#define IMS_SMTP_PROXY_H

#include "lib/base/ip.h"

enum {
	SMTP_PROXY_V1_MAX = 107,  /* octets of a line with its CRLF */
	SMTP_PROXY_MAX = 16 + 2048 /* of a header; what lies behind the addresses is skipped */
};

struct smtp_proxy {
	bool local; /* the proxy speaks for itself, or does not know for whom: no address */
	struct ip client;
	uint16_t client_port;
	struct ip server; /* where the client connected to */
	uint16_t server_port;
};

enum smtp_proxy_result {
	SMTP_PROXY_OK,
	SMTP_PROXY_MORE, /* good so far; every octet of `in` belongs to the header */
	SMTP_PROXY_BAD,
};

/* `in` is what has come since the connection began. SMTP_PROXY_OK: `*used` octets of it are
 * the header. On anything else `*out` and `*used` mean nothing. */
enum smtp_proxy_result smtp_proxy_parse(struct str in, struct smtp_proxy *out, size_t *used);

#endif
