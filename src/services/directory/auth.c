/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/auth_session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "services/directory/keep.h"

enum { TICK_MS = 50, INDEX_SHIFT = 56 };

/* --- life --------------------------------------------------------------------------- */

int64_t auth_now_ms(const struct auth *a) { return loop_now_ms(a->d->frame->loop); }

struct auth *auth_new(struct directory *d)
{
	struct auth *a = calloc(1, sizeof *a);
	uint64_t seed;
	if (!a) return NULL;
	a->d = d;
	list_init(&a->sessions);
	keep_secret(d->keep, a->secret);
	bool good = getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed;
	if (good) {
		map_init(&a->by_key, AUTH_SESSIONS_MAX, seed);
		map_init(&a->by_serial, AUTH_SESSIONS_MAX, seed);
		a->sasl = sasl_new(auth_find_keys);
		a->verified = verified_new();
		a->throttle = throttle_new(AUTH_THROTTLED_MAX, seed);
		a->oauth = oauth_new(d->frame->conf, d->frame->log);
	}
	if (a->sasl && a->verified && a->throttle) {
		/* The library reads its configuration when it is first used. */
		(void)verified_mark(a->verified, STR(""), STR(""), STR(""));
		return a;
	}
	auth_free(a);
	return NULL;
}

static void session_free(struct session *s)
{
	struct auth *a = s->auth;
	if (s->ch) (void)map_take(&a->by_key, s->key);
	(void)map_take(&a->by_serial, s->serial);
	link_remove(&s->age);
	pool_cancel(&s->ask);
	sasl_end(s->sasl);
	free(s->response);
	free(s->user);
	free(s);
	a->count--;
}

void auth_free(struct auth *a)
{
	if (!a) return;
	checker_free(a->checker);
	oauth_free(a->oauth);
	LIST_EACH(it, &a->sessions) session_free(CONTAINER(it, struct session, age));
	loop_timer_free(a->tick);
	map_free(&a->by_key);
	map_free(&a->by_serial);
	sasl_free(a->sasl);
	verified_free(a->verified);
	throttle_free(a->throttle);
	free(a);
}

/* --- answers ------------------------------------------------------------------------ */

struct str auth_name(const struct session *s)
{
	return (struct str){ s->name, s->name_len };
}

static void reply(struct session *s, enum auth_result result, struct str text,
		  const char *reason)
{
	bool yes = result == AUTH_YES;
	if (s->ch)
		channel_send_auth_reply(s->ch, &(struct msg_auth_reply){
			.query = s->query,
			.result = (uint8_t)result,
			.challenge = text,
			.user = yes ? (struct str){ s->address, s->address_len }
				    : auth_name(s),
			.reason = str_of(reason) });
	if (result != AUTH_CHALLENGE) session_free(s);
}

void auth_reply_later(struct session *s, const char *reason)
{
	reply(s, AUTH_LATER, STR(""), reason);
}

static struct throttle_who who_of(const struct session *s)
{
	return (struct throttle_who){ .client = s->client, .account = auth_name(s) };
}

static struct throttle_limits limits_of(const struct auth *a)
{
	const struct conf_auth *conf = &a->d->frame->conf->auth;
	return (struct throttle_limits){
		.failures = (uint32_t)conf->failures,
		.window_ms = conf->window_ms,
		.ban_ms = conf->ban_ms,
		.delay_ms = conf->delay_ms,
	};
}

static void reply_refusal(struct session *s, enum auth_result result, struct str text)
{
	char memory[AUTH_WHY_MAX + 32];
	struct buf reason;
	buf_init_fixed(&reason, memory, sizeof memory - 1);
	buf_str(&reason, str_of(s->why));
	if (s->banned) buf_str(&reason, STR("; banned from now on"));
	memory[reason.len] = '\0';
	reply(s, result, text, memory);
}

static void refuse_now(struct session *s) { reply_refusal(s, AUTH_NO, STR("")); }

static void count_failure(struct session *s, struct str reason, uint64_t guess)
{
	struct auth *a = s->auth;
	struct throttle_limits limits = limits_of(a);
	struct throttle_who who = who_of(s);
	struct throttle_result cost =
		throttle_fail(a->throttle, &limits, &who, guess, auth_now_ms(a));
	(void)str_to_cstr(reason, s->why, sizeof s->why);
	s->banned = cost.ban != THROTTLE_OPEN;
	s->due_ms = auth_now_ms(a) + cost.delay_ms;
}

