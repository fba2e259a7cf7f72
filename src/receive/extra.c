/* SPDX-License-Identifier: Apache-2.0 */
/* What a message wants of its transport beside its addresses: in MAIL by extensions that are
 * not for everybody, or in its header. */
#include "receive/receive.h"

void extra_offer(struct session *s)
{
	s->smtp.extra = SMTP_EXTRA_REQUIRETLS;
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
	mail_wishes_end(&tx->wishes);
	/* RFC 8689 4.1: REQUIRETLS wins. */
	if (tx->wishes.tls_optional && e->tls_wish == MAIL_TLS_AS_ROUTED)
		e->tls_wish = MAIL_TLS_OPTIONAL;
	e->bulk = tx->wishes.bulk;
}
