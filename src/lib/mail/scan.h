/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the header of a message while its text comes in, in pieces of any size, and
 * notes what the receiving side wants to know: how often it has been on the way
 * (Received), whether it was here before, what it is called, what it lacks.
 * Pure; keeps no copy of the text but a bounded Message-ID, and the fields From
 * and Sender where somebody wants them. */
#ifndef IMS_MAIL_SCAN_H
#define IMS_MAIL_SCAN_H

#include "lib/base/buf.h"

enum {
	MAIL_HEADER_MAX = 256 * 1024, /* octets; more is 552 5.3.4 (Q193639) */
	MAIL_MESSAGE_ID_MAX = 255,
};

enum mail_field { MAIL_DATE = 1, MAIL_FROM = 2, MAIL_MESSAGE_ID = 4 };

struct mail_scan {
	size_t header_len;    /* octets of the header so far, with its empty line */
	uint32_t received;    /* Received fields */
	uint32_t received_by; /* of these, "by" our host */
	uint8_t fields;       /* enum mail_field, those that exist */
	bool ended;           /* the header is over: what follows is body */
	bool too_large;       /* over MAIL_HEADER_MAX; nothing more is read */
	bool malformed;       /* ended at a line that is no header field */
	bool id_cut;          /* message_id is only the beginning of it */
	/* The caller's, or NULL: gets the values of From and Sender, each followed by NUL. */
	struct buf *authors;
	uint16_t id_len;

	/* The scanner's own. */
	size_t line_at;
	uint8_t state, field, name_len, depth, at_by, at_host;
	bool id_blank, in_word, in_quotes, escaped, after_by, host_differs, by_differs;
	bool counted;
	struct str host;
	char name[16];
	char id[MAIL_MESSAGE_ID_MAX];
};

/* `our_host`: the name that our Received fields say (at most 255 octets); it stays
 * valid while the scanner is used. */
void mail_scan_init(struct mail_scan *m, struct str our_host);
/* The next piece of the text, with newlines as they are in the message. */
void mail_scan_feed(struct mail_scan *m, struct str piece);
/* First Message-ID, unfolded, with its angle brackets; empty if there is none. */
struct str mail_scan_message_id(const struct mail_scan *m);

#endif
