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
	bool own = !f->domain.len || f->mx_secure || f->sts_has || is_below(f->host, f->domain);
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

static bool plan_tlsa(const struct secure_facts *f, struct secure_plan *plan)
{
	plan->policy = TRANSPORT_TLSA;
	if (f->dane == MX_DANE_UNKNOWN) plan->skip = SECURE_SKIP_DANE;
	else plan_dane(f, plan);
	return true;
}

static bool plan_sts(const struct secure_facts *f, struct secure_plan *plan)
{
	bool enforced = f->sts == SECURE_STS_ENFORCE;
	if (f->sts == SECURE_STS_NONE) return false;
	plan->policy = TRANSPORT_STS;
	if (enforced && !f->sts_has) plan->skip = SECURE_SKIP_STS;
	if (!f->sts_has) return enforced;
	/* RFC 8461 4.1: the name of the host, and no other. */
	plan->check = SECURE_BY_NAME;
	plan->lenient = !enforced;
	name_add(plan, f->host);
	return enforced;
}

static bool plan_policies(const struct secure_facts *f, struct secure_plan *plan)
{
	if (f->optional) return false;
	if (f->dane != MX_DANE_NONE) return plan_tlsa(f, plan);
	return f->tls == CONF_ROUTE_TLS_AUTO && plan_sts(f, plan);
}

/* RFC 8689 4.2.1: proof of the host, where the plan has none so far. */
static bool plan_demanded(const struct secure_facts *f, struct secure_plan *plan)
{
	if (plan->skip || (plan->check != SECURE_UNCHECKED && !plan->lenient)) return true;
	if (f->dane != MX_DANE_NONE) return plan_tlsa(f, plan);
	plan->lenient = false;
	plan->name_count = 0;
	plan_verify(f, plan);
	return true;
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
	case CONF_ROUTE_TLS_AUTO: return plan_policies(f, plan);
	}
	return false;
}

void secure_plan_make(const struct secure_facts *f, struct secure_plan *plan)
{
	*plan = (struct secure_plan){ .tls = SMTP_CL_TLS_OFF };
	if (f->tls == CONF_ROUTE_TLS_OFF) return;
	if (!is_address(f->host)) plan->sni = f->host;
	bool must = plan_level(f, plan) || f->must;
	if (f->demanded) must = plan_demanded(f, plan);
	bool implicit = f->start == CONF_ROUTE_START_IMPLICIT ||
			(f->start == CONF_ROUTE_START_AUTO && f->port == SECURE_IMPLICIT_PORT);
	if (implicit) plan->tls = SMTP_CL_TLS_IMPLICIT;
	else if (must) plan->tls = SMTP_CL_TLS_MUST;
	else if (!f->failed) plan->tls = SMTP_CL_TLS_MAY;
	plan->may_clear = !must && !implicit;
}

enum conf_route_tls secure_word(const struct conf *conf, const struct conf_route *route,
				struct str domain, int64_t wall_ms)
{
	const struct conf_tls_policy *own =
		domain.len ? conf_tls_policy_find(conf, domain, wall_ms) : NULL;
	return own ? own->tls : route->tls;
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
