/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in to smart hosts. The password is on a connection for as long as the login takes,
 * and leaves nothing behind there. */
#include <assert.h>
#include <string.h>

#include "deliver/connection.h"

static_assert(CONF_FLAG(ROUTE_MECHANISM_SCRAM_SHA_256_PLUS) == 1u << SMTP_CL_SCRAM_SHA_256_PLUS &&
		      CONF_FLAG(ROUTE_MECHANISM_SCRAM_SHA_256) == 1u << SMTP_CL_SCRAM_SHA_256 &&
		      CONF_FLAG(ROUTE_MECHANISM_PLAIN) == 1u << SMTP_CL_PLAIN &&
		      CONF_FLAG(ROUTE_MECHANISM_LOGIN) == 1u << SMTP_CL_LOGIN &&
		      CONF_FLAG(ROUTE_MECHANISM_OAUTHBEARER) == 1u << SMTP_CL_OAUTHBEARER &&
		      CONF_FLAG(ROUTE_MECHANISM_XOAUTH2) == 1u << SMTP_CL_XOAUTH2,
	      "the machine's mechanisms are the settings'");

static_assert((int)SCRAM_FLAG_NONE == (int)SMTP_CL_BINDING_NONE &&
		      (int)SCRAM_FLAG_UNOFFERED == (int)SMTP_CL_BINDING_UNOFFERED &&
		      (int)SCRAM_FLAG_BOUND == (int)SMTP_CL_BINDING_BOUND,
	      "the machine's bindings are SCRAM's");
static_assert((int)TLS_BINDING <= (int)SCRAM_BINDING_MAX, "it fits");

/* The password, or the token, of the route; empty: there is none. */
static struct str secret_of(struct connection *c, const struct conf_route *route)
{
	struct str token, why;
	if (route->oauth.len) {
		(void)token_of(c->d, route->oauth, &token, &why);
		return token;
	}
	const struct route_tls *files = encrypt_files_of(c->d, route->name);
	return files ? (struct str){ files->secret, files->secret_len } : STR("");
}

bool login_begin(struct connection *c, const struct conf_route *route)
{
	if (!route || !route->login.len) return true;
	struct str secret = secret_of(c, route);
	bool token = route->oauth.len > 0;
	if (!secret.len) return false;
	struct login *l = &c->login;
	memcpy(l->secret, secret.at, secret.len);
	l->digest = token ? hash_str(secret, 0) : 0;
	(void)str_to_cstr(route->oauth, l->oauth, sizeof l->oauth);
	(void)str_to_cstr(route->login, l->user, sizeof l->user);
	(void)str_to_cstr(route->name, l->route, sizeof l->route);
	l->proof = (struct proof){ .step = 0 };
	l->settings = (struct smtp_client_login){
		.user = str_of(l->user),
		.secret = { l->secret, secret.len },
		.route = str_of(l->route),
		.mechanisms = token ? route->mechanisms & SMTP_CLIENT_TOKENS
				    : route->mechanisms & ~(unsigned)SMTP_CLIENT_TOKENS,
		.cleartext = !token && route->login_cleartext == CONF_YES_YES,
	};
	c->cfg.login = &l->settings;
	return true;
}

void login_forget(struct connection *c)
{
	if (!c->cfg.login) return;
	explicit_bzero(c->login.secret, sizeof c->login.secret);
	explicit_bzero(&c->login.proof, sizeof c->login.proof);
	/* What has left the buffer is still in its memory. */
	if (c->out.at) explicit_bzero(c->out.at + c->out.len, c->out.cap - c->out.len);
}

/* What the first word says of the connection; it is there, as the machine was told. */
static void bind_to(struct connection *c)
{
	struct proof *p = &c->login.proof;
	p->flag = (enum scram_flag)c->smtp.binding;
	p->binding_len = p->flag == SCRAM_FLAG_BOUND && tls_binding(c->tls, p->binding) ? TLS_BINDING : 0;
}

void login_prove(struct connection *c)
{
	char says[SMTP_REPLY_LINE_KEPT], faults[PROOF_WHY_MAX];
	struct buf out, why;
	const struct smtp_client_login *login = c->cfg.login;
	struct route_tls *files = encrypt_files_of(c->d, login->route);
	struct proof_salted none = { .iterations = 0 };
	buf_init_fixed(&out, says, sizeof says);
	buf_init_fixed(&why, faults, sizeof faults);
	if (c->login.proof.step == 0) bind_to(c);
	/* A password that has come meanwhile is not this connection's. */
	bool same = files && str_eq((struct str){ files->secret, files->secret_len },
				    login->secret);
	enum proof_result result = proof_step(&c->login.proof, same ? &files->salted : &none,
					      login->user, login->secret, c->smtp.challenge,
					      &out, &why);
	explicit_bzero(&none, sizeof none);
	if (out.overflowed) buf_str(&why, STR("the login is too long"));
	if (result == PROOF_FAILED || out.overflowed)
		smtp_client_unproved(&c->smtp, buf_view(&why));
	else
		smtp_client_prove(&c->smtp, buf_view(&out), result == PROOF_LAST);
}

/* Once an hour for a route: its mail may be much, and all of it says the same. */
void login_failed(struct connection *c)
{
	struct deliver *d = c->d;
	struct route_tls *files = encrypt_files_of(d, c->login.settings.route);
	int64_t now_ms = loop_now_ms(d->frame->loop);
	if (!files || (files->login_told && now_ms < files->login_told_ms + DELIVER_LOGIN_TOLD_MS))
		return;
	files->login_told = true;
	files->login_told_ms = now_ms;
	tell_login(c, &c->smtp.cause);
}
