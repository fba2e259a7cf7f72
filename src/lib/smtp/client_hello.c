/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/client_parts.h"

enum { AUTH_MAX = 256 };

void smtp_client_hello(struct smtp_client *c)
{
	struct str verb = c->cfg->lmtp ? STR("LHLO ") : STR("EHLO ");
	buf_str(c->out, c->helo_only ? STR("HELO ") : verb);
	buf_str(c->out, c->cfg->helo);
	buf_crlf(c->out);
	c->state = SMTP_CLIENT_AT_HELLO;
}

static void cap_size(struct smtp_client *c, struct str arg)
{
	uint64_t size = 0;
	c->caps.size = true;
	/* RFC 1870 3: without a number, or with 0, no limit is told. */
	if (str_to_u64(str_word(&arg), &size)) c->caps.size_max = size;
}

static void cap_auth(struct smtp_client *c, struct str arg)
{
	char text[AUTH_MAX];
	struct buf names;
	if (c->caps.auth.len) return;
	buf_init_fixed(&names, text, sizeof text);
	smtp_text_safe(&names, str_trim(arg));
	c->caps.auth = arena_str(&c->session, buf_view(&names));
}

/* RFC 9422: NAME=NUMBER, without a meaning where it is anything else. */
static void cap_limits(struct smtp_client *c, struct str arg)
{
	for (struct str word; word = str_word(&arg), word.len;) {
		uint64_t number = 0;
		struct str name = str_cut(&word, '=');
		if (word.len > 6 || !str_to_u64(word, &number)) continue;
		if (str_eq_nocase(name, STR("RCPTMAX")))
			c->caps.rcptmax = (uint32_t)number;
		if (str_eq_nocase(name, STR("MAILMAX")))
			c->caps.mailmax = (uint32_t)number;
	}
}

/* RFC 2852 2: more may stand behind a comma one day. */
static void cap_by(struct smtp_client *c, struct str arg)
{
	uint64_t least = 0;
	struct str word = str_word(&arg), first = str_cut(&word, ',');
	c->caps.by = true;
	if (first.len <= 9 && str_to_u64(first, &least)) c->caps.by_min_s = (uint32_t)least;
}

void smtp_client_cap(struct smtp_client *c, struct str line)
{
	struct smtp_client_caps *caps = &c->caps;
	const struct {
		struct str name;
		bool *flag;
		void (*take)(struct smtp_client *, struct str);
	} rows[] = {
		{ STR("PIPELINING"), &caps->pipelining, NULL },
		{ STR("SIZE"), NULL, cap_size },
		{ STR("8BITMIME"), &caps->body8, NULL },
		{ STR("SMTPUTF8"), &caps->smtputf8, NULL },
		{ STR("CHUNKING"), &caps->chunking, NULL },
		{ STR("DSN"), &caps->dsn, NULL },
		{ STR("ENHANCEDSTATUSCODES"), &caps->enhanced, NULL },
		{ STR("STARTTLS"), &caps->starttls, NULL },
		{ STR("REQUIRETLS"), &caps->requiretls, NULL },
		{ STR("LIMITS"), NULL, cap_limits },
		{ STR("AUTH"), NULL, cap_auth },
		{ STR("MT-PRIORITY"), &caps->priority, NULL },
		{ STR("DELIVERBY"), NULL, cap_by },
	};
	struct str arg = line, word = str_word(&arg);
	/* "AUTH=LOGIN" and "SIZE=1000" were common once. */
	ptrdiff_t sign = str_find(word, '=');
	struct str name = str_sub(word, 0, sign < 0 ? word.len : (size_t)sign);
	if (sign >= 0) arg = str_from(str_trim(line), (size_t)sign + 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!str_eq_nocase(name, rows[i].name)) continue;
		if (rows[i].flag) *rows[i].flag = true;
		else rows[i].take(c, arg);
	}
}
