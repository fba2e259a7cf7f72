/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/auth.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/policy/throttle.h"
#include "services/directory/checker.h"
#include "services/directory/sasl.h"
#include "services/directory/verified.h"

enum { TICK_MS = 50, INDEX_SHIFT = 56, NAME_MAX_LEN = DIRECTORY_ADDRESS_MAX };

enum state {
	AT_CLIENT, /* it owes a response */
	AT_CHECK,  /* a thread compares the password */
	AT_DELAY,  /* refused; the answer waits */
};

struct session {
	struct link age;  /* in auth->sessions, oldest first */
	struct auth *auth;
	struct channel *ch; /* NULL: nobody waits for the answer */
	uint64_t key, serial, query;
	struct sasl_session *sasl;
	struct ip client;
	int64_t began_ms, due_ms;
	enum state state;
	const char *reason; /* of the refusal */
	bool known;         /* the name is a user's */
	bool banned;        /* by this failure */
	struct verified_mark mark;
	char name[NAME_MAX_LEN]; /* as given, cut */
	size_t name_len;
	char address[DIRECTORY_ADDRESS_MAX]; /* the entry's own */
	size_t address_len;
};

struct auth {
	struct directory *d;
	struct sasl *sasl;
	struct checker *checker;
	struct verified *verified;
	struct throttle *throttle;
	struct loop_timer *tick;
	struct map by_key, by_serial;
	struct link sessions;
	size_t count;
	uint64_t serial;
	bool ticking;
	char secret[DIRECTORY_SECRET];
};

/* --- life --------------------------------------------------------------------------- */

static int64_t now_ms(const struct auth *a) { return loop_now_ms(a->d->frame->loop); }

static bool find_keys(void *arg, struct str user, struct str mechanism,
		      struct scram_keys *keys);

struct auth *auth_new(struct directory *d)
{
	struct auth *a = calloc(1, sizeof *a);
	uint64_t seed;
	if (!a) return NULL;
	a->d = d;
	list_init(&a->sessions);
	bool good = getrandom(a->secret, sizeof a->secret, 0) == (ssize_t)sizeof a->secret &&
		    getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed;
	if (good) {
		map_init(&a->by_key, AUTH_SESSIONS_MAX, seed);
		map_init(&a->by_serial, AUTH_SESSIONS_MAX, seed);
		a->sasl = sasl_new(find_keys);
		a->verified = verified_new();
		a->throttle = throttle_new(AUTH_THROTTLED_MAX, seed);
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
	sasl_end(s->sasl);
	free(s);
	a->count--;
}

void auth_free(struct auth *a)
{
	if (!a) return;
	checker_free(a->checker);
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

static struct str session_name(const struct session *s)
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
				    : session_name(s),
			.reason = str_of(reason) });
	if (result != AUTH_CHALLENGE) session_free(s);
}

static void reply_later(struct session *s, const char *reason)
{
	reply(s, AUTH_LATER, STR(""), reason);
}