static void refuse_when_due(struct session *s)
{
	s->state = AT_DELAY;
	if (s->due_ms <= auth_now_ms(s->auth)) refuse_now(s);
}

void auth_refuse(struct session *s, struct str reason, uint64_t guess)
{
	count_failure(s, reason, guess);
	refuse_when_due(s);
}

void auth_refuse_saying(struct session *s, struct str reason, uint64_t guess, struct str text)
{
	count_failure(s, reason, guess);
	s->state = AT_FAULT;
	if (s->ch) reply_refusal(s, AUTH_CHALLENGE, text);
	else session_free(s);
}

/* Looked at once more: of guesses that were made at the same time those behind the last
 * one that is borne are worth nothing. */
void auth_accept(struct session *s)
{
	if (!auth_is_open(s)) return;
	struct throttle_who who = who_of(s);
	throttle_success(s->auth->throttle, &who, auth_now_ms(s->auth));
	reply(s, AUTH_YES, STR(""), "");
}

bool auth_is_open(struct session *s)
{
	struct throttle_who who = who_of(s);
	switch (throttle_check(s->auth->throttle, &who, auth_now_ms(s->auth))) {
	case THROTTLE_OPEN: return true;
	case THROTTLE_CLIENT:
		reply(s, AUTH_BANNED, STR(""), "client is banned for a while");
		break;
	case THROTTLE_ACCOUNT:
		reply(s, AUTH_BANNED, STR(""), "user is banned for a while");
		break;
	}
	return false;
}

/* --- steps -------------------------------------------------------------------------- */

static void name_set(struct session *s)
{
	struct str name = str_sub(sasl_user(s->sasl), 0, sizeof s->name);
	memcpy(s->name, name.at, name.len);
	s->name_len = name.len;
}

static void step(struct session *s, struct str response)
{
	char memory[AUTH_CHALLENGE_MAX];
	struct buf challenge;
	buf_init_fixed(&challenge, memory, sizeof memory);
	enum sasl_result result = sasl_step(s->sasl, response, &challenge);
	name_set(s);
	s->state = AT_CLIENT;
	switch (result) {
	case SASL_CHALLENGE:
		if (auth_is_open(s)) reply(s, AUTH_CHALLENGE, buf_view(&challenge), "");
		break;
	case SASL_PASSWORD: auth_check_password(s); break;
	case SASL_TOKEN: auth_check_token(s); break;
	case SASL_YES:
		if (s->known) auth_accept(s);
		else auth_refuse(s, auth_wrong(s), 0);
		break;
	case SASL_LATER:
		if (s->wants) auth_find_user(s);
		else auth_reply_later(s, "directory cannot be asked");
		break;
	case SASL_NO:
		auth_refuse(s, s->name_len ? auth_wrong(s) : STR("the response is not understood"),
			    0);
		break;
	}
}

void auth_begin_again(struct session *s)
{
	sasl_end(s->sasl);
	s->sasl = sasl_begin(s->auth->sasl, str_of(s->mechanism),
			     (struct str){ (const char *)s->binding, s->binding_len }, s);
	s->wants = false;
	if (!s->sasl) auth_reply_later(s, "the mechanism cannot be used");
	else step(s, (struct str){ s->response, s->response_len });
}

/* --- messages ----------------------------------------------------------------------- */

static uint64_t key_of(unsigned index, uint64_t query)
{
	return (query & ((UINT64_C(1) << INDEX_SHIFT) - 1)) | (uint64_t)index << INDEX_SHIFT;
}

static void tick(void *arg)
{
	struct auth *a = arg;
	int64_t now = auth_now_ms(a);
	LIST_EACH(it, &a->sessions) {
		struct session *s = CONTAINER(it, struct session, age);
		if (s->state == AT_DELAY && s->due_ms <= now) refuse_now(s);
		else if (now - s->began_ms >= AUTH_SESSION_MS)
			auth_reply_later(s, "the login took too long");
	}
	a->ticking = a->count > 0;
	if (a->ticking) loop_timer_set(a->tick, TICK_MS);
}

int auth_start(struct auth *a)
{
	a->checker = checker_new(a->d->frame->loop, auth_checked, a);
	a->tick = loop_timer_new(a->d->frame->loop, tick, a);
	if (!a->checker || !a->tick) return -ENOMEM;
	return a->oauth ? oauth_start(a->oauth, a->d->frame->loop, auth_token_checked, a) : 0;
}

