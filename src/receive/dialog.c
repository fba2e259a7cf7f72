/* SPDX-License-Identifier: Apache-2.0 */
/* What the events of the SMTP machine mean here: facts are collected, policy decides,
 * and every refusal is answered and told. */
#include "receive/receive.h"

#include "lib/base/fault.h"
#include "lib/mail/authors.h"
#include "lib/mail/received.h"

enum { ADDRESS_MAX = 1024, SPOOL_REASON_TEXT = 200 };

struct facts dialog_facts(const struct session *s)
{
	return (struct facts){
		.conf = s->rx->frame->conf,
		.listener = s->listener->conf,
		.client = s->client,
		.seed = s->rx->census->seed,
		.host = s->host,
		.relay_from = s->relay_from,
		.relay_never = s->relay_never,
		.helo = s->smtp.helo,
		.early = s->early,
		.name = (enum client_name)s->client_name,
		.helo_resolves = (enum answer)s->helo_resolves,
		.lists_known = s->lists_known,
		.listed = s->listed,
		.tls = s->smtp.tls,
		.authenticated = s->user.len > 0,
		.user = s->user,
		.spool_up = s->rx->spool != NULL,
		.disk_low = s->rx->disk_low,
	};
}

void dialog_refuse(struct session *s, const char *stage, struct str from, struct str to,
                   const struct verdict *v)
{
	tell_refuse(s, stage, from, to, v);
	smtp_server_answer(&s->smtp, v->code, v->dsn, v->text);
}

void dialog_fail(struct session *s, const char *stage, unsigned code, const char *dsn,
                 struct str text, const char *builtin)
{
	struct verdict v = verdict_builtin(code, dsn, text, builtin);
	dialog_refuse(s, stage, s->tx ? s->tx->said : STR(""), STR(""), &v);
}

void dialog_no_memory(struct session *s, const char *stage)
{
	dialog_fail(s, stage, 451, "4.3.0", STR("Out of memory; try again later"), "memory");
}

static void dialog_starttls(struct session *s)
{
	const char *why = secure_refusal(s->rx, s->listener->name);
	if (why) {
		dialog_fail(s, "tls", 454, "4.7.0",
			STR("TLS is not available now, because of a problem on this side"), why);
		return;
	}
	s->securing = true;
	smtp_server_answer(&s->smtp, 0, NULL, STR(""));
}

/* Protocol and cipher for the log and the trace; empty in the clear. */
static struct str dialog_tls(const struct session *s, struct arena *arena)
{
	char text[TLS_DESCRIPTION_MAX];
	struct buf out;
	buf_init_fixed(&out, text, sizeof text);
	session_tls(s, &out);
	return arena_str(arena, buf_view(&out));
}

/* What the envelope has from MAIL. False: no memory; a sender that was lost would read as
 * the null sender. */
static bool dialog_envelope(struct session *s, struct str sender, const struct verdict *v)
{
	const struct smtp_server_mail *mail = &s->smtp.mail;
	struct transaction *tx = s->tx;
	char sid_text[16], rule_text[SPOOL_REASON_TEXT];
	struct buf sid, rule;
	buf_init_fixed(&sid, sid_text, sizeof sid_text);
	buf_hex64(&sid, s->sid);
	buf_init_fixed(&rule, rule_text, sizeof rule_text);
	if (v->kind == VERDICT_HOLD) {
		buf_str(&rule, v->text);
		buf_str(&rule, STR(": "));
		verdict_rule_write(v, &rule);
	}
	struct envelope *e = &tx->envelope;
	tx->said = arena_str(&tx->arena, sender);
	e->sender = arena_str(&tx->arena, repair_sender(s, sender));
	e->envid = arena_str(&tx->arena, mail->params.envid);
	e->helo = arena_str(&tx->arena, s->smtp.helo);
	e->user = arena_str(&tx->arena, s->user);
	e->client = s->client;
	e->sid = arena_str(&tx->arena, buf_view(&sid));
	tx->tls = dialog_tls(s, &tx->arena);
	e->ret = (uint8_t)mail->params.ret;
	e->body8 = mail->params.body == SMTP_BODY_8BITMIME;
	e->smtputf8 = mail->params.smtputf8;
	e->esmtp = s->smtp.esmtp;
	extra_envelope(s, e);
	tx->hold = arena_str(&tx->arena, buf_view(&rule));
	return tx->said.at && e->sender.at && e->envid.at && e->helo.at && e->sid.at && tx->hold.at &&
	       tx->tls.at && (e->user.at || s->user.len == 0);
}

