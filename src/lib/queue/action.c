/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/action.h"

static const char *const names[QUEUE_ACTIONS] = {
	[QUEUE_RETRY] = "retry",
	[QUEUE_HOLD] = "hold",
	[QUEUE_RELEASE] = "release",
	[QUEUE_DROP] = "drop",
	[QUEUE_BOUNCE] = "bounce",
	[QUEUE_REROUTE] = "reroute",
	[QUEUE_SUSPEND] = "suspend",
	[QUEUE_RESUME] = "resume",
};

const char *queue_action_name(enum queue_action action)
{
	return names[action];
}

bool queue_action_parse(struct str name, enum queue_action *out)
{
	for (int i = 0; i < QUEUE_ACTIONS; i++) {
		if (!str_eq(name, str_of(names[i]))) continue;
		*out = (enum queue_action)i;
		return true;
	}
	return false;
}

bool queue_action_has_end(enum queue_action action)
{
	return action == QUEUE_HOLD || action == QUEUE_SUSPEND;
}
