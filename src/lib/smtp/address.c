/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/address.h"

#include <string.h>

#include "lib/base/ip.h"
#include "lib/base/utf8.h"

static bool is_8bit(char c) { return (unsigned char)c >= 0x80; }

/* RFC 5321 4.1.2 atext, RFC 6531 3.3 for bytes above 127. "=" is one (Q166616). */
static bool is_atext(char c)
{
	if (ascii_is_alnum(c) || is_8bit(c)) return true;
	switch (c) {
	case '!': case '#': case '$': case '%': case '&': case '\'': case '*': case '+':
	case '-': case '/': case '=': case '?': case '^': case '_': case '`': case '{':
	case '|': case '}': case '~':
		return true;
	default:
		return false;
	}
}

static bool is_qtext(char c)
{
	return is_8bit(c) || (ascii_is_print(c) && c != '"' && c != '\\');
}

/* Length of the Dot-string at the head of `in`; 0 if there is none. */
static size_t dot_string_len(struct str in)
{
	size_t len = 0;
	for (size_t i = 0; i < in.len; i++) {
		if (is_atext(in.at[i])) len = i + 1;
		else if (in.at[i] != '.' || i != len || i == 0) break;
	}
	return len;
}

/* Length of the Quoted-string at the head of `in` with its quotes; 0 if unfinished. */
static size_t quoted_string_len(struct str in)
{
	for (size_t i = 1; i < in.len; i++) {
		if (in.at[i] == '"') return i + 1;
		if (in.at[i] == '\\') {
			if (++i >= in.len || !ascii_is_print(in.at[i])) return 0;
		} else if (!is_qtext(in.at[i])) {
			return 0;
		}
	}
	return 0;
}

static bool is_label(struct str label)
{
	if (label.len == 0 || label.at[0] == '-' || label.at[label.len - 1] == '-')
		return false;
	bool ascii = true;
	for (size_t i = 0; i < label.len; i++) {
		char c = label.at[i];
		if (is_8bit(c)) ascii = false;
		else if (!ascii_is_alnum(c) && c != '-' && c != '_') return false;
	}
	/* A U-label's limit is that of its A-label; SMTP_DOMAIN_MAX bounds it. */
	return !ascii || label.len <= SMTP_LABEL_MAX;
}

static bool domain_labels_are_valid(struct str domain)
{
	for (;;) {
		bool last = str_find(domain, '.') < 0;
		if (!is_label(str_cut(&domain, '.'))) return false;
		if (last) return true;
	}
}

/* No C1 control characters: U+0080 to U+009F come as C2 80 to C2 9F. */
static bool text_is_valid(struct str s)
{
	if (!utf8_is_valid(s)) return false;
	for (size_t i = 0; i + 1 < s.len; i++)
		if ((unsigned char)s.at[i] == 0xc2 && (unsigned char)s.at[i + 1] < 0xa0)
			return false;
	return true;
}

bool smtp_domain_is_valid(struct str domain)
{
	return domain.len <= SMTP_DOMAIN_MAX && domain_labels_are_valid(domain) &&
	       text_is_valid(domain);
}

bool smtp_literal_is_valid(struct str domain)
{
	struct ip ip;
	if (domain.len < 2 || domain.at[0] != '[' || domain.at[domain.len - 1] != ']')
		return false;
	struct str inside = str_sub(domain, 1, domain.len - 2);
	if (str_starts_nocase(inside, STR("IPv6:"))) {
		inside = str_from(inside, 5);
		return str_find(inside, ':') >= 0 && ip_parse(inside, &ip);
	}
	return str_find(inside, ':') < 0 && ip_parse(inside, &ip);
}

/* Drops "@one,@two:" from the head of `in`. False if it is malformed. */
static bool skip_route(struct str *in)
{
	while (in->len && in->at[0] == '@') {
		size_t len = 1;
		while (len < in->len && in->at[len] != ',' && in->at[len] != ':' &&
		       in->at[len] != '>')
			len++;
		if (len >= in->len || in->at[len] == '>') return false;
		if (!smtp_domain_is_valid(str_sub(*in, 1, len - 1))) return false;
		bool more = in->at[len] == ',';
		*in = str_from(*in, len + 1);
		if (!more) return true;
		if (in->len == 0 || in->at[0] != '@') return false;
	}
	return true;
}

/* Reads the local part at the head of `in`; its length is 0 if there is none. */
static void take_local(struct str in, struct smtp_path *path)
{
	path->quoted = in.len && in.at[0] == '"';
	path->local =
		str_sub(in, 0, path->quoted ? quoted_string_len(in) : dot_string_len(in));
}

static enum smtp_path_result check_domain(struct smtp_path *path)
{
	struct str domain = path->domain;
	path->literal = domain.len && domain.at[0] == '[';
	if (path->literal)
		return smtp_literal_is_valid(domain) ? SMTP_PATH_OK
						     : SMTP_PATH_BAD_DOMAIN;
	if (!domain_labels_are_valid(domain)) return SMTP_PATH_BAD_DOMAIN;
	return SMTP_PATH_OK;
}

