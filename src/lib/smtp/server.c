/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/server_verbs.h"

#include <assert.h>
#include <string.h>

enum {
	TRANSACTION_MEMORY = 32 * 1024,     /* sender, VRFY argument, refused recipient,
					     * response to AUTH */
	RECIPIENT_MEMORY_MAX = 1024,        /* of each: path and ORCPT, and rounding */
	SESSION_MEMORY = SMTP_HELO_MAX + 1,
	SLOT_FIRST = 32,
};

#define IN(state) (1u << (state))
#define OPEN      (IN(SMTP_AT_MAIL) | IN(SMTP_AT_RCPT))
#define BEFORE    (IN(SMTP_AT_START) | IN(SMTP_AT_READY))
#define TALKING   (IN(SMTP_AT_START) | IN(SMTP_AT_READY) | OPEN | IN(SMTP_AT_CHUNKS))

static const char mail_order[] =
	"EHLO comes before MAIL, and a transaction ends before the next";
static const char rcpt_order[] = "MAIL comes before RCPT, and RCPT before the message";
static const char data_order[] =
	"MAIL and RCPT come before DATA, and BDAT does not mix with it";

static const char tls_order[] = "STARTTLS does not come inside of a transaction";

static const struct smtp_verb verbs[] = {
	/* name                 allowed in         handler          pipelines order */
	{ STR_INIT("RCPT"),     OPEN,              smtp_verb_rcpt,    true,  rcpt_order },
	{ STR_INIT("MAIL"),     IN(SMTP_AT_READY), smtp_verb_mail,    true,  mail_order },
	{ STR_INIT("DATA"),     OPEN,              smtp_verb_data,    false, data_order },
	{ STR_INIT("BDAT"),     TALKING,           smtp_verb_bdat,    true,  NULL },
	{ STR_INIT("EHLO"),     TALKING,           smtp_verb_ehlo,    false, NULL },
	{ STR_INIT("HELO"),     TALKING,           smtp_verb_helo,    false, NULL },
	{ STR_INIT("RSET"),     TALKING,           smtp_verb_rset,    true,  NULL },
	{ STR_INIT("NOOP"),     TALKING,           smtp_verb_noop,    false, NULL },
	{ STR_INIT("QUIT"),     TALKING,           smtp_verb_quit,    false, NULL },
	{ STR_INIT("VRFY"),     TALKING,           smtp_verb_vrfy,    false, NULL },
	{ STR_INIT("EXPN"),     TALKING,           smtp_verb_expn,    false, NULL },
	{ STR_INIT("HELP"),     TALKING,           smtp_verb_help,    false, NULL },
	{ STR_INIT("AUTH"),     TALKING,           smtp_verb_auth,    false, NULL },
	{ STR_INIT("CONNECT"),  TALKING,           smtp_verb_http,    false, NULL },
	{ STR_INIT("DELETE"),   TALKING,           smtp_verb_http,    false, NULL },
	{ STR_INIT("GET"),      TALKING,           smtp_verb_http,    false, NULL },
	{ STR_INIT("HEAD"),     TALKING,           smtp_verb_http,    false, NULL },
	{ STR_INIT("OPTIONS"),  TALKING,           smtp_verb_http,    false, NULL },
	{ STR_INIT("POST"),     TALKING,           smtp_verb_http,    false, NULL },
	{ STR_INIT("PUT"),      TALKING,           smtp_verb_http,    false, NULL },
	{ STR_INIT("ETRN"),     TALKING,           smtp_verb_etrn,    false, NULL },
	{ STR_INIT("ATRN"),     TALKING,           smtp_verb_atrn,    false, NULL },
	{ STR_INIT("STARTTLS"), BEFORE,            smtp_verb_starttls, false, tls_order },
	{ STR_INIT("XCLIENT"),  TALKING,           smtp_verb_xclient, false, NULL },
};
/* TURN, SEND and whatever else is known or thought out. */
static const struct smtp_verb other_verb = {
	STR_INIT(""), TALKING, smtp_verb_refused, false, NULL
};

