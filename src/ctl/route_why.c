/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/route_why.h"

#include "lib/conf/value.h"
#include "lib/base/units.h"
#include "lib/route/egress.h"
#include "lib/route/secure.h"

enum { RULE_MAX = 2048, DESTINATION_MAX = 4096 };

const char *route_kind_text(enum route_kind kind)
{
	switch (kind) {
	case ROUTE_MAILBOX: return "mailbox";
	case ROUTE_LMTP: return "lmtp";
	case ROUTE_VIA: return "via";
	case ROUTE_MX: return "mx";
	case ROUTE_NONE: break;
	}
	return "none";
}

static void hops_write(struct buf *out, const struct conf_hops *hops)
{
	for (size_t i = 0; i < hops->count; i++) {
		if (i) buf_byte(out, ' ');
		conf_value_write_hop(&hops->at[i], out);
	}
}

void route_destination_write(struct buf *out, const struct route *route)
{
	char memory[ROUTE_KEY_MAX + 8];
	struct buf key;
	switch (route->kind) {
	case ROUTE_MAILBOX: buf_str(out, STR("mailbox")); return;
	case ROUTE_LMTP: hops_write(out, &route->domain->deliver.lmtp); return;
	case ROUTE_VIA: hops_write(out, &route->via->via); return;
	case ROUTE_MX: break;
	case ROUTE_NONE: buf_byte(out, '-'); return;
	}
	buf_init_fixed(&key, memory, sizeof memory);
	route_key(&key, route);
	buf_str(out, str_from(buf_view(&key), sizeof "mx:" - 1));
}

/* --- the rule ----------------------------------------------------------------------------- */

void route_origin_write(struct buf *out, struct conf_origin at)
{
	buf_str(out, at.file);
	if (!at.line) return;
	buf_byte(out, ':');
	buf_u64(out, at.line);
}

void route_place_write(struct buf *out, const struct route *route)
{
	if (route->via) route_origin_write(out, route->via->origin);
	else if (route->domain) route_origin_write(out, route->domain->deliver_from);
}

/* "route branch matches .example.com for sender @a.example" */
static void via_rule_write(struct buf *out, const struct route *route)
{
	buf_str(out, STR("route "));
	buf_str(out, route->via->name);
	if (!route->match.len) {
		buf_str(out, STR(": no other route matches"));
		return;
	}
	buf_str(out, STR(" matches "));
	buf_str(out, route->match);
	if (route->sender.len) buf_str(out, STR(" for sender "));
	buf_str(out, route->sender);
	if (route->user.len) buf_str(out, STR(" for user "));
	buf_str(out, route->user);
}

static void domain_rule_write(struct buf *out, const struct conf_domain *domain)
{
	buf_str(out, STR("domain "));
	if (domain->name_count) buf_str(out, domain->names[0]);
	switch (domain->deliver.kind) {
	case CONF_DELIVER_MAILDIR: buf_str(out, STR(" delivers to maildirs")); break;
	case CONF_DELIVER_LMTP: buf_str(out, STR(" delivers by lmtp")); break;
	case CONF_DELIVER_ROUTE:
		if (domain->deliver.held) buf_str(out, STR(" waits for ETRN"));
		if (!domain->deliver.name.len) break;
		buf_str(out, domain->deliver.held ? STR(", then goes by route ") : STR(" delivers by route "));
		buf_str(out, domain->deliver.name);
		break;
	}
}

void route_rule_write(struct buf *out, const struct conf *conf, struct str address,
                      const struct route *route)
{
	struct str name = route_domain_of(route->mailbox);
	const struct conf_domain *domain = conf_domain_find(conf, name);
	bool postmaster = !str_eq(route->mailbox, address);
	if (postmaster) {
		buf_str(out, STR("mail for postmaster goes to "));
		buf_str(out, route->mailbox);
		buf_str(out, STR("; "));
	}
	if (domain) domain_rule_write(out, domain);
	else if (route->via) via_rule_write(out, route);
	else buf_str(out, STR("no route matches, and there is none called default"));
	char text[RULE_MAX];
	struct buf place;
	buf_init_fixed(&place, text, sizeof text);
	if (domain) route_origin_write(&place, domain->deliver_from);
	else route_place_write(&place, route);
	if (place.len == 0) return;
	buf_str(out, STR(" ("));
	buf_str(out, buf_view(&place));
	buf_byte(out, ')');
}

