/* SPDX-License-Identifier: Apache-2.0 */
/* Reads lines of the log back. The log may have been written by another release, cut by a
 * full disk or edited: every octet is looked at with suspicion. Pure. */
#ifndef IMS_EVENT_PARSE_H
#define IMS_EVENT_PARSE_H

#include "lib/event/view.h"

/* One line, with or without its LF, in text or JSON form (told apart by the first octet).
 * False if it is neither, has no `ts` or no `event`, or is over EVENT_LINE_MAX. `scratch`
 * holds the texts that had escapes; it is emptied first, needs a `max` of EVENT_LINE_MAX
 * and must live as long as the view. Keys that this release does not know are kept. */
bool event_parse(struct str line, struct buf *scratch, struct event_view *v);

/* The event's name in a text or JSON line, without reading the rest (it may be bad);
 * EVENT_NONE if it is not to be seen at once. For those who look for few events in many.
 */
enum event_name event_parse_name(struct str line);

#endif
