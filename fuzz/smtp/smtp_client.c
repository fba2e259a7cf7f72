/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that says anything: the first three bytes choose settings, the number of
 * recipients and the length of the text, the rest is what the peer sends, cut at random,
 * before it goes away. However that runs, `out` stays bounded, each mail gets one DONE
 * with an outcome for each recipient, nothing is permanent without a 5xx or a reason of
 * our own, and the connection ends. With 128 recipients and more TLS is wanted; the octet
 * 0x16, with which a TLS record begins, stands for the handshake, and the octet behind it
 * says whether that fails. With the second bit of the third byte there is a login, with
 * the third one in the clear, and with the fourth by a token. Without text, which may overtake replies, it all has
 * to be the same in one piece. */
#include <assert.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/base/rng.h"
#include "lib/base/utf8.h"
#include "lib/smtp/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 256 * 1024, RCPTS_MAX = 255, TURNS_MAX = 1000 * 1000 };

struct talk {
	struct smtp_client_settings cfg;
	struct smtp_client client;
	struct smtp_client_mail mail;
	struct smtp_client_rcpt rcpts[RCPTS_MAX];
	struct buf out;
	uint64_t outcomes; /* hash of all of them */
	size_t turns, rounds;
	bool settled[RCPTS_MAX]; /* by an earlier transaction, whose texts are gone */
	bool raw, open, closed, quit;
	bool secure; /* the machine waits for a handshake */
	bool binds;  /* which has what a login can be tied to */
};

static void check_outcome(struct talk *t, const struct smtp_client_rcpt *rcpt)
{
	const struct smtp_outcome *o = &rcpt->outcome;
	char class = o->state == SMTP_RCPT_SENT        ? '2'
		     : o->state == SMTP_RCPT_PERMANENT ? '5' : '4';
	assert(o->state != SMTP_RCPT_OPEN && o->enhanced[0] == class);
	assert(smtp_enhanced_at(str_of(o->enhanced), (unsigned)(class - '0') * 100));
	if (o->state == SMTP_RCPT_SENT) assert(o->code / 100 == 2);
	if (o->state == SMTP_RCPT_PERMANENT) assert(o->code / 100 == 5 || o->code == 0);
	if (o->state == SMTP_RCPT_PERMANENT && o->code == 0)
		assert(o->host_scoped || rcpt->address.len == 0);
	if (o->in_doubt) assert(o->state == SMTP_RCPT_TEMPORARY && o->session);
	if (o->step == SMTP_STEP_AUTH) assert(!memmem(o->text.at, o->text.len, "secret", 6));
	assert(o->text.len <= SMTP_REPLY_TEXT_MAX && utf8_is_valid(o->text));
	for (size_t i = 0; i < o->text.len; i++) assert(!ascii_is_ctl(o->text.at[i]));
	/* in_doubt depends on what has left `out`. */
	uint64_t numbers[] = { (uint64_t)o->state, (uint64_t)o->step, o->code };
	struct str all = { (const char *)numbers, sizeof numbers };
	t->outcomes = hash_str(o->text, hash_str(all, t->outcomes));
}

static void send(struct talk *t)
{
	bool left = false;
	for (uint32_t i = 0; i < t->mail.rcpt_count; i++) {
		enum smtp_rcpt_state state = t->rcpts[i].outcome.state;
		t->settled[i] = state != SMTP_RCPT_OPEN && state != SMTP_RCPT_NOT_TRIED;
		left |= !t->settled[i];
	}
	if (!left && t->rounds++ == 2) {
		t->quit = true;
		smtp_client_quit(&t->client);
		return;
	}
	for (uint32_t i = 0; !left && i < t->mail.rcpt_count; i++) {
		t->rcpts[i].outcome = (struct smtp_outcome){ .state = SMTP_RCPT_OPEN };
		t->settled[i] = false;
	}
	smtp_client_send(&t->client, &t->mail);
	t->open = true;
}