/* Of the route's hosts, how many are spoken to by TLS from the first octet. */
static size_t implicit_count(const struct conf_route *via, size_t *all)
{
	size_t count = 0;
	*all = via->by == CONF_ROUTE_BY_MX ? 1 : via->via.count;
	for (size_t i = 0; i < *all; i++) {
		int64_t port = via->by == CONF_ROUTE_BY_MX ? via->port : via->via.at[i].port;
		count += via->start == CONF_ROUTE_START_IMPLICIT ||
		         (via->start == CONF_ROUTE_START_AUTO && port == SECURE_IMPLICIT_PORT);
	}
	return count;
}

/* Of the recipients, where the DNS names the hosts. */
static struct str tls_domain(const struct route *route)
{
	return route->kind == ROUTE_MX ? route_domain_of(route->mailbox) : STR("");
}

const struct conf_tls_policy *route_exception(const struct conf *conf, const struct route *route,
                                              int64_t wall_ms)
{
	struct str domain = tls_domain(route);
	return domain.len ? conf_tls_policy_find(conf, domain, wall_ms) : NULL;
}

void route_exception_write(struct buf *out, const struct conf_tls_policy *policy)
{
	buf_str(out, STR("tls-policy"));
	for (size_t i = 0; i < policy->name_count; i++) {
		buf_byte(out, ' ');
		buf_str(out, policy->names[i]);
	}
	buf_str(out, STR(" ("));
	route_origin_write(out, policy->origin);
	buf_byte(out, ')');
	if (policy->until_ms) {
		buf_str(out, STR(", its last day is "));
		units_date_write(out, policy->until_ms);
	}
	if (policy->reason.len) buf_str(out, STR(": "));
	buf_str(out, policy->reason);
}

void route_tls_write(struct buf *out, const struct conf *conf, const struct route *route,
                     int64_t wall_ms)
{
	static const char *const words[] = {
		[CONF_ROUTE_TLS_OFF] = "off: in the clear",
		[CONF_ROUTE_TLS_MAY] = "may: where the host offers it, else in the clear",
		[CONF_ROUTE_TLS_REQUIRE] = "require: nothing without it, the certificate is not checked",
		[CONF_ROUTE_TLS_VERIFY] = "verify: nothing without it and a certificate that is good",
		[CONF_ROUTE_TLS_DANE] = "dane: as secure TLSA records want it, without any as may",
		[CONF_ROUTE_TLS_AUTO] = "auto: as the domain's secure TLSA records or its MTA-STS policy want it, "
					"else as may",
	};
	size_t all, implicit;
	if (route->kind == ROUTE_LMTP) buf_str(out, str_of(words[CONF_ROUTE_TLS_OFF]));
	if (route->kind != ROUTE_VIA && route->kind != ROUTE_MX) return;
	enum conf_route_tls word = secure_word(conf, route->via, tls_domain(route), wall_ms);
	buf_str(out, str_of(words[word]));
	if (word == CONF_ROUTE_TLS_OFF) return;
	implicit = implicit_count(route->via, &all);
	if (implicit == 0) buf_str(out, STR("; by STARTTLS"));
	else if (implicit == all) buf_str(out, STR("; from the first octet"));
	else buf_str(out, STR("; by STARTTLS, on port 465 from the first octet"));
}

static void egress_write(struct buf *out, const struct conf_egress *e, int64_t wall_ms)
{
	struct egress_day day = egress_day(&e->warm_up, wall_ms);
	buf_str(out, e->name);
	buf_str(out, STR(" weight "));
	buf_i64(out, e->weight);
	for (size_t i = 0; i < e->addresses.count; i++) {
		buf_str(out, i ? STR(" ") : STR(" ["));
		ip_write(out, e->addresses.at[i]);
	}
	buf_byte(out, ']');
	if (e->helo.len) buf_str(out, STR(" as "));
	buf_str(out, e->helo);
	if (!day.limited) return;
	buf_str(out, day.limit ? STR(", warming up: ") : STR(", nothing until "));
	if (day.limit) buf_u64(out, day.limit);
	if (day.limit) buf_str(out, STR(" messages until "));
	units_time_write(out, day.until_ms);
}

void route_egress_write(struct buf *out, const struct conf *conf, const struct route *route,
                        int64_t wall_ms)
{
	if (route->kind != ROUTE_VIA && route->kind != ROUTE_MX) return;
	const struct conf_matches *names = &route->via->egress;
	for (size_t i = 0; i < names->count; i++) {
		const struct conf_egress *e = conf_egress_find(conf, names->at[i]);
		if (i) buf_str(out, STR("; "));
		if (e) egress_write(out, e, wall_ms);
	}
}

