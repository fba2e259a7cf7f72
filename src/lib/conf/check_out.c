/* SPDX-License-Identifier: Apache-2.0 */
/* check.c for the way to other hosts: routes, relaying, retries, reports. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

enum { DEFAULT_PORT = 25 };

/* -- Routes ----------------------------------------------------------------------------
 */

static void check_next_host(struct conf_parser *p, const struct conf_route *r)
{
	bool mx = r->by == CONF_ROUTE_BY_MX;
	if (mx && conf_is_said(&r->via_from))
		AT(p, CONF_ERROR, &r->via_from, STR("via"),
		   "route '%.*s' has both via and mx; take one of them away",
		   STR_ARG(r->name));
	else if (!mx && !conf_is_said(&r->via_from))
		AT(p, CONF_ERROR, &r->origin, r->name,
		   "route '%.*s' leads nowhere; write via HOST or mx", STR_ARG(r->name));
	else if (!mx && r->port != DEFAULT_PORT)
		AT(p, CONF_ERROR, &r->port_from, STR("port"),
		   "'port' is for mx; write via HOST:%lld", (long long)r->port);
}

/* What stands there and would never be looked at, or says two things. */
static void check_route_tls(struct conf_parser *p, const struct conf_route *r)
{
	bool off = r->tls == CONF_ROUTE_TLS_OFF;
	if (off && r->start == CONF_ROUTE_START_IMPLICIT)
		AT(p, CONF_ERROR, &r->start_from, STR("tls-start"),
		   "route '%.*s' has tls off and tls-start implicit; take one of them away",
		   STR_ARG(r->name));
	if (r->key.len && !r->certificate.len)
		AT(p, CONF_ERROR, &r->key_from, STR("key"),
		   "route '%.*s' has a key without a certificate; write certificate PATH",
		   STR_ARG(r->name));
	if (off && r->certificate.len)
		AT(p, CONF_WARNING, &r->certificate_from, STR("certificate"),
		   "the certificate is not used: route '%.*s' has tls off", STR_ARG(r->name));
	if (conf_is_said(&r->ca_from) && off)
		AT(p, CONF_WARNING, &r->ca_from, STR("ca"),
		   "'ca' is not used: route '%.*s' has tls off", STR_ARG(r->name));
	if (r->tls == CONF_ROUTE_TLS_DANE && !p->conf->resolver.trust_anchor.len)
		AT(p, CONF_WARNING, &r->tls_from, STR("tls"),
		   "no DNS answer is secure without resolver { trust-anchor }, so route '%.*s' "
		   "works as with tls may", STR_ARG(r->name));
}

/* Who gets the password has to show who he is, or it is as good as public. */
static void check_route_password(struct conf_parser *p, const struct conf_route *r)
{
	bool clear = r->login_cleartext == CONF_YES_YES;
	if (r->by == CONF_ROUTE_BY_MX)
		AT(p, CONF_ERROR, &r->login_from, STR("login"),
		   "route '%.*s' has login and mx: a password is for the hosts of via, not for "
		   "everybody", STR_ARG(r->name));
	if (!clear && r->tls == CONF_ROUTE_TLS_OFF)
		AT(p, CONF_ERROR, &r->login_from, STR("login"),
		   "route '%.*s' has tls off, and the password is not sent in the clear; write tls "
		   "verify", STR_ARG(r->name));
	else if (!clear && r->tls != CONF_ROUTE_TLS_VERIFY && r->tls != CONF_ROUTE_TLS_DANE)
		AT(p, CONF_WARNING, &r->login_from, STR("login"),
		   "route '%.*s' sends its password to whoever answers; write tls verify",
		   STR_ARG(r->name));
}

