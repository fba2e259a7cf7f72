/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH (RFC 4954). What a mechanism says is the caller's; the machine carries it, checks
 * that it is base 64, and plays LOGIN, which has no messages of its own but two prompts. */
#include <assert.h>
#include <string.h>

#include "lib/base/base64.h"
#include "lib/smtp/server_verbs.h"

enum login { LOGIN_NO, LOGIN_USER, LOGIN_PASSWORD };

/* The offered mechanism of that name, as the offer writes it; empty if there is none. */
static struct str find_offered(struct str offer, struct str name)
{
	for (struct str word; (word = str_word(&offer)).len > 0;)
		if (str_eq_nocase(word, name)) return word;
	return (struct str){ NULL, 0 };
}

static void wipe(struct smtp_server *s)
{
	if (s->slot) explicit_bzero(s->slot, s->slot_size);
}

/* The exchange is over; its memory goes back before the next line is read. */
static void over(struct smtp_server *s)
{
	wipe(s);
	s->auth.mechanism = s->auth.response = s->auth.user = (struct str){ NULL, 0 };
	s->auth.login = LOGIN_NO;
	s->auth.asked = false;
	s->state = SMTP_AT_READY;
	s->due |= SMTP_DUE_FORGET;
}

void smtp_auth_drop(struct smtp_server *s)
{
	if (!s->auth.mechanism.len) return;
	if (s->auth.asked) s->due |= SMTP_DUE_AUTH_END;
	over(s);
}

bool smtp_auth_is_last(const struct smtp_server *s)
{
	return s->auth.failures + 1 >= SMTP_AUTH_FAILURES_MAX;
}

/* The client broke it off, or what it says makes no sense. */
static void broken(struct smtp_server *s, unsigned code, const char *enhanced,
		   const char *text)
{
	smtp_auth_drop(s);
	if (smtp_auth_is_last(s)) {
		smtp_reply(s, 421, "4.7.0", SMTP_AUTH_TOO_MANY);
		smtp_close(s, 421);
	} else {
		s->auth.failures++;
		smtp_bad(s, code, enhanced, text);
	}
}

static void no_memory(struct smtp_server *s)
{
	smtp_auth_drop(s);
	smtp_reply(s, 454, "4.7.0", STR("No memory, try again later"));
}

static void prompt(struct smtp_server *s, struct str challenge)
{
	buf_str(s->out, STR("334 "));
	base64_encode(s->out, challenge);
	buf_crlf(s->out);
	s->state = SMTP_AT_AUTH;
}

static void ask_caller(struct smtp_server *s, struct str response, struct smtp_event *ev)
{
	s->auth.response = response;
	s->auth.begins = !s->auth.asked;
	s->auth.asked = true;
	s->state = SMTP_AT_AUTH;
	s->owed = SMTP_OWED_AUTH;
	ev->type = SMTP_EV_AUTH;
}

/* Decodes behind what `b` (over the slot) holds already. False: the exchange is over. */
static bool decode(struct smtp_server *s, struct buf *b, struct str text)
{
	if (base64_decode(b, text) && !b->overflowed) return true;
	broken(s, 501, "5.5.2", "That is not base 64");
	return false;
}

/* A buffer over the slot with room for what `text` stands for and `more`. */
static bool take_slot(struct smtp_server *s, struct buf *b, struct str text, size_t more)
{
	size_t room = text.len / 4 * 3 + more + 1;
	wipe(s);
	char *to = smtp_slot(s, room);
	if (!to) {
		no_memory(s);
		return false;
	}
	buf_init_fixed(b, to, room);
	return true;
}

static void take_response(struct smtp_server *s, struct str text, struct smtp_event *ev)
{
	struct buf b;
	if (take_slot(s, &b, text, 0) && decode(s, &b, text))
		ask_caller(s, buf_view(&b), ev);
}

/* The prompts are those that devices compare with, letter by letter. */
static void login_user(struct smtp_server *s, struct str text)
{
	struct buf b;
	if (!take_slot(s, &b, text, 0) || !decode(s, &b, text)) return;
	if (str_find(buf_view(&b), '\0') >= 0) {
		broken(s, 501, "5.5.2", "There is a NUL in the user's name");
		return;
	}
	s->auth.user = buf_view(&b);
	s->slot = NULL; /* it stays while the password comes */
	s->auth.login = LOGIN_PASSWORD;
	prompt(s, STR("Password:"));
}

