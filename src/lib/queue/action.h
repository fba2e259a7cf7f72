/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator may do to queued messages, and to what they wait for. */
#ifndef IMS_QUEUE_ACTION_H
#define IMS_QUEUE_ACTION_H

#include "lib/base/str.h"

enum { QUEUE_REASON_MAX = 200 };

enum queue_action {
	QUEUE_RETRY,
	QUEUE_HOLD,
	QUEUE_RELEASE,
	QUEUE_DROP,
	QUEUE_BOUNCE,
	QUEUE_REROUTE,
	QUEUE_SUSPEND, /* these two: a domain or a route, not its messages */
	QUEUE_RESUME,
	QUEUE_ACTIONS
};

bool queue_action_parse(struct str name, enum queue_action *out);
const char *queue_action_name(enum queue_action action);
/* Whether it may be given a time at which it ends by itself. */
bool queue_action_has_end(enum queue_action action);

#endif
