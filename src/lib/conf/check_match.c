/* SPDX-License-Identifier: Apache-2.0 */
/* check.c for what goes by which route. */
#include "lib/conf/matching.h"
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

static bool is_default(const struct conf_route *r) { return str_eq(r->name, STR("default")); }

static bool is_delivered_to(const struct conf *conf, const struct conf_route *route)
{
	for (size_t i = 0; i < conf->domain_count; i++)
		if (str_eq(conf->domains[i].deliver.name, route->name)) return true;
	return false;
}

static bool takes_something(const struct conf_route *r)
{
	return conf_is_said(&r->match_from) || conf_is_said(&r->match_file_from) ||
	       conf_is_said(&r->senders_from) || conf_is_said(&r->users_from);
}

/* A name that is misspelt, mostly. */
static void check_use(struct conf_parser *p, const struct conf_route *r)
{
	if (takes_something(r) || is_default(r) || is_delivered_to(p->conf, r)) return;
	AT(p, CONF_WARNING, &r->origin, r->name,
	   "nothing goes by route '%.*s'; write match DOMAIN, or name it default",
	   STR_ARG(r->name));
}

/* Local domains come first, so a route's word about one is never read. */
static void check_local(struct conf_parser *p, const struct conf_matches *matches,
			const struct conf_origin *from)
{
	struct conf_quote quote, where;
	for (size_t i = 0; i < matches->count; i++) {
		const struct conf_domain *domain = conf_domain_find(p->conf, matches->at[i]);
		if (!domain) continue;
		AT(p, CONF_WARNING, from, matches->at[i],
		   "%s is a local domain at %s: its mail does not go by this route",
		   conf_quote(&quote, matches->at[i]),
		   conf_where(&where, &domain->origin));
	}
}

/* Who takes what no other takes cannot leave something over. */
static void check_narrow(struct conf_parser *p, const struct conf_route *r)
{
	bool sender = conf_is_said(&r->senders_from);
	if (!is_default(r) || !conf_route_is_narrowed(r)) return;
	AT(p, CONF_ERROR, sender ? &r->senders_from : &r->users_from,
	   sender ? STR("sender") : STR("user"),
	   "route 'default' is for what no other takes, so it is for everybody; give this route "
	   "another name");
}

bool conf_check_matches(struct conf_parser *p)
{
	struct conf *conf = p->conf;
	for (size_t i = 0; i < conf->route_count; i++) {
		const struct conf_route *r = &conf->routes[i];
		if (conf_route_find(conf, r->name) == r) check_use(p, r);
		check_local(p, &r->match, &r->match_from);
		check_local(p, &r->listed, &r->match_file_from);
		check_narrow(p, r);
	}
	conf->matching = conf_matching_new(conf);
	return conf->matching != NULL;
}
