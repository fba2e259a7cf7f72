/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/action.h"

#include <assert.h>

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
	case QUEUE_HOLD:
	case QUEUE_REROUTE:
	case QUEUE_SUSPEND:
	case QUEUE_RESUME: return state == FILTER_ACTIVE || state == FILTER_DEFERRED;
	case QUEUE_RELEASE: return state == FILTER_HELD || state == FILTER_POISON;
	case QUEUE_DROP:
	case QUEUE_BOUNCE:
	case QUEUE_ACTIONS: break;
	}
	return true;
}

void action_op(enum queue_action action, int64_t now_ms, int64_t until_ms, struct str reason,
               struct spool_op *op)
{
	switch (action) {
	case QUEUE_RETRY:
	case QUEUE_REROUTE:
		op->kind = SPOOL_OP_DUE;
		op->next_due_ms = now_ms;
		break;
	case QUEUE_HOLD:
		op->kind = SPOOL_OP_STATE;
		op->state = (struct spool_set_state){ SPOOL_HELD, until_ms, reason };
		break;
	case QUEUE_RELEASE:
		op->kind = SPOOL_OP_STATE;
		op->state = (struct spool_set_state){ SPOOL_ACTIVE, now_ms, reason };
		break;
	case QUEUE_DROP: op->kind = SPOOL_OP_REMOVE; break;
	case QUEUE_BOUNCE:
	case QUEUE_SUSPEND:
	case QUEUE_RESUME:
	case QUEUE_ACTIONS: assert(false);
	}
}

bool action_existed(const struct envelope *e, uint32_t index)
{
	return index < e->rcpt_count && str_eq(e->rcpts[index].route, STR("mailbox"));
}

static bool waits_for(const struct spool_rcpt *rcpt, struct str what)
{
	return rcpt->state == SPOOL_DEFERRED && rcpt->host.len == 0 && str_starts(rcpt->reply, what);
}

bool action_lacks_route(const struct spool_rcpt *rcpt)
{
	return waits_for(rcpt, STR(ACTION_NO_ROUTE));
}

struct str action_rcpt_state(const struct spool_rcpt *rcpt)
{
	if (action_lacks_route(rcpt) || waits_for(rcpt, STR(ACTION_ROUTE_LACKS))) return STR("unreachable");
	return spool_rcpt_state_name(rcpt->state);
}

static struct route_ask ask_of(const struct envelope *e, const struct spool_rcpt *rcpt)
{
	return (struct route_ask){ .address = rcpt->address,
		.exists = action_existed(e, rcpt->index), .sender = e->sender, .user = e->user };
}

struct route action_route(const struct conf *conf, const struct envelope *e,
                          const struct spool_rcpt *rcpt)
{
	struct route_ask ask = ask_of(e, rcpt);
	return route_find(conf, &ask);
}

bool action_dearer(const struct conf *conf, const struct envelope *e,
                   const struct spool_rcpt *rcpt, struct route *route)
{
	struct route_ask ask = ask_of(e, rcpt);
	if (!conf_routes_have_costs(conf)) return false;
	ask.dearer = route->dearer + 1;
	*route = route_find(conf, &ask);
	return route->dearer == ask.dearer;
}
