/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to other domains on how encryption with them went (TLS-RPT, RFC 8460): who wants
 * them, what stands in them, and the mail that carries one. Pure; what comes from others is
 * made safe where it is written. */
#ifndef IMS_TRANSPORT_TLSRPT_H
#define IMS_TRANSPORT_TLSRPT_H

#include "lib/base/buf.h"
#include "lib/transport/results.h"

enum {
	TLSRPT_RUA_MAX = 4,   /* addresses of a domain that get a report */
	TLSRPT_URI_MAX = 512, /* octets of one; a longer one is left out */
	TLSRPT_ADDRESS_MAX = 320,
	TLSRPT_ID_MAX = 600,
	TLSRPT_JSON_MAX = 1024 * 1024,
	TLSRPT_MAIL_MAX = 240 * 1024,
};

struct tlsrpt_record {
	struct str uris[TLSRPT_RUA_MAX]; /* mailto: or https:, into the text */
	size_t count;
};

/* The text of a record of _smtp._tls.DOMAIN (RFC 8460 3). False: it is none, or names nobody. */
bool tlsrpt_record_parse(struct str text, struct tlsrpt_record *r);
/* Of several records that are one: true if there is exactly one, as RFC 8460 3 wants.
 * `texts`: a length (u32) and a text each. */
bool tlsrpt_record_find(struct str texts, struct tlsrpt_record *r);
bool tlsrpt_is_mail(struct str uri);
/* The address in a mailto: URI, at most TLSRPT_ADDRESS_MAX octets. False: there is none that
 * a mail could go to. */
bool tlsrpt_address(struct str uri, struct buf *out);

/* What all reports of a period have in common. */
struct tlsrpt_head {
	struct str organization, contact; /* who reports, and whom to ask */
	struct str host;                  /* this server */
	int64_t begin_ms, end_ms;         /* since 1970; the end is the begin of the next */
};

/* The same for the same period and domain, so that one which comes twice is known by it. */
void tlsrpt_id_write(struct buf *out, const struct tlsrpt_head *h, struct str domain);
/* "mx.example!far.example!1795305600!1795391999.json.gz" (RFC 8460 5.1) */
void tlsrpt_file_write(struct buf *out, const struct tlsrpt_head *h, struct str domain);
/* RFC 8460 4.4 */
void tlsrpt_json_write(struct buf *out, const struct tlsrpt_head *h,
		       const struct result_domain *d);

struct tlsrpt_mail {
	const struct tlsrpt_head *head;
	struct str domain;
	struct str to;
	struct str packed; /* the JSON, compressed by gzip */
	int64_t now_ms;
	uint64_t number;   /* of the mail, for its Message-ID */
};

/* RFC 8460 5.3: a multipart/report with CRLF, ASCII. Its field TLS-Required lets it go out
 * also where encryption fails, of which it tells (RFC 8689 5). */
void tlsrpt_mail_write(struct buf *out, const struct tlsrpt_mail *m);

#endif
