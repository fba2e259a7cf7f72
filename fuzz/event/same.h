/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of every line that is written. Aborts where it does not. */
#ifndef IMS_FUZZ_EVENT_SAME_H
#define IMS_FUZZ_EVENT_SAME_H

#include "lib/event/view.h"

/* `v` as text and as JSON is one line each, without control characters, and reads back
 * to the same event; in the form of Postfix it is one line, or three for receive. */
void same_check(const struct event_view *v);

#endif
