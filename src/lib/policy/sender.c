/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/facts.h"

/* The turf list. An entry that holds the mail is no reason to refuse it: that comes when
 * all else is found good. */
struct verdict policy_filter(const struct facts *f)
{
	enum conf_filter_action action;
	const struct conf_sender *entry = conf_sender_find(f->conf, f->sender, &action);
	if (!entry) return verdict_accept();
	if (action == CONF_FILTER_QUARANTINE)
		return verdict_hold(STR("the sender is filtered"), &entry->from);
	return verdict_rule(550, "5.7.1",
		STR("Mail from that sender is not taken here; ask the postmaster"), &entry->from);
}

static struct verdict policy_session(const struct facts *f)
{
	if (f->host && f->host->tls == CONF_HOST_TLS_REQUIRE && !f->tls)
		return verdict_rule(530, "5.7.0",
			STR("Encryption is required from your address; use STARTTLS first"),
			&f->host->origin);
	if (f->listener->tls == CONF_LISTENER_TLS_REQUIRE && !f->tls)
		return verdict_rule(530, "5.7.0",
			STR("Encryption is required here; use STARTTLS first"),
			&f->listener->tls_from);
	if (policy_auth_required(f) && !f->authenticated)
		return verdict_rule(530, "5.7.0",
			STR("Authentication is required here; log in first"),
			f->host && f->host->auth == CONF_HOST_AUTH_REQUIRE
				? &f->host->origin : &f->listener->origin);
	return verdict_accept();
}

static struct verdict policy_store(const struct facts *f)
{
	if (!f->spool_up)
		return verdict_builtin(451, "4.3.0",
			STR("The mail store is restarting; try again in a moment"), "spool");
	if (f->disk_low)
		return verdict_rule(452, "4.3.1",
			STR("The mail store is nearly full; try again later"),
			&f->conf->spool.min_free_b_from);
	return verdict_accept();
}

/* Of a session that began before the mode was changed; what it has begun comes to its end. */
static struct verdict policy_mode(const struct facts *f)
{
	if (f->conf->transfer != CONF_TRANSFER_OUT && f->conf->transfer != CONF_TRANSFER_DRAIN)
		return verdict_accept();
	return verdict_rule(421, "4.3.2",
		STR("This server is not taking new mail now; try again later"), &f->conf->transfer_from);
}

/* Who may not send anyway is not told how the store is. */
struct verdict policy_sender(const struct facts *f)
{
	struct verdict v = policy_session(f);
	struct verdict filter = policy_filter(f);
	if (v.kind == VERDICT_ACCEPT && filter.kind == VERDICT_REFUSE) v = filter;
	if (v.kind == VERDICT_ACCEPT) v = policy_submission(f);
	if (v.kind == VERDICT_ACCEPT) v = policy_mode(f);
	if (v.kind == VERDICT_ACCEPT) v = policy_store(f);
	return v.kind == VERDICT_ACCEPT ? filter : v;
}

/* The rules of the sender were asked when it came; what may have changed is asked again. */
struct verdict policy_data(const struct facts *f)
{
	struct verdict v = policy_session(f);
	return v.kind == VERDICT_ACCEPT ? policy_store(f) : v;
}
