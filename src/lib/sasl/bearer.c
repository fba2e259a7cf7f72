/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sasl/bearer.h"

#include "lib/base/json.h"

#define SEPARATOR '\x01'

/* RFC 6750 2.1 "b64token". */
static bool is_token(struct str s)
{
	static const struct str others = STR_INIT("-._~+/");
	if (!s.len || s.len > BEARER_TOKEN_MAX) return false;
	while (s.len && s.at[s.len - 1] == '=') s.len--;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && str_find(others, s.at[i]) < 0) return false;
	return s.len > 0;
}

static bool is_user(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_is_ctl(s.at[i])) return false;
	return s.len <= BEARER_USER_MAX;
}

/* "auth=Bearer TOKEN"; the scheme in any case (RFC 7235 2.1). */
static bool take_auth(struct str value, struct str *token)
{
	struct str scheme = str_cut(&value, ' ');
	*token = str_trim(value);
	return str_eq_nocase(scheme, STR("Bearer")) && is_token(*token);
}

/* One pair KEY=VALUE, and the separator behind it, off `*rest`; RFC 7628 3.1: a key is
 * letters. */
static bool take_pair(struct str *rest, struct str *key, struct str *value)
{
	ptrdiff_t end = str_find(*rest, SEPARATOR);
	if (end < 0) return false;
	struct str pair = str_sub(*rest, 0, (size_t)end);
	*rest = str_from(*rest, (size_t)end + 1);
	if (str_find(pair, '=') < 1) return false;
	*key = str_cut(&pair, '=');
	*value = pair;
	for (size_t i = 0; i < key->len; i++)
		if (!ascii_is_alpha(key->at[i])) return false;
	return true;
}

/* The pairs up to the separator that stands alone, which is the end. Host and port say what
 * the client has connected to; they are not needed. */
static bool take_pairs(struct str rest, struct bearer *out)
{
	struct str key, value;
	while (rest.len && rest.at[0] != SEPARATOR) {
		if (!take_pair(&rest, &key, &value)) return false;
		if (!str_eq_nocase(key, STR("auth"))) continue;
		if (out->token.len || !take_auth(value, &out->token)) return false;
	}
	return rest.len == 1 && out->token.len > 0;
}

bool bearer_xoauth2_parse(struct str message, struct bearer *out)
{
	static const struct str head = STR_INIT("user=");
	*out = (struct bearer){ 0 };
	if (!str_starts_nocase(message, head)) return false;
	struct str rest = str_from(message, head.len);
	out->user = str_cut(&rest, SEPARATOR);
	return out->user.len && is_user(out->user) && take_pairs(rest, out);
}

/* RFC 5801 4: channel binding is not possible, and who says that he could is told the same
 * as who cannot: "y" and "n" are good. */
bool bearer_oauthbearer_parse(struct str message, struct bearer *out)
{
	*out = (struct bearer){ 0 };
	struct str rest = message, binding = str_cut(&rest, ',');
	if (!str_eq(binding, STR("n")) && !str_eq(binding, STR("y"))) return false;
	struct str as = str_cut(&rest, ',');
	if (as.len && !str_starts(as, STR("a="))) return false;
	out->user = str_from(as, 2);
	if (!rest.len || rest.at[0] != SEPARATOR) return false;
	return is_user(out->user) && take_pairs(str_from(rest, 1), out);
}

void bearer_fault_write(struct buf *out, bool xoauth2, struct str scope)
{
	struct json j = { .out = out };
	json_begin_object(&j);
	json_str_at(&j, STR("status"), xoauth2 ? STR("401") : STR("invalid_token"));
	json_str_at(&j, STR("schemes"), STR("bearer"));
	if (scope.len) json_str_at(&j, STR("scope"), scope);
	json_end_object(&j);
}
