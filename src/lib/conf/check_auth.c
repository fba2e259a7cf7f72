/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about logging in with tokens and with
 * certificates. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

/* -- Tokens ------------------------------------------------------------------------------ */

/* Behind http:// of an address that does not leave this machine. */
static bool is_loopback(struct str rest)
{
	static const struct str hosts[] = { STR_INIT("127.0.0.1"), STR_INIT("[::1]"),
					    STR_INIT("localhost") };
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct str behind = str_from(rest, hosts[i].len);
		if (str_starts_nocase(rest, hosts[i]) &&
		    (!behind.len || behind.at[0] == ':' || behind.at[0] == '/'))
			return true;
	}
	return false;
}

static bool is_url(struct str text)
{
	struct str http = STR("http://"), https = STR("https://");
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_print(text.at[i]) || text.at[i] == ' ' || text.at[i] == '@')
			return false;
	if (str_starts_nocase(text, http)) return is_loopback(str_from(text, http.len));
	return str_starts_nocase(text, https) && text.len > https.len;
}

static void check_url(struct conf_parser *p, struct str word, struct str text, bool path,
		      const struct conf_origin *from)
{
	struct conf_quote quote;
	if (!conf_is_said(from) || !text.len || is_url(text)) return;
	if (path && text.at[0] == '/') return;
	AT(p, CONF_ERROR, from, text,
	   "'%s' is not good for %.*s; write https://HOST/PATH%s (http:// only to this machine)",
	   conf_quote(&quote, text), STR_ARG(word), path ? " or the path of a file" : "");
}

static void check_secret(struct conf_parser *p, const struct conf_oauth *o)
{
	if (conf_is_said(&o->introspection_from) &&
	    (!conf_is_said(&o->client_from) || !conf_is_said(&o->secret_from)))
		AT(p, CONF_ERROR, &o->introspection_from, STR("introspection"),
		   "introspection needs a name and a secret to ask with; write client ID and "
		   "secret NAME");
	if (conf_is_said(&o->secret_from) && o->secret.len &&
	    (!conf_is_name(o->secret) || o->secret.at[0] == '.'))
		AT(p, CONF_ERROR, &o->secret_from, o->secret,
		   "here stands the name of a secret, of letters, digits, . - and _, and not with a "
		   "dot first");
}

static void check_oauth(struct conf_parser *p, const struct conf_oauth *o)
{
	bool keys = conf_is_said(&o->jwks_from);
	if (!conf_is_said(&o->issuer_from))
		AT(p, CONF_ERROR, &o->origin, o->name,
		   "oauth '%.*s' does not say whose tokens; write issuer URL", STR_ARG(o->name));
	if (!keys && !conf_is_said(&o->introspection_from))
		AT(p, CONF_ERROR, &o->origin, o->name,
		   "oauth '%.*s' has nothing to check tokens with; write jwks URL or "
		   "introspection URL", STR_ARG(o->name));
	/* Or a token for anything else of this issuer would do. */
	if (keys && !conf_is_said(&o->audience_from))
		AT(p, CONF_ERROR, &o->jwks_from, STR("jwks"),
		   "oauth '%.*s' does not say for whom tokens are; write audience TEXT",
		   STR_ARG(o->name));
	/* Some issuers do not say in their answers for whom a token is. */
	if (!keys && conf_is_said(&o->introspection_from) && !conf_is_said(&o->audience_from) &&
	    !conf_is_said(&o->scope_from))
		AT(p, CONF_WARNING, &o->introspection_from, STR("introspection"),
		   "oauth '%.*s' takes tokens that are for other services of this issuer; write "
		   "audience TEXT, or scope WORD", STR_ARG(o->name));
	check_url(p, STR("issuer"), o->issuer, false, &o->issuer_from);
	check_url(p, STR("jwks"), o->jwks, true, &o->jwks_from);
	check_url(p, STR("introspection"), o->introspection, false, &o->introspection_from);
	check_secret(p, o);
}

static void check_oauths(struct conf_parser *p)
{
	const struct conf_auth *auth = &p->conf->auth;
	for (size_t i = 0; i < auth->oauth_count; i++) {
		const struct conf_oauth *o = &auth->oauths[i];
		for (size_t j = 0; j < i; j++) {
			const struct conf_oauth *other = &auth->oauths[j];
			if (str_eq(o->name, other->name))
				conf_report_twice(p, CONF_BLOCK_conf_oauth, o->name, &o->origin,
						  &other->origin);
			else if (o->issuer.len && str_eq(o->issuer, other->issuer))
				AT(p, CONF_ERROR, &o->issuer_from, o->issuer,
				   "oauth '%.*s' has this issuer already",
				   STR_ARG(other->name));
		}
		check_oauth(p, o);
	}
}

/* -- Certificates ------------------------------------------------------------------------ */

static void check_clients(struct conf_parser *p, const struct conf_listener *l)
{
	bool off = l->client_certificate == CONF_CLIENT_CERTIFICATE_OFF;
	bool ca = conf_is_said(&l->client_ca_from), crl = conf_is_said(&l->client_crl_from);
	if (!off && l->tls == CONF_LISTENER_TLS_OFF)
		AT(p, CONF_ERROR, &l->client_certificate_from, STR("client-certificate"),
		   "listener '%.*s' has tls off: no client can show a certificate",
		   STR_ARG(l->name));
	else if (!off && !ca)
		AT(p, CONF_ERROR, &l->client_certificate_from, STR("client-certificate"),
		   "listener '%.*s' does not say whom clients' certificates come from; write "
		   "client-ca PATH", STR_ARG(l->name));
	else if (off && (ca || crl))
		AT(p, CONF_WARNING, ca ? &l->client_ca_from : &l->client_crl_from,
		   ca ? STR("client-ca") : STR("client-crl"),
		   "listener '%.*s' asks for no certificate; write client-certificate ask",
		   STR_ARG(l->name));
}

void conf_check_auth(struct conf_parser *p)
{
	check_oauths(p);
	for (size_t i = 0; i < p->conf->listener_count; i++)
		check_clients(p, &p->conf->listeners[i]);
}
