/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/token.h"

#include <jansson.h>
#include <string.h>

enum { ASKED_GOOD_S = 60 };

#define TIME_MAX 1e15 /* what a double holds without loss */

static struct str text_of(const json_t *value)
{
	const char *text = json_string_value(value);
	return text ? (struct str){ text, json_string_length(value) } : STR("");
}

static json_t *object_read(struct str text)
{
	json_error_t error;
	json_t *all = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(all)) return all;
	json_decref(all);
	return NULL;
}

static bool text_keep(struct str text, char *to, size_t size, size_t *len)
{
	if (text.len > size) return false;
	memcpy(to, text.at, text.len);
	*len = text.len;
	return true;
}

/* RFC 7515 4.1.11: what is critical and not known makes a token worthless. */
bool token_head_read(const struct jwt *jwt, struct token_head *out)
{
	json_t *header = object_read(jwt->header), *payload = object_read(jwt->payload);
	*out = (struct token_head){ 0 };
	bool good = header && payload &&
		    text_keep(text_of(json_object_get(header, "kid")), out->id, sizeof out->id,
			      &out->id_len) &&
		    text_keep(text_of(json_object_get(payload, "iss")), out->issuer,
			      sizeof out->issuer, &out->issuer_len);
	if (good && !json_object_get(header, "crit"))
		out->algorithm = jwt_algorithm_find(text_of(json_object_get(header, "alg")));
	json_decref(header);
	json_decref(payload);
	return good;
}

/* Seconds of Unix time, perhaps with a fraction; `none` if there is no such claim. */
static int64_t time_at(const json_t *all, const char *name, int64_t none)
{
	const json_t *value = json_object_get(all, name);
	if (!json_is_number(value)) return none;
	double number = json_number_value(value);
	if (!(number > -TIME_MAX)) return (int64_t)-TIME_MAX;
	return number < TIME_MAX ? (int64_t)number : (int64_t)TIME_MAX;
}

static const char *times_check(const json_t *all, bool asked, int64_t now_s, int64_t *until_s)
{
	int64_t none = asked ? now_s + ASKED_GOOD_S : -1;
	*until_s = time_at(all, "exp", none);
	if (*until_s == -1) return "the token has no end";
	if (*until_s + TOKEN_LEEWAY_S <= now_s) return "the token has expired";
	if (time_at(all, "nbf", now_s) - TOKEN_LEEWAY_S > now_s ||
	    time_at(all, "iat", now_s) - TOKEN_LEEWAY_S > now_s)
		return "the token is not valid yet";
	return NULL;
}

static bool is_one_of(struct str text, const struct conf_texts *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(text, list->at[i])) return true;
	return false;
}

/* RFC 7519 4.1.3: one, or several of which we have to be one. */
static bool is_for_us(const json_t *audience, const struct conf_texts *list)
{
	for (size_t i = 0; i < json_array_size(audience); i++)
		if (is_one_of(text_of(json_array_get(audience, i)), list)) return true;
	return json_is_string(audience) && is_one_of(text_of(audience), list);
}

static bool has_scope(const json_t *value, struct str wanted)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (str_eq(text_of(json_array_get(value, i)), wanted)) return true;
	struct str rest = text_of(value);
	while (rest.len)
		if (str_eq(str_cut(&rest, ' '), wanted)) return true;
	return false;
}

static bool is_address(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_is_ctl(s.at[i]) || s.at[i] == ' ') return false;
	return str_rfind(s, '@') > 0 && s.at[s.len - 1] != '@' && s.len <= BEARER_USER_MAX;
}

/* A name that the issuer has not seen to be his proves nothing. */
static bool is_proved(const json_t *all, struct str claim)
{
	const json_t *verified = json_object_get(all, "email_verified");
	return !str_eq(claim, STR("email")) || !verified || json_is_true(verified) ||
	       str_eq(text_of(verified), STR("true"));
}

static const char *user_find(const struct conf_oauth *rules, const json_t *all,
			     struct token_user *out)
{
	const char *why = "the token names no user";
	for (size_t i = 0; i < rules->user.count; i++) {
		char name[257];
		struct str claim = rules->user.at[i];
		if (!str_to_cstr(claim, name, sizeof name)) continue;
		struct str value = text_of(json_object_get(all, name));
		if (!is_address(value)) continue;
		if (is_proved(all, claim)) {
			(void)text_keep(value, out->address, sizeof out->address, &out->len);
			return NULL;
		}
		why = "the token's address is not verified";
	}
	return why;
}

static const char *claims_check(const struct conf_oauth *rules, const json_t *all, bool asked,
				int64_t now_s, struct token_user *out)
{
	const json_t *issuer = json_object_get(all, "iss");
	if (asked && !json_is_true(json_object_get(all, "active")))
		return "the issuer says that the token is not valid";
	if ((issuer || !asked) && !str_eq(text_of(issuer), rules->issuer))
		return "the token has another issuer";
	if (rules->audience.count && !is_for_us(json_object_get(all, "aud"), &rules->audience))
		return "the token is for another audience";
	const char *why = times_check(all, asked, now_s, &out->until_s);
	if (why) return why;
	if (rules->scope.len && !has_scope(json_object_get(all, "scope"), rules->scope) &&
	    !has_scope(json_object_get(all, "scp"), rules->scope))
		return "the token has another scope";
	return user_find(rules, all, out);
}

const char *token_read(const struct conf_oauth *rules, struct str text, bool asked,
		       int64_t now_s, struct token_user *out)
{
	*out = (struct token_user){ 0 };
	json_t *all = object_read(text);
	const char *why = all ? claims_check(rules, all, asked, now_s, out)
			      : "the token is not understood";
	json_decref(all);
	return why;
}

bool token_is_answer(struct str text)
{
	json_t *all = object_read(text);
	bool good = json_is_boolean(json_object_get(all, "active"));
	json_decref(all);
	return good;
}
