/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a log line. Whatever a peer says stays one value on one line, cannot move a
 * terminal's cursor or turn its text around, and reads back to the same octets. Pure. */
#ifndef IMS_EVENT_QUOTE_H
#define IMS_EVENT_QUOTE_H

#include "lib/base/buf.h"

/* As it is where it may stand so; else in quotes, with control characters (C0, DEL, C1,
 * line and paragraph separator, those that change the direction of text), quote,
 * backslash and octets that are not UTF-8 as \xNN. */
void event_quote(struct buf *out, struct str value);

/* The inside of quotes, back to octets, appended to `out`; false if a backslash does not
 * begin \xNN. */
bool event_unquote(struct buf *out, struct str inside);

#endif
