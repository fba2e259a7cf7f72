/* SPDX-License-Identifier: Apache-2.0 */
/* How much may come in which time. What is counted stands in memory that all receive
 * processes share, so the answer is there at once. */
#include "receive/receive.h"

enum { HOLD_TEXT = 640 };

static struct rate_clock rate_clock(const struct receive *rx)
{
	return (struct rate_clock){ loop_now_ms(rx->frame->loop), loop_wall_ms(rx->frame->loop) };
}

static struct buf rate_buf(struct receive *rx)
{
	struct buf text;
	buf_init_fixed(&text, rx->rate_text, sizeof rx->rate_text);
	return text;
}

struct verdict rate_connect(struct receive *rx, const struct facts *f)
{
	struct buf text = rate_buf(rx);
	return policy_rate(f, rx->tally, RATE_CONNECTIONS, rate_clock(rx), &text);
}

struct verdict rate_sender(struct session *s, const struct facts *f, struct verdict v)
{
	struct receive *rx = s->rx;
	struct buf text = rate_buf(rx);
	struct verdict now = policy_rate(f, rx->tally, RATE_MESSAGES, rate_clock(rx), &text);
	if (now.kind == VERDICT_REFUSE) return now;
	if (now.kind != VERDICT_HOLD) return v;
	tell_hold(s, f->sender, STR(""), &now);
	return v.kind == VERDICT_HOLD ? v : now;
}

/* Once for a transaction. */
static struct verdict rate_hold(struct session *s, struct str address, const struct verdict *v)
{
	struct transaction *tx = s->tx;
	char memory[HOLD_TEXT];
	struct buf reason;
	if (tx->hold.len) return verdict_accept();
	buf_init_fixed(&reason, memory, sizeof memory);
	buf_str(&reason, v->text);
	buf_str(&reason, STR("; "));
	verdict_rule_write(v, &reason);
	struct str kept = arena_str(&tx->arena, buf_view(&reason));
	if (!kept.len)
		return verdict_builtin(451, "4.3.0", STR("Out of memory; try again later"), "memory");
	tx->hold = kept;
	tell_hold(s, tx->said, address, v);
	return verdict_accept();
}

static struct verdict rate_grey(struct session *s, const struct facts *f, struct str address)
{
	int64_t again_ms;
	struct buf text = rate_buf(s->rx);
	struct verdict v =
		policy_grey(f, s->rx->tally, address, rate_clock(s->rx), &text, &again_ms);
	if (again_ms >= 0) tell_grey_pass(s, address, again_ms);
	return v;
}

struct verdict rate_recipient(struct session *s, const struct facts *f, struct str address)
{
	struct receive *rx = s->rx;
	bool tell;
	/* What counts is what the client names, not what that stands for. */
	if (transaction_is_named(s->tx, address)) return verdict_accept();
	struct verdict v = rate_grey(s, f, address);
	if (v.kind == VERDICT_REFUSE) return v;
	struct buf text = rate_buf(rx);
	v = policy_rate(f, rx->tally, RATE_RECIPIENTS, rate_clock(rx), &text);
	if (v.kind == VERDICT_REFUSE) return v;
	if (v.kind == VERDICT_HOLD) v = rate_hold(s, address, &v);
	if (v.kind == VERDICT_REFUSE) return v;
	text = rate_buf(rx);
	v = policy_baseline(f, rx->tally, rate_clock(rx), &text, &tell);
	return v.kind == VERDICT_HOLD ? rate_hold(s, address, &v) : v;
}
