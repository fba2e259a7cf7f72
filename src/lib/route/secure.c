/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/secure.h"

static bool is_address(struct str host)
{
	struct ip ip;
	return ip_parse(host, &ip);
}

static bool is_below(struct str host, struct str domain)
{
	return host.len > domain.len + 1 && str_ends_nocase(host, domain) &&
	       host.at[host.len - domain.len - 1] == '.';
}

static void name_add(struct secure_plan *plan, struct str name)
{
	for (size_t i = 0; i < plan->name_count; i++)
		if (str_eq_nocase(plan->names[i], name)) return;
	if (name.len) plan->names[plan->name_count++] = name;
}

static void plan_verify(const struct secure_facts *f, struct secure_plan *plan)
{
	plan->check = SECURE_BY_NAME;
	if (is_address(f->host)) {
		name_add(plan, f->host);
		return;
	}
	bool own = !f->domain.len || f->mx_secure || is_below(f->host, f->domain);
	name_add(plan, f->domain);
	if (own) name_add(plan, f->host);
}

/* RFC 7672 3.2.2 and 8.1: the base domain is SNI and the first name; the host's and the
 * recipients' domain are good, too. */
static void plan_dane(const struct secure_facts *f, struct secure_plan *plan)
{
	plan->check = SECURE_BY_DANE;
	plan->sni = f->base;
	name_add(plan, f->base);
	name_add(plan, f->host);
	name_add(plan, f->domain);
}

/* Whether it has to be encrypted; if so `plan` says how. */
static bool plan_level(const struct secure_facts *f, struct secure_plan *plan)
{
	switch (f->tls) {
	case CONF_ROUTE_TLS_OFF: break;
	case CONF_ROUTE_TLS_MAY: break;
	case CONF_ROUTE_TLS_REQUIRE: return true;
	case CONF_ROUTE_TLS_VERIFY: plan_verify(f, plan); return true;
	case CONF_ROUTE_TLS_DANE:
		plan->skip = f->dane == MX_DANE_UNKNOWN;
		if (f->dane == MX_DANE_NONE) break;
		if (!plan->skip) plan_dane(f, plan);
		return true;
	}
	return false;
}

void secure_plan_make(const struct secure_facts *f, struct secure_plan *plan)
{
	*plan = (struct secure_plan){ .tls = SMTP_CL_TLS_OFF };
	if (f->tls == CONF_ROUTE_TLS_OFF) return;
	if (!is_address(f->host)) plan->sni = f->host;
	bool must = plan_level(f, plan) || f->must;
	bool implicit = f->start == CONF_ROUTE_START_IMPLICIT ||
			(f->start == CONF_ROUTE_START_AUTO && f->port == SECURE_IMPLICIT_PORT);
	if (implicit) plan->tls = SMTP_CL_TLS_IMPLICIT;
	else if (must) plan->tls = SMTP_CL_TLS_MUST;
	else if (!f->failed) plan->tls = SMTP_CL_TLS_MAY;
	plan->may_clear = !must && !implicit;
}

struct str secure_check_word(enum secure_check check)
{
	switch (check) {
	case SECURE_UNCHECKED: break;
	case SECURE_BY_NAME: return STR("verified");
	case SECURE_BY_DANE: return STR("dane");
	}
	return STR("none");
}
