/* SPDX-License-Identifier: Apache-2.0 */
#include "services/http/token.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/event/instant.h"
#include "lib/ipc/secrets.h"
#include "services/http/token_keep.h"
#include "services/http/token_text.h"

enum { CA_MAX = 1024 * 1024, NAME_MAX_LEN = 128 };

struct token_client {
	struct tokens *all;
	const struct conf_oauth_client *conf; /* of this generation */
	char name[NAME_MAX_LEN];
	struct buf ca; /* own authorities; empty: the system's */
	struct loop_timer *timer;
	struct buf secret, given, refresh; /* `given`: the refresh token of the secret file */
	struct buf token;                  /* empty: none */
	int64_t until_ms;                  /* Unix time */
	int64_t forced_ms, told_ms;
	unsigned failures;
	bool fetching, stale; /* stale: what is under way asks with an old secret */
	bool forced, told;
	char why[TOKEN_WHY_MAX + 1];
};

struct tokens {
	struct frame *frame;
	struct web *web;
	struct str ca;
	int folder;
	bool began;
	size_t count;
	struct token_client *list[TOKENS_MAX];
};

static void fetch(void *arg);

static void set(struct buf *b, struct str text)
{
	buf_wipe(b);
	buf_init(b, TOKEN_TEXT_MAX);
	buf_str(b, text);
}

static int64_t now_ms(const struct token_client *c) { return loop_now_ms(c->all->frame->loop); }

static bool is_good(const struct token_client *c)
{
	return c->token.len && loop_wall_ms(c->all->frame->loop) < c->until_ms;
}

/* --- telling ----------------------------------------------------------------------------- */

static void give(const struct token_client *c, struct channel *deliver)
{
	bool good = is_good(c);
	if (!good && !c->why[0]) return; /* nothing is known yet */
	channel_send_token(deliver, &(struct msg_token){
		.name = str_of(c->name),
		.token = good ? buf_view(&c->token) : STR(""),
		.until_ms = good ? (uint64_t)c->until_ms : 0,
		.why = good ? STR("") : str_of(c->why) });
}

static void give_all(const struct token_client *c)
{
	for (unsigned i = 0; i < FRAME_INDEX_MAX; i++) {
		struct channel *deliver = frame_peer(c->all->frame, ROLE_DELIVER, i);
		if (deliver) give(c, deliver);
	}
}

static void tell_good(const struct token_client *c)
{
	struct event_log *log = c->all->frame->log;
	char text[64];
	struct buf expires;
	buf_init_fixed(&expires, text, sizeof text);
	event_time_write(&expires, c->until_ms);
	event_begin(log, EVENT_token, 0, 0);
	event_str(log, FIELD_oauth, str_of(c->name));
	event_str(log, FIELD_expires, buf_view(&expires));
	event_end(log);
}

/* Once, and now and then while it lasts. */
static void tell_bad(struct token_client *c)
{
	struct event_log *log = c->all->frame->log;
	if (c->told && now_ms(c) < c->told_ms + TOKEN_TOLD_MS) return;
	c->told = true;
	c->told_ms = now_ms(c);
	event_begin(log, EVENT_token_fail, 0, 0);
	event_str(log, FIELD_oauth, str_of(c->name));
	event_str(log, FIELD_error, str_of(c->why));
	event_end(log);
}

/* --- fetching ---------------------------------------------------------------------------- */

static void failed(struct token_client *c, struct str why)
{
	int64_t wait_ms = TOKEN_AGAIN_MAX_MS;
	if (c->failures < 10) wait_ms = (int64_t)TOKEN_AGAIN_MS << c->failures;
	c->failures++;
	loop_timer_set(c->timer, wait_ms < TOKEN_AGAIN_MAX_MS ? wait_ms : TOKEN_AGAIN_MAX_MS);
	(void)str_to_cstr(why, c->why, sizeof c->why);
	tell_bad(c);
	if (!is_good(c)) give_all(c);
}

static void keep_refresh(struct token_client *c, struct str fresh)
{
	if (!fresh.len || str_eq(fresh, buf_view(&c->refresh))) return;
	set(&c->refresh, fresh);
	int rc = token_keep_write(c->all->folder, str_of(c->name), buf_view(&c->given), fresh);
	if (rc == 0) return;
	struct event_log *log = c->all->frame->log;
	event_begin(log, EVENT_token_fail, 0, 0);
	event_str(log, FIELD_oauth, str_of(c->name));
	event_str(log, FIELD_error, STR("the new refresh token could not be kept, and is lost with "
					"this process"));
	event_end(log);
}

