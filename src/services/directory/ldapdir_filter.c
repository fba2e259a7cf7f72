/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/ldapdir.h"

void ldapdir_filter_escape(struct buf *out, struct str value)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];
		bool plain = ascii_is_print((char)c) && str_find(STR("()*\\"), (char)c) < 0;
		if (plain) {
			buf_byte(out, (char)c);
			continue;
		}
		buf_byte(out, '\\');
		buf_byte(out, digits[c >> 4]);
		buf_byte(out, digits[c & 15]);
	}
}

const char *ldapdir_address_attribute(const struct backend_settings *c)
{
	return c->ldap.address[0] ? c->ldap.address : "mail";
}

const char *ldapdir_aliases_attribute(const struct backend_settings *c)
{
	if (c->ldap.aliases[0]) return c->ldap.aliases;
	return c->ldap.active_directory ? "proxyAddresses" : "";
}

static void write_match(struct buf *out, const char *attribute, struct str prefix,
			struct str address)
{
	buf_byte(out, '(');
	buf_str(out, str_of(attribute));
	buf_byte(out, '=');
	buf_str(out, prefix);
	ldapdir_filter_escape(out, address);
	buf_byte(out, ')');
}

/* The address, or one of the aliases, with or without the prefix of Exchange. */
static void write_default(struct buf *out, const struct backend_settings *c,
			  struct str address)
{
	const char *aliases = ldapdir_aliases_attribute(c);
	if (!aliases[0]) {
		write_match(out, ldapdir_address_attribute(c), STR(""), address);
		return;
	}
	buf_str(out, STR("(|"));
	write_match(out, ldapdir_address_attribute(c), STR(""), address);
	if (!c->ldap.active_directory) write_match(out, aliases, STR(""), address);
	write_match(out, aliases, STR("smtp:"), address);
	buf_byte(out, ')');
}

static void write_own(struct buf *out, struct str filter, struct str address)
{
	ptrdiff_t at = str_rfind(address, '@');
	size_t cut = at < 0 ? address.len : (size_t)at;
	for (size_t i = 0; i < filter.len; i++) {
		bool more = filter.at[i] == '%' && i + 1 < filter.len;
		if (!more) {
			buf_byte(out, filter.at[i]);
			continue;
		}
		char what = filter.at[++i];
		if (what == 'u') ldapdir_filter_escape(out, address);
		else if (what == 'n') ldapdir_filter_escape(out, str_sub(address, 0, cut));
		else if (what == 'd') ldapdir_filter_escape(out, str_from(address, cut + 1));
		else buf_byte(out, what);
	}
}

void ldapdir_filter_write(struct buf *out, const struct backend_settings *c, struct str address)
{
	struct str own = str_of(c->ldap.filter);
	/* Bit 2 of userAccountControl: the account is disabled. */
	bool ad = c->ldap.active_directory && !own.len;
	if (ad) buf_str(out, STR("(&"));
	if (own.len) write_own(out, own, address);
	else write_default(out, c, address);
	if (ad)
		buf_str(out,
			STR("(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"));
}
