/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/server_verbs.h"

/* RFC 5321 4.5.3.1.5: a reply line has at most 512 octets, code and CRLF included. */
enum { REPLY_TEXT_MAX = 1600, REPLY_LINE_TEXT_MAX = 400 };

/* Appends `text` with "?" for all that is not printable ASCII: what a lookup or a remote
 * host said may be in it, and must not make a line of its own. */
static void put_printable(struct buf *out, struct str text)
{
	char *room = buf_room(out, text.len);
	if (!room) return;
	for (size_t i = 0; i < text.len; i++)
		room[i] = ascii_is_print(text.at[i]) ? text.at[i] : '?';
	buf_added(out, text.len);
}

/* Cuts off the next reply line, at a blank if there is one. */
static struct str cut_line(struct str *text)
{
	if (text->len <= REPLY_LINE_TEXT_MAX) {
		struct str line = *text;
		*text = str_from(*text, text->len);
		return line;
	}
	ptrdiff_t blank = str_rfind(str_sub(*text, 0, REPLY_LINE_TEXT_MAX), ' ');
	size_t len = blank > 0 ? (size_t)blank : REPLY_LINE_TEXT_MAX;
	struct str line = str_sub(*text, 0, len);
	*text = str_from(*text, blank > 0 ? len + 1 : len);
	return line;
}

void smtp_reply(struct smtp_server *s, unsigned code, const char *enhanced,
		struct str text)
{
	char digits[3] = { (char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
			   (char)('0' + code % 10) };
	text = str_sub(text, 0, REPLY_TEXT_MAX);
	do {
		struct str line = cut_line(&text);
		buf_bytes(s->out, digits, sizeof digits);
		buf_byte(s->out, text.len ? '-' : ' ');
		if (enhanced) {
			put_printable(s->out, str_of(enhanced));
			buf_byte(s->out, ' ');
		}
		put_printable(s->out, line);
		buf_crlf(s->out);
	} while (text.len);
}

void smtp_bad(struct smtp_server *s, unsigned code, const char *enhanced,
	      const char *text)
{
	if (++s->errors < s->cfg->errors_max) {
		smtp_reply(s, code, enhanced, str_of(text));
		return;
	}
	smtp_reply(s, 421, "4.7.0", STR("Too many bad commands, closing"));
	smtp_close(s, 421);
}

void smtp_bad_path(struct smtp_server *s, enum smtp_path_kind kind,
		   enum smtp_path_result why)
{
	/* RFC 3463 3.2: 5.1.7 sender, 5.1.3 recipient's mailbox, 5.1.2 its system. */
	static const struct {
		unsigned code;
		const char *reverse, *forward, *text;
	} replies[] = {
		[SMTP_PATH_NO_BRACKETS] = { 501, "5.1.7", "5.1.3",
					    "The address has to stand in angle brackets: "
					    "<user@example.com>" },
		[SMTP_PATH_NULL] = { 501, "5.1.7", "5.1.3",
				     "The null path <> can not be a recipient" },
		[SMTP_PATH_NO_DOMAIN] = { 501, "5.1.7", "5.1.3",
					  "The address has no domain" },
		[SMTP_PATH_BAD_LOCAL] = { 501, "5.1.7", "5.1.3",
					  "Syntax error in the local part of the "
					  "address" },
		[SMTP_PATH_BAD_DOMAIN] = { 501, "5.1.7", "5.1.2",
					   "Syntax error in the domain of the address" },
		[SMTP_PATH_BAD_UTF8] = { 553, "5.6.7", "5.6.7",
					 "An address beyond ASCII wants SMTPUTF8 and "
					 "valid UTF-8" },
		[SMTP_PATH_LOCAL_LONG] = { 501, "5.1.7", "5.1.3",
					   "The local part of the address has more than "
					   "64 octets" },
		[SMTP_PATH_DOMAIN_LONG] = { 501, "5.1.7", "5.1.2",
					    "The domain of the address has more than 255 "
					    "octets" },
		[SMTP_PATH_LONG] = { 501, "5.1.7", "5.1.3",
				     "The address has more than 254 octets" },
	};
	smtp_bad(s, replies[why].code,
		 kind == SMTP_REVERSE_PATH ? replies[why].reverse : replies[why].forward,
		 replies[why].text);
}

void smtp_bad_params(struct smtp_server *s, enum smtp_params_result why)
{
	switch (why) {
	case SMTP_PARAMS_OK: break;
	case SMTP_PARAMS_UNKNOWN:
		smtp_bad(s, 555, "5.5.4",
			 "A parameter behind the address is not known here");
		break;
	case SMTP_PARAMS_DUPLICATE:
		smtp_bad(s, 501, "5.5.4",
			 "A parameter behind the address stands there twice");
		break;
	case SMTP_PARAMS_BAD_VALUE:
		smtp_bad(s, 501, "5.5.4",
			 "Syntax error in the parameters behind the address");
		break;
	}
}
