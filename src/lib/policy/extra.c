/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of MAIL that are not for everybody: who may use which. */
#include "lib/policy/facts.h"
#include "lib/smtp/extra.h"

/* Whoever a login or a rule speaks for. A listener of the role alone says only what its
 * clients are there for; on one of the role submission they have to log in. */
static bool is_trusted(const struct facts *f)
{
	if (f->authenticated) return true;
	if (f->host && f->host->auth == CONF_HOST_AUTH_EXEMPT) return true;
	if (f->relay_never) return false;
	return f->relay_from || (f->host && f->host->relay == CONF_YES_YES);
}

unsigned policy_extra(const struct facts *f)
{
	unsigned extra = SMTP_EXTRA_REQUIRETLS;
	if (policy_right(f)) extra |= SMTP_EXTRA_PRIORITY;
	return extra;
}

/* RFC 6710: MIXER's three levels. What lies between two of them is the lower one. */
enum { LEVEL_URGENT = 4, LEVEL_NON_URGENT = -4 };

struct policy_priority policy_priority(const struct facts *f, bool said, int value,
				       enum mail_priority header)
{
	struct policy_priority p = { .value = 0, .class = MAIL_PRIORITY_NORMAL };
	if (!policy_right(f)) return p;
	if (!said && header != MAIL_PRIORITY_NORMAL)
		value = header == MAIL_PRIORITY_URGENT ? LEVEL_URGENT : LEVEL_NON_URGENT;
	/* Everybody may step back; to the front only who is known. */
	p.lowered = value > 0 && !is_trusted(f);
	if (p.lowered) value = 0;
	p.value = (int8_t)value;
	if (value >= LEVEL_URGENT) p.class = MAIL_PRIORITY_URGENT;
	if (value < 0) p.class = MAIL_PRIORITY_NON_URGENT;
	return p;
}