/* The next one; false: there is none. */
static bool next_dearer(const struct conf *conf, struct route_ask *ask, struct route *route)
{
	ask->dearer++;
	*route = route_find(conf, ask);
	return route->dearer == ask->dearer;
}

void route_dearer_write(struct buf *out, const struct conf *conf, const struct route_ask *ask)
{
	struct route_ask next = *ask;
	for (struct route route; next_dearer(conf, &next, &route);) {
		buf_str(out, next.dearer == 1 ? STR("route ") : STR("; route "));
		buf_str(out, route.via->name);
		buf_str(out, STR(" ("));
		route_place_write(out, &route);
		buf_str(out, STR(", cost "));
		buf_i64(out, route.via->cost);
		buf_byte(out, ')');
	}
}

void route_dearer_json(struct json *json, const struct conf *conf, const struct route_ask *ask)
{
	char memory[DESTINATION_MAX];
	struct route_ask next = *ask;
	struct buf text;
	json_key(json, STR("dearer"));
	json_begin_array(json);
	for (struct route route; next_dearer(conf, &next, &route);) {
		json_begin_object(json);
		json_str_at(json, STR("route"), route.via->name);
		json_i64_at(json, STR("cost"), route.via->cost);
		buf_init_fixed(&text, memory, sizeof memory);
		route_place_write(&text, &route);
		json_str_at(json, STR("place"), buf_view(&text));
		json_end_object(json);
	}
	json_end_array(json);
}

static bool has_login(const struct route *route)
{
	return route->kind == ROUTE_VIA && route->via->login.len > 0;
}

void route_login_write(struct buf *out, const struct route *route)
{
	if (!has_login(route)) return;
	buf_str(out, route->via->login);
	if (route->via->oauth.len) {
		buf_str(out, STR(", token of oauth "));
		buf_str(out, route->via->oauth);
		return;
	}
	buf_str(out, STR(", password of secret "));
	buf_str(out, route->via->secret);
	buf_str(out, route->via->login_cleartext == CONF_YES_YES ? STR(", also without TLS") : STR(""));
}

static void exception_json(struct json *json, const struct conf_tls_policy *policy)
{
	char memory[RULE_MAX];
	struct buf text;
	json_key(json, STR("tls_policy"));
	if (!policy) {
		json_nothing(json);
		return;
	}
	buf_init_fixed(&text, memory, sizeof memory);
	json_begin_object(json);
	json_key(json, STR("domains"));
	json_begin_array(json);
	for (size_t i = 0; i < policy->name_count; i++) json_str(json, policy->names[i]);
	json_end_array(json);
	route_origin_write(&text, policy->origin);
	json_str_at(json, STR("place"), buf_view(&text));
	buf_reset(&text);
	if (policy->until_ms) units_date_write(&text, policy->until_ms);
	json_str_at(json, STR("until"), buf_view(&text));
	json_str_at(json, STR("reason"), policy->reason);
	json_end_object(json);
}

void route_json(struct json *json, const struct conf *conf, struct str address,
                const struct route *route, int64_t wall_ms)
{
	char memory[DESTINATION_MAX];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	json_str_at(json, STR("kind"), str_of(route_kind_text(route->kind)));
	json_str_at(json, STR("route"), route_name(route));
	route_rule_write(&text, conf, address, route);
	json_str_at(json, STR("rule"), buf_view(&text));
	buf_reset(&text);
	route_place_write(&text, route);
	json_str_at(json, STR("place"), buf_view(&text));
	buf_reset(&text);
	route_key(&text, route);
	json_str_at(json, STR("key"), buf_view(&text));
	buf_reset(&text);
	route_destination_write(&text, route);
	json_str_at(json, STR("destination"), buf_view(&text));
	buf_reset(&text);
	route_tls_write(&text, conf, route, wall_ms);
	json_str_at(json, STR("tls"), buf_view(&text));
	exception_json(json, route_exception(conf, route, wall_ms));
	json_str_at(json, STR("login"), has_login(route) ? route->via->login : STR(""));
	json_str_at(json, STR("secret"), has_login(route) ? route->via->secret : STR(""));
	json_str_at(json, STR("match"), route->match);
	json_str_at(json, STR("for_sender"), route->sender);
	json_str_at(json, STR("for_user"), route->user);
}
