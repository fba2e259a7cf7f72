/* SPDX-License-Identifier: Apache-2.0 */
/* What a message wants of its transport beside its addresses: in MAIL by extensions that are
 * not for everybody, or in its header. */
#include "receive/receive.h"

#include "lib/base/units.h"

/* "604800 2026-11-29T12:00:00Z": the longest time, and where that ends. */
void extra_tick(struct receive *rx)
{
	int64_t max_s = rx->frame->conf->submission.future_release_ms / 1000;
	int64_t until_s = loop_wall_ms(rx->frame->loop) / 1000 + max_s;
	struct buf text;
	buf_init_fixed(&text, rx->future, sizeof rx->future);
	buf_i64(&text, max_s);
	buf_byte(&text, ' ');
	units_second_write(&text, until_s * 1000);
	buf_byte(&text, '\0');
}

void extra_offer(struct session *s)
{
	struct facts facts = dialog_facts(s);
	s->smtp.extra = (uint8_t)policy_extra(&facts);
	s->smtp.future = str_of(s->rx->future);
}

bool extra_check(struct session *s, struct str sender)
{
	struct facts facts = dialog_facts(s);
	int64_t until_ms;
	struct str text = STR("The time behind HOLDUNTIL is over");
	switch (policy_future(&facts, &s->smtp.mail.params.extra, loop_wall_ms(s->rx->frame->loop),
		&until_ms)) {
	case POLICY_FUTURE_OK: return true;
	case POLICY_FUTURE_PAST: break;
	case POLICY_FUTURE_TOO_FAR:
		text = STR("That is longer than FUTURERELEASE allows");
		break;
	case POLICY_FUTURE_LATE:
		text = STR("The time behind BY is over before the message is let go");
		break;
	}
	struct verdict v = verdict_builtin(501, "5.5.4", text, "future release");
	dialog_refuse(s, "sender", sender, STR(""), &v);
	return false;
}

/* RFC 6710 4.1: 2.3.6 tells that the priority is another one, which comes first in the text. */
void extra_mail_accept(struct session *s)
{
	const struct smtp_extra_params *extra = &s->smtp.mail.params.extra;
	struct facts facts = dialog_facts(s);
	bool said = extra->asks & SMTP_EXTRA_PRIORITY;
	if (policy_priority(&facts, said, extra->priority, MAIL_PRIORITY_NORMAL).lowered)
		smtp_server_answer(&s->smtp, 250, "2.3.6",
			STR("0 is the priority of this message; log in for a higher one"));
	else
		smtp_server_answer(&s->smtp, 0, NULL, STR(""));
}

void extra_envelope(struct session *s, struct envelope *e)
{
	const struct smtp_extra_params *extra = &s->smtp.mail.params.extra;
	struct facts facts = dialog_facts(s);
	int64_t now_ms = loop_wall_ms(s->rx->frame->loop);
	e->tls_wish = extra->asks & SMTP_EXTRA_REQUIRETLS ? MAIL_TLS_REQUIRED : MAIL_TLS_AS_ROUTED;
	(void)policy_future(&facts, extra, now_ms, &e->hold_until_ms);
	if (extra->by == SMTP_BY_NONE) return;
	e->by = extra->by == SMTP_BY_RETURN ? MAIL_BY_RETURN : MAIL_BY_NOTIFY;
	e->by_trace = extra->by_trace;
	/* RFC 2852 4: from MAIL on, also for what is held. */
	e->by_ms = now_ms + (int64_t)extra->by_s * 1000;
}

bool extra_priority_said(struct session *s, int8_t *value)
{
	const struct smtp_extra_params *extra = &s->smtp.mail.params.extra;
	struct facts facts = dialog_facts(s);
	if (!(extra->asks & SMTP_EXTRA_PRIORITY)) return false;
	*value = policy_priority(&facts, true, extra->priority, MAIL_PRIORITY_NORMAL).value;
	return true;
}

void extra_header(struct session *s)
{
	struct transaction *tx = s->tx;
	struct envelope *e = &tx->envelope;
	const struct smtp_extra_params *extra = &s->smtp.mail.params.extra;
	struct facts facts = dialog_facts(s);
	struct policy_priority priority;
	mail_wishes_end(&tx->wishes);
	/* RFC 8689 4.1: REQUIRETLS wins. */
	if (tx->wishes.tls_optional && e->tls_wish == MAIL_TLS_AS_ROUTED)
		e->tls_wish = MAIL_TLS_OPTIONAL;
	e->bulk = tx->wishes.bulk;
	priority = policy_priority(&facts, extra->asks & SMTP_EXTRA_PRIORITY, extra->priority,
		(enum mail_priority)tx->wishes.priority);
	e->priority = (uint8_t)priority.class;
	e->mt_priority = priority.value;
}
