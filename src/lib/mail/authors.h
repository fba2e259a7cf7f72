/* SPDX-License-Identifier: Apache-2.0 */
/* The mailboxes of the fields From and Sender (RFC 5322 3.4, 3.6.2): who claims to have
 * written a message. What a mail program could read in two ways is not read at all. Pure. */
#ifndef IMS_MAIL_AUTHORS_H
#define IMS_MAIL_AUTHORS_H

#include "lib/base/buf.h"

enum {
	MAIL_AUTHORS_MAX = 32,              /* mailboxes of one message */
	MAIL_AUTHOR_LEN_MAX = 512,          /* octets of one, with quotes */
	MAIL_AUTHORS_TEXT_MAX = 16 * 1024,  /* octets of all these fields */
};

/* Appends the addresses of one field's value (with or without its folds), each followed by
 * a newline: local@domain, without display name, comments, blanks and source route; quotes
 * stay. An empty group has none. False: it is none of RFC 5322's forms, or more than `max`
 * mailboxes; `out` may have some of them. */
bool mail_authors_parse(struct str value, size_t max, struct buf *out);

#endif
