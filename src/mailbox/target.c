/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/target.h"

#include "lib/base/utf8.h"
#include "lib/smtp/address.h"

/* Takes the next component of a path; empty at the end. */
static struct str next_component(struct str *path)
{
	while (path->len && path->at[0] == '/') *path = str_from(*path, 1);
	struct str component = *path;
	ptrdiff_t slash = str_find(component, '/');
	if (slash >= 0) component = str_sub(component, 0, (size_t)slash);
	*path = str_from(*path, component.len);
	return component;
}

/* Index of the first %d, %n or %u at or after `from`, or -1. */
static ptrdiff_t find_variable(struct str s, size_t from)
{
	for (size_t i = from; i + 1 < s.len; i++) {
		if (s.at[i] != '%') continue;
		if (s.at[i + 1] != '%') return (ptrdiff_t)i;
		i++;
	}
	return -1;
}

/* Whether `c` can never occur in a domain, so that it marks where one ends. */
static bool is_border(char c)
{
	if (ascii_is_alnum(c) || (unsigned char)c >= 0x80) return false;
	switch (c) {
	case '-':
	case '.':
	case '_':
	case ':':
	case '[':
	case ']':
	case '=': return false;
	default: return true;
	}
}

static bool has_border(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_border(s.at[i])) return true;
	return false;
}

static const char *check_component(struct str component)
{
	if (str_eq(component, STR(".")) || str_eq(component, STR("..")))
		return "a template must not hold \".\" or \"..\" as a component";
	for (size_t i = 0; i < component.len; i++) {
		if (ascii_is_ctl(component.at[i]))
			return "a template must not hold control characters";
		if (component.at[i] != '%') continue;
		i++;
		if (i == component.len || str_find(STR("dnu%"), component.at[i]) < 0)
			return "after % stands d, n, u or %";
	}
	size_t from = 0;
	for (ptrdiff_t last = -1, at; (at = find_variable(component, from)) >= 0;
	     last = at) {
		if (last >= 0 && !has_border(str_sub(component, from, (size_t)at - from)))
			return "between two variables of one component stands a "
			       "character that "
			       "no domain has, such as \"@\"";
		from = (size_t)at + 2;
	}
	return NULL;
}

const char *target_template_check(struct str template)
{
	if (template.len == 0 || template.at[0] != '/') return "a template begins with /";
	if (template.len > TARGET_TEMPLATE_MAX) return "the template is too long";
	for (struct str rest = template, component;
	     (component = next_component(&rest)).len > 0;) {
		const char *why = check_component(component);
		if (why) return why;
	}
	return NULL;
}

struct str target_prefix(struct str template)
{
	struct str rest = template, component;
	size_t len = 0;
	while ((component = next_component(&rest)).len > 0 &&
	       find_variable(component, 0) < 0)
		len = (size_t)(component.at - template.at) + component.len;
	return len ? str_sub(template, 0, len) : str_sub(template, 0, 1);
}

void target_prefix_write(struct buf *out, struct str template)
{
	struct str prefix = target_prefix(template);
	for (size_t i = 0; i < prefix.len; i++) {
		buf_byte(out, prefix.at[i]);
		if (prefix.at[i] == '%') i++;
	}
}

/* --- one address -------------------------------------------------------------------- */

struct parts {
	struct str local; /* unquoted */
	struct str domain;
};

static void put_hex(struct buf *out, unsigned char c)
{
	buf_byte(out, '=');
	buf_hex8(out, c);
}

/* C1 control characters, U+0080 to U+009F, are C2 80 to C2 9F. */
static bool is_c1(struct str s, size_t i)
{
	unsigned char c = (unsigned char)s.at[i];
	if (c == 0xc2) return i + 1 < s.len && (unsigned char)s.at[i + 1] < 0xa0;
	return c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)s.at[i - 1] == 0xc2;
}

static void put_safe(struct buf *out, struct str piece, bool first)
{
	bool utf8 = utf8_is_valid(piece);
	for (size_t i = 0; i < piece.len; i++) {
		char c = piece.at[i];
		bool high = (unsigned char)c >= 0x80;
		if (ascii_is_ctl(c) || c == '/' || c == '=' ||
		    (c == '.' && i == 0 && first) || (high && (!utf8 || is_c1(piece, i))))
			put_hex(out, (unsigned char)c);
		else buf_byte(out, ascii_lower(c));
	}
}

static struct str without_detail(struct str local)
{
	ptrdiff_t plus = str_find(str_from(local, 1), '+');
	return plus < 0 ? local : str_sub(local, 0, (size_t)plus + 1);
}

static enum target put_variable(struct buf *out, char which, const struct parts *p)
{
	char memory[TARGET_PIECE_MAX];
	struct buf piece;
	buf_init_fixed(&piece, memory, sizeof memory);
	if (which == 'd') put_safe(&piece, p->domain, true);
	if (which == 'n') put_safe(&piece, without_detail(p->local), true);
	if (which == 'u') {
		put_safe(&piece, p->local, true);
		buf_byte(&piece, '@');
		put_safe(&piece, p->domain, false);
	}
	if (piece.overflowed) return TARGET_TOO_LONG;
	buf_str(out, buf_view(&piece));
	return TARGET_OK;
}

static enum target put_component(struct buf *out, struct str component,
				 const struct parts *p)
{
	char memory[TARGET_NAME_MAX];
	struct buf name;
	buf_init_fixed(&name, memory, sizeof memory);
	for (size_t i = 0; i < component.len; i++) {
		char c = component.at[i];
		char which = c == '%' ? component.at[++i] : '\0';
		if (which == '\0' || which == '%') {
			buf_byte(&name, c);
		} else {
			enum target result = put_variable(&name, which, p);
			if (result != TARGET_OK) return result;
		}
	}
	if (name.overflowed) return TARGET_TOO_LONG;
	buf_str(out, buf_view(&name));
	return TARGET_OK;
}

enum target target_expand(struct buf *out, struct str template, struct str address)
{
	if (target_template_check(template)) return TARGET_BAD_TEMPLATE;
	struct parts p;
	struct str quoted;
	smtp_address_split(address, &quoted, &p.domain);
	char memory[SMTP_PATH_MAX];
	struct buf local;
	buf_init_fixed(&local, memory, sizeof memory);
	smtp_local_unquote(&local, quoted);
	p.local = buf_view(&local);
	if (local.overflowed) return TARGET_TOO_LONG;
	if (p.local.len == 0 || p.domain.len == 0) return TARGET_BAD_ADDRESS;

	size_t start = out->len;
	struct str rest = str_from(template, target_prefix(template).len), component;
	while ((component = next_component(&rest)).len > 0) {
		if (out->len > start) buf_byte(out, '/');
		enum target result = put_component(out, component, &p);
		if (result == TARGET_OK &&
		    (out->overflowed || out->len - start > TARGET_PATH_MAX))
			result = TARGET_TOO_LONG;
		if (result == TARGET_OK) continue;
		out->len = start;
		out->overflowed = false;
		return result;
	}
	return TARGET_OK;
}

const char *target_sentence(enum target result)
{
	switch (result) {
	case TARGET_OK: return "the mailbox has a path";
	case TARGET_BAD_TEMPLATE:
		return "the template of the mailbox's path cannot be used";
	case TARGET_BAD_ADDRESS: return "the address has no local part or no domain";
	case TARGET_TOO_LONG: return "the address makes a file name that is too long";
	}
	return "";
}
