/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what of a recipient's fate (docs/reports.md holds the table). Pure. */
#ifndef IMS_DSN_DECIDE_H
#define IMS_DSN_DECIDE_H

#include "lib/dsn/report.h"

/* What can go wrong for good. Bits: those of the setting `notify`, where `all` sets each,
 * so that conf->notify is a set of them. */
enum dsn_class {
	DSN_CLASS_HOST_UNKNOWN = 1,
	DSN_CLASS_ADDRESS_UNKNOWN = 2,
	DSN_CLASS_AMBIGUOUS = 4,
	DSN_CLASS_PROTOCOL = 8,
	DSN_CLASS_EXPIRED = 16,
	DSN_CLASS_OTHER = 32, /* refused by a rule, full, too large ...: no name of its own */
	DSN_CLASS_ALL = 63,
};

/* The one class of a failure. */
enum dsn_class dsn_class_of(struct str status, bool expired);

struct dsn_case {
	enum dsn_action action;
	struct str status;
	bool expired;
	bool sender_null;
	uint8_t notify;     /* enum smtp_notify of the recipient; 0: not given */
	bool peer_reports;  /* the next hop took our NOTIFY: it reports itself */
	bool bulk;          /* nobody waits for word of a delay, if he did not ask for it */
	bool by_notify;     /* he did, by BY=...;N (RFC 2852) */
	bool trace;         /* he wants to know that it went on to another host (the same) */
	bool is_copy;       /* the message is a report to the postmaster, made here */
	bool sender_is_postmaster; /* who gets the report anyway */
	unsigned postmaster_classes; /* enum dsn_class, of the configuration */
};

struct dsn_decision {
	bool to_sender, to_postmaster;
};

struct dsn_decision dsn_decide(const struct dsn_case *c);

#endif
