/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/route.h"

struct str route_domain_of(struct str address)
{
	ptrdiff_t at = str_rfind(address, '@');
	return at < 0 ? str_from(address, address.len) : str_from(address, (size_t)at + 1);
}

static struct route route_by_route(const struct conf_route *via, struct str address)
{
	struct route route = { .kind = ROUTE_NONE, .mailbox = address };
	bool mx = via && via->by == CONF_ROUTE_BY_MX;
	/* The DNS names nobody for a recipient without a domain. */
	if (!via || (mx && !route_domain_of(address).len)) return route;
	route.kind = mx ? ROUTE_MX : ROUTE_VIA;
	route.via = via;
	return route;
}

static struct route route_by_match(const struct conf *conf, const struct route_ask *ask,
				   struct str address)
{
	struct conf_route_ask by = { route_domain_of(address), ask->sender, ask->user };
	struct conf_route_found found = conf_route_match(conf, &by), next = found;
	unsigned dearer = 0;
	while (next.route && dearer < ask->dearer) {
		next = conf_route_dearer(conf, &by, found.route);
		if (!next.route) break;
		found = next;
		dearer++;
	}
	struct route route = route_by_route(
		found.route ? found.route : conf_route_find(conf, STR("default")), address);
	route.match = found.match;
	route.sender = found.sender;
	route.user = found.user;
	route.dearer = dearer;
	return route;
}

/* `address` is the one asked for, or the configured postmaster's. */
static struct route route_by_domain(const struct conf *conf, const struct route_ask *ask,
				    struct str address)
{
	const struct conf_domain *domain = conf_domain_find(conf, route_domain_of(address));
	if (!domain) return route_by_match(conf, ask, address);
	switch (domain->deliver.kind) {
	case CONF_DELIVER_MAILDIR:
		return (struct route){ .kind = ROUTE_MAILBOX, .domain = domain, .mailbox = address };
	case CONF_DELIVER_LMTP:
		return (struct route){ .kind = ROUTE_LMTP, .domain = domain, .mailbox = address };
	case CONF_DELIVER_ROUTE: break;
	}
	if (domain->deliver.held && !domain->deliver.name.len)
		return route_by_match(conf, ask, address);
	return route_by_route(domain->deliver.route, address);
}

static bool route_is_postmaster(struct str address)
{
	struct str rest = address;
	return str_eq_nocase(str_cut(&rest, '@'), STR("postmaster"));
}

struct route route_find(const struct conf *conf, const struct route_ask *ask)
{
	struct str address = ask->address, name = route_domain_of(address);
	bool own_host = str_eq_nocase(name, conf->hostname);
	const struct conf_domain *domain = conf_domain_find(conf, name);
	bool nobody = domain ? !domain->users.any && !ask->exists
			     : own_host || str_find(address, '@') < 0;
	/* RFC 5321 4.5.1 and Q242387: postmaster works for every local domain. */
	if (route_is_postmaster(address) && nobody && conf->postmaster.len > 0)
		return route_by_domain(conf, ask, conf->postmaster);
	return route_by_domain(conf, ask, address);
}
