/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/oauth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/ipc/secrets.h"
#include "lib/os/fetcher.h"
#include "lib/os/file.h"
#include "lib/os/sandbox.h"
#include "services/directory/jwks.h"
#include "services/directory/known_tokens.h"

enum { FETCH_THREADS = 2, FETCH_MS = 5000 };

static const struct str system_ca = STR_INIT("/etc/ssl/certs/ca-certificates.crt");

struct issuer {
	const struct conf_oauth *conf;
	struct jwks *keys;     /* NULL: none yet */
	struct buf ca, secret; /* empty: it could not be read */
	int64_t fetched_ms;    /* when `keys` came */
	int64_t tried_ms;      /* last fetch, whatever came of it; 0: none */
	int64_t unknown_ms;    /* last fetch because of an unknown key; 0: none */
	int64_t told_ms;       /* last time that trouble was told; 0: never */
	uint64_t fetch;        /* that is under way; 0: none */
	bool failed;           /* the last fetch */
};

/* A token that waits for the keys of its issuer, or for the issuer's word. */
struct waiting {
	struct link link;
	struct issuer *issuer;
	uint64_t id, fetch;
	bool asked; /* the answer is about this token alone */
	struct str token;
};

struct oauth {
	struct event_log *log;
	struct loop *loop;
	struct fetcher *fetcher;
	struct known_tokens *known;
	oauth_fn *fn;
	void *arg;
	struct link waiting;
	size_t waiting_count;
	uint64_t fetches;
	bool left; /* the configuration is not the one that is read here any more */
	struct issuer issuers[OAUTH_ISSUERS_MAX];
	size_t count;
};

/* --- files ------------------------------------------------------------------------------ */

static void tell(struct oauth *o, struct str path, struct str error)
{
	event_begin(o->log, EVENT_token_error, 0, 0);
	event_str(o->log, FIELD_path, path);
	event_str(o->log, FIELD_error, error);
	event_end(o->log);
}

static bool is_url(struct str s) { return s.len && s.at[0] != '/'; }

static bool has_urls(const struct conf_oauth *c)
{
	return is_url(c->jwks) || c->introspection.len;
}

static void told_read(struct oauth *o, struct str path, struct buf *out)
{
	int rc = file_read(path, out);
	if (rc == 0) return;
	tell(o, path, str_of(strerror(-rc)));
	buf_free(out);
}

static void keys_read(struct oauth *o, struct issuer *is)
{
	char memory[128];
	struct buf text, why;
	buf_init(&text, FETCHER_ANSWER_MAX + 8192);
	buf_init_fixed(&why, memory, sizeof memory);
	told_read(o, is->conf->jwks, &text);
	if (text.len) is->keys = jwks_parse(buf_view(&text), &why);
	if (why.len) tell(o, is->conf->jwks, buf_view(&why));
	buf_free(&text);
}

/* What the C library reads when it looks up a host. Those that are missing it can do
 * without. */
static void names_allow(void)
{
	static const char *const files[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
					     "/etc/host.conf", "/etc/gai.conf" };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		(void)sandbox_allow_path(files[i], false);
}

static void issuer_open(struct oauth *o, struct issuer *is)
{
	const struct conf_oauth *c = is->conf;
	buf_init(&is->ca, OAUTH_CA_MAX + 8192);
	buf_init(&is->secret, OAUTH_SECRET_MAX);
	if (c->jwks.len && !is_url(c->jwks)) keys_read(o, is);
	if (!has_urls(c)) return;
	told_read(o, c->ca.len ? c->ca : system_ca, &is->ca);
	names_allow();
	sandbox_allow_clients();
}

/* --- life ------------------------------------------------------------------------------- */

struct oauth *oauth_new(const struct conf *conf, struct event_log *log)
{
	const struct conf_auth *auth = &conf->auth;
	struct oauth *o = auth->oauth_count && fetcher_prepare() ? calloc(1, sizeof *o) : NULL;
	if (!o) return NULL;
	o->log = log;
	list_init(&o->waiting);
	o->known = known_tokens_new();
	for (size_t i = 0; o->known && i < auth->oauth_count && i < OAUTH_ISSUERS_MAX; i++) {
		o->issuers[i].conf = &auth->oauths[i];
		issuer_open(o, &o->issuers[i]);
		o->count++;
	}
	if (o->known) return o;
	oauth_free(o);
	return NULL;
}

