/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about limits in time. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

void conf_check_listener_names(struct conf_parser *p, const struct conf_matches *names,
			       const struct conf_origin *from)
{
	const struct conf *conf = p->conf;
	for (size_t i = 0; i < names->count; i++) {
		struct conf_quote quote;
		bool found = false;
		for (size_t n = 0; n < conf->listener_count && !found; n++)
			found = str_eq(conf->listeners[n].name, names->at[i]);
		if (!found)
			AT(p, CONF_ERROR, from, names->at[i], "there is no listener '%s'",
			   conf_quote(&quote, names->at[i]));
	}
}

static void check_nobody(struct conf_parser *p, const struct conf_origin *from)
{
	if (!conf_is_said(from) || conf_is_said(&p->conf->postmaster_from)) return;
	AT(p, CONF_WARNING, from, STR("hold"),
	   "there is nobody to tell of held mail; write postmaster name@example.com");
}

static void check_rate(struct conf_parser *p, const struct conf_rate *r)
{
	bool early = r->of == CONF_RATE_OF_USER || r->of == CONF_RATE_OF_SENDER_DOMAIN;
	for (const struct conf_rate *other = p->conf->rates; other < r; other++) {
		if (!str_eq(other->name, r->name)) continue;
		conf_report_twice(p, CONF_BLOCK_conf_rate, r->name, &r->origin, &other->origin);
		break;
	}
	if (!conf_is_said(&r->connections_from) && !conf_is_said(&r->messages_from) &&
	    !conf_is_said(&r->recipients_from))
		AT(p, CONF_ERROR, &r->origin, r->name,
		   "rate '%.*s' limits nothing; write messages 100/1h", STR_ARG(r->name));
	if (early && r->connections.count)
		AT(p, CONF_ERROR, &r->connections_from, STR("connections"),
		   "a connection has no user and no sender yet; limit connections of client, "
		   "network or listener");
	if (conf_is_said(&r->prefix_from) && r->of != CONF_RATE_OF_NETWORK)
		AT(p, CONF_WARNING, &r->prefix_from, STR("prefix"),
		   "the prefix is not used: it is for of network");
	conf_check_listener_names(p, &r->listeners, &r->listeners_from);
	if (r->action == CONF_RATE_HOLD) check_nobody(p, &r->action_from);
}

static void check_baseline(struct conf_parser *p)
{
	const struct conf_baseline *b = &p->conf->baseline;
	if (b->learn_ms < b->window_ms)
		AT(p, CONF_ERROR, conf_is_said(&b->learn_ms_from) ? &b->learn_ms_from : &b->window_ms_from,
		   STR("learn"), "learn is shorter than one window, so there is no average");
	if (b->enabled) check_nobody(p, &b->enabled_from);
}

void conf_check_rates(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	for (size_t i = 0; i < conf->rate_count; i++) check_rate(p, &conf->rates[i]);
	check_baseline(p);
	conf_check_listener_names(p, &conf->greylist.listeners, &conf->greylist.listeners_from);
	if (conf->greylist.keep_ms < conf->greylist.delay_ms)
		AT(p, CONF_ERROR, &conf->greylist.keep_ms_from, STR("keep"),
		   "keep is shorter than delay, so nobody who comes again is remembered");
}
