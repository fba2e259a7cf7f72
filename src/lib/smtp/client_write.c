/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/client_parts.h"

#include <assert.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/smtp/command.h"

enum { END_ROOM = 8 }; /* CRLF.CRLF */

/* "type;text" that can stand in a command line to this peer. */
static bool is_fit_orcpt(const struct smtp_client *c, struct str orcpt)
{
	for (size_t i = 0; i < orcpt.len; i++)
		if (ascii_is_ctl(orcpt.at[i]) || orcpt.at[i] == ' ') return false;
	/* RFC 6533 3: UTF-8 only where SMTPUTF8 is. */
	return orcpt.len && orcpt.len <= SMTP_ORCPT_MAX && utf8_is_valid(orcpt) &&
	       (c->utf8 || utf8_is_ascii(orcpt));
}

/* Extensions that say how the message is to be handled. */
static void write_extra(struct smtp_client *c)
{
	const struct smtp_client_mail *mail = c->mail;
	if (c->caps.priority && mail->priority) {
		buf_str(c->out, STR(" MT-PRIORITY="));
		buf_i64(c->out, mail->priority);
	}
	if (c->caps.by && mail->by != SMTP_BY_NONE) {
		buf_str(c->out, STR(" BY="));
		buf_i64(c->out, mail->by_s);
		buf_str(c->out, mail->by == SMTP_BY_RETURN ? STR(";R") : STR(";N"));
		if (mail->by_trace) buf_byte(c->out, 'T');
	}
}

static void write_mail(struct smtp_client *c)
{
	const struct smtp_client_mail *mail = c->mail;
	struct buf *out = c->out;
	buf_str(out, STR("MAIL FROM:<"));
	buf_str(out, mail->sender);
	buf_byte(out, '>');
	if (c->caps.size && mail->size) {
		buf_str(out, STR(" SIZE="));
		buf_u64(out, mail->size);
	}
	if (c->caps.body8 && mail->body8) buf_str(out, STR(" BODY=8BITMIME"));
	if (c->utf8) buf_str(out, STR(" SMTPUTF8"));
	if (mail->requiretls) buf_str(out, STR(" REQUIRETLS"));
	if (c->caps.dsn && mail->ret == SMTP_RET_FULL) buf_str(out, STR(" RET=FULL"));
	if (c->caps.dsn && mail->ret == SMTP_RET_HDRS) buf_str(out, STR(" RET=HDRS"));
	/* RFC 3461 4.4: 100 octets before they became xtext. */
	if (c->caps.dsn && mail->envid.len && mail->envid.len <= 3 * SMTP_ENVID_MAX &&
	    smtp_xtext_is_valid(mail->envid)) {
		buf_str(out, STR(" ENVID="));
		buf_str(out, mail->envid);
	}
	write_extra(c);
	buf_crlf(out);
	c->mail_sent = true;
	c->mails++;
}

static void write_notify(struct buf *out, uint8_t notify)
{
	static const struct { uint8_t bit; struct str name; } words[] = {
		{ SMTP_NOTIFY_NEVER, STR_INIT("NEVER") },
		{ SMTP_NOTIFY_SUCCESS, STR_INIT("SUCCESS") },
		{ SMTP_NOTIFY_FAILURE, STR_INIT("FAILURE") },
		{ SMTP_NOTIFY_DELAY, STR_INIT("DELAY") },
	};
	struct str before = STR(" NOTIFY=");
	if (notify & SMTP_NOTIFY_NEVER) notify = SMTP_NOTIFY_NEVER;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!(notify & words[i].bit)) continue;
		buf_str(out, before);
		buf_str(out, words[i].name);
		before = STR(",");
	}
}

static void write_etrn(struct smtp_client *c, struct smtp_client_rcpt *domain)
{
	buf_str(c->out, STR("ETRN "));
	buf_str(c->out, domain->address);
	buf_crlf(c->out);
	domain->sent = true;
	c->unheard++;
}

/* RFC 2852 4.1.4.2: a host that does not know the time that the sender has set is to tell him
 * of delays by itself, as if he had asked for that. */