static void check_route_login(struct conf_parser *p, const struct conf_route *r)
{
	bool login = r->login.len > 0;
	if (login) check_route_password(p, r);
	if (login && !r->secret.len && !r->oauth.len)
		AT(p, CONF_ERROR, &r->login_from, STR("login"),
		   "the password of this login is not named; write secret NAME, or oauth NAME");
	if (!login && r->secret.len)
		AT(p, CONF_ERROR, &r->secret_from, STR("secret"),
		   "whose password this is, is not said; write login USER");
	if (r->secret.len && !conf_is_name(r->secret))
		AT(p, CONF_ERROR, &r->secret_from, r->secret,
		   "here stands the name of a secret, of letters, digits, . - and _");
	if (!login && conf_is_said(&r->mechanisms_from))
		AT(p, CONF_WARNING, &r->mechanisms_from, STR("mechanisms"),
		   "'mechanisms' is not used: route '%.*s' has no login", STR_ARG(r->name));
	if (!login && conf_is_said(&r->login_cleartext_from))
		AT(p, CONF_WARNING, &r->login_cleartext_from, STR("login-cleartext"),
		   "'login-cleartext' is not used: route '%.*s' has no login", STR_ARG(r->name));
}

/* Each keeps its files in memory, in every process that sends. */
static void check_route_files(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	size_t count = 0;
	for (size_t i = 0; i < conf->route_count; i++) {
		const struct conf_route *r = &conf->routes[i];
		bool own = conf_route_has_files(r) && conf_route_files_name(r).len > 0;
		if (own && ++count == CONF_ROUTE_FILES_MAX + 1)
			AT(p, CONF_ERROR, &r->origin, r->name,
			   "more than %d routes have a certificate, a login, or a ca or "
			   "tls-profile of their own",
			   CONF_ROUTE_FILES_MAX);
	}
}

static bool check_routes(struct conf_parser *p)
{
	struct conf *conf = p->conf;
	for (size_t i = 0; i < conf->route_count; i++) {
		const struct conf_route *r = &conf->routes[i];
		const struct conf_route *first = conf_route_find(conf, r->name);
		if (first != r)
			conf_report_twice(p, CONF_BLOCK_conf_route, r->name, &r->origin,
					  &first->origin);
		check_next_host(p, r);
		check_route_tls(p, r);
		check_route_login(p, r);
		conf_check_route_token(p, r);
	}
	return conf_check_matches(p);
}

/* -- Relaying --------------------------------------------------------------------------
 */

static bool does_somebody_relay(const struct conf *conf)
{
	for (size_t i = 0; i < conf->host_count; i++)
		if (conf->hosts[i].relay == CONF_YES_YES &&
		    conf->hosts[i].action == CONF_HOST_ACCEPT)
			return true;
	return conf->relay.from.count > 0;
}

static bool wants_auth(const struct conf_listener *l)
{
	return l->role == CONF_ROLE_SUBMISSION || l->role == CONF_ROLE_ODMR ||
	       l->auth != CONF_LISTENER_AUTH_OFF;
}

static bool is_cleartext_allowed(const struct conf *conf)
{
	for (size_t i = 0; i < conf->host_count; i++)
		if (conf->hosts[i].auth == CONF_HOST_AUTH_CLEARTEXT &&
		    conf->hosts[i].action == CONF_HOST_ACCEPT)
			return true;
	return false;
}

/* Passwords are not asked for where anybody on the way could read them. */
static void check_login(struct conf_parser *p, const struct conf_listener *l,
			bool cleartext)
{
	bool said = conf_is_said(&l->auth_from);
	if (!wants_auth(l) || cleartext || l->tls != CONF_LISTENER_TLS_OFF) return;
	if (!said && !conf_is_said(&l->role_from)) return;
	AT(p, CONF_WARNING, said ? &l->auth_from : &l->role_from,
	   said ? STR("auth") : STR("role"),
	   "nobody can log in through listener '%.*s': it has no TLS, and no host rule says "
	   "'auth cleartext'",
	   STR_ARG(l->name));
}

/* Who fetches mail by ATRN needs both: where to, and a domain that is his. */
static void check_odmr(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	const struct conf_domain *domain = NULL;
	const struct conf_listener *listener = NULL;
	for (size_t i = 0; i < conf->domain_count; i++)
		if (conf->domains[i].deliver.held && conf->domains[i].atrn_user.count) domain = &conf->domains[i];
	for (size_t i = 0; i < conf->listener_count; i++)
		if (conf->listeners[i].role == CONF_ROLE_ODMR) listener = &conf->listeners[i];
	if (domain && !listener)
		AT(p, CONF_WARNING, &domain->atrn_user_from, STR("atrn-user"),
		   "nobody can fetch mail by ATRN: there is no listener of the role odmr");
	if (listener && !domain)
		AT(p, CONF_WARNING, &listener->role_from, STR("role"),
		   "nobody may fetch mail through listener '%.*s': no domain has 'deliver hold-for-etrn' and "
		   "atrn-user", STR_ARG(listener->name));
}