static void succeeded(struct token_client *c, const struct token_answer *a)
{
	int64_t spare_s = a->life_s > 10 * TOKEN_SPARE_S ? TOKEN_SPARE_S : 0;
	set(&c->token, (struct str){ a->token, a->token_len });
	c->until_ms = loop_wall_ms(c->all->frame->loop) + (a->life_s - spare_s) * 1000;
	c->failures = 0;
	c->why[0] = '\0';
	c->told = false;
	keep_refresh(c, (struct str){ a->refresh, a->refresh_len });
	loop_timer_set(c->timer, a->life_s * 800);
	tell_good(c);
	give_all(c);
}

static void fetched(void *arg, const struct fetched *result)
{
	struct token_client *c = arg;
	struct token_answer *a = malloc(sizeof *a);
	c->fetching = false;
	if (c->stale || !a) {
		c->stale = false;
		free(a);
		loop_timer_set(c->timer, a ? 0 : TOKEN_AGAIN_MS);
		return;
	}
	token_answer_read(result->text, buf_view(&c->secret), buf_view(&c->refresh), a);
	bool good = !result->why.len && a->token_len;
	/* Of an error the answer knows more than its code does. */
	bool says = result->code && a->why_len && result->text.len && result->text.at[0] == '{';
	if (good) succeeded(c, a);
	else failed(c, says ? (struct str){ a->why, a->why_len } : result->why.len ? result->why
							    : (struct str){ a->why, a->why_len });
	explicit_bzero(a, sizeof *a);
	free(a);
}

static const char *unready(const struct token_client *c)
{
	bool by_refresh = c->conf->grant == CONF_OAUTH_REFRESH_TOKEN;
	if (c->conf->secret.len && !c->secret.len) return "its secret cannot be read; the log says why";
	if (by_refresh && !c->refresh.len)
		return "its refresh token cannot be read; the log says why";
	return NULL;
}

static bool ask(struct token_client *c)
{
	struct buf body, login;
	buf_init(&body, TOKEN_BODY_MAX);
	buf_init(&login, TOKEN_BODY_MAX);
	token_request_write(c->conf, buf_view(&c->secret), buf_view(&c->refresh), &body, &login);
	struct fetch what = { .url = c->conf->token_url,
			      .ca = c->ca.len ? buf_view(&c->ca) : c->all->ca,
			      .body = buf_view(&body), .login = buf_view(&login) };
	bool good = !body.overflowed && !login.overflowed && web_ask(c->all->web, &what, fetched, c);
	buf_wipe(&body);
	buf_wipe(&login);
	return good;
}

static void fetch(void *arg)
{
	struct token_client *c = arg;
	if (c->fetching || !c->all->began) return;
	const char *why = unready(c);
	if (why) {
		(void)str_to_cstr(str_of(why), c->why, sizeof c->why);
		tell_bad(c);
		if (!is_good(c)) give_all(c);
		return; /* until there is a secret */
	}
	c->fetching = ask(c);
	if (!c->fetching) failed(c, STR("it cannot be asked for now"));
}

/* --- life -------------------------------------------------------------------------------- */

static void client_free(struct token_client *c)
{
	if (c->all->began) web_forget(c->all->web, c);
	loop_timer_free(c->timer);
	buf_wipe(&c->secret);
	buf_wipe(&c->given);
	buf_wipe(&c->refresh);
	buf_wipe(&c->token);
	buf_free(&c->ca);
	free(c);
}

static struct token_client *client_new(struct tokens *t, const struct conf_oauth_client *conf)
{
	struct token_client *c = calloc(1, sizeof *c);
	if (c) c->timer = loop_timer_new(t->frame->loop, fetch, c);
	if (!c || !c->timer || !str_to_cstr(conf->name, c->name, sizeof c->name)) {
		if (c) loop_timer_free(c->timer);
		free(c);
		return NULL;
	}
	c->all = t;
	c->conf = conf;
	buf_init(&c->ca, CA_MAX);
	set(&c->secret, STR(""));
	set(&c->given, STR(""));
	set(&c->refresh, STR(""));
	set(&c->token, STR(""));
	t->list[t->count++] = c;
	return c;
}