static uint8_t notify_of(const struct smtp_client *c, const struct smtp_client_rcpt *rcpt)
{
	const struct smtp_client_mail *mail = c->mail;
	if (mail->by != SMTP_BY_NOTIFY || mail->by_s <= 0 || c->caps.by || c->cfg->lmtp)
		return rcpt->notify;
	if (rcpt->notify & SMTP_NOTIFY_NEVER) return rcpt->notify;
	unsigned notify = rcpt->notify ? rcpt->notify : SMTP_NOTIFY_FAILURE;
	return (uint8_t)(notify | SMTP_NOTIFY_DELAY);
}

/* One command for all of them. */
static void write_atrn(struct smtp_client *c)
{
	struct str before = STR("ATRN ");
	for (uint32_t i = c->rcpt_next; i < c->mail->rcpt_count; i++) {
		struct smtp_client_rcpt *domain = &c->mail->rcpts[i];
		if (domain->outcome.state != SMTP_RCPT_OPEN) continue;
		buf_str(c->out, before);
		buf_str(c->out, domain->address);
		before = STR(",");
		domain->sent = true;
	}
	buf_crlf(c->out);
	c->rcpt_next = c->mail->rcpt_count;
	c->unheard = 1;
}

static void write_rcpt(struct smtp_client *c, struct smtp_client_rcpt *rcpt)
{
	buf_str(c->out, STR("RCPT TO:<"));
	buf_str(c->out, rcpt->address);
	buf_byte(c->out, '>');
	if (c->caps.dsn) write_notify(c->out, notify_of(c, rcpt));
	if (c->caps.dsn && is_fit_orcpt(c, rcpt->orcpt)) {
		buf_str(c->out, STR(" ORCPT="));
		buf_str(c->out, rcpt->orcpt);
	}
	buf_crlf(c->out);
	rcpt->sent = true;
	c->unheard++;
}

/* The next recipient to be sent, or NULL. */
static struct smtp_client_rcpt *next_rcpt(struct smtp_client *c)
{
	while (c->rcpt_next < c->mail->rcpt_count) {
		struct smtp_client_rcpt *rcpt = &c->mail->rcpts[c->rcpt_next];
		if (rcpt->outcome.state == SMTP_RCPT_OPEN) return rcpt;
		c->rcpt_next++;
	}
	return NULL;
}

void smtp_client_end_text(struct smtp_client *c)
{
	bool whole = c->tail[0] == '\r' && c->tail[1] == '\n';
	if (!c->chunk && !whole) buf_crlf(c->out);
	if (!c->chunk) buf_str(c->out, STR(".\r\n"));
	c->end_sent = true;
	c->state = SMTP_CLIENT_AT_END;
}

static void write_text_command(struct smtp_client *c)
{
	c->text_asked = true;
	if (!c->chunk) {
		buf_str(c->out, STR("DATA\r\n"));
		return;
	}
	buf_str(c->out, STR("BDAT "));
	buf_u64(c->out, c->mail->size);
	buf_str(c->out, STR(" LAST\r\n"));
	c->state = SMTP_CLIENT_AT_BODY;
	if (c->body_left == 0) smtp_client_end_text(c);
}

static bool pipelines(const struct smtp_client *c)
{
	return c->cfg->pipelining && c->caps.pipelining;
}

/* May the text's command go before all recipients are answered? Not with LMTP: how many
 * replies follow where none was accepted is not agreed on (RFC 2033 4.2). A long text
 * that nobody may want is not sent along either. */
static bool text_may_fly(const struct smtp_client *c)
{
	return pipelines(c) && !c->cfg->lmtp &&
	       (!c->chunk || c->mail->size <= SMTP_CLIENT_FLIGHT_MAX);
}