static void body(struct talk *t)
{
	static const char text[] = "..\r\n.x\r\ny.\r\n";
	uint64_t given = t->mail.size - t->client.body_left;
	struct str piece = str_from(STR(text), (size_t)(given % (sizeof text - 1)));
	piece = str_sub(piece, 0, (size_t)t->client.body_left);
	if (t->raw && smtp_client_body_is_raw(&t->client))
		smtp_client_body_sent(&t->client, piece.len);
	else
		assert(smtp_client_body(&t->client, piece) > 0);
}

/* The first octet of what the peer says decides. */
static void prove(struct talk *t)
{
	struct str challenge = t->client.challenge;
	char first = challenge.len ? challenge.at[0] : 'a';
	assert(t->cfg.login && !t->client.logged_in && !t->open);
	if (first == 'e') smtp_client_unproved(&t->client, challenge);
	else smtp_client_prove(&t->client, STR("word"), first == 'v');
}

static void handle(struct talk *t, enum smtp_client_event ev)
{
	assert(!t->closed || ev == SMTP_CL_NONE);
	switch (ev) {
	case SMTP_CL_NONE: break;
	case SMTP_CL_SECURE:
		assert(!t->open && !t->secure && t->cfg.tls != SMTP_CL_TLS_OFF);
		t->secure = true;
		break;
	case SMTP_CL_PROVE: prove(t); break;
	case SMTP_CL_READY:
		if (t->cfg.login) assert(t->client.logged_in);
		if (t->cfg.login) assert(t->client.secured || t->cfg.login->cleartext);
		if (t->cfg.tls >= SMTP_CL_TLS_MUST) assert(t->client.secured);
		assert(!t->open && !t->quit);
		send(t);
		break;
	case SMTP_CL_BODY: assert(t->open); body(t); break;
	case SMTP_CL_DONE:
		assert(t->open);
		t->open = false;
		for (uint32_t i = 0; i < t->mail.rcpt_count; i++)
			if (!t->settled[i]) check_outcome(t, &t->rcpts[i]);
		break;
	case SMTP_CL_TURNED: assert(false); break; /* it never asks for that */
	case SMTP_CL_CLOSED:
		assert(!t->open && t->client.end != SMTP_END_NONE);
		t->closed = true;
		break;
	}
}

/* Without text, what goes out is commands of ours and nothing else. */
static void check_commands(const struct talk *t)
{
	if (t->mail.size) return;
	for (size_t i = 0; i < t->out.len; i++) {
		char c = t->out.at[i];
		assert(!ascii_is_ctl(c) || c == '\r' || c == '\n');
		if (c == '\n') assert(i > 0 && t->out.at[i - 1] == '\r');
	}
}

static void feed(struct talk *t, struct str in)
{
	for (;;) {
		enum smtp_client_event ev = smtp_client_next(&t->client, &in);
		assert(t->out.len <= t->out.max && !t->out.overflowed);
		assert(t->client.unheard <= SMTP_CLIENT_UNHEARD_MAX);
		assert(smtp_client_timeout_s(&t->client, &smtp_client_timeouts_default) >=
		       0);
		assert(t->turns++ < TURNS_MAX);
		handle(t, ev);
		bool sent = t->out.len > 0;
		if (ev != SMTP_CL_NONE && ev != SMTP_CL_BODY) continue;
		check_commands(t);
		buf_reset(&t->out);
		if (ev == SMTP_CL_NONE && !sent) break;
	}
	assert(in.len == 0);
}