/* Ten thousand idle sessions are to fit in 80 MiB with all that belongs to them. */
static_assert(sizeof(struct smtp_server) <= 700, "a session stays small");

void smtp_server_init(struct smtp_server *s, const struct smtp_server_settings *cfg,
		      struct str client_literal, struct buf *out)
{
	assert(out->max >= SMTP_REPLY_ROOM && cfg->line_max > 0 &&
	       cfg->recipients_max > 0);
	*s = (struct smtp_server){ .cfg = cfg, .out = out, .client = client_literal };
	arena_init(&s->session, SESSION_MEMORY);
	arena_init(&s->arena, TRANSACTION_MEMORY +
				      (size_t)cfg->recipients_max * RECIPIENT_MEMORY_MAX);
}

void smtp_server_free(struct smtp_server *s)
{
	arena_free(&s->arena);
	arena_free(&s->session);
}

void smtp_server_greet(struct smtp_server *s)
{
	buf_str(s->out, STR("220 "));
	buf_str(s->out, s->cfg->hostname);
	buf_str(s->out, STR(" ESMTP"));
	const struct str parts[] = { s->cfg->banner, s->cfg->version };
	for (size_t i = 0; i < 2; i++) {
		if (parts[i].len) buf_byte(s->out, ' ');
		buf_str(s->out, str_sub(parts[i], 0, 100));
	}
	buf_crlf(s->out);
}

void smtp_server_refuse(struct smtp_server *s, unsigned code, const char *enhanced,
			struct str text)
{
	smtp_reply(s, code, enhanced, text);
	smtp_close(s, code);
}

/* Gives back all that belongs to the transaction. */
static void forget(struct smtp_server *s)
{
	arena_free(&s->arena);
	s->slot = NULL;
	s->vrfy = s->xclient = (struct str){ NULL, 0 };
	s->mail = (struct smtp_server_mail){ 0 };
	s->rcpt = (struct smtp_server_rcpt){ 0 };
	s->body_size = 0;
	s->rcpt_accepted = s->rcpt_refused = 0;
}

void smtp_transaction_abort(struct smtp_server *s, unsigned code)
{
	if (!s->in_transaction) return;
	s->in_transaction = false;
	if (s->state < SMTP_IN_DATA) s->state = SMTP_AT_READY;
	s->abort_code = (uint16_t)code;
	s->due |= SMTP_DUE_ABORT;
}

void smtp_close(struct smtp_server *s, unsigned code)
{
	smtp_transaction_abort(s, code);
	smtp_auth_drop(s);
	s->abort_code = (uint16_t)code;
	s->owed = SMTP_OWED_NONE;
	s->state = SMTP_CLOSED;
	s->due |= SMTP_DUE_CLOSE;
}

char *smtp_slot(struct smtp_server *s, size_t len)
{
	if (s->slot && s->slot_size >= len) return s->slot;
	s->slot_size = SLOT_FIRST;
	while (s->slot_size < len) s->slot_size *= 2;
	return s->slot = arena_alloc(&s->arena, s->slot_size);
}

struct str smtp_copy(char **to, struct str from)
{
	if (from.len == 0) return from;
	memcpy(*to, from.at, from.len);
	struct str copy = { *to, from.len };
	*to += from.len;
	return copy;
}

void smtp_path_move(struct smtp_path *path, char **to)
{
	path->whole = smtp_copy(to, path->whole);
	path->local = str_sub(path->whole, 0, path->local.len);
	path->domain = str_from(path->whole, path->whole.len - path->domain.len);
}

enum line { LINE_MORE, LINE_OK, LINE_LONG, LINE_BARE };

/* Throws away the rest of a line that was too long. */
static enum line skip_line(struct smtp_server *s, struct str *in)
{
	ptrdiff_t lf = str_find(*in, '\n');
	size_t len = lf < 0 ? in->len : (size_t)lf;
	if (len) s->skipped_cr = in->at[len - 1] == '\r';
	if (lf < 0) {
		*in = str_from(*in, len);
		return LINE_MORE;
	}
	*in = str_from(*in, len + 1);
	s->skipping = false;
	return s->skipped_cr || s->cfg->fix_newlines ? LINE_LONG : LINE_BARE;
}