static bool write_talk(struct smtp_client *c)
{
	bool quiet = c->mail_heard && c->unheard == 0;
	struct smtp_client_rcpt *rcpt = next_rcpt(c);
	if (c->text_asked || c->out->len > SMTP_CLIENT_COMMANDS_MAX) return false;
	if (!c->mail_sent && rcpt) {
		write_mail(c);
		return true;
	}
	/* RFC 1985 5: ETRN is the last of a group of commands. */
	if (c->mail_sent && !quiet && (!pipelines(c) || c->mail->etrn || c->mail->atrn)) return false;
	if (rcpt && c->mail->atrn) {
		write_atrn(c);
		return true;
	}
	if (rcpt) {
		/* RFC 2920 3.1: what a peer has to answer before it reads on must fit
		 * into the windows of both sides, or both wait for ever. */
		if (c->unheard >= SMTP_CLIENT_UNHEARD_MAX) return false;
		if (c->mail->etrn) write_etrn(c, rcpt);
		else write_rcpt(c, rcpt);
		c->rcpt_next++;
		return true;
	}
	if (!c->mail_sent || (quiet && c->accepted == 0)) {
		c->reset = c->mail_ok;
		smtp_client_finish(c);
		return true;
	}
	bool refused = c->mail_heard && !c->mail_ok;
	if (refused || (!quiet && !text_may_fly(c))) return false;
	write_text_command(c);
	return true;
}

bool smtp_client_write(struct smtp_client *c)
{
	return c->state == SMTP_CLIENT_AT_TALK && write_talk(c);
}

static bool is_newline(char c)
{
	return c == '\r' || c == '\n';
}

/* Octets of `text` up to the next dot at the start of a line, but at least one. */
static size_t run_len(struct str text)
{
	size_t from = 1;
	for (ptrdiff_t dot; (dot = str_find(str_from(text, from), '.')) >= 0;) {
		from += (size_t)dot;
		if (is_newline(text.at[from - 1])) return from;
		from++;
	}
	return text.len;
}

static void remember_tail(struct smtp_client *c, struct str text)
{
	c->tail[0] = text.len > 1 ? text.at[text.len - 2] : c->tail[1];
	c->tail[1] = text.at[text.len - 1];
}

/* RFC 5321 4.5.2: a leading dot is doubled. Also behind a CR or LF that stands alone: no
 * such text should come here, but if it does, it must not end the message for a peer that
 * takes them for newlines. */
static size_t write_stuffed(struct smtp_client *c, struct str piece)
{
	size_t taken = 0;
	while (taken < piece.len && !c->out->overflowed) {
		struct str rest = str_from(piece, taken);
		bool stuff = rest.at[0] == '.' && is_newline(c->tail[1]);
		size_t room = c->out->max - c->out->len;
		size_t reserve = (size_t)END_ROOM + stuff;
		if (room <= reserve) break;
		room -= reserve;
		rest = str_sub(rest, 0, room);
		struct str run = str_sub(rest, 0, run_len(rest));
		if (stuff) buf_byte(c->out, '.');
		buf_str(c->out, run);
		remember_tail(c, run);
		taken += run.len;
	}
	return taken;
}

size_t smtp_client_body(struct smtp_client *c, struct str piece)
{
	/* The connection may have ended while the piece was fetched. */
	if (c->state != SMTP_CLIENT_AT_BODY) return piece.len;
	assert(piece.len <= c->body_left);
	if (c->chunk) {
		piece = str_sub(piece, 0, c->out->max - c->out->len);
		buf_str(c->out, piece);
	} else {
		piece.len = write_stuffed(c, piece);
	}
	c->body_left -= piece.len;
	if (c->body_left == 0) smtp_client_end_text(c);
	return piece.len;
}

bool smtp_client_body_is_raw(const struct smtp_client *c)
{
	return c->state == SMTP_CLIENT_AT_BODY && c->chunk && c->out->len == 0;
}

void smtp_client_body_sent(struct smtp_client *c, size_t octets)
{
	if (c->state != SMTP_CLIENT_AT_BODY) return;
	assert(smtp_client_body_is_raw(c) && octets <= c->body_left);
	c->body_left -= octets;
	if (c->body_left == 0) smtp_client_end_text(c);
}
