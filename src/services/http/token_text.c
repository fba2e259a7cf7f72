/* SPDX-License-Identifier: Apache-2.0 */
#include "services/http/token_text.h"

#include <jansson.h>
#include <string.h>

/* --- what is asked ----------------------------------------------------------------------- */

/* application/x-www-form-urlencoded */
static void put_pair(struct buf *out, struct str name, struct str value)
{
	if (!value.len) return;
	if (out->len) buf_byte(out, '&');
	buf_str(out, name);
	buf_byte(out, '=');
	buf_form(out, value);
}

void token_request_write(const struct conf_oauth_client *c, struct str secret, struct str refresh,
			 struct buf *body, struct buf *login)
{
	bool by_refresh = c->grant == CONF_OAUTH_REFRESH_TOKEN;
	bool header = c->shown == CONF_OAUTH_IN_HEADER && secret.len;
	put_pair(body, STR("grant_type"),
		 by_refresh ? STR("refresh_token") : STR("client_credentials"));
	if (by_refresh) put_pair(body, STR("refresh_token"), refresh);
	put_pair(body, STR("scope"), c->scope);
	put_pair(body, STR("audience"), c->audience);
	if (!header) {
		put_pair(body, STR("client_id"), c->client);
		put_pair(body, STR("client_secret"), secret);
		return;
	}
	buf_form(login, c->client);
	buf_byte(login, ':');
	buf_form(login, secret);
}

/* --- what is answered -------------------------------------------------------------------- */

static struct str text_of(const json_t *all, const char *name)
{
	const json_t *value = json_object_get(all, name);
	const char *text = json_string_value(value);
	return text ? (struct str){ text, json_string_length(value) } : STR("");
}

/* RFC 6750 2.1: anything else could end the line in which it is said. */
static bool is_token(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_print(text.at[i]) || text.at[i] == ' ') return false;
	return text.len > 0 && text.len <= TOKEN_TEXT_MAX;
}

static bool holds(struct str text, struct str part)
{
	return part.len && text.len && memmem(text.at, text.len, part.at, part.len) != NULL;
}

static void put_words(struct buf *out, struct str words)
{
	for (size_t i = 0; i < words.len && out->len < out->max; i++) {
		char c = words.at[i];
		if (c == '\r' || c == '\n') return; /* what follows is for programs */
		buf_byte(out, ascii_is_print(c) ? c : '?');
	}
}

static void because(struct token_answer *out, struct str why, struct str more)
{
	struct buf words;
	buf_init_fixed(&words, out->why, sizeof out->why);
	put_words(&words, why);
	if (more.len) put_words(&words, STR(": "));
	put_words(&words, more);
	out->why_len = words.len;
	out->token_len = out->refresh_len = 0;
}

static int64_t life_of(const json_t *all)
{
	const json_t *value = json_object_get(all, "expires_in");
	struct str text = text_of(all, "expires_in");
	uint64_t number = TOKEN_LIFE_S;
	if (json_is_number(value)) {
		double life = json_number_value(value);
		number = !(life > 0) ? 0 : life < TOKEN_LIFE_MAX_S ? (uint64_t)life : TOKEN_LIFE_MAX_S;
	} else if (text.len && !str_to_u64(text, &number)) {
		number = TOKEN_LIFE_S; /* some write numbers as texts, none writes this */
	}
	return number < TOKEN_LIFE_MAX_S ? (int64_t)number : TOKEN_LIFE_MAX_S;
}

static void read_token(const json_t *all, struct token_answer *out)
{
	struct str token = text_of(all, "access_token"), refresh = text_of(all, "refresh_token");
	struct str type = text_of(all, "token_type");
	if (!is_token(token)) {
		because(out, STR("the answer has no token that can be used"), STR(""));
		return;
	}
	if (type.len && !str_eq_nocase(type, STR("Bearer"))) {
		because(out, STR("the token is of an unknown type"), type);
		return;
	}
	out->life_s = life_of(all);
	if (out->life_s == 0) {
		because(out, STR("the token has ended already"), STR(""));
		return;
	}
	memcpy(out->token, token.at, token.len);
	out->token_len = token.len;
	if (!is_token(refresh)) return;
	memcpy(out->refresh, refresh.at, refresh.len);
	out->refresh_len = refresh.len;
}

void token_answer_read(struct str text, struct str secret, struct str refresh,
		       struct token_answer *out)
{
	json_error_t problem;
	json_t *all = text.len ? json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &problem) : NULL;
	*out = (struct token_answer){ 0 };
	struct str error = text_of(all, "error"), more = text_of(all, "error_description");
	struct str words[] = { error, more, text_of(all, "token_type") };
	bool told = false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		told = told || holds(words[i], secret) || holds(words[i], refresh);
	if (!json_is_object(all)) because(out, STR("the answer is no JSON object"), STR(""));
	else if (told) because(out, STR("an error whose words repeat the secret"), STR(""));
	else if (error.len) because(out, error, more);
	else read_token(all, out);
	json_decref(all);
}