size_t smtp_server_line_max(const struct smtp_server *s)
{
	size_t max = s->cfg->line_max;
	return s->state == SMTP_AT_AUTH && max < SMTP_AUTH_LINE_MAX ? SMTP_AUTH_LINE_MAX
								    : max;
}

/* RFC 4954 4: a command line with an initial response may be as long as a response. A token
 * is longer than any other command. */
static size_t room_for(const struct smtp_server *s, struct str in)
{
	size_t max = smtp_server_line_max(s);
	bool auth = s->auth.offer.len && str_starts_nocase(in, STR("AUTH "));
	return auth && max < SMTP_AUTH_LINE_MAX ? SMTP_AUTH_LINE_MAX : max;
}

/* Takes one line off `*in` into `*line`, without its end. */
static enum line take_line(struct smtp_server *s, struct str *in, struct str *line)
{
	size_t max = room_for(s, *in);
	if (s->skipping) return skip_line(s, in);
	ptrdiff_t lf = str_find(str_sub(*in, 0, max), '\n');
	if (lf < 0 && in->len < max) return LINE_MORE;
	if (lf < 0) {
		s->skipping = true;
		s->skipped_cr = in->at[max - 1] == '\r';
		*in = str_from(*in, max);
		return skip_line(s, in);
	}
	bool crlf = lf > 0 && in->at[lf - 1] == '\r';
	*line = str_sub(*in, 0, (size_t)lf - crlf);
	*in = str_from(*in, (size_t)lf + 1);
	if (s->cfg->fix_newlines) return LINE_OK;
	return crlf && str_find(*line, '\r') < 0 ? LINE_OK : LINE_BARE;
}

static const struct smtp_verb *find_verb(struct str name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (str_eq_nocase(name, verbs[i].name)) return &verbs[i];
	return &other_verb;
}

static void run_line(struct smtp_server *s, struct str line, bool more,
		     struct smtp_event *ev)
{
	struct smtp_command cmd;
	if (!smtp_command_split(line, &cmd)) {
		smtp_bad(s, 500, "5.5.2", "That is no command");
		return;
	}
	const struct smtp_verb *verb = find_verb(cmd.verb);
	uint32_t errors = s->errors;
	if (more && !verb->pipelines) s->unsynchronised = true;
	if (smtp_tls_is_missing(s, verb) || smtp_odmr_refuses(s, verb)) return;
	if (verb->allowed & IN(s->state)) verb->handler(s, cmd.arg, ev);
	else smtp_bad(s, 503, "5.5.1", verb->order);
	if (s->errors == errors) s->errors = 0;
}

static bool line_step(struct smtp_server *s, struct str *in, struct smtp_event *ev)
{
	struct str line;
	bool auth = s->state == SMTP_AT_AUTH;
	switch (take_line(s, in, &line)) {
	case LINE_MORE: return false;
	case LINE_OK:
		if (auth) smtp_auth_line(s, line, ev);
		else run_line(s, line, in->len > 0, ev);
		break;
	case LINE_LONG:
		if (auth) smtp_auth_line_long(s);
		else smtp_bad(s, 500, "5.5.2", "The command line is too long");
		break;
	case LINE_BARE:
		/* Behind it may stand what another server took for a message's text. */
		smtp_reply(s, 500, "5.5.2",
			   STR("A line has to end in CRLF; a CR or an LF alone "
			       "is an error (RFC 5321 2.3.8), closing"));
		smtp_close(s, 500);
		break;
	}
	return true;
}

static bool step(struct smtp_server *s, struct str *in, struct smtp_event *ev)
{
	if (s->state == SMTP_IN_DATA) return smtp_data_step(s, in, ev);
	if (s->state == SMTP_IN_CHUNK) return smtp_chunk_step(s, in, ev);
	return line_step(s, in, ev);
}