static void begin(struct talk *t, const uint8_t *head)
{
	static const struct str addresses[] = { STR_INIT("b@h.example"), STR_INIT(""),
						STR_INIT("\"b c\"@h.example"),
						STR_INIT("\xc3\xa9@h.example") };
	static const struct smtp_client_login login = { .user = STR_INIT("ann@h.example"),
							.secret = STR_INIT("secret"),
							.route = STR_INIT("out"),
							.mechanisms = 15 };
	static struct smtp_client_login clear;
	bool tls = head[1] & 128;
	clear = login;
	clear.cleartext = true;
	if (head[2] & 16) clear.mechanisms = SMTP_CLIENT_TOKENS;
	*t = (struct talk){ .raw = head[0] & 16, .binds = head[2] & 8 };
	t->cfg = (struct smtp_client_settings){ .helo = STR("us.example"),
						.rcpts_max = head[0] & 32 ? 3 : 1000,
						.pipelining = head[0] & 1,
						.chunking = head[0] & 2,
						.lmtp = head[0] & 4,
						.login = head[2] & 64 ? head[2] & 32 ? &clear : &login : NULL,
						.tls = tls ? 1 + head[1] % 3 : 0 };
	t->mail = (struct smtp_client_mail){ .sender = STR("a@c.example"),
					     .envid = STR("id"), .ret = 1,
					     .size = (uint64_t)(head[2] & 31) * 4000,
					     .body8 = head[0] & 64,
					     .smtputf8 = head[0] & 128,
					     .rcpt_count = head[1] % 128 ? head[1] % 128 : 1,
					     .rcpts = t->rcpts };
	for (uint32_t i = 0; i < t->mail.rcpt_count; i++)
		t->rcpts[i].address = addresses[i % 16 < 13 ? 0 : i % 16 - 12];
	buf_init(&t->out, SMTP_CLIENT_OUT_MIN);
	smtp_client_init(&t->client, &t->cfg, head[0] & 8, &t->out);
	feed(t, STR(""));
}

/* The same where it stands in the input, however that is cut. */
static void handshake(struct talk *t, bool good)
{
	if (smtp_client_step(&t->client) != SMTP_STEP_TLS) return;
	assert(t->secure && t->out.len == 0);
	if (good) smtp_client_secured(&t->client, t->binds);
	else smtp_client_insecure(&t->client, "4.7.5", STR("no\nTLS"));
	assert(!good || (t->client.caps.auth.len == 0 && !t->client.caps.starttls));
	feed(t, STR(""));
}

/* `cut`: pieces of at most so many octets, 0: as long as can be. */
static void feed_all(struct talk *t, struct str in, struct rng *rng, uint32_t cut)
{
	while (in.len) {
		ptrdiff_t mark = t->cfg.tls ? str_find(in, '\x16') : -1;
		/* Implicit TLS: what comes first is the library's, which finds no TLS in it. */
		if (mark != 0 && t->cfg.tls == SMTP_CL_TLS_IMPLICIT &&
		    smtp_client_step(&t->client) == SMTP_STEP_TLS) {
			handshake(t, false);
			continue;
		}
		if (mark == 0) {
			handshake(t, in.len < 2 || in.at[1] != 'x');
			in = str_from(in, in.len < 2 ? 1 : 2);
			continue;
		}
		size_t len = mark < 0 ? in.len : (size_t)mark;
		size_t most = cut ? 1 + (size_t)rng_below(rng, cut) : len;
		if (most < len) len = most;
		feed(t, str_sub(in, 0, len));
		in = str_from(in, len);
	}
}

static void finish(struct talk *t)
{
	smtp_client_lost(&t->client, SMTP_LOST_CLOSED, STR(""));
	feed(t, STR(""));
	assert(t->closed && !t->open);
	smtp_client_free(&t->client);
	buf_free(&t->out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk whole, cut;
	struct rng rng = { size };
	if (size < 3 || size > INPUT_MAX) return 0;
	struct str in = { (const char *)data + 3, size - 3 };
	begin(&whole, data);
	begin(&cut, data);
	feed_all(&whole, in, &rng, 0);
	feed_all(&cut, in, &rng, data[2] & 128 ? 4 : 200);
	finish(&whole);
	finish(&cut);
	if (whole.mail.size == 0) {
		assert(whole.client.end == cut.client.end);
		assert(whole.outcomes == cut.outcomes);
	}
	return 0;
}
