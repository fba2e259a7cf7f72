/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the header of a submitted message whole (RFC 6409 8) while it comes in, in pieces
 * of any size: adds what is missing, and for old devices replaces what nobody could read
 * and what is not to be seen outside. What needs no repair goes on octet by octet.
 *
 *	mail_repair_init(&m, &plan);
 *	rest = mail_repair_feed(&m, piece, &out);   `out`, then `rest`, go on
 *	mail_repair_end(&m, &out);                  behind the last piece
 *
 * Pure; `out` grows by at most MAIL_REPAIR_MAX more than what was fed. */
#ifndef IMS_MAIL_REPAIR_H
#define IMS_MAIL_REPAIR_H

#include "lib/base/buf.h"

enum {
	MAIL_REPAIR_FIELD_MAX = 4096, /* octets of a field that may be replaced */
	MAIL_REPAIR_NAME_MAX = 200,
	MAIL_REPAIR_ID_MAX = 16 + 3 + 255,
	MAIL_REPAIR_MAX = MAIL_REPAIR_FIELD_MAX + 3072,
};

enum mail_repair_how {
	MAIL_REPAIR_NO,
	/* Date and Message-ID are added; and where a line is no field, the empty line that
	 * the header ends with. */
	MAIL_REPAIR_MISSING,
	/* The same for From, and for To where no recipient is named at all; of these and of
	 * Sender the empty ones, the later ones and those that say no address are left out.
	 * From and Sender are mapped. */
	MAIL_REPAIR_ALL,
};

/* What was done. */
enum mail_repaired {
	MAIL_REPAIRED_DATE = 1,
	MAIL_REPAIRED_MESSAGE_ID = 2,
	MAIL_REPAIRED_FROM = 4,   /* made of the envelope's sender */
	MAIL_REPAIRED_MAPPED = 8, /* in From or Sender stands another address */
	MAIL_REPAIRED_SENDER = 16, /* left out */
	MAIL_REPAIRED_TO = 32,
	MAIL_REPAIRED_END = 64,   /* the empty line */
	MAIL_REPAIRED_TWICE = 128, /* a field that was there before is left out */
};

/* Stays while the header is read. */
struct mail_repair_plan {
	enum mail_repair_how how;
	struct str sender; /* of the envelope; empty: null */
	struct str host;   /* ours */
	uint64_t id;       /* of the message */
	int64_t now_s;     /* since 1970 */
	/* What stands for an address (local@domain) outside; empty: itself. NULL: no map. */
	struct str (*map)(const void *arg, struct str address);
	const void *arg;
};

struct mail_repair {
	unsigned done; /* enum mail_repaired */
	bool ended;    /* what follows is body */

	/* The repairer's own. */
	struct mail_repair_plan plan;
	unsigned seen;            /* fields, enum field */
	uint8_t state, value, field;
	size_t colon;             /* where the value begins in `held` */
	size_t held_len, name_len;
	char name[MAIL_REPAIR_NAME_MAX]; /* of the author, where he has no address */
	char held[MAIL_REPAIR_FIELD_MAX]; /* of what is being read; not yet in `out` */
};

void mail_repair_init(struct mail_repair *m, const struct mail_repair_plan *plan);
/* Appends to `out` what goes on of the header; returns the rest of `piece`, which is body. */
struct str mail_repair_feed(struct mail_repair *m, struct str piece, struct buf *out);
/* The message is over: if its header was not, ends it. */
void mail_repair_end(struct mail_repair *m, struct buf *out);
/* The Message-ID that was made, into `out`; nothing if it has its own. */
void mail_repair_id(const struct mail_repair *m, struct buf *out);
/* Words for what was done, blanks between them; nothing if nothing was. */
void mail_repair_write(unsigned done, struct buf *out);

#endif
