/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/action.h"

enum filter_state action_state(const struct spool_msg *msg)
{
	if (msg->state == SPOOL_HELD) return FILTER_HELD;
	if (msg->state == SPOOL_POISON) return FILTER_POISON;
	return msg->rcpts_deferred > 0 ? FILTER_DEFERRED : FILTER_ACTIVE;
}

bool action_applies(enum queue_action action, enum filter_state state)
{
	switch (action) {
	case QUEUE_RETRY:
	case QUEUE_HOLD: return state == FILTER_ACTIVE || state == FILTER_DEFERRED;
	case QUEUE_RELEASE: return state == FILTER_HELD || state == FILTER_POISON;
	case QUEUE_DROP:
	case QUEUE_ACTIONS: break;
	}
	return true;
}

void action_op(enum queue_action action, int64_t now_ms, struct str reason,
               struct spool_op *op)
{
	switch (action) {
	case QUEUE_RETRY:
		op->kind = SPOOL_OP_DUE;
		op->next_due_ms = now_ms;
		break;
	case QUEUE_HOLD:
		op->kind = SPOOL_OP_STATE;
		op->state = (struct spool_set_state){ SPOOL_HELD, 0, reason };
		break;
	case QUEUE_RELEASE:
		op->kind = SPOOL_OP_STATE;
		op->state = (struct spool_set_state){ SPOOL_ACTIVE, now_ms, reason };
		break;
	case QUEUE_DROP:
	case QUEUE_ACTIONS: op->kind = SPOOL_OP_REMOVE; break;
	}
}
