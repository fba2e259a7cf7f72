/* SPDX-License-Identifier: Apache-2.0 */
/* Logins of those who have proved elsewhere who they are: by a token of an issuer, or by a
 * certificate. Whether he is a user who may log in says his directory. */
#include <string.h>

#include "services/directory/auth_session.h"

static const char cannot_ask[] = "directory cannot be asked";

/* RFC 7628 3.2.2: of a token the client hears why, and answers before it is refused. */
static void refuse(struct session *s, const char *reason)
{
	char memory[BEARER_FAULT_MAX];
	struct buf fault;
	if (!s->has_token) {
		auth_refuse(s, str_of(reason), s->guess);
		return;
	}
	buf_init_fixed(&fault, memory, sizeof memory);
	bearer_fault_write(&fault, s->xoauth2, STR(""));
	auth_refuse_saying(s, str_of(reason), s->guess, buf_view(&fault));
}

/* --- whether he is a user --------------------------------------------------------------- */

static void decide(struct session *s, enum answer listed, struct str address)
{
	if (listed == ANSWER_LATER) {
		auth_reply_later(s, cannot_ask);
		return;
	}
	if (listed == ANSWER_NO || !address.len || address.len > sizeof s->address) {
		refuse(s, "unknown user");
		return;
	}
	memcpy(s->address, address.at, address.len);
	s->address_len = address.len;
	s->known = true;
	auth_accept(s);
}

static void decide_by_pool(struct session *s, const struct pool_answer *answer)
{
	const struct backend_entry *e = answer->entry;
	bool good = answer->result == BACKEND_OK && e;
	enum answer listed = good                              ? ANSWER_YES
			     : answer->result == BACKEND_NONE ? ANSWER_NO : ANSWER_LATER;
	decide(s, listed, good ? (struct str){ e->address, e->address_len } : STR(""));
}

static void found(struct pool_ask *ask, const struct pool_answer *answer)
{
	struct session *s = CONTAINER(ask, struct session, ask);
	s->state = AT_CLIENT;
	decide_by_pool(s, answer);
}

static void find(struct session *s, struct pool *list, struct str address)
{
	struct pool_answer now;
	s->ask.done = found;
	s->state = AT_FIND;
	if (!pool_find(list, POOL_LOGIN, address, &s->ask, &now)) return;
	s->state = AT_CLIENT;
	decide_by_pool(s, &now);
}

/* `user` is a whole address, and the session's name from now on. */
static void let_in(struct session *s, struct str user, struct str as)
{
	struct auth_place place;
	struct directory_login login = { 0 };
	if (as.len && !str_eq_nocase(as, user)) {
		refuse(s, "it belongs to another user");
		return;
	}
	s->name_len = str_sub(user, 0, sizeof s->name).len;
	memcpy(s->name, user.at, s->name_len);
	auth_place_find(s->auth->d, auth_name(s), &place);
	if (str_find(user, '@') < 0) {
		refuse(s, "unknown user");
	} else if (place.remote && place.remote->list) {
		find(s, place.remote->list, place.address);
	} else if (place.source) {
		enum answer listed = source_login(s->auth->d, place.source, place.address, &login);
		decide(s, listed, login.address);
	} else {
		refuse(s, place.remote ? "the directory cannot say who its users are"
				       : "unknown user");
	}
}

/* --- tokens ----------------------------------------------------------------------------- */

static void token_decide(struct session *s, const struct oauth_answer *answer)
{
	switch (answer->result) {
	case OAUTH_WAIT: s->state = AT_TOKEN; break;
	case OAUTH_LATER: auth_reply_later(s, answer->reason); break;
	case OAUTH_NO: refuse(s, answer->reason); break;
	case OAUTH_YES:
		let_in(s, (struct str){ answer->user.address, answer->user.len }, auth_name(s));
		break;
	}
}

void auth_token_checked(void *arg, uint64_t id, const struct oauth_answer *answer)
{
	struct auth *a = arg;
	struct session *s = map_get(&a->by_serial, id);
	if (!s || s->state != AT_TOKEN) return;
	s->state = AT_CLIENT;
	if (!s->ch && answer->result == OAUTH_YES) auth_reply_later(s, ""); /* nobody waits */
	else token_decide(s, answer);
}

void auth_check_token(struct session *s)
{
	struct auth *a = s->auth;
	if (!auth_is_open(s)) return;
	if (!a->oauth || !s->tls) {
		auth_reply_later(s, "the mechanism cannot be used");
		return;
	}
	struct str token = sasl_password(s->sasl);
	s->has_token = true;
	s->guess = hash_str(token, 0);
	struct oauth_answer answer = oauth_check(a->oauth, s->serial, token);
	sasl_end(s->sasl);
	s->sasl = NULL;
	token_decide(s, &answer);
}

/* --- certificates ----------------------------------------------------------------------- */

/* RFC 4422 A (EXTERNAL). */
void auth_check_certificate(struct session *s, struct str user, struct str as)
{
	s->guess = hash_str(user, 0);
	if (user.len && user.len <= sizeof s->name && s->tls) let_in(s, user, as);
	else refuse(s, "there is no certificate with a user");
}
