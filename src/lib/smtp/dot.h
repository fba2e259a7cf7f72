/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a message on its way in: takes off the dots of DATA (RFC 5321 4.5.2) and
 * looks for bytes that have no place there (RFC 5321 2.3.8: CR and LF only as CRLF).
 *
 * Only CRLF.CRLF ends DATA. Where one server took LF.LF, LF.CRLF, CRLF.LF or CR.CR for
 * an end and the next did not, one message became two, the second with a sender of the
 * attacker's choice ("SMTP smuggling", SEC Consult 2023, CVE-2023-51764 to -51766).
 *
 * Incremental: the same text gives the same bytes however it was cut into segments.
 * Pure; spans point into the input or into static text. */
#ifndef IMS_SMTP_DOT_H
#define IMS_SMTP_DOT_H

#include "lib/base/str.h"

enum smtp_flaw {
	SMTP_FLAW_BARE_CR = 1,
	SMTP_FLAW_BARE_LF = 2,
	SMTP_FLAW_NUL = 4,
};

struct smtp_dot {
	uint64_t taken;   /* octets consumed so far */
	uint64_t flaw_at; /* offset in them of the first flaw */
	uint8_t flaws;    /* enum smtp_flaw, all that were seen */
	uint8_t state;
	bool dots; /* DATA: dots are taken off, CRLF.CRLF ends; false: BDAT */
	bool fix;  /* a bare CR or LF comes out as CRLF; it still never ends anything */
};

enum smtp_dot_result {
	SMTP_DOT_MORE, /* all of the input is consumed */
	SMTP_DOT_SPAN, /* `*span` is the next piece of the text; call again */
	SMTP_DOT_END,  /* CRLF.CRLF: what is left in `*in` is the next command */
};

void smtp_dot_init(struct smtp_dot *d, bool dots, bool fix);
/* Consumes from `*in`. A NUL and, without `fix`, a bare CR or LF come out as they
 * are: whoever sees `flaws` has to refuse the message. */
enum smtp_dot_result smtp_dot_next(struct smtp_dot *d, struct str *in, struct str *span);
/* End of the last BDAT chunk: true if one more span (a CR that stayed alone) is due. */
bool smtp_dot_finish(struct smtp_dot *d, struct str *span);

#endif