bool auth_reload(struct auth *a) { return oauth_reload(a->oauth, a->d->frame->conf); }

bool auth_secrets(struct auth *a, struct str record)
{
	return !a->oauth || oauth_secrets(a->oauth, record);
}

static struct session *session_new(struct auth *a, struct channel *ch, uint64_t query)
{
	struct session *s = a->count < AUTH_SESSIONS_MAX ? calloc(1, sizeof *s) : NULL;
	if (!s) return NULL;
	s->auth = a;
	s->ch = ch;
	s->query = query;
	s->key = key_of(channel_peer_index(ch), query);
	s->serial = ++a->serial;
	s->began_ms = auth_now_ms(a);
	a->count++;
	list_add_tail(&a->sessions, &s->age);
	if (map_put(&a->by_key, s->key, s) && map_put(&a->by_serial, s->serial, s)) return s;
	session_free(s);
	return NULL;
}

/* What the mechanism begins with, if it is one that may have to begin again. */
static bool session_keep(struct session *s, const struct msg_auth_begin *m)
{
	if (!scram_key_size(m->mechanism)) return true;
	bool good = str_to_cstr(m->mechanism, s->mechanism, sizeof s->mechanism) &&
		    m->binding.len <= sizeof s->binding && m->response.len <= AUTH_RESPONSE_MAX;
	if (good) s->response = malloc(m->response.len + 1);
	if (!s->response) return false;
	memcpy(s->response, m->response.at, m->response.len);
	s->response_len = m->response.len;
	memcpy(s->binding, m->binding.at, m->binding.len);
	s->binding_len = m->binding.len;
	return true;
}

void auth_begin(struct auth *a, struct channel *ch, const struct msg_auth_begin *m)
{
	struct session *s = NULL;
	bool sane = m->client.len == sizeof s->client.octets &&
		    !map_get(&a->by_key, key_of(channel_peer_index(ch), m->query));
	if (sane) s = session_new(a, ch, m->query);
	if (!s) {
		channel_send_auth_reply(ch, &(struct msg_auth_reply){
			.query = m->query, .result = AUTH_LATER, .challenge = STR(""),
			.user = STR(""), .reason = STR("too many logins at one time") });
		return;
	}
	memcpy(s->client.octets, m->client.at, sizeof s->client.octets);
	if (!a->ticking) loop_timer_set(a->tick, TICK_MS);
	a->ticking = true;
	if (!auth_is_open(s)) return;
	s->tls = m->tls;
	s->xoauth2 = str_eq(m->mechanism, STR("XOAUTH2"));
	if (str_eq(m->mechanism, STR("EXTERNAL"))) {
		auth_check_certificate(s, m->certificate, m->response);
		return;
	}
	s->sasl = session_keep(s, m) ? sasl_begin(a->sasl, m->mechanism, m->binding, s) : NULL;
	if (!s->sasl) auth_reply_later(s, "the mechanism cannot be used");
	else step(s, m->response);
}

void auth_step(struct auth *a, struct channel *ch, const struct msg_auth_step *m)
{
	struct session *s = map_get(&a->by_key, key_of(channel_peer_index(ch), m->query));
	if (s && s->state == AT_CLIENT) {
		step(s, m->response);
		return;
	}
	if (s && s->state == AT_FAULT) { /* whatever it says: it is no */
		refuse_when_due(s);
		return;
	}
	if (s) return; /* an answer is on its way */
	channel_send_auth_reply(ch, &(struct msg_auth_reply){
		.query = m->query, .result = AUTH_LATER, .challenge = STR(""), .user = STR(""),
		.reason = STR("the login took too long") });
}

/* Nobody waits any more. What is being checked still counts when it is wrong: or guesses
 * would be free for those who hang up. */
static void abandon(struct session *s)
{
	if (s->state != AT_CHECK && s->state != AT_TOKEN) {
		session_free(s);
		return;
	}
	(void)map_take(&s->auth->by_key, s->key);
	s->ch = NULL;
}

void auth_end(struct auth *a, struct channel *ch, uint64_t query)
{
	struct session *s = map_get(&a->by_key, key_of(channel_peer_index(ch), query));
	if (s) abandon(s);
}

void auth_forget(struct auth *a, unsigned index)
{
	LIST_EACH(it, &a->sessions) {
		struct session *s = CONTAINER(it, struct session, age);
		if (s->ch && s->key >> INDEX_SHIFT == index) abandon(s);
	}
}
