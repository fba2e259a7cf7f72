/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/command.h"

#include "lib/base/utf8.h"

bool smtp_command_split(struct str line, struct smtp_command *cmd)
{
	size_t len = 0;
	for (size_t i = 0; i < line.len; i++)
		if (ascii_is_ctl(line.at[i]) && line.at[i] != '\t') return false;
	while (len < line.len && ascii_is_alnum(line.at[len])) len++;
	if (len == 0 || (len < line.len && !ascii_is_blank(line.at[len]))) return false;
	cmd->verb = str_sub(line, 0, len);
	cmd->arg = str_trim(str_from(line, len));
	return true;
}

bool smtp_command_word(struct str *arg, struct str word)
{
	if (!str_starts_nocase(*arg, word)) return false;
	*arg = str_trim(str_from(*arg, word.len));
	return true;
}

struct param {
	struct str name, value;
	bool has_value;
};

/* Takes the next parameter off `*in`, which starts with a blank. */
static bool param_next(struct str *in, struct param *param)
{
	struct str text = str_word(in);
	*param = (struct param){ .has_value = str_find(text, '=') >= 0 };
	param->name = str_cut(&text, '=');
	param->value = text;
	return param->name.len > 0;
}

/* RFC 1870 4: up to 20 digits. More than 64 bits is more than any limit. */
static bool parse_size(struct str value, uint64_t *size)
{
	if (value.len == 0 || value.len > 20) return false;
	for (size_t i = 0; i < value.len; i++)
		if (!ascii_is_digit(value.at[i])) return false;
	if (!str_to_u64(value, size)) *size = UINT64_MAX;
	return true;
}

static bool parse_body(struct str value, enum smtp_body *body)
{
	if (str_eq_nocase(value, STR("7BIT"))) *body = SMTP_BODY_7BIT;
	else if (str_eq_nocase(value, STR("8BITMIME"))) *body = SMTP_BODY_8BITMIME;
	else return false;
	return true;
}

static bool parse_ret(struct str value, enum smtp_ret *ret)
{
	if (str_eq_nocase(value, STR("FULL"))) *ret = SMTP_RET_FULL;
	else if (str_eq_nocase(value, STR("HDRS"))) *ret = SMTP_RET_HDRS;
	else return false;
	return true;
}

static size_t xtext_decoded_len(struct str xtext)
{
	size_t len = 0;
	for (size_t i = 0; i < xtext.len; i++, len++)
		if (xtext.at[i] == '+') i += 2;
	return len;
}

static bool parse_envid(struct str value, struct str *envid)
{
	if (value.len == 0 || !smtp_xtext_is_valid(value) ||
	    xtext_decoded_len(value) > SMTP_ENVID_MAX)
		return false;
	*envid = value;
	return true;
}

static enum smtp_params_result mail_param(const struct param *p, unsigned *seen,
					  struct smtp_mail_params *params)
{
	static const struct str names[] = {
		STR_INIT("SIZE"), STR_INIT("BODY"), STR_INIT("SMTPUTF8"), STR_INIT("RET"),
		STR_INIT("ENVID"), STR_INIT("AUTH"), STR_INIT("REQUIRETLS"),
		STR_INIT("MT-PRIORITY"), STR_INIT("BY"), STR_INIT("HOLDFOR"),
		STR_INIT("HOLDUNTIL"),
	};
	size_t which = 0;
	while (which < sizeof names / sizeof *names &&
	       !str_eq_nocase(p->name, names[which]))
		which++;
	if (which == sizeof names / sizeof *names) return SMTP_PARAMS_UNKNOWN;
	/* RFC 4865 4.2: the two exclude each other. */
	unsigned bit = 1u << (which == 10 ? 9 : which);
	if (*seen & bit) return SMTP_PARAMS_DUPLICATE;
	*seen |= bit;
	struct smtp_extra_params *extra = &params->extra;
	bool good = false;
	switch (which) {
	case 0: good = parse_size(p->value, &params->size); break;
	case 1: good = parse_body(p->value, &params->body); break;
	case 2: good = params->smtputf8 = !p->has_value; break;
	case 3: good = parse_ret(p->value, &params->ret); break;
	case 4: good = parse_envid(p->value, &params->envid); break;
	case 6:
		good = !p->has_value;
		extra->asks |= SMTP_EXTRA_REQUIRETLS;
		break;
	case 7: good = smtp_extra_priority(p->value, extra); break;
	case 8: good = smtp_extra_by(p->value, extra); break;
	case 9: good = smtp_extra_hold_for(p->value, extra); break;
	case 10: good = smtp_extra_hold_until(p->value, extra); break;
	/* RFC 4954 5: who submitted it first. Nobody is trusted to say that. */
	default: good = p->value.len > 0 && smtp_xtext_is_valid(p->value); break;
	}
	return good ? SMTP_PARAMS_OK : SMTP_PARAMS_BAD_VALUE;
}

