/* SPDX-License-Identifier: Apache-2.0 */
/* What a login is judged by: the stored hash of a user, his keys, or a directory that
 * compares passwords itself. Databases answer at once, other directories when they can. */
#include <stdlib.h>
#include <string.h>

#include "services/directory/auth_session.h"

static const char cannot_ask[] = "directory cannot be asked";

static void address_set(struct session *s, bool known, struct str address)
{
	s->known = known;
	s->address_len = str_sub(address, 0, sizeof s->address).len;
	if (s->address_len) memcpy(s->address, address.at, s->address_len);
}

static void user_set(struct session *s, const struct auth_user *user)
{
	address_set(s, user->known == ANSWER_YES,
		    (struct str){ user->address, user->address_len });
}

struct str auth_wrong(const struct session *s)
{
	return s->known ? STR("wrong password") : STR("unknown user");
}

static uint64_t guess_of(const struct session *s)
{
	uint64_t guess;
	memcpy(&guess, s->mark.octets, sizeof guess);
	return guess;
}

static void password_over(struct session *s)
{
	s->state = AT_CHECK;
	sasl_end(s->sasl);
	s->sasl = NULL;
}

/* --- by the stored hash ------------------------------------------------------------- */

static void check_hash(struct session *s, const struct auth_user *user)
{
	struct auth *a = s->auth;
	struct str password = sasl_password(s->sasl);
	user_set(s, user);
	if (user->known == ANSWER_LATER) {
		auth_reply_later(s, cannot_ask);
		return;
	}
	s->mark = verified_mark(a->verified, auth_name(s), password, user->verifier);
	if (s->known && verified_has(a->verified, &s->mark, auth_now_ms(a))) {
		auth_accept(s);
		return;
	}
	if (!checker_put(a->checker, s->serial, password, user->verifier))
		auth_reply_later(s, "too many passwords wait to be checked");
	else password_over(s);
}

void auth_checked(void *arg, uint64_t id, enum check_result result)
{
	struct auth *a = arg;
	struct session *s = map_get(&a->by_serial, id);
	if (!s || s->state != AT_CHECK) return;
	switch (result) {
	case CHECK_YES:
		if (!s->known) break;
		verified_put(a->verified, &s->mark, auth_now_ms(a), VERIFIED_MS);
		auth_accept(s);
		return;
	case CHECK_CANNOT:
		auth_reply_later(s, "the stored hash cannot be used now");
		return;
	case CHECK_NO: break;
	}
	auth_refuse(s, auth_wrong(s), guess_of(s));
}

/* --- by a directory that compares passwords ------------------------------------------ */

static struct remote *remote_of(struct session *s, struct auth_place *place)
{
	auth_place_find(s->auth->d, auth_name(s), place);
	return place->remote;
}

/* What is remembered ends with what the directory lets be remembered: it is not asked
 * whether the password is still the same. */
static void verified_now(struct session *s)
{
	struct auth_place place;
	struct auth *a = s->auth;
	struct remote *r = remote_of(s, &place);
	if (r && r->checks)
		verified_put(a->verified, &s->mark, auth_now_ms(a),
			     pool_settings(r->checks)->cache_ms);
	auth_accept(s);
}

/* Whether he exists says the list that stands beside, or else the one who compares. */
static void verify_decide(struct session *s, const struct pool_answer *answer)
{
	const struct backend_entry *e = answer->entry;
	bool own = !s->user; /* there is no list beside */
	switch (answer->result) {
	case BACKEND_OK:
		if (own && e) address_set(s, true, (struct str){ e->address, e->address_len });
		if (s->known) verified_now(s);
		else auth_refuse(s, auth_wrong(s), guess_of(s));
		return;
	case BACKEND_WRONG:
		if (own) s->known = true;
		auth_refuse(s, answer->why.len ? answer->why : auth_wrong(s), guess_of(s));
		return;
	case BACKEND_NONE: auth_refuse(s, STR("unknown user"), guess_of(s)); return;
	case BACKEND_DOWN:
	case BACKEND_UNSURE: break;
	}
	auth_reply_later(s, cannot_ask);
}

static void verified_answer(struct pool_ask *ask, const struct pool_answer *answer)
{
	struct session *s = CONTAINER(ask, struct session, ask);
	if (s->ch || answer->result == BACKEND_WRONG || answer->result == BACKEND_NONE)
		verify_decide(s, answer);
	else auth_reply_later(s, cannot_ask); /* nobody waits */
}

