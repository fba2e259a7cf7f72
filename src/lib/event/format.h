/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the log. Pure; every line ends with LF and holds no other. A line is written
 * whole or, where `out` has no room, not at all to be relied on: test out->overflowed. */
#ifndef IMS_EVENT_FORMAT_H
#define IMS_EVENT_FORMAT_H

#include "lib/event/view.h"

/* Octets of a line, LF counted, or of all lines of one event in the Postfix form; the
 * worst is a record full of control characters in JSON, six octets each. */
enum { EVENT_LINE_MAX = 112 * 1024 };

/* ts=... event=... number=... severity=... role=... sid=... id=... key=value ... */
void event_format_text(const struct event_view *v, struct buf *out);
/* One object with the same keys in the same order; NUMBER fields and `number` are JSON
 * numbers. Octets that are not UTF-8 become U+FFFD. */
void event_format_json(const struct event_view *v, struct buf *out);

/* How lines in the shape of Postfix begin: "Nov 22 02:15:26 HOST IDENT/smtpd[1]: ". */
struct event_postfix {
	struct str ident; /* tools look for "postfix" unless told otherwise */
	struct str host;
	int32_t utc_offset_s; /* such lines stand in local time: seconds east of UTC */
};

/* What pflogsumm, fail2ban and their like read. receive makes three lines (client,
 * message-id, sender and size), every other event one. The number in brackets is taken
 * from the session, so that its lines belong together, else from the process. Not to be
 * read back: control characters, angle brackets in addresses and octets that are not
 * UTF-8 become '?', as Postfix does it. */
void event_format_postfix(const struct event_view *v, const struct event_postfix *how,
			  struct buf *out);

#endif
