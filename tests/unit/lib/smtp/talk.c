/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

enum { TALK_BYTES_MAX = 8 * 1024 * 1024 };

void talk_init(struct talk *t, uint32_t rcpt_count, struct str text)
{
	static char names[TALK_RCPTS_MAX][24];
	*t = (struct talk){ .piece = SIZE_MAX, .mails = 1 };
	t->cfg = (struct smtp_client_settings){ .helo = STR("us.example"),
						.rcpts_max = TALK_RCPTS_MAX,
						.pipelining = true, .chunking = true };
	t->mail = (struct smtp_client_mail){ .sender = STR("a@c.example"),
					     .rcpt_count = rcpt_count,
					     .size = text.len,
					     .rcpts = t->rcpts };
	buf_init(&t->out, TALK_OUT_MAX);
	buf_init(&t->sent, TALK_BYTES_MAX);
	buf_init(&t->text, TALK_BYTES_MAX);
	buf_str(&t->text, text);
	for (uint32_t i = 0; i < rcpt_count; i++) {
		struct buf name;
		buf_init_fixed(&name, names[i], sizeof names[i]);
		buf_fmt(&name, "r%u@h.example", i);
		t->rcpts[i].address = buf_view(&name);
	}
}

void talk_begin(struct talk *t, bool helo_only)
{
	smtp_client_init(&t->client, &t->cfg, helo_only, &t->out);
}

void talk_free(struct talk *t)
{
	smtp_client_free(&t->client);
	buf_free(&t->out);
	buf_free(&t->sent);
	buf_free(&t->text);
}

static bool drain(struct talk *t)
{
	bool any = t->out.len > 0;
	buf_str(&t->sent, buf_view(&t->out));
	buf_reset(&t->out);
	return any;
}

static void ready(struct talk *t)
{
	bool open = false;
	for (uint32_t i = 0; i < t->mail.rcpt_count; i++)
		open = open || t->rcpts[i].outcome.state == SMTP_RCPT_OPEN ||
		       t->rcpts[i].outcome.state == SMTP_RCPT_NOT_TRIED;
	t->ready = true;
	if (t->mails == 0 || !open) return;
	t->mails--;
	t->given = 0;
	t->ready = false;
	smtp_client_send(&t->client, &t->mail);
}

static void body(struct talk *t)
{
	struct str rest = str_sub(str_from(buf_view(&t->text), t->given), 0, t->piece);
	size_t taken = rest.len;
	if (t->raw && smtp_client_body_is_raw(&t->client)) {
		buf_str(&t->sent, rest);
		smtp_client_body_sent(&t->client, rest.len);
	} else {
		taken = smtp_client_body(&t->client, rest);
	}
	if (taken == 0) t->broken = "BODY without room";
	t->given += taken;
}

static void done(struct talk *t)
{
	t->done++;
	for (uint32_t i = 0; i < t->mail.rcpt_count; i++)
		if (t->rcpts[i].outcome.state == SMTP_RCPT_OPEN)
			t->broken = "DONE without an outcome for each";
}

/* Plays the part of who computes: "1" is answered by "two", "2" is the host's proof. */
static void prove(struct talk *t)
{
	struct str challenge = t->client.challenge;
	static const struct str firsts[] = { [SMTP_CL_BINDING_NONE] = STR_INIT("first"),
					     [SMTP_CL_BINDING_UNOFFERED] = STR_INIT("yfirst"),
					     [SMTP_CL_BINDING_BOUND] = STR_INIT("pfirst") };
	if (!challenge.len) smtp_client_prove(&t->client, firsts[t->client.binding], false);
	else if (str_eq(challenge, STR("1"))) smtp_client_prove(&t->client, STR("two"), false);
	else if (str_eq(challenge, STR("2"))) smtp_client_prove(&t->client, STR(""), true);
	else smtp_client_unproved(&t->client, challenge);
}

static bool handle(struct talk *t, enum smtp_client_event ev)
{
	if (t->closed && ev != SMTP_CL_NONE) t->broken = "event after CLOSED";
	switch (ev) {
	case SMTP_CL_NONE: return drain(t);
	case SMTP_CL_SECURE: t->secures++; break;
	case SMTP_CL_PROVE: prove(t); break;
	case SMTP_CL_READY: ready(t); break;
	case SMTP_CL_BODY: body(t); return !drain(t) || t->piece == SIZE_MAX;
	case SMTP_CL_DONE: done(t); break;
	case SMTP_CL_TURNED: t->turned = true; break;
	case SMTP_CL_CLOSED: t->closed = true; break;
	}
	return true;
}

static void run(struct talk *t, struct str in)
{
	for (;;) {
		enum smtp_client_event ev = smtp_client_next(&t->client, &in);
		if (t->out.len > TALK_OUT_MAX) t->broken = "`out` is too long";
		if (ev == SMTP_CL_NONE && in.len) t->broken = "input is left";
		if (!handle(t, ev) && in.len == 0) return;
		if (t->broken) return;
	}
}

void talk_feed(struct talk *t, struct str bytes)
{
	do {
		struct str part = str_sub(bytes, 0, t->segment ? t->segment : SIZE_MAX);
		run(t, part);
		bytes = str_from(bytes, part.len);
	} while (bytes.len && !t->broken);
}

void talk_tls(struct talk *t, struct str why)
{
	char enhanced[SMTP_ENHANCED_SIZE];
	if (why.len == 0) {
		smtp_client_secured(&t->client, t->binds);
	} else {
		(void)str_to_cstr(str_word(&why), enhanced, sizeof enhanced);
		smtp_client_insecure(&t->client, enhanced, why);
	}
	run(t, STR(""));
}

void talk_lost(struct talk *t, enum smtp_lost why)
{
	smtp_client_lost(&t->client, why, STR("told\nby the test"));
	run(t, STR(""));
}

bool talk_line(struct talk *t, struct buf *line)
{
	ptrdiff_t lf = str_find(buf_view(&t->sent), '\n');
	if (lf < 0) return false;
	size_t len = (size_t)lf;
	buf_reset(line);
	buf_str(line, str_sub(buf_view(&t->sent), 0, len && t->sent.at[len - 1] == '\r'
							     ? len - 1 : len));
	buf_consume(&t->sent, len + 1);
	return true;
}

void talk_outcomes(const struct talk *t, struct buf *out)
{
	static const char *const states[] = { "open", "sent", "untried", "temporary",
					      "permanent" };
	for (uint32_t i = 0; i < t->mail.rcpt_count; i++) {
		const struct smtp_outcome *o = &t->rcpts[i].outcome;
		if (i) buf_str(out, STR("; "));
		buf_fmt(out, "%s %u %s", states[o->state], o->code, o->enhanced);
		if (o->host_scoped) buf_str(out, STR(" host"));
		if (o->session) buf_str(out, STR(" session"));
		if (o->in_doubt) buf_str(out, STR(" doubt"));
		if (o->protocol) buf_str(out, STR(" protocol"));
	}
}
