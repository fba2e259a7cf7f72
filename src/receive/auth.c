/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in. The machine carries what client and mechanism say to each other, directory
 * knows the passwords and decides; here the two are brought together. What a client says
 * goes to directory alone, and nowhere into the log. */
#include "receive/receive.h"

#include <stdlib.h>
#include <string.h>

/* What a mechanism can need; the first three are of a session. */
enum {
	AUTH_WITH_TLS = 1,
	AUTH_WITH_BINDING = 2,
	AUTH_WITH_CERTIFICATE = 4,
	AUTH_WITH_ISSUER = 8, /* of tokens */
};

enum { REPLY_NO, REPLY_YES, REPLY_LATER, REPLY_CHALLENGE, REPLY_BANNED };

/* The better ones first: many clients take the first that they know. */
void auth_settings(struct receive *rx)
{
	static const struct { unsigned flag; const char *name; unsigned needs; } rows[] = {
		{ CONF_FLAG(AUTH_EXTERNAL), "EXTERNAL", AUTH_WITH_CERTIFICATE },
		{ CONF_FLAG(AUTH_SCRAM_SHA_256_PLUS), "SCRAM-SHA-256-PLUS", AUTH_WITH_BINDING },
		{ CONF_FLAG(AUTH_SCRAM_SHA_256), "SCRAM-SHA-256", 0 },
		{ CONF_FLAG(AUTH_SCRAM_SHA_1), "SCRAM-SHA-1", 0 },
		{ CONF_FLAG(AUTH_OAUTHBEARER), "OAUTHBEARER", AUTH_WITH_TLS | AUTH_WITH_ISSUER },
		{ CONF_FLAG(AUTH_XOAUTH2), "XOAUTH2", AUTH_WITH_TLS | AUTH_WITH_ISSUER },
		{ CONF_FLAG(AUTH_PLAIN), "PLAIN", 0 },
		{ CONF_FLAG(AUTH_LOGIN), "LOGIN", 0 },
	};
	const struct conf_auth *conf = &rx->frame->conf->auth;
	for (unsigned has = 0; has < AUTH_OFFERS; has++) {
		struct buf text;
		unsigned all = has | (conf->oauth_count ? AUTH_WITH_ISSUER : 0);
		buf_init_fixed(&text, rx->auth_offer[has], sizeof rx->auth_offer[has]);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			if (!(conf->mechanisms & rows[i].flag)) continue;
			if (rows[i].needs & ~all) continue;
			if (text.len) buf_byte(&text, ' ');
			buf_str(&text, str_of(rows[i].name));
		}
		buf_byte(&text, '\0');
	}
}

void auth_offer(struct session *s)
{
	struct facts facts = dialog_facts(s);
	enum policy_auth offer = policy_auth_offer(&facts);
	unsigned has = (facts.tls ? AUTH_WITH_TLS : 0u) | (s->bound ? AUTH_WITH_BINDING : 0u) |
	               (s->certified ? AUTH_WITH_CERTIFICATE : 0u);
	s->smtp.auth.offer = offer == POLICY_AUTH_OFFERED ? str_of(s->rx->auth_offer[has])
	                                                  : STR("");
	s->smtp.auth.wants_tls = offer == POLICY_AUTH_AFTER_TLS &&
	                         s->listener->conf->tls != CONF_LISTENER_TLS_OFF;
}

/* RFC 3207 4.2: what was known of the client is forgotten. */
void auth_secured(struct session *s)
{
	session_forget_user(s);
	struct tls_client_certificate client;
	s->bound = tls_binding(s->tls, s->binding);
	s->certified = tls_client_certificate_of(s->tls, &client) && client.address_len > 0;
	auth_offer(s);
	verify_offer(s);
	extra_offer(s);
}

/* Forgets the login without a word to directory, which has ended it or is gone. */
static void auth_over(struct session *s)
{
	if (s->login) (void)map_take(&s->rx->logins, s->login);
	s->login = 0;
	s->login_waits = s->login_told = false;
}

void auth_drop(struct session *s)
{
	if (!s->login) return;
	if (s->rx->directory)
		channel_send_auth_end(s->rx->directory, &(struct msg_auth_end){ s->login });
	auth_over(s);
}

static void auth_refuse(struct session *s, struct str user, unsigned code, const char *dsn,
                        const char *text, struct str reason)
{
	bool told = s->login_told;
	auth_over(s);
	if (!told) tell_auth_fail(s, user, code, dsn, reason);
	smtp_server_answer(&s->smtp, code, dsn, str_of(text));
}

static void auth_later(struct session *s, struct str user, struct str reason)
{
	auth_refuse(s, user, 454, "4.7.0", "Logins cannot be checked now; try again later",
		reason);
}