/* Whether the password was right a moment ago, of a user who is remembered, too. */
static bool is_remembered(struct session *s, struct remote *r, struct str address)
{
	struct backend_entry e;
	struct auth *a = s->auth;
	if (!verified_has(a->verified, &s->mark, auth_now_ms(a))) return false;
	if (s->user) return s->known;
	if (!pool_recall(r->checks, address, &e)) return false;
	address_set(s, true, (struct str){ e.address, e.address_len });
	return true;
}

/* A user who does not exist is asked for all the same: it takes as long. */
static void verify(struct session *s, struct remote *r, struct str address)
{
	struct pool_answer now;
	struct str password = sasl_password(s->sasl);
	s->mark = verified_mark(s->auth->verified, auth_name(s), password, str_of(r->name));
	if (is_remembered(s, r, address)) {
		auth_accept(s);
		return;
	}
	s->ask.done = verified_answer;
	bool at_once = pool_verify(r->checks, address, password, &s->ask, &now);
	password_over(s);
	if (at_once) verify_decide(s, &now);
}

/* --- who he is ---------------------------------------------------------------------- */

/* Of a list that stands beside the one who compares: only whether he is in it. */
static void judge(struct session *s, const struct auth_user *user)
{
	struct auth_place place;
	struct remote *r = remote_of(s, &place);
	if (!r || !r->checks) {
		check_hash(s, user);
		return;
	}
	address_set(s, user->listed, (struct str){ user->address, user->address_len });
	if (user->known == ANSWER_LATER && !user->listed) auth_reply_later(s, cannot_ask);
	else verify(s, r, s->known ? (struct str){ s->address, s->address_len } : place.address);
}

static void found(struct session *s, const struct pool_answer *answer)
{
	struct auth_place place;
	(void)remote_of(s, &place);
	if (!s->user) s->user = malloc(sizeof *s->user);
	if (!s->user) {
		auth_reply_later(s, "no memory");
		return;
	}
	struct backend_entry entry;
	struct pool_answer own = *answer;
	if (place.remote && place.remote->checks && answer->entry) {
		entry = *answer->entry;
		entry.scram_len = 0; /* another compares passwords */
		own.entry = &entry;
	}
	auth_user_set(&own, place.address, str_of(s->mechanism), s->auth->secret, s->user);
	if (!s->mechanism[0]) judge(s, s->user);
	else if (s->user->known == ANSWER_LATER) auth_reply_later(s, cannot_ask);
	else auth_begin_again(s);
}

static void found_answer(struct pool_ask *ask, const struct pool_answer *answer)
{
	struct session *s = CONTAINER(ask, struct session, ask);
	s->state = AT_CLIENT;
	found(s, answer);
}

static void find(struct session *s, struct remote *r, struct str address)
{
	struct pool_answer now;
	s->ask.done = found_answer;
	s->state = AT_FIND;
	if (!pool_find(r->list, POOL_LOGIN, address, &s->ask, &now)) return;
	s->state = AT_CLIENT;
	found(s, &now);
}

void auth_find_user(struct session *s)
{
	struct auth_place place;
	if (!auth_is_open(s)) return;
	struct remote *r = remote_of(s, &place);
	if (r && r->list) find(s, r, place.address);
	else auth_reply_later(s, cannot_ask);
}

void auth_check_password(struct session *s)
{
	struct auth_place place;
	if (!auth_is_open(s)) return;
	struct remote *r = remote_of(s, &place);
	if (r && r->checks && (r->checks == r->list || (!r->list && !place.source))) {
		verify(s, r, place.address);
		return;
	}
	if (r && r->list) {
		find(s, r, place.address);
		return;
	}
	if (!s->user) s->user = malloc(sizeof *s->user);
	if (!s->user) {
		auth_reply_later(s, "no memory");
		return;
	}
	auth_user_find(s->auth->d, &place, STR(""), s->auth->secret, s->user);
	judge(s, s->user);
}

/* Called within sasl_step. The strings of the keys are copied by the library at once. */
bool auth_find_keys(void *arg, struct str name, struct str mechanism,
		    struct scram_keys *keys)
{
	struct session *s = arg;
	struct auth_place place;
	auth_place_find(s->auth->d, name, &place);
	s->wants = !s->user && place.remote && place.remote->list;
	if (s->wants) return false;
	if (!s->user) {
		s->user = malloc(sizeof *s->user);
		if (!s->user) return false;
		auth_user_find(s->auth->d, &place, mechanism, s->auth->secret, s->user);
	}
	user_set(s, s->user);
	*keys = s->user->keys;
	return s->user->known != ANSWER_LATER;
}