static void dialog_mail_accept(struct session *s, struct str sender, const struct verdict *v)
{
	if (transaction_new(s) && dialog_envelope(s, sender, v)) {
		extra_mail_accept(s);
		return;
	}
	transaction_drop(s);
	dialog_no_memory(s, "sender");
}

static enum dialog dialog_mail(struct session *s)
{
	const struct smtp_path *path = &s->smtp.mail.path;
	char address[ADDRESS_MAX];
	struct buf sender;
	buf_init_fixed(&sender, address, sizeof address);
	smtp_path_write(&sender, path);
	FAULT("receive.mail", path->whole);
	struct facts facts = dialog_facts(s);
	facts.sender = buf_view(&sender);
	facts.owner = s->found;
	struct verdict v = policy_sender(&facts);
	if (v.kind == VERDICT_NEED) {
		if (ask_owner(s, ASKED_SENDER, facts.sender) == DIALOG_WAIT) return DIALOG_WAIT;
		facts.owner = s->found;
		v = policy_sender(&facts);
	}
	s->found = (struct owner){ 0 };
	if (v.kind != VERDICT_REFUSE) v = rate_sender(s, &facts, v);
	if (v.kind == VERDICT_REFUSE) dialog_refuse(s, "sender", facts.sender, STR(""), &v);
	else if (extra_check(s, facts.sender)) dialog_mail_accept(s, facts.sender, &v);
	return DIALOG_GO_ON;
}

static void dialog_data(struct session *s)
{
	struct transaction *tx = s->tx;
	struct facts facts = dialog_facts(s);
	facts.sender = tx->said;
	struct verdict v = policy_data(&facts);
	if (v.kind == VERDICT_REFUSE) {
		dialog_refuse(s, "data", facts.sender, STR(""), &v);
		return;
	}
	/* Copied: the configuration may change while the text comes in. */
	struct str by = arena_str(&tx->arena, s->rx->frame->conf->hostname);
	if (!by.at) {
		dialog_no_memory(s, "data");
		return;
	}
	mail_scan_init(&tx->scan, by);
	mail_wishes_init(&tx->wishes);
	buf_free(&tx->authors);
	buf_init(&tx->authors, MAIL_AUTHORS_TEXT_MAX);
	tx->author_at = 0;
	if (policy_wants_authors(&facts)) tx->scan.authors = &tx->authors;
	if (!repair_begin(s)) {
		dialog_no_memory(s, "data");
		return;
	}
	body_begin(tx);
	char text[4096], id_text[16];
	struct buf header, id;
	buf_init_fixed(&header, text, sizeof text);
	buf_init_fixed(&id, id_text, sizeof id_text);
	buf_hex64(&id, tx->handle);
	const struct envelope *e = &tx->envelope;
	int8_t priority = 0;
	bool has_priority = extra_priority_said(s, &priority);
	received_write(&header, &(struct received){
		.has_priority = has_priority,
		.priority = priority,
		.helo = e->helo,
		.client = e->client,
		.name = s->client_name == CLIENT_NAME_VERIFIED && s->name ? str_of(s->name) : STR(""),
		.by = by,
		.esmtp = e->esmtp,
		.smtputf8 = e->smtputf8,
		.tls = s->smtp.tls,
		.tls_name = tx->tls,
		.authenticated = e->user.len > 0,
		.id = buf_view(&id),
		.rcpt = tx->named_count == 1 ? tx->first : STR(""),
		.arrived_s = loop_wall_ms(s->rx->frame->loop) / 1000,
	});
	body_append(tx, buf_view(&header));
	if (tx->failed) {
		/* Before the client sends anything in vain. It may try again in this session. */
		body_release(tx);
		dialog_fail(s, "data", 452, "4.3.1",
			STR("Too much mail is coming in at once; try again in a moment"), "window");
		return;
	}
	smtp_server_answer(&s->smtp, 0, NULL, STR(""));
}

