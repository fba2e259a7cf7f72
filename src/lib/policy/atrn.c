/* SPDX-License-Identifier: Apache-2.0 */
/* Who may fetch which mail by ATRN (RFC 2645 5.2.1): all of a list, or nothing. */
#include "lib/policy/facts.h"
#include "lib/smtp/address.h"

static bool may_fetch(const struct facts *f, const struct conf_domain *d)
{
	return d && d->deliver.held && f->authenticated && policy_user_is_in(f->user, &d->atrn_user);
}

bool policy_domain_is_in(struct str domains, struct str name)
{
	while (domains.len)
		if (str_eq_nocase(str_cut(&domains, '\n'), name)) return true;
	return false;
}

static void all_put(const struct facts *f, struct buf *domains)
{
	const struct conf *conf = f->conf;
	for (size_t i = 0; conf->held_count && i < conf->domain_count; i++)
		for (size_t n = 0; may_fetch(f, &conf->domains[i]) && n < conf->domains[i].name_count; n++)
			policy_domain_put(domains, conf->domains[i].names[n]);
}

static enum policy_atrn one_put(const struct facts *f, struct str name, struct buf *domains)
{
	if (!smtp_domain_is_valid(name)) return POLICY_ATRN_BAD;
	if (!may_fetch(f, conf_domain_find(f->conf, name))) return POLICY_ATRN_DENIED;
	if (!policy_domain_is_in(buf_view(domains), name)) policy_domain_put(domains, name);
	return POLICY_ATRN_OK;
}

enum policy_atrn policy_atrn_domains(const struct facts *f, struct str argument,
                                     struct buf *domains)
{
	struct str rest = str_trim(argument);
	enum policy_atrn result = POLICY_ATRN_OK;
	bool more = rest.len > 0;
	if (!more) all_put(f, domains);
	while (more) {
		more = str_find(rest, ',') >= 0; /* an empty word behind the last comma is none, too */
		enum policy_atrn one = one_put(f, str_cut(&rest, ','), domains);
		if (one == POLICY_ATRN_BAD) return one;
		if (one == POLICY_ATRN_DENIED) result = one;
	}
	if (result != POLICY_ATRN_OK) return result;
	if (domains->overflowed) return POLICY_ATRN_MANY;
	return domains->len ? POLICY_ATRN_OK : POLICY_ATRN_DENIED;
}
