/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/facts.h"

/* Everything here is known at accept time, so a refusal costs no look-up (Q166584). */
struct verdict policy_connect(const struct facts *f)
{
	const struct conf *conf = f->conf;
	bool out = conf->transfer == CONF_TRANSFER_OUT || conf->transfer == CONF_TRANSFER_DRAIN;
	if (out && f->listener->role != CONF_ROLE_ODMR) /* there mail leaves, too */
		return verdict_rule(421, "4.3.2",
			STR("This server is not taking new mail now; try again later"),
			&conf->transfer_from);
	if (f->host && f->host->action == CONF_HOST_REJECT)
		return verdict_rule(554, "5.7.1",
			STR("Your address may not connect to this server; ask its postmaster"),
			&f->host->origin);
	if (f->shunned)
		return verdict_builtin(421, "4.7.0",
			STR("Your last sessions ended in a fault here; try again in some minutes"),
			"shun");
	if (f->sessions_all > (uint64_t)conf->limit.connections.in)
		return verdict_rule(421, "4.7.0",
			STR("Too many connections to this server; try again later"),
			&conf->limit.connections.in_from);
	if (f->listener->connections > 0 &&
	    f->sessions_listener > (uint64_t)f->listener->connections)
		return verdict_rule(421, "4.7.0",
			STR("Too many connections to this address; try again later"),
			&f->listener->connections_from);
	if (f->sessions_client > (uint64_t)conf->limit.connections.per_host)
		return verdict_rule(421, "4.7.0",
			STR("Too many connections from your address; close some first"),
			&conf->limit.connections.per_host_from);
	return verdict_accept();
}