enum dialog dialog_event(struct session *s, const struct smtp_event *event)
{
	switch (event->type) {
	case SMTP_EV_MAIL: return dialog_mail(s);
	case SMTP_EV_RCPT: return recipient_event(s);
	case SMTP_EV_VRFY:
	case SMTP_EV_EXPN:
		s->expands = event->type == SMTP_EV_EXPN;
		return verify_event(s);
	case SMTP_EV_ETRN: return etrn_event(s);
	case SMTP_EV_ATRN: return atrn_event(s);
	case SMTP_EV_STARTTLS: dialog_starttls(s); return DIALOG_GO_ON;
	case SMTP_EV_AUTH: return auth_event(s);
	case SMTP_EV_AUTH_END: auth_drop(s); return DIALOG_GO_ON;
	case SMTP_EV_DATA: dialog_data(s); return DIALOG_GO_ON;
	case SMTP_EV_BODY:
		mail_scan_feed(&s->tx->scan, event->bytes);
		mail_wishes_feed(&s->tx->wishes, event->bytes);
		repair_body(s->tx, event->bytes);
		return DIALOG_GO_ON;
	case SMTP_EV_END: repair_end(s->tx); return content_end(s);
	case SMTP_EV_ABORT: transaction_drop(s); return DIALOG_GO_ON;
	case SMTP_EV_CLOSE:
		if (s->securing) {
			s->reason = "clear text behind STARTTLS";
			tell_tls_fail(s, "handshake", s->reason);
		}
		if (!s->reason) s->reason = event->code == 221 ? "quit" : "closed by server";
		s->polite = event->code == 221;
		return DIALOG_CLOSE;
	case SMTP_EV_XCLIENT: xclient_event(s); return DIALOG_GO_ON;
	case SMTP_EV_HELLO: inquiry_hello(s); return DIALOG_GO_ON;
	case SMTP_EV_NONE:
	case SMTP_EV_FULL:
	case SMTP_EV_WAIT: break;
	}
	return DIALOG_WAIT;
}

void dialog_known(struct session *s)
{
	s->waits = false;
	if (recipient_event(s) == DIALOG_GO_ON) session_continue(s);
}

void dialog_found(struct session *s, const struct owner *found)
{
	if (s->asked == ASKED_RELEASE) {
		etrn_released(s, NULL);
		return;
	}
	if (s->asked == ASKED_TURN) {
		atrn_turned(s, NULL);
		return;
	}
	(void)map_take(&s->rx->lookups, s->query);
	s->query = 0;
	if (s->state != SESSION_OPEN) return;
	s->found = *found;
	/* The machine still stands at the event that asked. */
	enum dialog next = DIALOG_WAIT;
	switch (s->asked) {
	case ASKED_RELEASE:
	case ASKED_TURN: break;
	case ASKED_SENDER: next = dialog_mail(s); break;
	case ASKED_RECIPIENT: next = recipient_event(s); break;
	case ASKED_AUTHOR: next = content_end(s); break;
	case ASKED_VERIFY: next = verify_event(s); break;
	}
	s->found = (struct owner){ 0 };
	s->expanded = (struct expanded){ 0 };
	if (next == DIALOG_GO_ON) session_continue(s);
}