static struct smtp_event take_due(struct smtp_server *s)
{
	if (s->due & SMTP_DUE_ABORT) {
		s->due = (uint8_t)((s->due & ~SMTP_DUE_ABORT) | SMTP_DUE_FORGET);
		return (struct smtp_event){ .type = SMTP_EV_ABORT,
					    .code = s->abort_code };
	}
	if (s->due & SMTP_DUE_HELLO) {
		s->due = (uint8_t)(s->due & ~SMTP_DUE_HELLO);
		return (struct smtp_event){ .type = SMTP_EV_HELLO };
	}
	if (s->due & SMTP_DUE_AUTH_END) {
		s->due = (uint8_t)(s->due & ~SMTP_DUE_AUTH_END);
		return (struct smtp_event){ .type = SMTP_EV_AUTH_END };
	}
	s->due = (uint8_t)(s->due & ~SMTP_DUE_CLOSE);
	return (struct smtp_event){ .type = SMTP_EV_CLOSE, .code = s->abort_code };
}

static bool is_idle(const struct smtp_server *s)
{
	return (s->state <= SMTP_AT_READY || s->state == SMTP_AT_AUTH) &&
	       !s->in_transaction && !s->owed;
}

/* Addresses were said, no text so far, and nothing more comes now: all of it can be said again. */
static bool is_silent(const struct smtp_server *s, struct str in)
{
	return (s->state == SMTP_AT_MAIL || s->state == SMTP_AT_RCPT) && !s->owed && in.len == 0;
}

/* The shutdown that was asked for, at its safe point. */
static void stop(struct smtp_server *s)
{
	smtp_reply(s, 421, "4.3.2", STR("The service is shutting down, try again later"));
	smtp_close(s, 421);
}

struct smtp_event smtp_server_next(struct smtp_server *s, struct str *in)
{
	struct smtp_event ev = { .type = SMTP_EV_NONE };
	do {
		if (s->due & SMTP_DUE_FORGET) {
			s->due = (uint8_t)(s->due & ~SMTP_DUE_FORGET);
			forget(s);
		}
		if (s->out->overflowed && s->state != SMTP_CLOSED) smtp_close(s, 421);
		if (s->due) return take_due(s);
		if (s->state == SMTP_CLOSED) {
			*in = str_from(*in, in->len);
			return ev;
		}
		if (s->owed) return (struct smtp_event){ .type = SMTP_EV_WAIT };
		if (s->state == SMTP_TURNED) return ev;
		if (s->state == SMTP_AT_TLS) {
			smtp_tls_step(s, in, &ev);
			continue;
		}
		if (s->out->max - s->out->len < SMTP_REPLY_ROOM)
			return (struct smtp_event){ .type = SMTP_EV_FULL };
		if (s->stopping && (is_idle(s) || is_silent(s, *in))) stop(s);
		else if (!step(s, in, &ev)) return ev;
	} while (ev.type == SMTP_EV_NONE);
	return ev;
}

static void mail_answered(struct smtp_server *s, bool success)
{
	if (!success) {
		forget(s);
		return;
	}
	s->in_transaction = true;
	s->messages++;
	s->state = SMTP_AT_MAIL;
}

static void rcpt_answered(struct smtp_server *s, bool success)
{
	if (!success) {
		s->rcpt_refused++;
		return;
	}
	s->rcpt_accepted++;
	s->slot = NULL;
	s->state = SMTP_AT_RCPT;
}

static void vrfy_answered(struct smtp_server *s)
{
	s->vrfy = (struct str){ NULL, 0 };
	if (!s->in_transaction) forget(s);
}

static void end_answered(struct smtp_server *s)
{
	s->in_transaction = false;
	s->state = SMTP_AT_READY;
	forget(s);
}