static void login_password(struct smtp_server *s, struct str text, struct smtp_event *ev)
{
	struct buf b;
	struct str user = s->auth.user;
	if (!take_slot(s, &b, text, user.len + 2)) return;
	buf_byte(&b, '\0');
	buf_str(&b, user);
	buf_byte(&b, '\0');
	size_t head = b.len;
	if (!decode(s, &b, text)) return;
	if (str_find(str_from(buf_view(&b), head), '\0') >= 0) {
		broken(s, 501, "5.5.2", "There is a NUL in the password");
		return;
	}
	s->auth.login = LOGIN_NO;
	ask_caller(s, buf_view(&b), ev);
}

static void take_text(struct smtp_server *s, struct str text, struct smtp_event *ev)
{
	switch ((enum login)s->auth.login) {
	case LOGIN_NO: take_response(s, text, ev); break;
	case LOGIN_USER: login_user(s, text); break;
	case LOGIN_PASSWORD: login_password(s, text, ev); break;
	}
}

void smtp_auth_line(struct smtp_server *s, struct str line, struct smtp_event *ev)
{
	if (str_eq(line, STR("*")))
		broken(s, 501, "5.0.0", "The login was broken off, as you wish");
	else take_text(s, line, ev);
}

/* RFC 4954 4.1 and 6. */
void smtp_auth_line_long(struct smtp_server *s)
{
	broken(s, 500, "5.5.6", "The line is too long for an authentication exchange");
}

/* All mechanisms of ours let the client speak first; where it does not, it is asked to by
 * an empty challenge. RFC 4954 4: an initial response of no octets is written "=". */
static void begin(struct smtp_server *s, struct str mechanism, struct str initial,
		  struct smtp_event *ev)
{
	s->auth.mechanism = arena_str(&s->arena, mechanism);
	if (!s->auth.mechanism.at) {
		s->auth.mechanism = (struct str){ NULL, 0 };
		no_memory(s);
		return;
	}
	bool login = str_eq_nocase(mechanism, STR("LOGIN"));
	s->auth.login = login ? LOGIN_USER : LOGIN_NO;
	if (!initial.len) prompt(s, login ? STR("Username:") : STR(""));
	else take_text(s, str_eq(initial, STR("=")) ? STR("") : initial, ev);
}

void smtp_verb_auth(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	struct str name = str_word(&arg), initial = str_word(&arg);
	struct str mechanism = find_offered(s->auth.offer, name);
	if (!s->auth.offer.len && s->auth.wants_tls)
		smtp_bad(s, 538, "5.7.11", "Encryption is required to log in; use STARTTLS first");
	else if (!s->auth.offer.len)
		/* RFC 4954 has no code for AUTH where EHLO did not announce it; to the client
		 * it is a command out of place, and 503 is what the field says. */
		smtp_bad(s, 503, "5.5.1", "Authentication is not offered here");
	else if (s->state == SMTP_AT_START)
		smtp_bad(s, 503, "5.5.1", "EHLO comes before AUTH");
	else if (s->authenticated)
		smtp_bad(s, 503, "5.5.1", "You have logged in already");
	else if (s->in_transaction)
		smtp_bad(s, 503, "5.5.1", "AUTH is not possible within a transaction");
	else if (!name.len || str_trim(arg).len)
		smtp_bad(s, 501, "5.5.4", "Write AUTH, a mechanism and perhaps one response");
	else if (!mechanism.len)
		smtp_bad(s, 504, "5.5.4",
			 "That mechanism is not offered; see the answer to EHLO");
	else
		begin(s, mechanism, initial, ev);
}

void smtp_server_challenge(struct smtp_server *s, struct str challenge)
{
	assert(challenge.len <= SMTP_CHALLENGE_MAX);
	if (s->state == SMTP_CLOSED) return;
	assert(s->owed == SMTP_OWED_AUTH);
	s->owed = SMTP_OWED_NONE;
	wipe(s);
	s->auth.response = (struct str){ NULL, 0 };
	prompt(s, challenge);
}

void smtp_auth_answered(struct smtp_server *s, bool success)
{
	over(s);
	if (success) s->authenticated = true;
	else s->auth.failures++;
}