static void waiting_free(struct oauth *o, struct waiting *w)
{
	link_remove(&w->link);
	o->waiting_count--;
	explicit_bzero((void *)(uintptr_t)w->token.at, w->token.len);
	free((void *)(uintptr_t)w->token.at);
	free(w);
}

void oauth_free(struct oauth *o)
{
	if (!o) return;
	fetcher_free(o->fetcher);
	LIST_EACH(it, &o->waiting) waiting_free(o, CONTAINER(it, struct waiting, link));
	for (size_t i = 0; i < o->count; i++) {
		jwks_free(o->issuers[i].keys);
		buf_free(&o->issuers[i].ca);
		buf_wipe(&o->issuers[i].secret);
	}
	known_tokens_free(o->known);
	free(o);
}

static bool is_same_list(const struct conf_texts *a, const struct conf_texts *b)
{
	if (a->count != b->count) return false;
	for (size_t i = 0; i < a->count; i++)
		if (!str_eq(a->at[i], b->at[i])) return false;
	return true;
}

/* A question that is under way has the old one, and is asked again if that was no good. */
bool oauth_secrets(struct oauth *o, struct str record)
{
	if (o->left) return false;
	for (size_t i = 0; i < o->count; i++) {
		struct issuer *is = &o->issuers[i];
		buf_wipe(&is->secret);
		buf_init(&is->secret, OAUTH_SECRET_MAX);
		buf_str(&is->secret, secrets_find(record, is->conf->secret));
		if (is->secret.overflowed) return false;
	}
	return true;
}

static bool is_same(const struct conf_oauth *a, const struct conf_oauth *b)
{
	return str_eq(a->issuer, b->issuer) && str_eq(a->jwks, b->jwks) &&
	       str_eq(a->introspection, b->introspection) && str_eq(a->client, b->client) &&
	       str_eq(a->secret, b->secret) &&
	       str_eq(a->scope, b->scope) && is_same_list(&a->audience, &b->audience) &&
	       is_same_list(&a->user, &b->user);
}

/* Nothing tells a process without rights whether they have changed. */
static bool reads_files(const struct conf_oauth *c)
{
	return c->ca.len || (c->jwks.len && !is_url(c->jwks));
}

static bool fits(const struct oauth *o, const struct conf_auth *auth)
{
	if (auth->oauth_count != o->count) return false;
	for (size_t i = 0; i < o->count; i++)
		if (reads_files(&auth->oauths[i]) || reads_files(o->issuers[i].conf) ||
		    !is_same(&auth->oauths[i], o->issuers[i].conf))
			return false;
	return true;
}

bool oauth_reload(struct oauth *o, const struct conf *conf)
{
	const struct conf_auth *auth = &conf->auth;
	if (!o) return !auth->oauth_count;
	o->left = o->left || !fits(o, auth);
	for (size_t i = 0; i < o->count; i++)
		o->issuers[i].conf = o->left ? NULL : &auth->oauths[i];
	return !o->left;
}

/* --- answers ---------------------------------------------------------------------------- */

static int64_t now_ms(const struct oauth *o) { return loop_now_ms(o->loop); }

static struct oauth_answer no(const char *reason)
{
	return (struct oauth_answer){ .result = OAUTH_NO, .reason = reason };
}

static struct oauth_answer later(const char *reason)
{
	return (struct oauth_answer){ .result = OAUTH_LATER, .reason = reason };
}

/* `text`: a payload, or what the issuer says; both can be believed. */
static struct oauth_answer answer_of(struct oauth *o, const struct issuer *is, struct str text,
				     bool asked, struct str token)
{
	struct oauth_answer answer = { .result = OAUTH_YES };
	int64_t wall_s = loop_wall_ms(o->loop) / 1000, now = now_ms(o);
	answer.reason = token_read(is->conf, text, asked, wall_s, &answer.user);
	if (answer.reason) return no(answer.reason);
	int64_t most_ms = asked ? OAUTH_ASKED_MS : OAUTH_KNOWN_MS;
	int64_t left_s = answer.user.until_s - wall_s;
	int64_t left_ms = left_s < most_ms / 1000 ? left_s * 1000 : most_ms;
	known_tokens_put(o->known, token, &answer.user, now, now + left_ms);
	return answer;
}

