/* SPDX-License-Identifier: Apache-2.0 */
/* What a message wants of its transport beside its addresses: in MAIL by extensions that are
 * not for everybody, or in its header. */
#include "receive/receive.h"

void extra_offer(struct session *s)
{
	struct facts facts = dialog_facts(s);
	s->smtp.extra = (uint8_t)policy_extra(&facts);
}

/* RFC 6710: 2.3.6 tells that the priority is another one, which comes first in the text. */
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
	e->tls_wish = extra->asks & SMTP_EXTRA_REQUIRETLS ? MAIL_TLS_REQUIRED : MAIL_TLS_AS_ROUTED;
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
