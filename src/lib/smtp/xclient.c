/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/xclient.h"

#include "lib/smtp/address.h"
#include "lib/smtp/command.h"

enum { HELO_MAX = 255, LOGIN_MAX = 320 };

static const struct {
	struct str name;
	enum smtp_xclient_has bit;
} attributes[] = {
	{ STR_INIT("NAME"), SMTP_XCLIENT_NAME },
	{ STR_INIT("ADDR"), SMTP_XCLIENT_ADDR },
	{ STR_INIT("PORT"), SMTP_XCLIENT_PORT },
	{ STR_INIT("PROTO"), SMTP_XCLIENT_PROTO },
	{ STR_INIT("HELO"), SMTP_XCLIENT_HELO },
	{ STR_INIT("LOGIN"), SMTP_XCLIENT_LOGIN },
	{ STR_INIT("DESTADDR"), SMTP_XCLIENT_DESTADDR },
	{ STR_INIT("DESTPORT"), SMTP_XCLIENT_DESTPORT },
};

/* IPv6 addresses carry a tag, as RFC 5321 4.1.3 has it in literals. */
static bool read_ip(struct str text, struct ip *out)
{
	struct str tag = STR("IPV6:");
	bool tagged = str_starts_nocase(text, tag);
	if (!ip_parse(tagged ? str_from(text, tag.len) : text, out)) return false;
	return !(tagged && ip_is_v4(*out)) && !ip_is_none(*out);
}

static bool read_port(struct str text, uint16_t *out)
{
	uint64_t number;
	if (!str_to_u64(text, &number) || number > UINT16_MAX) return false;
	*out = (uint16_t)number;
	return true;
}

static bool read_proto(struct str text, bool *esmtp)
{
	*esmtp = str_eq_nocase(text, STR("ESMTP"));
	return *esmtp || str_eq_nocase(text, STR("SMTP"));
}

static bool read_text(struct str text, size_t max, bool ascii, struct str *out)
{
	if (text.len > max) return false;
	for (size_t i = 0; i < text.len; i++)
		if (ascii ? !ascii_is_print(text.at[i]) : ascii_is_ctl(text.at[i])) return false;
	*out = text;
	return true;
}

static bool read_name(struct str text, struct str *out)
{
	*out = text;
	return read_text(text, SMTP_DOMAIN_MAX, true, out) && smtp_domain_is_valid(text);
}

static bool read_value(enum smtp_xclient_has what, struct str text, struct smtp_xclient *out)
{
	switch (what) {
	case SMTP_XCLIENT_NAME: return read_name(text, &out->name);
	case SMTP_XCLIENT_ADDR: return read_ip(text, &out->addr);
	case SMTP_XCLIENT_PORT: return read_port(text, &out->port);
	case SMTP_XCLIENT_PROTO: return read_proto(text, &out->esmtp);
	case SMTP_XCLIENT_HELO: return text.len && read_text(text, HELO_MAX, true, &out->helo);
	case SMTP_XCLIENT_LOGIN:
		return text.len && read_text(text, LOGIN_MAX, false, &out->login);
	case SMTP_XCLIENT_DESTADDR: return read_ip(text, &out->dest_addr);
	case SMTP_XCLIENT_DESTPORT: return read_port(text, &out->dest_port);
	}
	return false;
}

static bool decode(struct str xtext, struct buf *memory, struct str *out)
{
	size_t before = memory->len;
	if (!smtp_xtext_is_valid(xtext) || !smtp_xtext_decode(memory, xtext) ||
	    memory->overflowed)
		return false;
	*out = str_from(buf_view(memory), before);
	return true;
}

static bool read_attribute(struct str word, struct buf *memory, struct smtp_xclient *out)
{
	struct str text, name = str_cut(&word, '=');
	size_t i = 0, count = sizeof attributes / sizeof *attributes;
	while (i < count && !str_eq_nocase(attributes[i].name, name)) i++;
	if (i == count || (out->has | out->unknown) & attributes[i].bit) return false;
	if (!decode(word, memory, &text)) return false;
	bool later = str_eq_nocase(text, STR("[TEMPUNAVAIL]"));
	if (later || str_eq_nocase(text, STR("[UNAVAILABLE]"))) {
		out->unknown |= attributes[i].bit;
		out->name_later |= later && attributes[i].bit == SMTP_XCLIENT_NAME;
		return true;
	}
	out->has |= attributes[i].bit;
	return read_value(attributes[i].bit, text, out);
}

bool smtp_xclient_parse(struct str arg, struct buf *memory, struct smtp_xclient *out)
{
	*out = (struct smtp_xclient){ .esmtp = true };
	for (struct str word; (word = str_word(&arg)).len;)
		if (!read_attribute(word, memory, out)) return false;
	return (out->has | out->unknown) != 0;
}
