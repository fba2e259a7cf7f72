/* SPDX-License-Identifier: Apache-2.0 */
/* A whole conversation: the first three bytes choose settings and what the caller
 * answers, the rest is what the client sends. Told in one piece and in random cuts it has
 * to come to the same replies, events and messages, and to keep the machine's contract.
 */
#include <assert.h>

#include "lib/base/map.h"
#include "lib/base/rng.h"
#include "lib/smtp/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16 * 1024, OUTPUT_MAX = 4 * 1024 * 1024 };

struct talk {
	struct smtp_server_settings cfg;
	struct smtp_server server;
	struct buf in, out, body;
	uint8_t policy;
	uint32_t questions;
	uint64_t seen; /* hash of all events and accepted messages, in order */
	bool open, text, closed, logging_in;
	bool securing; /* between the 220 to STARTTLS and the first byte behind it */
};

static void see(struct talk *t, struct str what)
{
	t->seen = hash_str(what, t->seen);
}

static void see_number(struct talk *t, uint64_t n)
{
	see(t, (struct str){ (const char *)&n, sizeof n });
}

/* Yes mostly; which question gets a no depends on the policy byte alone. */
static unsigned answer(struct talk *t)
{
	static const unsigned codes[] = { 0, 0, 0, 550, 0, 451, 0, 421 };
	unsigned code = codes[(t->questions++ * 5u + t->policy) * (t->policy | 1u) % 8 &
			      t->policy % 8];
	smtp_server_answer(&t->server, code, code ? "5.7.1" : NULL, STR("x\ny"));
	return code;
}

static void check_replies(struct str out)
{
	while (out.len) {
		struct str line = str_cut(&out, '\n');
		assert(line.len >= 5 && line.len < 512 && line.at[line.len - 1] == '\r');
		assert(line.at[0] >= '2' && line.at[0] <= '5');
		assert(ascii_is_digit(line.at[1]) && ascii_is_digit(line.at[2]));
		assert(line.at[3] == ' ' || line.at[3] == '-');
		for (size_t i = 0; i + 1 < line.len; i++)
			assert(ascii_is_print(line.at[i]));
	}
}

/* What is accepted holds only whole newlines, and no NUL. */
static void check_body(struct str body)
{
	for (size_t i = 0; i < body.len; i++) {
		assert(body.at[i]);
		if (body.at[i] == '\n') assert(i > 0 && body.at[i - 1] == '\r');
		if (body.at[i] == '\r')
			assert(i + 1 < body.len && body.at[i + 1] == '\n');
	}
}

static void see_path(struct talk *t, const struct smtp_path *path)
{
	see(t, path->whole);
	see(t, path->local);
	see(t, path->domain);
}

/* Anew, and perhaps with a name already. */
static void handle_xclient(struct talk *t)
{
	struct smtp_server *s = &t->server;
	bool introduce = s->xclient.len % 2;
	assert(!t->open && s->xclient.len);
	see(t, s->xclient);
	if (answer(t) == 0 && introduce)
		(void)smtp_server_introduce(s, STR("h.example"), true);
}

static void handle(struct talk *t, struct smtp_event ev)
{
	struct smtp_server *s = &t->server;
	assert(!t->closed);
	if (ev.type != SMTP_EV_BODY) see_number(t, ev.type);
	switch (ev.type) {
	case SMTP_EV_NONE: case SMTP_EV_FULL: case SMTP_EV_WAIT: assert(false); break;
	case SMTP_EV_STARTTLS:
		assert(!t->open && !s->tls);
		t->securing = answer(t) == 0;
		break;
	case SMTP_EV_HELLO: see(t, s->helo); break;
	case SMTP_EV_MAIL:
		assert(!t->open);
		see_path(t, &s->mail.path);
		see(t, s->mail.params.envid);
		assert(!(s->mail.params.extra.asks & ~s->extra));
		assert(s->tls || !(s->mail.params.extra.asks & SMTP_EXTRA_REQUIRETLS));
		t->open = answer(t) == 0;
		break;
	case SMTP_EV_RCPT:
		assert(t->open);
		see_path(t, &s->rcpt.path);
		see(t, s->rcpt.params.orcpt);
		answer(t);
		break;
	case SMTP_EV_VRFY:
	case SMTP_EV_ETRN:
	case SMTP_EV_ATRN:
	case SMTP_EV_EXPN: see(t, s->vrfy); answer(t); break;
	case SMTP_EV_XCLIENT: handle_xclient(t); break;
	case SMTP_EV_AUTH:
		assert(!t->open && !s->authenticated && s->auth.mechanism.len);
		assert(s->auth.begins == !t->logging_in);
		see(t, s->auth.mechanism);
		see(t, s->auth.response);
		t->logging_in = t->policy & 1 && s->auth.response.len % 2;
		if (t->logging_in) smtp_server_challenge(s, str_sub(s->helo, 0, 200));
		else answer(t);
		break;
	case SMTP_EV_AUTH_END:
		assert(t->logging_in);
		t->logging_in = false;
		break;
	case SMTP_EV_DATA:
		assert(t->open && s->rcpt_accepted > 0);
		buf_reset(&t->body);
		t->text = answer(t) == 0;
		break;
	case SMTP_EV_BODY:
		assert(t->open && t->text && ev.bytes.len);
		buf_str(&t->body, ev.bytes);
		break;
	case SMTP_EV_END:
		assert(t->open && t->text && s->body_size == t->body.len);
		assert(!s->cfg->size_max || s->body_size <= s->cfg->size_max);
		check_body(buf_view(&t->body));
		see(t, buf_view(&t->body));
		t->open = t->text = false;
		answer(t);
		break;
	case SMTP_EV_ABORT:
		assert(t->open);
		see_number(t, ev.code);
		t->open = t->text = false;
		break;
	case SMTP_EV_CLOSE: assert(!t->open && !t->logging_in); t->closed = true; break;
	}
}

