/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of an SMTP or LMTP server (RFC 5321 4.2), as they come in.
 *
 * Takes LF alone for a line end and a code without text; a peer that is that sloppy still
 * means what it says. What has no code at the head of a line, another code in a
 * continuation, or is over a limit is bad, and nothing behind it can be believed.
 *
 * Incremental: the same bytes give the same replies however they were cut. Keeps a part
 * of what comes, counts all of it, allocates nothing. Pure. */
#ifndef IMS_SMTP_REPLY_H
#define IMS_SMTP_REPLY_H

#include "lib/base/buf.h"
#include "lib/smtp/outcome.h"

enum {
	SMTP_REPLY_TEXT_MAX = 1024,        /* octets of text that are kept */
	SMTP_REPLY_LINE_KEPT = 1024,       /* octets of one line that are looked at */
	SMTP_REPLY_LINES_MAX = 512,        /* of one reply */
	SMTP_REPLY_BYTES_MAX = 128 * 1024, /* of one reply, and so of one line */
};

struct smtp_reply {
	/* To be read at DONE; text and code also at BAD, where the code is 0 and the text
	 * is the line that was none. */
	uint16_t code; /* 100 to 599 */
	bool has_enhanced;
	char enhanced[SMTP_ENHANCED_SIZE]; /* said by the peer; of the code's class */

	/* The machine's own. */
	bool ended, line_ended, bad;
	uint16_t lines, line_len, text_len;
	uint32_t bytes;
	char line[SMTP_REPLY_LINE_KEPT];
	char text[SMTP_REPLY_TEXT_MAX];
};

enum smtp_reply_result {
	SMTP_REPLY_MORE, /* all of the input is consumed */
	SMTP_REPLY_LINE, /* one line of several; smtp_reply_line tells it */
	SMTP_REPLY_DONE, /* the last line; the next call begins another reply */
	SMTP_REPLY_BAD,  /* for good */
};

void smtp_reply_init(struct smtp_reply *r);
enum smtp_reply_result smtp_reply_next(struct smtp_reply *r, struct str *in);

/* The last line behind its code: as sent, cut to SMTP_REPLY_LINE_KEPT; until the next
 * call. */
struct str smtp_reply_line(const struct smtp_reply *r);
/* All lines joined by blanks and made safe; until the next call. A status code stands
 * only once, at the head. */
struct str smtp_reply_text(const struct smtp_reply *r);

/* The status code at the head of `text` (RFC 2034 4, RFC 3463 2) if it is of class
 * `code` / 100: its length, or 0. */
size_t smtp_enhanced_at(struct str text, unsigned code);

/* Appends `raw` so that it can stand in a log line or a report: what is no UTF-8 and
 * control characters become "?", a tab a blank. Cut, at a whole character, where `out` is
 * full; never sets out->overflowed. */
void smtp_text_safe(struct buf *out, struct str raw);

#endif
