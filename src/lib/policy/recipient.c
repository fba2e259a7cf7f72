/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/facts.h"

bool policy_is_postmaster(struct str local)
{
	return str_eq_nocase(local, STR("postmaster"));
}

/* A local part that carries an address of elsewhere: percent hack, bang path, a quoted
 * one with @ (Q244346, Q237927, Q264330). Such a local part is never taken apart; where
 * no directory says that it is a user, it is nobody. */
static bool policy_names_elsewhere(struct str local)
{
	return str_find(local, '%') >= 0 || str_find(local, '!') >= 0 || str_find(local, '@') >= 0;
}

/* On a listener of another role a client that has logged in may relay where `relay` says so. */
static bool policy_relays_by_login(const struct facts *f)
{
	return f->authenticated &&
	       (f->listener->role == CONF_ROLE_SUBMISSION ||
	        f->conf->relay.authenticated == CONF_RELAY_FOR_AUTHENTICATED);
}

static struct verdict policy_detour(void)
{
	return verdict_builtin(550, "5.7.1",
		STR("That address names another host, which is not relayed to; write user@host alone"),
		"relay denied");
}

static struct verdict policy_foreign(const struct facts *f)
{
	if (f->relay_never)
		return verdict_rule(550, "5.7.1",
			STR("Relaying to that domain is denied for your address; use your own mail server"),
			&f->relay_never->from);
	if (f->relay_from || policy_relays_by_login(f)) return verdict_accept();
	if (f->host && f->host->relay == CONF_YES_YES) return verdict_accept();
	return verdict_builtin(550, "5.7.1",
		STR("Relaying to that domain is denied for you; log in or use your own mail server"),
		"relay denied");
}

static bool policy_has_aliases(const struct conf_domain *domain)
{
	return domain && (domain->aliases.len || domain->catch_all.len);
}

/* RFC 5321 4.5.1: always there, also while nobody can be asked. He is asked about, so that
 * a user or an alias of that name in his domain gets what is his; NULL: the postmaster of
 * this server itself. */
static struct verdict policy_postmaster(const struct facts *f, const struct conf_domain *domain)
{
	struct str address = f->conf->postmaster;
	(void)str_cut(&address, '@');
	bool asked = policy_has_aliases(conf_domain_find(f->conf, address)) ||
	             policy_has_aliases(domain) || (domain && !domain->users.any);
	return asked && f->exists == ANSWER_UNKNOWN ? verdict_need(FACT_RECIPIENT_EXISTS)
	                                            : verdict_accept();
}

/* A catch-all is not for those who try how an address is taken apart, and neither is
 * "users any". */
static struct verdict policy_known(const struct facts *f, const struct conf_domain *domain)
{
	bool by_name = f->stands_for == STANDS_FOR_ALIAS ||
	               (f->stands_for == STANDS_FOR_ITSELF && !domain->users.any);
	return !by_name && policy_names_elsewhere(f->local) ? policy_detour() : verdict_accept();
}

struct verdict policy_recipient(const struct facts *f)
{
	bool postmaster = policy_is_postmaster(f->local);
	const struct conf_domain *domain = conf_domain_find(f->conf, f->domain);
	bool own_host = f->domain.len == 0 || str_eq_nocase(f->domain, f->conf->hostname);
	if (postmaster && (domain || own_host)) return policy_postmaster(f, domain);
	if (f->domain.len == 0)
		/* Q156997: nobody guesses where such an address might be at home. */
		return verdict_builtin(550, "5.1.3",
			STR("The address has no domain; write user@domain"), "no domain");
	if (!domain) return policy_foreign(f);
	if (domain->users.any && !policy_has_aliases(domain)) return policy_known(f, domain);
	switch (f->exists) {
	case ANSWER_UNKNOWN: return verdict_need(FACT_RECIPIENT_EXISTS);
	case ANSWER_YES: return policy_known(f, domain);
	case ANSWER_NO:
		if (policy_names_elsewhere(f->local)) return policy_detour();
		return verdict_rule(550, "5.1.1",
			STR("There is no such user here; check the address"),
			&domain->users_from);
	case ANSWER_CIRCLE:
		return verdict_builtin(451, "4.3.5",
			STR("That address leads in a circle here, which has to be mended; try again later"),
			"aliases");
	case ANSWER_CANNOT_TELL: break;
	}
	return verdict_builtin(451, "4.3.0",
		STR("The list of users cannot be asked now; try again later"), "directory");
}
