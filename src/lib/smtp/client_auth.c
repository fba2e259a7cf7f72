/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in (RFC 4954), after TLS and before the first mail: the strongest mechanism that
 * both sides know, one after the other where the host does not know what it offers. */
#include "lib/smtp/client_parts.h"

#include <assert.h>
#include <string.h>

#include "lib/base/base64.h"

enum {
	WORDS_MAX = SMTP_REPLY_TEXT_MAX,
	PLAIN_MAX = SMTP_CLIENT_USER_MAX + SMTP_CLIENT_SECRET_MAX + 2,
	ENCODED_MAX = (PLAIN_MAX + 2) / 3 * 4 + 3 * SMTP_CLIENT_USER_MAX + 64,
	TOKEN_MAX = 3 * SMTP_CLIENT_USER_MAX + SMTP_CLIENT_SECRET_MAX + 64,
	FIRST_MAX = 360, /* octets said along with AUTH: as base 64 they fit into its line */
};

static const struct str mechanisms[SMTP_CL_MECHANISMS] = {
	[SMTP_CL_SCRAM_SHA_256_PLUS] = STR_INIT("SCRAM-SHA-256-PLUS"),
	[SMTP_CL_SCRAM_SHA_256] = STR_INIT("SCRAM-SHA-256"),
	[SMTP_CL_PLAIN] = STR_INIT("PLAIN"),
	[SMTP_CL_LOGIN] = STR_INIT("LOGIN"),
	[SMTP_CL_OAUTHBEARER] = STR_INIT("OAUTHBEARER"),
	[SMTP_CL_XOAUTH2] = STR_INIT("XOAUTH2"),
};

/* --- endings ------------------------------------------------------------------------ */

/* "route 'out': mx.example" */
static void words_begin(const struct smtp_client *c, struct buf *words, char text[WORDS_MAX])
{
	struct str host = c->cfg->host.len ? c->cfg->host : STR("the host");
	buf_init_fixed(words, text, WORDS_MAX);
	buf_str(words, STR("route '"));
	smtp_text_safe(words, c->cfg->login->route);
	buf_str(words, STR("': "));
	smtp_text_safe(words, host);
}

static void fail(struct smtp_client *c, const char *enhanced, bool polite, struct str words)
{
	struct smtp_outcome cause =
		smtp_client_own(SMTP_STEP_AUTH, SMTP_RCPT_TEMPORARY, enhanced, words);
	c->polite = polite;
	smtp_client_close(c, SMTP_END_AUTH_FAILED, &cause);
}

/* Nothing was sent. */
static void fail_before(struct smtp_client *c, struct str why)
{
	char text[WORDS_MAX];
	struct buf words;
	words_begin(c, &words, text);
	smtp_text_safe(&words, why);
	fail(c, "4.7.0", true, buf_view(&words));
}

static void fail_unfit(struct smtp_client *c)
{
	char text[WORDS_MAX];
	struct buf words;
	buf_init_fixed(&words, text, sizeof text);
	buf_str(&words, STR(" offers no way to log in that may be used; it offers "));
	smtp_text_safe(&words, c->caps.auth);
	fail_before(c, buf_view(&words));
}

/* --- what the peer said is no echo of what it must not tell --------------------------- */

static bool holds(struct str text, struct str part)
{
	for (size_t i = 0; part.len && i + part.len <= text.len; i++)
		if (str_eq_nocase(str_sub(text, i, part.len), part)) return true;
	return false;
}

static struct str plain_message(const struct smtp_client *c, char memory[PLAIN_MAX])
{
	struct buf plain;
	buf_init_fixed(&plain, memory, PLAIN_MAX);
	buf_byte(&plain, '\0');
	buf_str(&plain, c->cfg->login->user);
	buf_byte(&plain, '\0');
	buf_str(&plain, c->cfg->login->secret);
	assert(!plain.overflowed);
	return buf_view(&plain);
}

static bool is_token(const struct smtp_client *c)
{
	return c->mechanism == SMTP_CL_OAUTHBEARER || c->mechanism == SMTP_CL_XOAUTH2;
}