static struct oauth_answer wait_for(struct oauth *o, struct issuer *is, uint64_t id, bool asked,
				    uint64_t fetch, struct str token)
{
	bool room = o->waiting_count < OAUTH_WAITING_MAX;
	struct waiting *w = room ? calloc(1, sizeof *w) : NULL;
	char *copy = w ? malloc(token.len) : NULL;
	if (!copy) {
		free(w);
		return later("too many tokens wait to be checked");
	}
	memcpy(copy, token.at, token.len);
	*w = (struct waiting){ .issuer = is, .id = id, .fetch = fetch, .asked = asked,
			       .token = { copy, token.len } };
	list_add_tail(&o->waiting, &w->link);
	o->waiting_count++;
	return (struct oauth_answer){ .result = OAUTH_WAIT };
}

/* --- signed tokens ---------------------------------------------------------------------- */

static void keys_fetch(struct oauth *o, struct issuer *is)
{
	struct fetch what = { .url = is->conf->jwks, .ca = buf_view(&is->ca) };
	if (is->fetch) return;
	is->tried_ms = now_ms(o);
	if (fetcher_put(o->fetcher, ++o->fetches, &what)) is->fetch = o->fetches;
	else is->failed = true;
}

/* Whether there are keys that can still be trusted. What is getting old is asked for. */
static bool keys_ready(struct oauth *o, struct issuer *is)
{
	if (!is_url(is->conf->jwks)) return is->keys;
	int64_t age = now_ms(o) - is->fetched_ms;
	bool ready = is->keys && age < OAUTH_OLD_MS;
	bool may = !is->tried_ms || now_ms(o) - is->tried_ms >= OAUTH_RETRY_MS;
	if (may && (!ready || age >= OAUTH_STALE_MS)) keys_fetch(o, is);
	return ready;
}

/* Whether the keys may have changed since we have them. */
static bool unknown_key(struct oauth *o, struct issuer *is)
{
	if (!is_url(is->conf->jwks)) return false;
	if (!is->unknown_ms || now_ms(o) - is->unknown_ms >= OAUTH_AGAIN_MS) {
		is->unknown_ms = now_ms(o);
		keys_fetch(o, is);
	}
	return is->fetch;
}

static struct oauth_answer signed_check(struct oauth *o, struct issuer *is, uint64_t id,
					const struct token_head *head, const struct jwt *jwt,
					struct str token)
{
	static const char down[] = "the issuer's keys cannot be had now";
	if (!head->algorithm) return no("the token has a signature that is not taken");
	if (!keys_ready(o, is))
		return is->fetch ? wait_for(o, is, id, false, is->fetch, token) : later(down);
	struct str key = { head->id, head->id_len };
	switch (jwks_verify(is->keys, head->algorithm, key, jwt)) {
	case JWKS_GOOD: return answer_of(o, is, jwt->payload, false, token);
	case JWKS_WRONG: return no("the token's signature is wrong");
	case JWKS_UNKNOWN: break;
	}
	if (unknown_key(o, is)) return wait_for(o, is, id, false, is->fetch, token);
	return is->failed ? later(down) : no("the token has an unknown key");
}

/* --- tokens that only their issuer understands ------------------------------------------ */

/* RFC 7662 2.1; what is said is encoded as RFC 6749 2.3.1 and B want it. */
static struct oauth_answer ask(struct oauth *o, struct issuer *is, uint64_t id, struct str token)
{
	struct buf form, login;
	if (!is->secret.len) return later("there is no secret to ask the issuer with");
	buf_init(&form, 3 * BEARER_TOKEN_MAX + 64);
	buf_init(&login, 3 * OAUTH_SECRET_MAX + 1024);
	buf_str(&form, STR("token_type_hint=access_token&token="));
	buf_form(&form, token);
	buf_form(&login, is->conf->client);
	buf_byte(&login, ':');
	buf_form(&login, buf_view(&is->secret));
	struct fetch what = { .url = is->conf->introspection, .ca = buf_view(&is->ca),
			      .body = buf_view(&form), .login = buf_view(&login) };
	struct oauth_answer answer = later("too many questions for the issuer wait");
	if (!form.overflowed && !login.overflowed && fetcher_put(o->fetcher, ++o->fetches, &what))
		answer = wait_for(o, is, id, true, o->fetches, token);
	buf_wipe(&form);
	buf_wipe(&login);
	return answer;
}

/* --- one token -------------------------------------------------------------------------- */

