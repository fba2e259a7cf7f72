/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/explain_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/explain.h"
#include "ctl/paces.h"
#include "lib/route/secure.h"
#include "lib/transport/mtasts.h"

/* --- asking ------------------------------------------------------------------------------- */

static void on_row(void *arg, json_t *row)
{
	static const struct { const char *mark, *in; bool many; } kinds[] = {
		{ "route", "route", false },    { "destination", "destination", false },
		{ "sts", "sts", false },        { "lookup", "lookups", true },
		{ "hop", "hops", true },
	};
	json_t *live = arg;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!json_object_get(row, kinds[i].mark)) continue;
		if (kinds[i].many) (void)json_array_append(json_object_get(live, kinds[i].in), row);
		else (void)json_object_set(live, kinds[i].in, row);
		return;
	}
}

json_t *live_load(const struct route_case *c, const char *sender, const char *user)
{
	if (!ctl_is_running(c->ctl)) return NULL;
	json_t *live = json_pack("{s:[],s:[]}", "lookups", "hops");
	json_t *request = json_pack("{s:s,s:s%,s:s,s:s}", "verb", "destination", "address", c->address.at,
		c->address.len, "from", sender && strcmp(sender, "<>") != 0 ? sender : "", "user", user ? user : "");
	if (!live || !request) {
		json_decref(request);
		json_decref(live);
		return NULL;
	}
	/* What did not answer in time is missing, and the rest counts. */
	(void)ctl_ask(c->ctl, request, on_row, live, NULL, NULL);
	if (json_object_get(live, "route")) return live;
	json_decref(live);
	return NULL;
}

static struct str text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));
	return text ? str_of(text) : STR("");
}

static long long number_of(const json_t *row, const char *name)
{
	return (long long)json_integer_value(json_object_get(row, name));
}

bool live_names(const struct route_case *c, void (*fn)(void *arg, struct str host), void *arg)
{
	size_t i, n;
	json_t *lookup, *host;
	bool all = json_array_size(json_object_get(c->live, "lookups")) > 0;
	json_array_foreach(json_object_get(c->live, "lookups"), i, lookup) {
		json_array_foreach(json_object_get(lookup, "hosts"), n, host) fn(arg, text_of(host, "host"));
		if (!str_eq(text_of(lookup, "result"), STR("hosts"))) all = false;
	}
	return all;
}

/* --- how a host is spoken to ---------------------------------------------------------------- */

static enum mx_dane dane_of(const json_t *host)
{
	struct str word = text_of(host, "tlsa");
	return str_eq(word, STR("found")) ? MX_DANE_FOUND
	     : str_eq(word, STR("unknown")) ? MX_DANE_UNKNOWN : MX_DANE_NONE;
}

static enum secure_sts sts_of(const json_t *sts)
{
	struct str mode = text_of(sts, "mode");
	return str_eq(mode, STR("enforce")) ? SECURE_STS_ENFORCE
	     : str_eq(mode, STR("testing")) ? SECURE_STS_TESTING : SECURE_STS_NONE;
}

static bool sts_has(const json_t *sts, struct str host)
{
	static struct mtasts_policy policy;
	size_t i;
	json_t *pattern;
	policy.mx_count = 0;
	json_array_foreach(json_object_get(sts, "mx"), i, pattern)
		if (policy.mx_count < MTASTS_MX_MAX) policy.mx[policy.mx_count++] = str_of(json_string_value(pattern));
	return mtasts_policy_has(&policy, host);
}

static void plan_write(struct buf *b, const struct secure_plan *plan)
{
	static const char *const words[] = {
		[SMTP_CL_TLS_OFF] = "in the clear", [SMTP_CL_TLS_MAY] = "encrypted if it offers that",
		[SMTP_CL_TLS_MUST] = "encrypted", [SMTP_CL_TLS_IMPLICIT] = "encrypted from the first octet",
	};
	if (plan->skip == SECURE_SKIP_DANE) buf_str(b, STR("not used: what its TLSA records are cannot be told now"));
	if (plan->skip == SECURE_SKIP_STS) buf_str(b, STR("not used: the policy of the domain (MTA-STS) does not list it"));
	if (plan->skip) return;
	buf_str(b, str_of(words[plan->tls]));
	if (plan->check == SECURE_BY_DANE) buf_str(b, STR(", its certificate fits its TLSA records"));
	for (size_t i = 0; plan->check == SECURE_BY_NAME && i < plan->name_count; i++) {
		buf_str(b, i ? STR(" or ") : STR(", with a good certificate for "));
		buf_str(b, plan->names[i]);
	}
	if (plan->lenient) buf_str(b, STR(" (what it lacks is told only)"));
}

/* By the code by which deliver does it. */
static void host_secure(struct buf *b, const struct route_case *c, const json_t *lookup, const json_t *host)
{
	struct secure_plan plan;
	const json_t *sts = json_object_get(c->live, "sts");
	struct str name = text_of(host, "host");
	bool mx = c->route.kind == ROUTE_MX, named = json_is_true(json_object_get(lookup, "mx"));
	if (!mx && c->route.kind != ROUTE_VIA) return;
	struct str domain = named ? text_of(lookup, "lookup") : STR("");
	const struct secure_facts facts = {
		.tls = secure_word(c->ctl->conf, c->route.via, mx ? domain : STR(""), c->now_ms),
		.must = c->route.via->login.len && c->route.via->login_cleartext == CONF_YES_NO,
		.start = c->route.via->start,
		.port = (uint16_t)number_of(lookup, "port"),
		.host = name,
		.domain = domain,
		.mx_secure = json_is_true(json_object_get(host, "secure")),
		.dane = dane_of(host),
		.base = text_of(host, "tlsa_base"),
		.sts = sts_of(sts),
		.sts_has = sts_has(sts, name),
	};
	secure_plan_make(&facts, &plan);
	plan_write(b, &plan);
}