/* A record that could begin a TLS handshake stands for all of it; anything else is clear
 * text where none may be. */
static void secure(struct talk *t, struct str *in)
{
	t->securing = false;
	if (in->at[0] != 0x16) return;
	*in = str_from(*in, 1);
	smtp_server_secured(&t->server);
	assert(t->server.helo.len == 0 && t->server.tls);
}

static void feed(struct talk *t, struct str bytes)
{
	buf_str(&t->in, bytes);
	struct str in = buf_view(&t->in);
	for (;;) {
		if (t->securing && in.len) secure(t, &in);
		struct smtp_event ev = smtp_server_next(&t->server, &in);
		if (ev.type == SMTP_EV_NONE || (ev.type == SMTP_EV_WAIT && t->securing)) break;
		handle(t, ev);
	}
	buf_consume(&t->in, t->in.len - in.len);
	assert(t->in.len < smtp_server_line_max(&t->server));
}

static void begin(struct talk *t, const uint8_t *head)
{
	*t = (struct talk){ .policy = head[1] };
	t->cfg = (struct smtp_server_settings){
		.hostname = STR("mx.us.example"),
		.size_max = head[0] & 1 ? 64 : 0,
		.recipients_max = head[0] & 2 ? 2 : 1000,
		.messages_max = head[0] & 4 ? 2 : 0,
		.errors_max = head[0] & 8 ? 3 : 1000,
		.line_max = head[0] & 16 ? 64 : 2048,
		.fix_newlines = head[0] & 64,
	};
	buf_init(&t->in, INPUT_MAX);
	buf_init(&t->out, OUTPUT_MAX);
	buf_init(&t->body, INPUT_MAX * 2);
	smtp_server_init(&t->server, &t->cfg, STR("[192.0.2.1]"), &t->out);
	t->server.vrfy_asked = head[0] & 32;
	t->server.expn_asked = head[1] & 32;
	t->server.etrn_asked = head[1] & 32;
	t->server.tls_offered = head[0] & 128;
	t->server.tls_required = head[1] & 128;
	if (head[1] & 64)
		t->server.auth.offer = STR("PLAIN LOGIN SCRAM-SHA-256");
	if (head[1] & 32) t->server.xclient_offer = SMTP_XCLIENT_OFFERED;
	t->server.extra = head[1] >> 1 & SMTP_EXTRA_ALL;
	t->server.future = STR("60 2026-11-23T00:00:00Z");
	t->cfg.by_min_s = head[0] & 1 ? 10 : 0;
	smtp_server_greet(&t->server);
}

static void finish(struct talk *t)
{
	struct str in = { "", 0 };
	check_replies(buf_view(&t->out));
	smtp_server_timeout(&t->server);
	for (struct smtp_event ev; (ev = smtp_server_next(&t->server, &in)).type;)
		handle(t, ev);
	assert(t->closed && !t->open);
	smtp_server_free(&t->server);
	buf_free(&t->in);
	buf_free(&t->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct talk whole, cut;
	struct rng rng = { size };
	if (size < 3 || size > INPUT_MAX) return 0;
	struct str in = { (const char *)data + 3, size - 3 };
	begin(&whole, data);
	begin(&cut, data);
	feed(&whole, in);
	while (in.len) {
		size_t len = 1 + (size_t)rng_below(&rng, 1u + data[2] % 32u);
		feed(&cut, str_sub(in, 0, len));
		in = str_from(in, len);
	}
	finish(&whole);
	finish(&cut);
	assert(str_eq(buf_view(&whole.out), buf_view(&cut.out)));
	assert(whole.seen == cut.seen);
	buf_free(&whole.out);
	buf_free(&cut.out);
	return 0;
}