void smtp_server_answer(struct smtp_server *s, unsigned code, const char *enhanced,
			struct str text)
{
	static const struct {
		unsigned code;
		const char *enhanced, *text;
	} usual[] = {
		[SMTP_OWED_MAIL] = { 250, "2.1.0", "Sender OK" },
		[SMTP_OWED_RCPT] = { 250, "2.1.5", "Recipient OK" },
		[SMTP_OWED_VRFY] = { 250, "2.1.5", "Address OK" },
		[SMTP_OWED_DATA] = { 354, NULL,
				     "Send the message, then a line with a dot" },
		[SMTP_OWED_BDAT] = { 354, NULL, "" },
		[SMTP_OWED_END] = { 250, "2.0.0", "Message accepted" },
		[SMTP_OWED_TLS] = { 220, "2.0.0", "Ready to start TLS" },
		[SMTP_OWED_AUTH] = { 235, "2.7.0", "You are logged in" },
		[SMTP_OWED_XCLIENT] = { 220, NULL, "" },
		[SMTP_OWED_ATRN] = { 250, "2.0.0", "OK, now reversing the connection" },
	};
	if (s->state == SMTP_CLOSED) return;
	enum smtp_owed owed = (enum smtp_owed)s->owed;
	assert(owed != SMTP_OWED_NONE);
	s->owed = SMTP_OWED_NONE;
	if (code == 0) {
		code = usual[owed].code;
		enhanced = usual[owed].enhanced;
		if (text.len == 0) text = str_of(usual[owed].text);
	}
	bool success = code < 400;
	if (owed == SMTP_OWED_AUTH && !success && smtp_auth_is_last(s)) {
		code = 421;
		enhanced = "4.7.0";
		text = SMTP_AUTH_TOO_MANY;
	}
	if (owed == SMTP_OWED_DATA && success) {
		code = 354;
		enhanced = NULL; /* RFC 2034 3: there is none for 3xx */
	}
	/* Reply before anything is given back: the text may stand in the transaction. */
	bool greets = owed == SMTP_OWED_XCLIENT && success;
	if (owed != SMTP_OWED_BDAT && !greets) smtp_reply(s, code, enhanced, text);
	switch (owed) {
	case SMTP_OWED_NONE: break;
	case SMTP_OWED_MAIL: mail_answered(s, success); break;
	case SMTP_OWED_RCPT: rcpt_answered(s, success); break;
	case SMTP_OWED_VRFY: vrfy_answered(s); break;
	case SMTP_OWED_DATA: smtp_data_answered(s, success); break;
	case SMTP_OWED_BDAT: smtp_bdat_answered(s, success, code, enhanced, text); return;
	case SMTP_OWED_END: end_answered(s); break;
	case SMTP_OWED_TLS: if (success) s->state = SMTP_AT_TLS; break;
	case SMTP_OWED_AUTH: smtp_auth_answered(s, success); break;
	case SMTP_OWED_ATRN:
		vrfy_answered(s);
		if (success) s->state = SMTP_TURNED;
		break;
	case SMTP_OWED_XCLIENT:
		if (success) smtp_xclient_answered(s);
		else if (code == 554) smtp_close(s, code);
		break;
	}
	if (code == 421) smtp_close(s, 421);
}

void smtp_server_timeout(struct smtp_server *s)
{
	if (s->state == SMTP_CLOSED || s->state == SMTP_TURNED) return;
	if (s->stopping) {
		stop(s);
		return;
	}
	smtp_reply(s, 421, "4.4.2", STR("Nothing came for too long, closing"));
	smtp_close(s, 421);
}

void smtp_server_shutdown(struct smtp_server *s)
{
	s->stopping = true;
	if (is_idle(s)) stop(s);
}

int64_t smtp_server_timeout_s(const struct smtp_server *s,
			      const struct smtp_server_timeouts *limits)
{
	if (s->owed || s->state == SMTP_CLOSED || s->state == SMTP_TURNED) return 0;
	bool text = s->state == SMTP_IN_DATA || s->state == SMTP_IN_CHUNK;
	return text ? limits->data_s : limits->command_s;
}
