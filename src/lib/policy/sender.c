/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/facts.h"

static bool policy_wants_auth(const struct facts *f)
{
	if (f->host && f->host->auth == CONF_HOST_AUTH_REQUIRE) return true;
	if (f->host && f->host->auth == CONF_HOST_AUTH_EXEMPT) return false;
	return f->listener->role == CONF_ROLE_SUBMISSION ||
	       f->listener->auth == CONF_LISTENER_AUTH_REQUIRE;
}

struct verdict policy_sender(const struct facts *f)
{
	if (f->host && f->host->tls == CONF_HOST_TLS_REQUIRE && !f->tls)
		return verdict_rule(530, "5.7.0",
			STR("Encryption is required from your address; use STARTTLS first"),
			&f->host->origin);
	if (f->listener->tls == CONF_LISTENER_TLS_REQUIRE && !f->tls)
		return verdict_rule(530, "5.7.0",
			STR("Encryption is required here; use STARTTLS first"),
			&f->listener->tls_from);
	if (policy_wants_auth(f) && !f->authenticated)
		return verdict_rule(530, "5.7.0",
			STR("Authentication is required here; log in first"),
			f->host && f->host->auth == CONF_HOST_AUTH_REQUIRE
				? &f->host->origin : &f->listener->origin);
	if (!f->spool_up)
		return verdict_builtin(451, "4.3.0",
			STR("The mail store is restarting; try again in a moment"), "spool");
	if (f->disk_low)
		return verdict_rule(452, "4.3.1",
			STR("The mail store is nearly full; try again later"),
			&f->conf->spool.min_free_b_from);
	return verdict_accept();
}