/* Of a token that names its issuer that one; any other goes to the first that can be asked. */
static struct issuer *issuer_find(struct oauth *o, const struct token_head *head)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct conf_oauth *c = o->issuers[i].conf;
		if (head ? str_eq(c->issuer, (struct str){ head->issuer, head->issuer_len })
			 : c->introspection.len > 0)
			return &o->issuers[i];
	}
	return NULL;
}

static struct oauth_answer check(struct oauth *o, uint64_t id, struct str token, struct buf *memory)
{
	struct jwt jwt;
	struct token_head head;
	bool is_signed = jwt_split(token, memory, &jwt) && token_head_read(&jwt, &head);
	struct issuer *is = issuer_find(o, is_signed ? &head : NULL);
	if (!is)
		return no(is_signed ? "the token has another issuer"
				    : "the token is not understood");
	if (is_signed && is->conf->jwks.len) return signed_check(o, is, id, &head, &jwt, token);
	return ask(o, is, id, token);
}

struct oauth_answer oauth_check(struct oauth *o, uint64_t id, struct str token)
{
	struct oauth_answer answer = { .result = OAUTH_YES };
	struct buf memory;
	if (o->left) return later("the directory is being set up again");
	if (known_tokens_get(o->known, token, now_ms(o), &answer.user)) return answer;
	buf_init(&memory, BEARER_TOKEN_MAX);
	answer = check(o, id, token, &memory);
	buf_wipe(&memory);
	return answer;
}

/* --- what came back --------------------------------------------------------------------- */

static void trouble(struct oauth *o, struct issuer *is, struct str url, struct str why)
{
	int64_t now = now_ms(o);
	if (is->told_ms && now - is->told_ms < OAUTH_AGAIN_MS) return;
	is->told_ms = now;
	tell(o, url, why);
}

static void keys_fetched(struct oauth *o, struct issuer *is, struct str text, struct buf *why)
{
	struct jwks *keys = why->len ? NULL : jwks_parse(text, why);
	is->fetch = 0;
	is->tried_ms = now_ms(o); /* the pause comes behind it */
	is->failed = !keys;
	if (!keys) {
		trouble(o, is, is->conf->jwks, buf_view(why));
		return;
	}
	jwks_free(is->keys);
	is->keys = keys;
	is->fetched_ms = now_ms(o);
}

/* RFC 7662 2.2. Whatever is no answer about the token is not held against it. */
static struct oauth_answer told(struct oauth *o, const struct waiting *w, struct str text,
				struct str why)
{
	if (why.len) trouble(o, w->issuer, w->issuer->conf->introspection, why);
	else if (token_is_answer(text))
		return answer_of(o, w->issuer, text, true, w->token);
	else
		trouble(o, w->issuer, w->issuer->conf->introspection,
			STR("this is not an answer about a token"));
	return later("the issuer cannot be asked now");
}

static void fetched(void *arg, uint64_t fetch, const struct fetched *result)
{
	struct oauth *o = arg;
	struct str text = result->text, error = result->why;
	char memory[256];
	struct buf why;
	if (o->left) return;
	buf_init_fixed(&why, memory, sizeof memory);
	buf_str(&why, error);
	for (size_t i = 0; i < o->count; i++)
		if (o->issuers[i].fetch == fetch) keys_fetched(o, &o->issuers[i], text, &why);
	LIST_EACH(it, &o->waiting) {
		struct waiting *w = CONTAINER(it, struct waiting, link);
		if (w->fetch != fetch) continue;
		struct oauth_answer answer = w->asked ? told(o, w, text, error)
						      : oauth_check(o, w->id, w->token);
		uint64_t id = w->id;
		waiting_free(o, w);
		if (answer.result != OAUTH_WAIT) o->fn(o->arg, id, &answer);
	}
}

int oauth_start(struct oauth *o, struct loop *loop, oauth_fn *fn, void *arg)
{
	o->loop = loop;
	o->fn = fn;
	o->arg = arg;
	o->fetcher = fetcher_new(loop, &(struct fetcher_spec){
		.threads = FETCH_THREADS, .timeout_ms = FETCH_MS, .fn = fetched, .arg = o });
	if (!o->fetcher) return -ENOMEM;
	for (size_t i = 0; i < o->count; i++)
		if (is_url(o->issuers[i].conf->jwks)) keys_fetch(o, &o->issuers[i]);
	return 0;
}
