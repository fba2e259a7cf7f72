/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of MAIL that are not for everybody: who may use which. */
#include "lib/policy/facts.h"

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
	/* BY only shortens what everybody has, and reports go to who asks for them. */
	unsigned extra = SMTP_EXTRA_REQUIRETLS | SMTP_EXTRA_BY;
	if (policy_right(f)) extra |= SMTP_EXTRA_PRIORITY;
	if (f->authenticated && f->conf->submission.future_release_ms)
		extra |= SMTP_EXTRA_FUTURE;
	return extra;
}

enum policy_future policy_future(const struct facts *f, const struct smtp_extra_params *extra,
				 int64_t now_ms, int64_t *until_ms)
{
	int64_t now_s = now_ms / 1000, max_s = f->conf->submission.future_release_ms / 1000;
	int64_t ahead_s = extra->hold == SMTP_HOLD_UNTIL ? extra->hold_s - now_s : extra->hold_s;
	*until_ms = 0;
	if (extra->hold == SMTP_HOLD_NONE) return POLICY_FUTURE_OK;
	/* RFC 4865 3: what lies in the past is no future. */
	if (ahead_s < 0) return POLICY_FUTURE_PAST;
	if (ahead_s > max_s) return POLICY_FUTURE_TOO_FAR;
	if (ahead_s > 0) *until_ms = now_ms + ahead_s * 1000;
	if (extra->hold == SMTP_HOLD_UNTIL && *until_ms) *until_ms = extra->hold_s * 1000;
	/* RFC 4865 5.2.2: to be held until it is late makes no sense. */
	if (extra->by == SMTP_BY_NONE || *until_ms <= now_ms + (int64_t)extra->by_s * 1000)
		return POLICY_FUTURE_OK;
	*until_ms = 0;
	return POLICY_FUTURE_LATE;
}

/* RFC 6710 5 and its appendix B: MIXER's three levels. What lies between two of them is the
 * higher one, and what lies beyond them the nearest. */
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
	if (value > 0) p.class = MAIL_PRIORITY_URGENT;
	if (value <= LEVEL_NON_URGENT) p.class = MAIL_PRIORITY_NON_URGENT;
	return p;
}