enum smtp_params_result smtp_mail_params_parse(struct str in,
					       struct smtp_mail_params *params)
{
	struct param p;
	unsigned seen = 0;
	*params = (struct smtp_mail_params){ 0 };
	if (in.len && !ascii_is_blank(in.at[0])) return SMTP_PARAMS_BAD_VALUE;
	while (in = str_trim(in), in.len) {
		if (!param_next(&in, &p)) return SMTP_PARAMS_BAD_VALUE;
		enum smtp_params_result result = mail_param(&p, &seen, params);
		if (result != SMTP_PARAMS_OK) return result;
	}
	return SMTP_PARAMS_OK;
}

/* RFC 3461 4.1: NEVER alone, or a list of the others, each at most once. */
static bool parse_notify(struct str value, uint8_t *notify)
{
	static const struct { struct str name; uint8_t bit; } words[] = {
		{ STR_INIT("NEVER"), SMTP_NOTIFY_NEVER },
		{ STR_INIT("SUCCESS"), SMTP_NOTIFY_SUCCESS },
		{ STR_INIT("FAILURE"), SMTP_NOTIFY_FAILURE },
		{ STR_INIT("DELAY"), SMTP_NOTIFY_DELAY },
	};
	for (bool last = false; !last;) {
		last = str_find(value, ',') < 0;
		struct str word = str_cut(&value, ',');
		uint8_t bit = 0;
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if (str_eq_nocase(word, words[i].name)) bit = words[i].bit;
		if (bit == 0 || *notify & bit) return false;
		*notify = (uint8_t)(*notify | bit);
	}
	return !(*notify & SMTP_NOTIFY_NEVER) || *notify == SMTP_NOTIFY_NEVER;
}

/* RFC 6533 3: utf-8-addr-unitext is UTF-8 or \x{HEX}; its xtext form is plain ASCII
 * as well. Printable and without "=" and "+" is all that a relay has to know. */
static bool is_unitext(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f || s.at[i] == '=' ||
		    s.at[i] == '+')
			return false;
	return utf8_is_valid(s);
}

static bool parse_orcpt(struct str value, bool utf8, struct str *orcpt)
{
	struct str text = value, type = str_cut(&text, ';');
	if (value.len > SMTP_ORCPT_MAX || type.len == 0 || text.len == 0) return false;
	for (size_t i = 0; i < type.len; i++)
		if (!ascii_is_alnum(type.at[i]) && type.at[i] != '-' && type.at[i] != '.')
			return false;
	bool unitext = str_eq_nocase(type, STR("utf-8")) && is_unitext(text) &&
		       (utf8 || utf8_is_ascii(text));
	if (!unitext && !smtp_xtext_is_valid(text)) return false;
	*orcpt = value;
	return true;
}

static enum smtp_params_result rcpt_param(const struct param *p, bool utf8,
					  unsigned *seen, struct smtp_rcpt_params *params)
{
	unsigned bit = str_eq_nocase(p->name, STR("NOTIFY")) ? 1
		     : str_eq_nocase(p->name, STR("ORCPT")) ? 2 : 0;
	if (bit == 0) return SMTP_PARAMS_UNKNOWN;
	if (*seen & bit) return SMTP_PARAMS_DUPLICATE;
	*seen |= bit;
	bool good = bit == 1 ? parse_notify(p->value, &params->notify)
			     : parse_orcpt(p->value, utf8, &params->orcpt);
	return good ? SMTP_PARAMS_OK : SMTP_PARAMS_BAD_VALUE;
}

enum smtp_params_result smtp_rcpt_params_parse(struct str in, bool utf8,
					       struct smtp_rcpt_params *params)
{
	struct param p;
	unsigned seen = 0;
	*params = (struct smtp_rcpt_params){ 0 };
	if (in.len && !ascii_is_blank(in.at[0])) return SMTP_PARAMS_BAD_VALUE;
	while (in = str_trim(in), in.len) {
		if (!param_next(&in, &p)) return SMTP_PARAMS_BAD_VALUE;
		enum smtp_params_result result = rcpt_param(&p, utf8, &seen, params);
		if (result != SMTP_PARAMS_OK) return result;
	}
	return SMTP_PARAMS_OK;
}

bool smtp_xtext_is_valid(struct str xtext)
{
	for (size_t i = 0; i < xtext.len; i++) {
		char c = xtext.at[i];
		if (c <= ' ' || c >= 0x7f || c == '=') return false;
		if (c != '+') continue;
		if (xtext.len - i < 3 || ascii_hex(xtext.at[i + 1]) < 0 ||
		    ascii_hex(xtext.at[i + 2]) < 0)
			return false;
		i += 2;
	}
	return true;
}

bool smtp_xtext_decode(struct buf *out, struct str xtext)
{
	if (!smtp_xtext_is_valid(xtext)) return false;
	for (size_t i = 0; i < xtext.len; i++) {
		char c = xtext.at[i];
		if (c == '+') {
			c = (char)(ascii_hex(xtext.at[i + 1]) << 4 |
				   ascii_hex(xtext.at[i + 2]));
			i += 2;
		}
		buf_byte(out, c);
	}
	return true;
}

void smtp_xtext_encode(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c > ' ' && c < 0x7f && c != '+' && c != '=') {
			buf_byte(out, (char)c);
			continue;
		}
		buf_byte(out, '+');
		buf_hex8(out, c);
	}
}