/* RFC 5801 4 saslname */
static void put_name(struct buf *out, struct str user)
{
	for (size_t i = 0; i < user.len; i++) {
		if (user.at[i] == ',') buf_str(out, STR("=2C"));
		else if (user.at[i] == '=') buf_str(out, STR("=3D"));
		else buf_byte(out, user.at[i]);
	}
}

/* RFC 7628 3.1, and its ancestor. `*from`: where the token begins. */
static struct str token_message(const struct smtp_client *c, char memory[TOKEN_MAX], size_t *from)
{
	const struct smtp_client_login *login = c->cfg->login;
	struct buf out;
	buf_init_fixed(&out, memory, TOKEN_MAX);
	if (c->mechanism == SMTP_CL_XOAUTH2) {
		buf_str(&out, STR("user="));
		buf_str(&out, login->user);
	} else {
		buf_str(&out, STR("n,a="));
		put_name(&out, login->user);
		buf_byte(&out, ',');
	}
	buf_str(&out, STR("\1auth=Bearer "));
	*from = out.len;
	buf_str(&out, login->secret);
	buf_str(&out, STR("\1\1"));
	assert(!out.overflowed);
	return buf_view(&out);
}

/* The octets at the end of an encoded text depend on what stands before them, and a cut
 * text is one, too: what the two mechanisms send is looked for by its first 12 octets. */
static bool holds_encoded(struct str text, struct str bytes, size_t from)
{
	char memory[ENCODED_MAX];
	struct buf encoded;
	buf_init_fixed(&encoded, memory, sizeof memory);
	base64_encode(&encoded, bytes);
	struct str part = str_sub(buf_view(&encoded), from, 12);
	bool found = holds(text, part);
	explicit_bzero(memory, sizeof memory);
	return found;
}

static bool repeats_secret(const struct smtp_client *c, struct str text)
{
	const struct smtp_client_login *login = c->cfg->login;
	char memory[PLAIN_MAX];
	char token[TOKEN_MAX];
	size_t from = login->user.len; /* where plain_message has two octets more */
	struct str said = is_token(c) ? token_message(c, token, &from) : plain_message(c, memory);
	/* from the group of octets in which the password begins */
	bool found = holds(text, login->secret) || holds_encoded(text, login->secret, 0) ||
		     holds_encoded(text, said, (from + 2) / 3 * 4);
	explicit_bzero(memory, sizeof memory);
	explicit_bzero(token, sizeof token);
	return found;
}

struct str smtp_client_reply_text(const struct smtp_client *c)
{
	struct str text = smtp_reply_text(&c->reply);
	if (smtp_client_step(c) != SMTP_STEP_AUTH || !repeats_secret(c, text)) return text;
	return STR("(its words are not shown, as they repeat the password)");
}

/* --- what is said ------------------------------------------------------------------- */

static void say_encoded(struct smtp_client *c, struct str bytes)
{
	base64_encode(c->out, bytes);
	buf_crlf(c->out);
}

static void say_plain(struct smtp_client *c)
{
	char memory[PLAIN_MAX];
	say_encoded(c, plain_message(c, memory));
	explicit_bzero(memory, sizeof memory);
	c->auth_said = true;
}

/* In one go: RFC 4954 4 lets the line be 12288 octets. */
static void say_token(struct smtp_client *c)
{
	char memory[TOKEN_MAX];
	size_t from;
	say_encoded(c, token_message(c, memory, &from));
	explicit_bzero(memory, sizeof memory);
	c->auth_said = true;
}

static void ask_proof(struct smtp_client *c, struct str challenge)
{
	c->challenge = challenge;
	c->state = SMTP_CLIENT_AT_PROOF;
	c->due |= SMTP_CLIENT_DUE_PROVE;
}

