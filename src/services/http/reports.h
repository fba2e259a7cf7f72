/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to other domains on how encryption with them went (RFC 8460). What deliver tells is
 * counted until the end of the period; then each domain is asked for where it wants its report,
 * and gets it: by mail, which spool takes, or by HTTPS. Counts and what is still to be sent are
 * kept on disk every half minute, so a death costs no more than that. A report that goes out twice
 * has the same Report-ID. */
#ifndef IMS_HTTP_REPORTS_H
#define IMS_HTTP_REPORTS_H

#include "lib/ipc/channel.h"
#include "lib/transport/tlsrpt.h"
#include "services/frame.h"
#include "services/http/web.h"

enum {
	REPORTS_AT_ONCE = 8,
	REPORTS_TICK_MS = 1000,
	REPORTS_KEEP_MS = 30 * 1000,
	REPORTS_TRIES_MAX = 12,
	/* Parts of a period: how long to wait at most before the first report goes out (RFC 8460
	 * 5.4: not all of the world at midnight), and between two tries. */
	REPORTS_SPREAD = 6,
	REPORTS_AGAIN = 48,
};

struct reports;

/* One domain's reports on their way. */
struct sending {
	struct reports *r;
	struct result_domain *domain; /* NULL: this place is free */
	struct tlsrpt_record record;
	struct buf texts, packed; /* what `record` points into; the report */
	size_t at;                /* of record.uris */
	uint64_t letter;          /* that spool has not kept yet; 0: none */
	bool failed;
	char why[200];
};

struct reports {
	struct frame *frame;  /* these are borrowed */
	struct names *names;
	struct web *web;
	struct str ca;
	struct channel *spool; /* NULL: away */
	int folder;            /* where counts are kept; negative: -errno */
	uint64_t seed;

	bool on, kept_failed;
	struct results now, due; /* the present period; the last one, as far as it is not sent */
	bool has_due;
	int64_t go_ms;          /* when sending begins, since 1970 */
	int64_t keep_ms;        /* when it is kept next, monotonic */
	bool changed;
	uint64_t last_letter;
	struct loop_timer *timer;
	struct sending sendings[REPORTS_AT_ONCE];
};

/* The borrowed members are set, all else is 0. False: no memory. */
bool reports_init(struct reports *r);
void reports_free(struct reports *r); /* keeps what there is */
void reports_reload(struct reports *r);
void reports_take(struct reports *r, const struct msg_tls_result *m);
void reports_spool(struct reports *r, struct channel *spool); /* NULL: it has gone */
void reports_letter_kept(struct reports *r, const struct msg_letter_kept *m);

/* reports_send.c */
/* As many as there is room for. True: there is nothing left to send, or on its way. */
bool reports_send(struct reports *r);
void reports_send_stop(struct reports *r); /* nobody is answered any more */
/* reports_keep.c */
void reports_keep(struct reports *r);
void reports_load(struct reports *r);
void reports_tell_error(struct reports *r, struct str domain, struct str to, struct str error);

#endif
