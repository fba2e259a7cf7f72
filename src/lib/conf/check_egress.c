/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about the addresses by which mail leaves. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

static void check_warm_up(struct conf_parser *p, const struct conf_egress *e)
{
	const struct conf_warm_up *w = &e->warm_up;
	if (w->first.count && !conf_is_said(&w->start_ms_from))
		AT(p, CONF_ERROR, &w->first_from, STR("first"),
		   "the warm-up of egress '%.*s' has no beginning; write start 2026-11-22",
		   STR_ARG(e->name));
	if (!conf_is_said(&w->first_from) && (conf_is_said(&w->start_ms_from) || conf_is_said(&w->double_every_ms_from)))
		AT(p, CONF_ERROR, &w->origin, STR("warm-up"),
		   "the warm-up of egress '%.*s' does not say how much; write first 50/1d",
		   STR_ARG(e->name));
}

/* One address is counted and told of under one name. */
static void check_shared(struct conf_parser *p, const struct conf_egress *e)
{
	struct conf_quote quote;
	for (const struct conf_egress *other = p->conf->egresses; other <= e; other++) {
		for (size_t i = 0; i < e->addresses.count; i++) {
			struct buf text;
			size_t k = 0, count = other == e ? i : other->addresses.count;
			while (k < count && !ip_eq(e->addresses.at[i], other->addresses.at[k])) k++;
			if (k == count) continue;
			buf_init_fixed(&text, quote.text, sizeof quote.text - 1);
			ip_write(&text, e->addresses.at[i]);
			quote.text[text.len] = '\0';
			AT(p, CONF_ERROR, &e->addresses_from, buf_view(&text),
			   "the address %s stands in egress '%.*s' already", quote.text,
			   STR_ARG(other->name));
		}
	}
}

static bool is_used(const struct conf *conf, struct str name)
{
	for (size_t r = 0; r < conf->route_count; r++)
		for (size_t i = 0; i < conf->routes[r].egress.count; i++)
			if (str_eq(conf->routes[r].egress.at[i], name)) return true;
	return false;
}

static void check_egress(struct conf_parser *p, const struct conf_egress *e)
{
	const struct conf_egress *first = conf_egress_find(p->conf, e->name);
	if (first != e)
		conf_report_twice(p, CONF_BLOCK_conf_egress, e->name, &e->origin, &first->origin);
	else if (!is_used(p->conf, e->name))
		AT(p, CONF_WARNING, &e->origin, e->name,
		   "nothing leaves by egress '%.*s'; write egress %.*s into a route",
		   STR_ARG(e->name), STR_ARG(e->name));
	if (!conf_is_said(&e->addresses_from))
		AT(p, CONF_ERROR, &e->origin, e->name, "egress '%.*s' has no address; write address 192.0.2.1",
		   STR_ARG(e->name));
	check_warm_up(p, e);
	check_shared(p, e);
}

static void check_names(struct conf_parser *p, const struct conf_route *r)
{
	struct conf_quote quote;
	for (size_t i = 0; i < r->egress.count; i++) {
		struct str name = r->egress.at[i];
		size_t k = 0;
		while (!str_eq(r->egress.at[k], name)) k++;
		if (!conf_egress_find(p->conf, name))
			AT(p, CONF_ERROR, &r->egress_from, name,
			   "there is no egress '%s'; add egress %s { address 192.0.2.1 }",
			   conf_quote(&quote, name), quote.text);
		else if (k < i)
			AT(p, CONF_ERROR, &r->egress_from, name, "egress '%s' stands there twice",
			   conf_quote(&quote, name));
	}
}

void conf_check_egresses(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	for (size_t i = 0; i < conf->egress_count; i++) check_egress(p, &conf->egresses[i]);
	for (size_t i = 0; i < conf->route_count; i++) check_names(p, &conf->routes[i]);
}