/* RFC 4954 4: what would not fit into a line is said when it is asked for. */
static bool is_first_short(const struct smtp_client *c)
{
	const struct smtp_client_login *login = c->cfg->login;
	switch ((enum smtp_client_mechanism)c->mechanism) {
	case SMTP_CL_SCRAM_SHA_256_PLUS: case SMTP_CL_SCRAM_SHA_256:
		return login->user.len <= FIRST_MAX / 3 - 30;
	case SMTP_CL_PLAIN: return login->user.len + login->secret.len + 2 <= FIRST_MAX;
	case SMTP_CL_OAUTHBEARER: case SMTP_CL_XOAUTH2: return true;
	case SMTP_CL_LOGIN: case SMTP_CL_MECHANISMS: break;
	}
	return false;
}

static void begin(struct smtp_client *c)
{
	bool first = is_first_short(c);
	c->auth_tried |= (uint8_t)(1u << c->mechanism);
	c->auth_said = false;
	c->auth_words = first;
	c->state = SMTP_CLIENT_AT_AUTH;
	buf_str(c->out, STR("AUTH "));
	buf_str(c->out, mechanisms[c->mechanism]);
	if (!first) {
		buf_crlf(c->out);
		return;
	}
	buf_byte(c->out, ' ');
	if (is_token(c)) say_token(c);
	else if (c->mechanism == SMTP_CL_PLAIN) say_plain(c);
	else ask_proof(c, STR(""));
}

static bool is_offered(const struct smtp_client *c, struct str mechanism)
{
	struct str names = c->caps.auth;
	for (struct str name; name = str_word(&names), name.len;)
		if (str_eq_nocase(name, mechanism)) return true;
	return false;
}

static bool may_use(const struct smtp_client *c, enum smtp_client_mechanism mechanism)
{
	if (mechanism == SMTP_CL_SCRAM_SHA_256_PLUS && !c->binds) return false;
	return c->cfg->login->mechanisms & 1u << mechanism;
}

/* RFC 5802 6: who could tie the login to the connection and is not offered it says so; a
 * host that did offer it knows then that somebody has changed what it said. */
static enum smtp_client_binding binding_of(const struct smtp_client *c)
{
	if (c->mechanism == SMTP_CL_SCRAM_SHA_256_PLUS) return SMTP_CL_BINDING_BOUND;
	if (!may_use(c, SMTP_CL_SCRAM_SHA_256_PLUS)) return SMTP_CL_BINDING_NONE;
	return SMTP_CL_BINDING_UNOFFERED;
}

static bool choose(struct smtp_client *c)
{
	for (uint8_t i = 0; i < SMTP_CL_MECHANISMS; i++) {
		if (!may_use(c, (enum smtp_client_mechanism)i) || c->auth_tried & 1u << i) continue;
		if (!is_offered(c, mechanisms[i])) continue;
		c->mechanism = i;
		c->binding = (uint8_t)binding_of(c);
		return true;
	}
	return false;
}

bool smtp_client_auth(struct smtp_client *c)
{
	const struct smtp_client_login *login = c->cfg->login;
	if (!login) return false;
	assert(login->user.len && login->user.len <= SMTP_CLIENT_USER_MAX);
	assert(login->secret.len && login->secret.len <= SMTP_CLIENT_SECRET_MAX);
	if (!c->secured && !login->cleartext)
		fail_before(c, STR(" is not spoken to by TLS, and the password may not be sent "
				   "in the clear"));
	else if (c->helo_only)
		fail_before(c, STR(" does not know EHLO, and so no login"));
	else if (!c->caps.auth.len)
		fail_before(c, STR(" does not offer to log in (AUTH)"));
	else if (!choose(c))
		fail_unfit(c);
	else
		begin(c);
	return true;
}

/* --- what is heard ------------------------------------------------------------------ */

/* Challenges are not looked at where they say nothing: hosts ask for "Username:" and
 * "Password:" in many ways, but in this order. */
static void answer_login(struct smtp_client *c)
{
	c->auth_said = c->auth_words;
	say_encoded(c, c->auth_words ? c->cfg->login->secret : c->cfg->login->user);
	c->auth_words = true;
}

static void answer_scram(struct smtp_client *c)
{
	struct str line = smtp_reply_line(&c->reply);
	struct buf bytes;
	c->auth_words = true;
	buf_init_fixed(&bytes, c->challenge_bytes, sizeof c->challenge_bytes);
	/* RFC 4954 4: "=" is an empty one. */
	bool good = c->reply.lines == 1 && line.len <= SMTP_REPLY_LINE_KEPT;
	if (good && line.len && !str_eq(line, STR("="))) good = base64_decode(&bytes, line);
	if (good && !bytes.overflowed) ask_proof(c, buf_view(&bytes));
	else smtp_client_garbage(c);
}

