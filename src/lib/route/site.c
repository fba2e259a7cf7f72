/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/site.h"

/* The final dot of a name in the DNS says nothing. */
static struct str without_dot(struct str name)
{
	if (name.len && name.at[name.len - 1] == '.') name.len--;
	return name;
}

/* An exact name is longer than any suffix of it, its dot included. */
static bool is_meant(struct str name, struct str match)
{
	if (!match.len || name.len < match.len) return false;
	if (match.at[0] != '.') return str_eq_nocase(name, match);
	return name.len > match.len && str_eq_nocase(str_from(name, name.len - match.len), match);
}

static bool is_better(const struct conf_pacing *block, size_t length,
		      const struct site_best *best)
{
	bool own = block->origin.line > 0;
	if (!best->block) return true;
	if (own != (best->block->origin.line > 0)) return own;
	return length > best->length || (length == best->length && block < best->block);
}

static void look(const struct conf_matches *list, const struct conf_pacing *block,
		 struct str name, struct site_best *best)
{
	for (size_t i = 0; i < list->count; i++) {
		struct str match = list->at[i];
		if (is_meant(name, match) && is_better(block, match.len, best))
			*best = (struct site_best){ block, match.len };
	}
}

const struct conf_pacing *site_of_domain(const struct conf *conf, struct str domain)
{
	struct site_best best = { NULL, 0 };
	for (size_t i = 0; i < conf->pacing_count; i++)
		look(&conf->pacings[i].match, &conf->pacings[i], without_dot(domain), &best);
	return best.block;
}

static bool has_hosts(const struct conf *conf)
{
	for (size_t i = 0; i < conf->pacing_count; i++)
		if (conf->pacings[i].mx.count) return true;
	return false;
}

const struct conf_pacing *site_of_route(const struct conf *conf, const struct route *route,
					bool *by_hosts)
{
	const struct conf_pacing *block =
		route->kind == ROUTE_MX ? site_of_domain(conf, route_domain_of(route->mailbox)) : NULL;
	*by_hosts = !block && route->kind != ROUTE_LMTP && route->kind != ROUTE_MAILBOX && has_hosts(conf);
	return block;
}

void site_host(const struct conf *conf, struct str host, struct site_best *best)
{
	for (size_t i = 0; i < conf->pacing_count; i++)
		look(&conf->pacings[i].mx, &conf->pacings[i], without_dot(host), best);
}

const struct conf_pacing *site_find(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->pacing_count; i++)
		if (str_eq(conf->pacings[i].name, name)) return &conf->pacings[i];
	return NULL;
}

const struct conf_pacing *site_default(const struct conf *conf)
{
	return site_find(conf, STR("default"));
}
