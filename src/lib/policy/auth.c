/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/facts.h"

bool policy_auth_required(const struct facts *f)
{
	if (f->host && f->host->auth == CONF_HOST_AUTH_REQUIRE) return true;
	if (f->host && f->host->auth == CONF_HOST_AUTH_EXEMPT) return false;
	return f->listener->role == CONF_ROLE_SUBMISSION ||
	       f->listener->auth == CONF_LISTENER_AUTH_REQUIRE;
}

/* Who is exempt may log in all the same, where the listener lets others. */
static bool policy_auth_is_wanted(const struct facts *f)
{
	return policy_auth_required(f) || f->listener->role == CONF_ROLE_SUBMISSION ||
	       f->listener->role == CONF_ROLE_ODMR ||
	       f->listener->auth != CONF_LISTENER_AUTH_OFF;
}

enum policy_auth policy_auth_offer(const struct facts *f)
{
	if (!f->conf->auth.mechanisms || !policy_auth_is_wanted(f)) return POLICY_AUTH_OFF;
	if (f->tls || (f->host && f->host->auth == CONF_HOST_AUTH_CLEARTEXT))
		return POLICY_AUTH_OFFERED;
	return POLICY_AUTH_AFTER_TLS;
}
