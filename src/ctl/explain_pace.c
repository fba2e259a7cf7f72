/* SPDX-License-Identifier: Apache-2.0 */
/* Which limits hold for a destination, and whose word that is. */
#include <stdio.h>

#include "ctl/explain.h"
#include "ctl/explain_live.h"
#include "ctl/route_why.h"
#include "lib/base/units.h"
#include "lib/conf/value.h"
#include "lib/conf/value_rate.h"
#include "lib/route/site.h"

struct naming {
	const struct conf *conf;
	struct site_best best;
};

static void look_at_host(void *arg, struct str host)
{
	struct naming *n = arg;
	site_host(n->conf, host, &n->best);
}

/* The names of the hosts decide: those that the configuration has, and those that the DNS tells. */
static void look_at_hosts(const struct route_case *c, struct pace_case *out)
{
	struct naming naming = { .conf = c->ctl->conf };
	out->by_hosts = true;
	out->unsure = c->route.kind == ROUTE_MX;
	const struct conf_hops *hops = c->route.kind == ROUTE_VIA ? &c->route.via->via : NULL;
	for (size_t i = 0; hops && i < hops->count; i++) {
		if (hops->at[i].mx) out->unsure = true;
		else look_at_host(&naming, hops->at[i].host);
	}
	if (live_names(c, look_at_host, &naming)) out->unsure = false;
	out->block = naming.best.block;
}

void explain_pace(const struct route_case *c, struct pace_case *out)
{
	const struct conf *conf = c->ctl->conf;
	bool by_hosts;
	*out = (struct pace_case){ .block = site_of_route(conf, &c->route, &by_hosts) };
	if (by_hosts) look_at_hosts(c, out);
	out->site = out->block != NULL;
	if (!out->block) out->block = site_default(conf);
	pace_configure(&out->pace, conf, out->block, out->site);
	out->recipients = pace_recipients_max(conf, out->block);
}

static void rate_write(struct buf *b, const struct pace_rate *r, const char *what)
{
	if (!r->count) return;
	buf_fmt(b, ", %u %s in ", r->count, what);
	conf_value_write_duration(r->every_ms, b);
}

static void block_write(struct buf *b, const struct pace_case *p)
{
	if (!p->block) {
		buf_str(b, STR("limit { connections }, no block pacing"));
		return;
	}
	buf_str(b, STR("pacing "));
	buf_str(b, p->block->name);
	buf_str(b, STR(" ("));
	route_origin_write(b, p->block->origin);
	buf_byte(b, ')');
	if (p->site) buf_str(b, p->by_hosts ? STR(", by the name of a host") : STR(", by the domain"));
}

void explain_pace_text(const struct route_case *c, const struct pace_case *p)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	if (c->route.kind == ROUTE_NONE || c->route.kind == ROUTE_MAILBOX) return;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_fmt(&b, "%u connections at one time, %u recipients in one transaction", p->pace.connections_max,
		p->recipients);
	rate_write(&b, &p->pace.messages, "messages");
	rate_write(&b, &p->pace.connects, "new connections");
	if (p->block && p->block->messages_per_connection)
		buf_fmt(&b, ", %lld messages over one connection",
			(long long)p->block->messages_per_connection);
	explain_line("limits", buf_view(&b));
	buf_reset(&b);
	block_write(&b, p);
	if (p->unsure)
		buf_str(&b, STR("; another one if a block names the hosts that the DNS tells (mx)"));
	explain_line("pacing", buf_view(&b));
}

static void rate_json(struct json *json, struct str key, const struct pace_rate *r)
{
	json_key(json, key);
	if (!r->count) {
		json_nothing(json);
		return;
	}
	json_begin_object(json);
	json_i64_at(json, STR("count"), r->count);
	json_i64_at(json, STR("every_ms"), r->every_ms);
	json_end_object(json);
}

void explain_pace_json(const struct route_case *c, const struct pace_case *p, struct json *json)
{
	char memory[1024];
	struct buf place;
	buf_init_fixed(&place, memory, sizeof memory);
	json_i64_at(json, STR("connections"), p->pace.connections_max);
	json_i64_at(json, STR("recipients_per_transaction"), p->recipients);
	json_key(json, STR("pacing"));
	if (c->route.kind == ROUTE_NONE || c->route.kind == ROUTE_MAILBOX) {
		json_nothing(json);
		return;
	}
	if (p->block) route_origin_write(&place, p->block->origin);
	json_begin_object(json);
	json_str_at(json, STR("block"), p->block ? p->block->name : STR(""));
	json_str_at(json, STR("place"), buf_view(&place));
	json_str_at(json, STR("by"), !p->site ? STR("") : p->by_hosts ? STR("host") : STR("domain"));
	json_key(json, STR("sure"));
	json_bool(json, !p->unsure);
	rate_json(json, STR("rate"), &p->pace.messages);
	rate_json(json, STR("connection_rate"), &p->pace.connects);
	json_i64_at(json, STR("messages_per_connection"),
		p->block ? p->block->messages_per_connection : 0);
	json_end_object(json);
}
