/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about tokens by which routes log in. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

static void check_name(struct conf_parser *p, struct str name, const struct conf_origin *from)
{
	if (name.len && !conf_is_name(name))
		AT(p, CONF_ERROR, from, name,
		   "here stands the name of a secret, of letters, digits, . - and _");
}

static void check_grant(struct conf_parser *p, const struct conf_oauth_client *c)
{
	bool refresh = c->grant == CONF_OAUTH_REFRESH_TOKEN;
	if (refresh && !c->refresh.len)
		AT(p, CONF_ERROR, &c->grant_from, STR("grant"),
		   "the refresh token is not named; write refresh NAME");
	if (!refresh && c->refresh.len)
		AT(p, CONF_ERROR, &c->refresh_from, STR("refresh"),
		   "'refresh' is for grant refresh-token");
	if (!refresh && !c->secret.len)
		AT(p, CONF_ERROR, &c->origin, c->name,
		   "oauth '%.*s' has no secret to ask with; write secret NAME", STR_ARG(c->name));
	check_name(p, c->secret, &c->secret_from);
	check_name(p, c->refresh, &c->refresh_from);
}

static bool is_used(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->route_count; i++)
		if (str_eq(conf->routes[i].oauth, name)) return true;
	return false;
}

static void check_client(struct conf_parser *p, const struct conf_oauth_client *c)
{
	const struct conf_oauth_client *first = conf_oauth_client_find(p->conf, c->name);
	if (first != c)
		conf_report_twice(p, CONF_BLOCK_conf_oauth_client, c->name, &c->origin,
				  &first->origin);
	else if (!is_used(p->conf, c->name))
		AT(p, CONF_WARNING, &c->origin, c->name,
		   "no route logs in by oauth '%.*s'", STR_ARG(c->name));
	if (!conf_is_name(c->name))
		AT(p, CONF_ERROR, &c->origin, c->name,
		   "here stands a name of letters, digits, . - and _");
	if (!c->token_url.len)
		AT(p, CONF_ERROR, &c->origin, c->name,
		   "oauth '%.*s' does not say where tokens are; write token-url https://...",
		   STR_ARG(c->name));
	else if (!str_starts(c->token_url, STR("https://")))
		AT(p, CONF_ERROR, &c->token_url_from, c->token_url, "tokens come from an https URL");
	if (!c->client.len)
		AT(p, CONF_ERROR, &c->origin, c->name,
		   "oauth '%.*s' does not say who asks; write client ID", STR_ARG(c->name));
	check_grant(p, c);
}

void conf_check_tokens(struct conf_parser *p)
{
	for (size_t i = 0; i < p->conf->oauth_client_count; i++)
		check_client(p, &p->conf->oauth_clients[i]);
}

void conf_check_route_token(struct conf_parser *p, const struct conf_route *r)
{
	unsigned tokens = CONF_FLAG(ROUTE_MECHANISM_OAUTHBEARER) |
			  CONF_FLAG(ROUTE_MECHANISM_XOAUTH2);
	bool token = r->oauth.len > 0;
	struct conf_quote quote;
	if (token && !conf_oauth_client_find(p->conf, r->oauth))
		AT(p, CONF_ERROR, &r->oauth_from, r->oauth, "there is no oauth '%s'",
		   conf_quote(&quote, r->oauth));
	if (token && !r->login.len)
		AT(p, CONF_ERROR, &r->oauth_from, STR("oauth"),
		   "whose mailbox this is, is not said; write login USER");
	if (token && r->secret.len)
		AT(p, CONF_ERROR, &r->oauth_from, STR("oauth"),
		   "route '%.*s' has a secret and oauth; take one of them away", STR_ARG(r->name));
	if (token && r->login_cleartext == CONF_YES_YES)
		AT(p, CONF_ERROR, &r->login_cleartext_from, STR("login-cleartext"),
		   "a token is never sent without TLS");
	if (r->login.len && r->mechanisms && !(r->mechanisms & (token ? tokens : ~tokens)))
		AT(p, CONF_ERROR, &r->mechanisms_from, STR("mechanisms"),
		   token ? "with oauth it is OAUTHBEARER or XOAUTH2"
			 : "OAUTHBEARER and XOAUTH2 want oauth");
}
