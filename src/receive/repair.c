/* SPDX-License-Identifier: Apache-2.0 */
/* Mail of devices and programs, made whole: the header while it comes in, and who it is
 * from. What a message is judged by stays what the client said. */
#include "receive/receive.h"

#include "lib/policy/repair.h"

static struct str map(const void *session, struct str address)
{
	const struct session *s = session;
	return policy_map_sender(s->rx->frame->conf, s->listener->conf, address);
}

struct str repair_sender(const struct session *s, struct str sender)
{
	struct str other = map(s, sender);
	return other.len ? other : sender;
}

bool repair_begin(struct session *s)
{
	struct transaction *tx = s->tx;
	struct mail_repair_plan plan = {
		.how = policy_repair(s->listener->conf),
		.sender = tx->envelope.sender,
		.host = tx->scan.host,
		.id = tx->handle,
		.now_s = loop_wall_ms(s->rx->frame->loop) / 1000,
		.map = map,
		.arg = s,
	};
	tx->repair = NULL;
	if (plan.how == MAIL_REPAIR_NO) return true;
	tx->repair = arena_alloc(&tx->arena, sizeof *tx->repair);
	if (tx->repair) mail_repair_init(tx->repair, &plan);
	return tx->repair != NULL;
}

/* Part of the message, and what the repair makes of it. */
static void repair_step(struct transaction *tx, struct str bytes, bool last)
{
	struct buf out;
	buf_init(&out, bytes.len + MAIL_REPAIR_MAX);
	struct str rest = mail_repair_feed(tx->repair, bytes, &out);
	if (last) mail_repair_end(tx->repair, &out);
	tx->failed |= out.overflowed;
	body_append(tx, buf_view(&out));
	body_append(tx, rest);
	buf_free(&out);
}

void repair_body(struct transaction *tx, struct str bytes)
{
	if (tx->repair && !tx->repair->ended) repair_step(tx, bytes, false);
	else body_append(tx, bytes);
}

void repair_end(struct transaction *tx)
{
	if (tx->repair && !tx->repair->ended) repair_step(tx, STR(""), true);
}