static enum smtp_path_result check_whole(struct smtp_path *path)
{
	path->utf8 = !utf8_is_ascii(path->whole);
	if (path->utf8 && !text_is_valid(path->whole)) return SMTP_PATH_BAD_UTF8;
	if (path->local.len > SMTP_LOCAL_MAX) return SMTP_PATH_LOCAL_LONG;
	if (path->domain.len > SMTP_DOMAIN_MAX) return SMTP_PATH_DOMAIN_LONG;
	if (path->whole.len + 2 > SMTP_PATH_MAX) return SMTP_PATH_LONG;
	return SMTP_PATH_OK;
}

enum smtp_path_result smtp_path_parse(struct str in, enum smtp_path_kind kind,
				      struct smtp_path *path, struct str *rest)
{
	*path = (struct smtp_path){ 0 };
	if (in.len == 0 || in.at[0] != '<') return SMTP_PATH_NO_BRACKETS;
	in = str_from(in, 1);
	if (in.len && in.at[0] == '>') {
		path->is_null = true;
		*rest = str_from(in, 1);
		return kind == SMTP_REVERSE_PATH ? SMTP_PATH_OK : SMTP_PATH_NULL;
	}
	if (!skip_route(&in)) return SMTP_PATH_BAD_DOMAIN;
	take_local(in, path);
	if (path->local.len == 0) return SMTP_PATH_BAD_LOCAL;
	struct str after = str_from(in, path->local.len);
	if (after.len == 0) return SMTP_PATH_NO_BRACKETS;
	if (after.at[0] == '>') {
		/* Only the very name, not what begins like it (Q245041). */
		if (kind != SMTP_FORWARD_PATH ||
		    !str_eq_nocase(path->local, STR("postmaster")))
			return SMTP_PATH_NO_DOMAIN;
		path->whole = path->local;
		*rest = str_from(after, 1);
		return SMTP_PATH_OK;
	}
	if (after.at[0] != '@') return SMTP_PATH_BAD_LOCAL;
	/* A blank before the ">" stays in the domain and makes it bad: it must not be
	 * routed by a trimmed name and sent on by another (Q228998). */
	ptrdiff_t end = str_find(after, '>');
	if (end < 0) return SMTP_PATH_NO_BRACKETS;
	path->domain = str_sub(after, 1, (size_t)end - 1);
	path->whole = str_sub(in, 0, path->local.len + (size_t)end);
	*rest = str_from(after, (size_t)end + 1);
	enum smtp_path_result result = check_domain(path);
	return result == SMTP_PATH_OK ? check_whole(path) : result;
}

/* Next character of a local part without its quotes; -1 at the end. */
static int local_next(struct str *local, bool quoted)
{
	if (local->len == 0) return -1;
	if (quoted && local->at[0] == '\\' && local->len > 1)
		*local = str_from(*local, 1);
	int c = (unsigned char)local->at[0];
	*local = str_from(*local, 1);
	return c;
}

/* Cuts the quotes off. */
static bool local_strip(struct str *local)
{
	bool quoted = local->len >= 2 && local->at[0] == '"';
	if (quoted) *local = str_sub(*local, 1, local->len - 2);
	return quoted;
}

void smtp_local_unquote(struct buf *out, struct str local)
{
	bool quoted = local_strip(&local);
	for (int c; (c = local_next(&local, quoted)) >= 0;) buf_byte(out, (char)c);
}

static void local_write(struct buf *out, struct str local)
{
	struct str left = local;
	char plain[SMTP_LOCAL_MAX];
	struct buf unquoted;
	if (!local_strip(&left)) {
		buf_str(out, local);
		return;
	}
	buf_init_fixed(&unquoted, plain, sizeof plain);
	smtp_local_unquote(&unquoted, local);
	if (unquoted.len && !unquoted.overflowed &&
	    dot_string_len(buf_view(&unquoted)) == unquoted.len) {
		buf_str(out, buf_view(&unquoted));
		return;
	}
	buf_byte(out, '"');
	for (int c; (c = local_next(&left, true)) >= 0;) {
		if (c == '"' || c == '\\') buf_byte(out, '\\');
		buf_byte(out, (char)c);
	}
	buf_byte(out, '"');
}

void smtp_path_write(struct buf *out, const struct smtp_path *path)
{
	local_write(out, path->local);
	if (path->domain.len == 0) return;
	buf_byte(out, '@');
	buf_str(out, path->domain);
}

static bool local_eq(struct str a, struct str b)
{
	bool a_quoted = local_strip(&a), b_quoted = local_strip(&b);
	for (;;) {
		int x = local_next(&a, a_quoted), y = local_next(&b, b_quoted);
		if (x < 0 || y < 0) return x == y;
		if (ascii_lower((char)x) != ascii_lower((char)y)) return false;
	}
}

bool smtp_path_eq(const struct smtp_path *a, const struct smtp_path *b)
{
	return str_eq_nocase(a->domain, b->domain) && local_eq(a->local, b->local);
}

void smtp_address_split(struct str address, struct str *local, struct str *domain)
{
	ptrdiff_t at = str_rfind(address, '@');
	size_t len = at < 0 ? address.len : (size_t)at;
	*local = str_sub(address, 0, len);
	*domain = str_from(address, len + 1);
}

bool smtp_address_eq(struct str a, struct str b)
{
	struct str a_local, a_domain, b_local, b_domain;
	smtp_address_split(a, &a_local, &a_domain);
	smtp_address_split(b, &b_local, &b_domain);
	return str_eq_nocase(a_domain, b_domain) && local_eq(a_local, b_local);
}
