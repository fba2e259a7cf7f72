/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/route.h"

struct str route_domain_of(struct str address)
{
	ptrdiff_t at = str_rfind(address, '@');
	return at < 0 ? str_from(address, address.len) : str_from(address, (size_t)at + 1);
}

static struct route route_by_domain(const struct conf *conf, struct str address)
{
	const struct conf_domain *domain = conf_domain_find(conf, route_domain_of(address));
	if (domain && domain->deliver.kind == CONF_DELIVER_MAILDIR)
		return (struct route){ .kind = ROUTE_MAILBOX, .domain = domain, .mailbox = address };
	const struct conf_route *via =
		domain ? domain->deliver.route : conf_route_find(conf, STR("default"));
	return (struct route){ .kind = via ? ROUTE_HOST : ROUTE_NONE, .via = via, .mailbox = address };
}

static bool route_is_postmaster(struct str address)
{
	struct str rest = address;
	return str_eq_nocase(str_cut(&rest, '@'), STR("postmaster"));
}

struct route route_find(const struct conf *conf, struct str address, bool exists)
{
	bool own_host = str_eq_nocase(route_domain_of(address), conf->hostname);
	const struct conf_domain *domain = conf_domain_find(conf, route_domain_of(address));
	bool nobody = domain ? !domain->users.any && !exists : own_host || str_find(address, '@') < 0;
	/* RFC 5321 4.5.1 and Q242387: postmaster works for every local domain. */
	if (route_is_postmaster(address) && nobody && conf->postmaster.len > 0)
		return route_by_domain(conf, conf->postmaster);
	return route_by_domain(conf, address);
}
