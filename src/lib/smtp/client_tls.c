/* SPDX-License-Identifier: Apache-2.0 */
/* From EHLO to EHLO: STARTTLS (RFC 3207), and what becomes of it. */
#include "lib/smtp/client_parts.h"

#include <assert.h>

enum { WORDS_MAX = SMTP_REPLY_TEXT_MAX };

/* The greeting of the encrypted session is still to come. */
static bool is_before_banner(const struct smtp_client *c)
{
	return c->cfg->tls == SMTP_CL_TLS_IMPLICIT;
}

enum smtp_client_end smtp_client_end_at(const struct smtp_client *c, enum smtp_step step,
					enum smtp_client_end end)
{
	bool hello = step == SMTP_STEP_EHLO || step == SMTP_STEP_LHLO;
	if (step == SMTP_STEP_STARTTLS || step == SMTP_STEP_TLS) return SMTP_END_TLS_FAILED;
	/* A host that does not get over its own STARTTLS: HELO would not help. */
	if (hello && c->secured && !is_before_banner(c)) return SMTP_END_TLS_FAILED;
	return step == SMTP_STEP_EHLO ? SMTP_END_EHLO_FAILED : end;
}

static void words_begin(const struct smtp_client *c, struct buf *words,
			char text[WORDS_MAX])
{
	struct str host = c->cfg->host.len ? c->cfg->host : STR("the host");
	buf_init_fixed(words, text, WORDS_MAX);
	smtp_text_safe(words, host);
}

/* Both sides know where they are, so that QUIT is understood. */
static void end_without(struct smtp_client *c, struct str words)
{
	/* RFC 3463 3.8: X.7.4, security features not supported. */
	struct smtp_outcome cause =
		smtp_client_own(SMTP_STEP_STARTTLS, SMTP_RCPT_TEMPORARY, "4.7.4", words);
	c->polite = true;
	smtp_client_close(c, SMTP_END_TLS_FAILED, &cause);
}

bool smtp_client_starttls(struct smtp_client *c)
{
	char text[WORDS_MAX];
	struct buf words;
	if (c->secured || c->cfg->tls == SMTP_CL_TLS_OFF) return false;
	if (c->caps.starttls && !c->helo_only) {
		buf_str(c->out, STR("STARTTLS\r\n"));
		c->state = SMTP_CLIENT_AT_STARTTLS;
		return true;
	}
	if (c->cfg->tls == SMTP_CL_TLS_MAY) return false;
	words_begin(c, &words, text);
	buf_str(&words, c->helo_only ? STR(" does not know EHLO, and so no TLS")
				     : STR(" does not offer STARTTLS"));
	buf_str(&words, STR(", and nothing may be sent to it in the clear"));
	end_without(c, buf_view(&words));
	return true;
}

void smtp_client_starttls_good(struct smtp_client *c)
{
	c->state = SMTP_CLIENT_AT_TLS;
	c->due |= SMTP_CLIENT_DUE_SECURE;
}

void smtp_client_starttls_refused(struct smtp_client *c)
{
	char text[WORDS_MAX];
	struct buf words;
	words_begin(c, &words, text);
	buf_str(&words, STR(" offers STARTTLS and refuses it: "));
	buf_u64(&words, c->reply.code);
	buf_byte(&words, ' ');
	smtp_text_safe(&words, smtp_reply_text(&c->reply));
	end_without(c, buf_view(&words));
}

void smtp_client_injected(struct smtp_client *c)
{
	char text[WORDS_MAX];
	struct buf words;
	words_begin(c, &words, text);
	buf_str(&words, STR(": clear text came behind the answer to STARTTLS; somebody on "
			    "the way may have put it there"));
	struct smtp_outcome cause = smtp_client_own(SMTP_STEP_TLS, SMTP_RCPT_TEMPORARY,
						    "4.7.5", buf_view(&words));
	cause.protocol = true;
	smtp_client_close(c, SMTP_END_GARBAGE, &cause);
}

static void forget(struct smtp_client *c)
{
	c->caps = (struct smtp_client_caps){ .pipelining = false };
	smtp_reply_init(&c->reply);
}

void smtp_client_secured(struct smtp_client *c, bool binds)
{
	assert(c->state == SMTP_CLIENT_AT_TLS && !c->due);
	c->secured = true;
	c->binds = binds;
	forget(c);
	if (is_before_banner(c)) c->state = SMTP_CLIENT_AT_BANNER;
	else smtp_client_hello(c);
}

void smtp_client_insecure(struct smtp_client *c, const char *enhanced, struct str why)
{
	char text[WORDS_MAX];
	struct buf words;
	assert(c->state == SMTP_CLIENT_AT_TLS && !c->due);
	buf_init_fixed(&words, text, sizeof text);
	smtp_text_safe(&words, why);
	struct smtp_outcome cause = smtp_client_own(SMTP_STEP_TLS, SMTP_RCPT_TEMPORARY,
						    enhanced, buf_view(&words));
	smtp_client_close(c, SMTP_END_TLS_FAILED, &cause);
}