/* Who sends to other domains comes from a network that may, or has logged in. */
static void check_relay(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	bool networks = does_somebody_relay(conf), told = false;
	bool cleartext = is_cleartext_allowed(conf), login = false;
	bool by_login = conf->relay.authenticated == CONF_RELAY_FOR_AUTHENTICATED;
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];
		login = login || wants_auth(l);
		check_login(p, l, cleartext);
		if (l->role != CONF_ROLE_RELAY || networks || told) continue;
		if (by_login && wants_auth(l)) continue;
		bool said = conf_is_said(&l->role_from);
		AT(p, CONF_WARNING, said ? &l->role_from : &conf->profile_from,
		   said ? STR("role") : STR(""),
		   "nobody may send through listener '%.*s': no host has 'relay yes', relay "
		   "has no 'from', and nobody can log in to relay",
		   STR_ARG(l->name));
		told = true;
	}
	for (size_t i = 0; i < conf->host_count; i++)
		login = login || conf->hosts[i].auth == CONF_HOST_AUTH_REQUIRE;
	if (by_login && !login)
		AT(p, CONF_WARNING, &conf->relay.authenticated_from, STR("authenticated"),
		   "no listener lets clients log in: write auth offer into one");
}

/* -- Retries and reports ---------------------------------------------------------------
 */

struct ages {
	int64_t warn_ms, expire_ms;
	const struct conf_origin *warn_from, *expire_from;
	struct str word;
};

static void check_ages(struct conf_parser *p, const struct ages *ages)
{
	char warn[32], expire[32];
	struct buf out;
	/* 0 is what an age has that was wrong. */
	if (!ages->expire_ms || ages->warn_ms < ages->expire_ms) return;
	buf_init_fixed(&out, warn, sizeof warn - 1);
	conf_value_write_duration(ages->warn_ms, &out);
	warn[out.len] = '\0';
	buf_init_fixed(&out, expire, sizeof expire - 1);
	conf_value_write_duration(ages->expire_ms, &out);
	expire[out.len] = '\0';
	AT(p, CONF_ERROR,
	   conf_is_said(ages->warn_from) ? ages->warn_from : ages->expire_from,
	   ages->word,
	   "senders of %.*s mail would be warned after %s, when it has expired (%s)",
	   STR_ARG(ages->word), warn, expire);
}

static void check_retry(struct conf_parser *p)
{
	const struct conf_retry_warn *warn = &p->conf->retry.warn;
	const struct conf_retry_expire *expire = &p->conf->retry.expire;
	const struct ages ages[] = {
		{ warn->urgent_ms, expire->urgent_ms, &warn->urgent_ms_from,
		  &expire->urgent_ms_from, STR("urgent") },
		{ warn->normal_ms, expire->normal_ms, &warn->normal_ms_from,
		  &expire->normal_ms_from, STR("normal") },
		{ warn->non_urgent_ms, expire->non_urgent_ms, &warn->non_urgent_ms_from,
		  &expire->non_urgent_ms_from, STR("non-urgent") },
	};
	for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) check_ages(p, &ages[i]);
}

static void check_postmaster(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	struct str name = conf->postmaster;
	ptrdiff_t at = str_rfind(name, '@');
	if (at >= 0 && !conf_domain_find(conf, str_from(name, (size_t)at + 1)))
		AT(p, CONF_WARNING, &conf->postmaster_from, name,
		   "the postmaster's domain is not a local domain: reports to that "
		   "address leave this server");
	if (conf->notify && !conf_is_said(&conf->postmaster_from))
		AT(p, CONF_ERROR, &conf->notify_from, STR("notify"),
		   "'notify' needs somebody to tell; write postmaster name@example.com");
}

bool conf_check_out(struct conf_parser *p)
{
	if (!check_routes(p)) return false;
	check_route_files(p);
	conf_check_tokens(p);
	check_relay(p);
	check_odmr(p);
	check_retry(p);
	check_postmaster(p);
	return true;
}
