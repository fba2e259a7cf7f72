/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens by which routes log in: `http` gives them, each with its end. They stay good without
 * it. Mail of a route whose first token is still under way waits for that a little. */
#include <string.h>

#include "deliver/connection.h"
#include "lib/base/map.h"

static struct token *find(struct deliver *d, struct str name)
{
	for (size_t i = 0; i < d->token_count; i++)
		if (str_eq(str_of(d->tokens[i].name), name)) return &d->tokens[i];
	return NULL;
}

/* Its place; the first that the configuration does not know any more gives way. */
static struct token *place(struct deliver *d, struct str name)
{
	const struct conf *conf = d->frame->conf;
	struct token *t = find(d, name);
	if (t || name.len >= sizeof t->name) return t;
	for (size_t i = 0; !t && i < d->token_count; i++)
		if (!conf_oauth_client_find(conf, str_of(d->tokens[i].name))) t = &d->tokens[i];
	if (!t && d->token_count < DELIVER_TOKENS_MAX) t = &d->tokens[d->token_count++];
	if (!t) return NULL;
	explicit_bzero(t, sizeof *t);
	(void)str_to_cstr(name, t->name, sizeof t->name);
	return t;
}

static void serve_all(void *arg)
{
	struct deliver *d = arg;
	size_t at = 0;
	for (struct destination *dest; (dest = map_next(&d->destinations, &at, NULL));)
		if (!list_empty(&dest->waiting)) pool_due(dest);
}

void token_take(struct deliver *d, const struct msg_token *m)
{
	struct token *t = place(d, m->name);
	if (!t || m->token.len > sizeof t->text) return;
	explicit_bzero(t->text, sizeof t->text);
	memcpy(t->text, m->token.at, m->token.len);
	t->len = m->token.len;
	t->until_ms = m->until_ms < INT64_MAX ? (int64_t)m->until_ms : INT64_MAX;
	(void)str_to_cstr(m->why, t->why, sizeof t->why);
	serve_all(d);
}

enum token_state token_of(struct deliver *d, struct str name, struct str *token, struct str *why)
{
	const struct token *t = find(d, name);
	bool late = loop_now_ms(d->frame->loop) >= d->tokens_since_ms + DELIVER_TOKEN_MS;
	*token = *why = STR("");
	if (!t) {
		*why = STR("none has come so far");
		return late ? TOKEN_NONE : TOKEN_AWAITED;
	}
	if (t->len && loop_wall_ms(d->frame->loop) < t->until_ms) {
		*token = (struct str){ t->text, t->len };
		return TOKEN_GOOD;
	}
	*why = t->len ? STR("the last one has ended") : str_of(t->why);
	return TOKEN_NONE;
}

void token_reload(struct deliver *d) { d->tokens_since_ms = loop_now_ms(d->frame->loop); }

bool token_is_awaited(struct deliver *d, const struct job *job)
{
	const struct conf_route *route = conf_route_find(d->frame->conf, job->route);
	struct str token, why;
	if (!route || !route->oauth.len || token_of(d, route->oauth, &token, &why) != TOKEN_AWAITED)
		return false;
	if (!d->token_timer) d->token_timer = loop_timer_new(d->frame->loop, serve_all, d);
	if (!d->token_timer) return false;
	loop_timer_set(d->token_timer,
		       d->tokens_since_ms + DELIVER_TOKEN_MS - loop_now_ms(d->frame->loop));
	return true;
}

/* Once for each that a host does not take; `http` knows how often it may ask for another. */
void token_refused(struct connection *c)
{
	struct deliver *d = c->d;
	if (!d->http || !c->login.oauth[0]) return;
	channel_send_token_refused(d->http, &(struct msg_token_refused){
		.name = str_of(c->login.oauth), .digest = c->login.digest });
}

void token_close(struct deliver *d)
{
	loop_timer_free(d->token_timer);
	d->token_timer = NULL;
	explicit_bzero(d->tokens, sizeof d->tokens);
	d->token_count = 0;
}
