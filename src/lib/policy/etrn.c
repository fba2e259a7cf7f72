/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask for mail that waits, and what an argument of ETRN means (RFC 1985 5.1). */
#include "lib/policy/facts.h"
#include "lib/smtp/address.h"

bool policy_user_is_in(struct str user, const struct conf_matches *owners)
{
	struct str local, domain;
	smtp_address_split(user, &local, &domain);
	for (size_t i = 0; user.len && i < owners->count; i++) {
		struct str one = owners->at[i];
		if (str_starts(one, STR("@")) ? str_eq_nocase(str_from(one, 1), domain)
					      : smtp_address_eq(one, user))
			return true;
	}
	return false;
}

static bool may_ask(const struct facts *f, const struct conf_domain *d)
{
	if (!d->deliver.held) return false;
	return conf_network_find(&d->etrn_from, f->client) ||
	       (f->authenticated && policy_user_is_in(f->user, &d->etrn_user));
}

bool policy_may_etrn(const struct facts *f)
{
	for (size_t i = 0; f->conf->held_count && i < f->conf->domain_count; i++)
		if (may_ask(f, &f->conf->domains[i])) return true;
	return false;
}

void policy_domain_put(struct buf *out, struct str name)
{
	for (size_t i = 0; i < name.len; i++) buf_byte(out, ascii_lower(name.at[i]));
	buf_byte(out, '\n');
}

/* `name` itself, or something below it. */
static bool is_in_zone(struct str name, struct str zone)
{
	if (name.len <= zone.len) return str_eq_nocase(name, zone);
	struct str end = str_from(name, name.len - zone.len);
	return name.at[name.len - zone.len - 1] == '.' && str_eq_nocase(end, zone);
}

static struct str route_of(const struct conf *conf, const struct conf_domain *d, struct str name)
{
	if (d->deliver.name.len) return d->deliver.name;
	struct conf_route_found found =
		conf_route_match(conf, &(struct conf_route_ask){ .domain = name });
	return found.route ? found.route->name : STR("default");
}

static void collect(const struct facts *f, char option, struct str what, struct buf *out)
{
	const struct conf *conf = f->conf;
	for (size_t i = 0; i < conf->domain_count; i++) {
		const struct conf_domain *d = &conf->domains[i];
		if (!may_ask(f, d)) continue;
		for (size_t n = 0; n < d->name_count; n++)
			if (option == '#' ? str_eq(route_of(conf, d, d->names[n]), what)
					  : is_in_zone(d->names[n], what))
				policy_domain_put(out, d->names[n]);
	}
}

static bool is_word(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_print(text.at[i]) || text.at[i] == ' ') return false;
	return text.len > 0;
}

enum policy_etrn policy_etrn_domains(const struct facts *f, struct str argument,
                                     struct buf *domains)
{
	struct str what = str_trim(argument);
	bool option = what.len && (what.at[0] == '@' || what.at[0] == '#');
	char kind = option ? what.at[0] : '\0';
	size_t before = domains->len;
	what = str_from(what, option);
	if (!is_word(what)) return POLICY_ETRN_BAD;
	if (option) {
		collect(f, kind, what, domains);
	} else {
		const struct conf_domain *d = conf_domain_find(f->conf, what);
		if (d && may_ask(f, d)) policy_domain_put(domains, what);
	}
	if (domains->overflowed) return POLICY_ETRN_MANY;
	return domains->len > before ? POLICY_ETRN_OK : POLICY_ETRN_DENIED;
}