static struct throttle_who who_of(const struct session *s)
{
	return (struct throttle_who){ .client = s->client, .account = session_name(s) };
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

static void refuse_now(struct session *s)
{
	char memory[128];
	struct buf reason;
	buf_init_fixed(&reason, memory, sizeof memory - 1);
	buf_str(&reason, str_of(s->reason));
	if (s->banned) buf_str(&reason, STR("; banned from now on"));
	memory[reason.len] = '\0';
	reply(s, AUTH_NO, STR(""), memory);
}

/* `guess`: what was tried, as far as that can be told from others. */
static void refuse(struct session *s, const char *reason, uint64_t guess)
{
	struct auth *a = s->auth;
	struct throttle_limits limits = limits_of(a);
	struct throttle_who who = who_of(s);
	struct throttle_result cost =
		throttle_fail(a->throttle, &limits, &who, guess, now_ms(a));
	s->reason = reason;
	s->banned = cost.ban != THROTTLE_OPEN;
	s->state = AT_DELAY;
	s->due_ms = now_ms(a) + cost.delay_ms;
	if (cost.delay_ms <= 0) refuse_now(s);
}

static bool is_open(struct session *s);

/* Looked at once more: of guesses that were made at the same time those behind the last
 * one that is borne are worth nothing. */
static void accept(struct session *s)
{
	if (!is_open(s)) return;
	struct throttle_who who = who_of(s);
	throttle_success(s->auth->throttle, &who, now_ms(s->auth));
	reply(s, AUTH_YES, STR(""), "");
}

/* Whether the login may go on; answers it if not. */
static bool is_open(struct session *s)
{
	struct throttle_who who = who_of(s);
	switch (throttle_check(s->auth->throttle, &who, now_ms(s->auth))) {
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

static void user_set(struct session *s, const struct auth_user *user)
{
	s->known = user->known == ANSWER_YES;
	memcpy(s->address, user->address, user->address_len);
	s->address_len = user->address_len;
}

/* Called within sasl_step. The strings of the keys are copied by the library at once. */
static bool find_keys(void *arg, struct str name, struct str mechanism,
		      struct scram_keys *keys)
{
	static struct auth_user user;
	struct session *s = arg;
	auth_user_find(s->auth->d, name, mechanism, s->auth->secret, &user);
	user_set(s, &user);
	*keys = user.keys;
	return user.known != ANSWER_LATER;
}

static const char *wrong(const struct session *s)
{
	return s->known ? "wrong password" : "unknown user";
}

static uint64_t guess_of(const struct session *s)
{
	uint64_t guess;
	memcpy(&guess, s->mark.octets, sizeof guess);
	return guess;
}

static void check_password(struct session *s)
{
	struct auth *a = s->auth;
	struct auth_user user;
	struct str name = sasl_user(s->sasl), password = sasl_password(s->sasl);
	if (!is_open(s)) return;
	auth_user_find(a->d, name, STR(""), a->secret, &user);
	user_set(s, &user);
	if (user.known == ANSWER_LATER) {
		reply_later(s, "directory cannot be asked");
		return;
	}
	s->mark = verified_mark(a->verified, session_name(s), password, user.verifier);
	if (s->known && verified_has(a->verified, &s->mark, now_ms(a))) {
		accept(s);
		return;
	}
	if (!checker_put(a->checker, s->serial, password, user.verifier)) {
		reply_later(s, "too many passwords wait to be checked");
		return;
	}
	s->state = AT_CHECK;
	sasl_end(s->sasl);
	s->sasl = NULL;
}

static void checked(void *arg, uint64_t id, enum check_result result)
{
	struct auth *a = arg;
	struct session *s = map_get(&a->by_serial, id);
	if (!s || s->state != AT_CHECK) return;
	switch (result) {
	case CHECK_YES:
		if (!s->known) break;
		verified_put(a->verified, &s->mark, now_ms(a));
		accept(s);
		return;
	case CHECK_CANNOT:
		reply_later(s, "the stored hash cannot be used now");
		return;
	case CHECK_NO: break;
	}
	refuse(s, wrong(s), guess_of(s));
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
		if (is_open(s)) reply(s, AUTH_CHALLENGE, buf_view(&challenge), "");
		break;
	case SASL_PASSWORD: check_password(s); break;
	case SASL_YES:
		if (s->known) accept(s);
		else refuse(s, wrong(s), 0);
		break;
	case SASL_LATER: reply_later(s, "directory cannot be asked"); break;
	case SASL_NO:
		refuse(s, s->name_len ? wrong(s) : "the response is not understood", 0);
		break;
	}
}

/* --- messages ----------------------------------------------------------------------- */

static uint64_t key_of(unsigned index, uint64_t query)
{
	return (query & ((UINT64_C(1) << INDEX_SHIFT) - 1)) | (uint64_t)index << INDEX_SHIFT;
}

static void tick(void *arg)
{
	struct auth *a = arg;
	int64_t now = now_ms(a);
	LIST_EACH(it, &a->sessions) {
		struct session *s = CONTAINER(it, struct session, age);
		if (s->state == AT_DELAY && s->due_ms <= now) refuse_now(s);
		else if (now - s->began_ms >= AUTH_SESSION_MS)
			reply_later(s, "the login took too long");
	}
	a->ticking = a->count > 0;
	if (a->ticking) loop_timer_set(a->tick, TICK_MS);
}

int auth_start(struct auth *a)
{
	a->checker = checker_new(a->d->frame->loop, checked, a);
	a->tick = loop_timer_new(a->d->frame->loop, tick, a);
	return a->checker && a->tick ? 0 : -ENOMEM;
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
	s->began_ms = now_ms(a);
	a->count++;
	list_add_tail(&a->sessions, &s->age);
	if (map_put(&a->by_key, s->key, s) && map_put(&a->by_serial, s->serial, s)) return s;
	session_free(s);
	return NULL;
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
	if (!is_open(s)) return;
	s->sasl = sasl_begin(a->sasl, m->mechanism, m->binding, s);
	if (!s->sasl) reply_later(s, "the mechanism cannot be used");
	else step(s, m->response);
}

void auth_step(struct auth *a, struct channel *ch, const struct msg_auth_step *m)
{
	struct session *s = map_get(&a->by_key, key_of(channel_peer_index(ch), m->query));
	if (s && s->state == AT_CLIENT) {
		step(s, m->response);
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
	if (s->state != AT_CHECK) {
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