/* The token is no good: the host says why, in words for programs, and wants an empty answer
 * before it says no (RFC 7628 3.2.3). */
static void answer_token(struct smtp_client *c)
{
	if (!c->auth_said) {
		smtp_client_garbage(c);
		return;
	}
	c->auth_said = false;
	say_encoded(c, c->mechanism == SMTP_CL_XOAUTH2 ? STR("") : STR("\1"));
}

void smtp_client_auth_asked(struct smtp_client *c)
{
	if (is_token(c)) answer_token(c);
	else if (c->auth_said) smtp_client_garbage(c);
	else if (c->mechanism == SMTP_CL_LOGIN) answer_login(c);
	else if (c->mechanism == SMTP_CL_PLAIN) say_plain(c);
	else answer_scram(c);
}

/* Who says yes before all was said has not understood, or is not who knows the password. */
void smtp_client_auth_good(struct smtp_client *c)
{
	if (c->auth_said) {
		c->logged_in = true;
		smtp_client_become_ready(c);
		return;
	}
	char text[WORDS_MAX];
	struct buf words;
	words_begin(c, &words, text);
	buf_str(&words, STR(" said yes to the login before it was over, or without a proof that it "
			    "knows the password"));
	fail(c, "4.7.0", true, buf_view(&words));
}

/* RFC 4954 6: what belongs to a code where the host does not say it. */
static const char *status_of(uint16_t code)
{
	static const struct { uint16_t code; const char *status; } rows[] = {
		{ 454, "4.7.0" }, { 504, "4.5.4" }, { 530, "4.7.0" },
		{ 534, "4.7.9" }, { 535, "4.7.8" }, { 538, "4.7.11" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == code) return rows[i].status;
	return code >= 500 ? "4.7.8" : "4.7.0";
}

void smtp_client_auth_refused(struct smtp_client *c)
{
	char text[WORDS_MAX];
	struct buf words;
	uint16_t code = c->reply.code;
	bool bound = c->mechanism == SMTP_CL_SCRAM_SHA_256_PLUS;
	/* Offered and not known: the next one, if there is. But nobody talks us out of what
	 * shows whether somebody stands between. */
	if (code == 504 && !bound && choose(c)) {
		begin(c);
		return;
	}
	words_begin(c, &words, text);
	buf_str(&words, code >= 500 ? STR(" refuses the login of ") : STR(" puts off the login of "));
	smtp_text_safe(&words, c->cfg->login->user);
	if (bound) buf_str(&words, STR(" by SCRAM-SHA-256-PLUS, which it offers"));
	buf_str(&words, STR(": "));
	buf_u64(&words, code);
	buf_byte(&words, ' ');
	smtp_text_safe(&words, smtp_client_reply_text(c));
	fail(c, status_of(code), true, buf_view(&words));
}

/* --- from outside ------------------------------------------------------------------- */

void smtp_client_prove(struct smtp_client *c, struct str response, bool last)
{
	assert(c->state == SMTP_CLIENT_AT_PROOF && !(c->due & SMTP_CLIENT_DUE_PROVE));
	c->state = SMTP_CLIENT_AT_AUTH;
	c->challenge = STR("");
	c->auth_said = last;
	say_encoded(c, response);
}

void smtp_client_unproved(struct smtp_client *c, struct str why)
{
	char text[WORDS_MAX];
	struct buf words;
	assert(c->state == SMTP_CLIENT_AT_PROOF && !(c->due & SMTP_CLIENT_DUE_PROVE));
	words_begin(c, &words, text);
	buf_str(&words, STR(": the login of "));
	smtp_text_safe(&words, c->cfg->login->user);
	buf_str(&words, STR(" failed: "));
	smtp_text_safe(&words, why);
	fail(c, "4.7.8", false, buf_view(&words));
}