/* --- text ----------------------------------------------------------------------------------- */

static void text_host(const struct route_case *c, const json_t *lookup, const json_t *host)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	size_t i;
	json_t *ip;
	buf_init_fixed(&b, memory, sizeof memory);
	if (json_is_true(json_object_get(lookup, "mx"))) buf_fmt(&b, "%lld ", number_of(host, "preference"));
	buf_str(&b, text_of(host, "host"));
	json_array_foreach(json_object_get(host, "addresses"), i, ip)
		buf_fmt(&b, " [%s]", json_string_value(ip));
	buf_fmt(&b, " port %lld: ", number_of(lookup, "port"));
	host_secure(&b, c, lookup, host);
	explain_line("host", buf_view(&b));
}

static void text_lookup(const struct route_case *c, const json_t *lookup)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	size_t i;
	json_t *host;
	json_array_foreach(json_object_get(lookup, "hosts"), i, host) text_host(c, lookup, host);
	if (str_eq(text_of(lookup, "result"), STR("hosts"))) return;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_str(&b, text_of(lookup, "lookup"));
	buf_str(&b, STR(": "));
	buf_str(&b, text_of(lookup, "dsn"));
	buf_byte(&b, ' ');
	buf_str(&b, text_of(lookup, "text"));
	explain_line("host", buf_view(&b));
}

static void text_hop(const json_t *hop)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_str(&b, text_of(hop, "hop"));
	buf_fmt(&b, ":%lld %s, %lld failures in a row", number_of(hop, "port"),
		json_is_true(json_object_get(hop, "down")) ? "is passed over" : "is asked in its place",
		number_of(hop, "failures"));
	if (text_of(hop, "until").len) buf_fmt(&b, ", until %.*s", STR_ARG(text_of(hop, "until")));
	buf_fmt(&b, " (deliver[%lld])", number_of(hop, "process"));
	explain_line("out of reach", buf_view(&b));
}

static void text_sts(const json_t *sts)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	size_t i;
	json_t *mx;
	buf_init_fixed(&b, memory, sizeof memory);
	if (!sts) return;
	if (!json_is_true(json_object_get(sts, "sts"))) {
		buf_str(&b, text_of(sts, "looked").len ? STR("the domain had no policy at ")
						       : STR("not known: the domain is asked with its first message"));
		buf_str(&b, text_of(sts, "looked"));
		if (text_of(sts, "failure").len) buf_fmt(&b, ": %.*s", STR_ARG(text_of(sts, "failure")));
	} else {
		buf_fmt(&b, "%.*s, read at %.*s, counts until %.*s; hosts:", STR_ARG(text_of(sts, "mode")),
			STR_ARG(text_of(sts, "fetched")), STR_ARG(text_of(sts, "until")));
		json_array_foreach(json_object_get(sts, "mx"), i, mx) buf_fmt(&b, " %s", json_string_value(mx));
	}
	explain_line("mta-sts", buf_view(&b));
}

static void text_destination(const json_t *row)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	if (!json_is_true(json_object_get(row, "destination"))) return;
	buf_init_fixed(&b, memory, sizeof memory);
	pace_text(row, &b);
	explain_line("pace", buf_view(&b));
	buf_reset(&b);
	buf_fmt(&b, "%lld messages, %lld under way", number_of(row, "waiting"), number_of(row, "under_way"));
	explain_line("in line", buf_view(&b));
	buf_reset(&b);
	if (number_of(row, "failures")) {
		buf_fmt(&b, "%lld failures in a row", number_of(row, "failures"));
		if (text_of(row, "left_alone_until").len)
			buf_fmt(&b, ", left alone until %.*s", STR_ARG(text_of(row, "left_alone_until")));
		buf_fmt(&b, ": %.*s", STR_ARG(text_of(row, "failure")));
	}
	explain_line("out of reach", buf_view(&b));
}

void live_text(const struct route_case *c)
{
	size_t i;
	json_t *row;
	if (!c->live) {
		explain_line("service", STR("does not run: what follows is by the configuration, the queue and the log alone"));
		return;
	}
	const json_t *route = json_object_get(c->live, "route");
	char memory[ROUTE_KEY_MAX + 8];
	struct buf key;
	buf_init_fixed(&key, memory, sizeof memory);
	route_key(&key, &c->route);
	if (!str_eq(text_of(route, "key"), buf_view(&key)))
		explain_line("service", STR("runs with another configuration, by which this mail goes elsewhere: reload"));
	json_array_foreach(json_object_get(c->live, "lookups"), i, row) text_lookup(c, row);
	json_array_foreach(json_object_get(c->live, "hops"), i, row) text_hop(row);
	text_sts(json_object_get(c->live, "sts"));
	text_destination(json_object_get(c->live, "destination"));
}

/* --- JSON ----------------------------------------------------------------------------------- */

/* Each host gets what the plan says in words. */
static void add_plans(const struct route_case *c)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	size_t i, n;
	json_t *lookup, *host;
	json_array_foreach(json_object_get(c->live, "lookups"), i, lookup)
		json_array_foreach(json_object_get(lookup, "hosts"), n, host) {
			buf_init_fixed(&b, memory, sizeof memory);
			host_secure(&b, c, lookup, host);
			(void)json_object_set_new(host, "tls", json_stringn(b.at, b.len));
		}
}

void live_json(const struct route_case *c, struct json *json)
{
	json_key(json, STR("live"));
	if (c->live) add_plans(c);
	char *text = c->live ? json_dumps(c->live, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (text) {
		buf_str(json->out, str_of(text));
		json->comma = true;
	} else {
		json_nothing(json);
	}
	free(text);
}