static bool auth_begin(struct session *s)
{
	struct receive *rx = s->rx;
	const struct smtp_server_auth *auth = &s->smtp.auth;
	struct tls_client_certificate client = { 0 };
	if (s->certified) (void)tls_client_certificate_of(s->tls, &client);
	if (!map_put(&rx->logins, ++rx->next_query, s)) return false;
	s->login = rx->next_query;
	channel_send_auth_begin(rx->directory, &(struct msg_auth_begin){
		.query = s->login,
		.mechanism = auth->mechanism,
		.response = auth->response,
		.client = { (const char *)s->client.octets, sizeof s->client.octets },
		.tls = dialog_facts(s).tls,
		.binding = { (const char *)s->binding, s->bound ? sizeof s->binding : 0 },
		.certificate = { client.address, client.address_len } });
	return true;
}

enum dialog auth_event(struct session *s)
{
	struct receive *rx = s->rx;
	const struct smtp_server_auth *auth = &s->smtp.auth;
	if (!rx->directory || (!auth->begins && !s->login)) {
		auth_later(s, STR(""), STR("directory restarts"));
		return DIALOG_GO_ON;
	}
	if (auth->begins && !auth_begin(s)) {
		auth_later(s, STR(""), STR("too many logins"));
		return DIALOG_GO_ON;
	}
	if (!auth->begins)
		channel_send_auth_step(rx->directory, &(struct msg_auth_step){
			.query = s->login, .response = auth->response });
	s->login_waits = true;
	s->asked_ms = loop_now_ms(rx->frame->loop);
	return DIALOG_WAIT;
}

static void auth_accept(struct session *s, struct str user)
{
	char *copy = user.len && user.len <= RECEIVE_USER_MAX ? malloc(user.len) : NULL;
	if (!copy) {
		auth_later(s, user, STR("no memory"));
		return;
	}
	memcpy(copy, user.at, user.len);
	auth_over(s);
	s->user = (struct str){ copy, user.len };
	verify_offer(s);
	extra_offer(s);
	tell_auth(s, s->smtp.auth.mechanism);
	smtp_server_answer(&s->smtp, 0, NULL, STR(""));
}

/* What was not good, for the client; never why. */
static const char *auth_refusal(const struct session *s)
{
	struct str mechanism = s->smtp.auth.mechanism;
	if (str_eq(mechanism, STR("EXTERNAL"))) return "The certificate is not one of a user";
	if (str_eq(mechanism, STR("XOAUTH2")) || str_eq(mechanism, STR("OAUTHBEARER")))
		return "The token is not good here";
	return "Wrong name or password";
}

static void auth_decide(struct session *s, const struct msg_auth_reply *m)
{
	struct str user = str_sub(m->user, 0, RECEIVE_USER_MAX);
	if (m->result == REPLY_CHALLENGE && m->challenge.len <= SMTP_CHALLENGE_MAX) {
		s->login_waits = false;
		/* It is refused already, and may hang up without having heard it all. */
		if (m->reason.len) tell_auth_fail(s, user, 535, "5.7.8", m->reason);
		s->login_told = m->reason.len > 0;
		smtp_server_challenge(&s->smtp, m->challenge);
	} else if (m->result == REPLY_YES) {
		auth_accept(s, m->user);
	} else if (m->result == REPLY_NO) {
		auth_refuse(s, user, 535, "5.7.8", auth_refusal(s), m->reason);
	} else if (m->result == REPLY_BANNED) {
		auth_refuse(s, user, 454, "4.7.0", "Too many failed logins; try again later",
			m->reason);
	} else {
		if (m->result == REPLY_CHALLENGE) auth_drop(s);
		auth_later(s, user, m->reason);
	}
}

void auth_reply(struct receive *rx, const struct msg_auth_reply *m)
{
	struct session *s = map_get(&rx->logins, m->query);
	if (!s || !s->login_waits || s->state != SESSION_OPEN) return;
	auth_decide(s, m);
	session_continue(s);
}

/* A session whose client has the word learns it when it goes on. */
void auth_directory_lost(struct receive *rx)
{
	for (;;) {
		size_t at = 0;
		struct session *s = map_next(&rx->logins, &at, NULL);
		if (!s) return;
		bool waits = s->login_waits && s->state == SESSION_OPEN;
		auth_over(s);
		if (!waits) continue;
		auth_later(s, STR(""), STR("directory restarts"));
		session_continue(s);
	}
}

void auth_sweep(struct receive *rx)
{
	size_t at = 0;
	int64_t now_ms = loop_now_ms(rx->frame->loop);
	for (struct session *s; (s = map_next(&rx->logins, &at, NULL));) {
		if (!s->login_waits || now_ms - s->asked_ms <= RECEIVE_LOGIN_MS) continue;
		/* One a round: answering changes the map. */
		auth_drop(s);
		auth_later(s, STR(""), STR("directory does not answer"));
		session_continue(s);
		return;
	}
}
