/* SPDX-License-Identifier: Apache-2.0 */
/* What others wrote, made fit to stand in a report: no control character gets through,
 * no line becomes too long, and nothing leaves its field. Pure. */
#ifndef IMS_DSN_TEXT_H
#define IMS_DSN_TEXT_H

#include "lib/base/buf.h"

enum {
	DSN_LINE_MAX = 998, /* octets without CRLF (RFC 5322 2.1.1) */
	DSN_VALUE_MAX = 900, /* octets of one value of a field */
};

/* Appends `s` as one line of at most `max` octets. Runs of blanks, line ends and control
 * characters become one blank; so do C1 controls, line separators and what changes the
 * direction of writing. What is not UTF-8 becomes "?", and without `utf8` all that is not
 * ASCII. Ends without a blank. */
void dsn_text_plain(struct buf *out, struct str s, bool utf8, size_t max);

/* Appends "Name: valueCRLF", folded at blanks (RFC 5322 2.2.3). The value is one that
 * dsn_text_plain made, of at most DSN_VALUE_MAX octets. */
void dsn_field_put(struct buf *out, struct str name, struct str value);
/* The same of a fixed beginning ("dns; ") and of what somebody else wrote. */
void dsn_field_text(struct buf *out, struct str name, struct str lead, struct str text,
		    bool utf8);

/* Appends text as paragraph of lines that begin with `indent` and aim at 76 octets; the
 * text is one that dsn_text_plain made, or our own. */
void dsn_text_wrap(struct buf *out, struct str indent, struct str text);

/* Quoted-printable (RFC 2045 6.7): CRLF stays a line end, all else that is not plain is
 * quoted. False if `max` octets do not hold it: the rest is missing, the last line ended. */
bool dsn_quoted_printable(struct buf *out, struct str text, size_t max);
/* UTF-8 as encoded words (RFC 2047), each on a line of its own. */
void dsn_encoded_words(struct buf *out, struct str text);

/* Can go as it is: lines of at most DSN_LINE_MAX octets that end with CRLF, no NUL, no
 * other CR or LF, and only ASCII unless `eight`. */
bool dsn_text_is_clean(struct str text, bool eight);

#endif