static void ca_read(struct token_client *c)
{
	int rc = token_ca_read(c->conf->ca, &c->ca);
	if (rc == 0) return;
	struct event_log *log = c->all->frame->log;
	event_begin(log, EVENT_token_fail, 0, 0);
	event_str(log, FIELD_oauth, str_of(c->name));
	event_str(log, FIELD_path, c->conf->ca);
	event_str(log, FIELD_error, str_of(strerror(-rc)));
	event_end(log);
	buf_free(&c->ca);
	buf_init(&c->ca, CA_MAX);
	buf_byte(&c->ca, '\n'); /* nobody is trusted */
}

struct tokens *tokens_new(struct frame *frame, struct web *web, struct str ca, int folder)
{
	struct tokens *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	*t = (struct tokens){ .frame = frame, .web = web, .ca = ca, .folder = folder };
	for (size_t i = 0; i < frame->conf->oauth_client_count && t->count < TOKENS_MAX; i++) {
		struct token_client *c = client_new(t, &frame->conf->oauth_clients[i]);
		if (c && c->conf->ca.len) ca_read(c);
	}
	return t;
}

void tokens_free(struct tokens *t)
{
	if (!t) return;
	while (t->count) client_free(t->list[--t->count]);
	free(t);
}

void tokens_begin(struct tokens *t)
{
	t->began = true;
	for (size_t i = 0; i < t->count; i++)
		loop_timer_set(t->list[i]->timer, unready(t->list[i]) ? TOKEN_SECRETS_MS : 0);
}

void tokens_names_up(struct tokens *t)
{
	for (size_t i = 0; t->began && i < t->count; i++) {
		struct token_client *c = t->list[i];
		if (c->token.len || c->fetching || unready(c)) continue;
		c->failures = 0;
		fetch(c);
	}
}

/* --- secrets ----------------------------------------------------------------------------- */

/* Nothing happens where they are the same. */
static void client_secrets(struct token_client *c, struct str record)
{
	struct str secret = secrets_find(record, c->conf->secret);
	struct str given = secrets_find(record, c->conf->refresh);
	if (str_eq(secret, buf_view(&c->secret)) && str_eq(given, buf_view(&c->given))) return;
	bool other = !str_eq(given, buf_view(&c->given));
	set(&c->secret, secret);
	set(&c->given, given);
	if (other) {
		set(&c->refresh, given);
		token_keep_read(c->all->folder, str_of(c->name), given, &c->refresh);
	}
	c->stale = c->fetching;
	c->failures = 0;
	fetch(c);
}

void tokens_secrets(struct tokens *t, struct str record)
{
	for (size_t i = 0; i < t->count; i++) client_secrets(t->list[i], record);
}

/* --- a new configuration ------------------------------------------------------------------ */

static bool is_same(const struct conf_oauth_client *a, const struct conf_oauth_client *b)
{
	return str_eq(a->token_url, b->token_url) && str_eq(a->client, b->client) &&
	       str_eq(a->secret, b->secret) && a->shown == b->shown && a->grant == b->grant &&
	       str_eq(a->refresh, b->refresh) && str_eq(a->scope, b->scope) &&
	       str_eq(a->audience, b->audience) && !a->ca.len && !b->ca.len;
}

/* Those that are the same keep their tokens. Where any is not, a fresh process begins with
 * all: secrets and files of authorities come to it as at the start. */
bool tokens_reload(struct tokens *t)
{
	const struct conf *conf = t->frame->conf;
	bool same = conf->oauth_client_count == t->count;
	for (size_t i = 0; same && i < t->count; i++) {
		const struct conf_oauth_client *c = conf_oauth_client_find(conf, str_of(t->list[i]->name));
		same = c && is_same(c, t->list[i]->conf);
	}
	for (size_t i = 0; same && i < t->count; i++)
		t->list[i]->conf = conf_oauth_client_find(conf, str_of(t->list[i]->name));
	return same;
}

/* --- deliver ------------------------------------------------------------------------------ */

void tokens_tell(struct tokens *t, struct channel *deliver)
{
	for (size_t i = 0; i < t->count; i++) give(t->list[i], deliver);
}

/* One that has been replaced meanwhile is no reason to ask for another. */
void tokens_refused(struct tokens *t, const struct msg_token_refused *m)
{
	for (size_t i = 0; i < t->count; i++) {
		struct token_client *c = t->list[i];
		if (!str_eq(str_of(c->name), m->name)) continue;
		bool current = c->token.len && hash_str(buf_view(&c->token), 0) == m->digest;
		bool may = !c->forced || now_ms(c) >= c->forced_ms + TOKEN_FORCED_MS;
		if (!current || !may) return;
		c->forced = true;
		c->forced_ms = now_ms(c);
		fetch(c);
	}
}
