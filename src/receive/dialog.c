/* SPDX-License-Identifier: Apache-2.0 */
/* What the events of the SMTP machine mean here: facts are collected, policy decides,
 * and every refusal is answered and told. */
#include "receive/receive.h"

#include "lib/base/fault.h"
#include "lib/mail/received.h"

enum { ADDRESS_MAX = 1024, HOPS_BY_US_MAX = 4 };

struct facts dialog_facts(const struct session *s)
{
	return (struct facts){
		.conf = s->rx->frame->conf,
		.listener = s->listener->conf,
		.host = s->host,
		.relay_from = s->relay_from,
		.relay_never = s->relay_never,
		.tls = s->smtp.tls,
		.spool_up = s->rx->spool != NULL,
		.disk_low = s->rx->disk_low,
	};
}

static void dialog_refuse(struct session *s, const char *stage, struct str to,
                          const struct verdict *v)
{
	tell_refuse(s, stage, to, v->code, v->dsn, v->text, v);
	smtp_server_answer(&s->smtp, v->code, v->dsn, v->text);
}

/* A refusal that no rule of policy makes. */
static void dialog_fail(struct session *s, const char *stage, unsigned code, const char *dsn,
                        struct str text, const char *builtin)
{
	struct verdict v = verdict_builtin(code, dsn, text, builtin);
	dialog_refuse(s, stage, STR(""), &v);
}

static void dialog_no_memory(struct session *s, const char *stage)
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
	if (s->tls) tls_describe(s->tls, &out);
	return arena_str(arena, buf_view(&out));
}

static void dialog_mail(struct session *s)
{
	const struct smtp_server_mail *mail = &s->smtp.mail;
	struct facts facts = dialog_facts(s);
	struct verdict v = policy_sender(&facts);
	FAULT("receive.mail", mail->path.whole);
	if (v.kind == VERDICT_REFUSE) {
		dialog_refuse(s, "sender", STR(""), &v);
		return;
	}
	struct transaction *tx = transaction_new(s);
	if (!tx) {
		dialog_no_memory(s, "sender");
		return;
	}
	char address[ADDRESS_MAX];
	struct buf sender;
	buf_init_fixed(&sender, address, sizeof address);
	smtp_path_write(&sender, &mail->path);
	char sid_text[16];
	struct buf sid;
	buf_init_fixed(&sid, sid_text, sizeof sid_text);
	buf_hex64(&sid, s->sid);
	struct envelope *e = &tx->envelope;
	e->sender = arena_str(&tx->arena, buf_view(&sender));
	e->envid = arena_str(&tx->arena, mail->params.envid);
	e->helo = arena_str(&tx->arena, s->smtp.helo);
	e->client = s->client;
	e->sid = arena_str(&tx->arena, buf_view(&sid));
	tx->tls = dialog_tls(s, &tx->arena);
	e->ret = (uint8_t)mail->params.ret;
	e->body8 = mail->params.body == SMTP_BODY_8BITMIME;
	e->smtputf8 = mail->params.smtputf8;
	e->esmtp = s->smtp.esmtp;
	if (!e->sender.at || !e->envid.at || !e->helo.at || !e->sid.at || !tx->tls.at) {
		/* A sender that was lost would read as the null sender. */
		transaction_drop(s);
		dialog_no_memory(s, "sender");
		return;
	}
	smtp_server_answer(&s->smtp, 0, NULL, STR(""));
}

static void dialog_rcpt_accept(struct session *s, struct str address)
{
	struct envelope_rcpt rcpt = {
		.address = address,
		.orcpt = s->smtp.rcpt.params.orcpt,
		.notify = s->smtp.rcpt.params.notify,
		.route = s->exists == ANSWER_YES ? STR("mailbox") : STR(""),
	};
	/* Q143375: the same recipient twice gets one copy. */
	bool again = transaction_has_rcpt(s->tx, address);
	if (!again && !transaction_has_room(s->tx, &rcpt)) {
		/* RFC 5321 4.5.3.1.10: the client sends the rest in another transaction. Said
		 * at the end of the text it would be said again each time. */
		dialog_fail(s, "recipient", 452, "4.5.3",
			STR("Too many recipients, send the message to the others separately"),
			"envelope size");
		return;
	}
	if (!again && !transaction_add_rcpt(s->tx, &rcpt)) {
		dialog_no_memory(s, "recipient");
		return;
	}
	smtp_server_answer(&s->smtp, 0, NULL, STR(""));
}

/* Asks the directory that the recipient's domain names; the session waits. */
static enum dialog dialog_ask(struct session *s, struct str address, struct str domain)
{
	struct receive *rx = s->rx;
	const struct conf_domain *local = conf_domain_find(rx->frame->conf, domain);
	if (!rx->directory || !local || !local->users.directory ||
	    !map_put(&rx->lookups, ++rx->next_query, s)) {
		s->exists = ANSWER_CANNOT_TELL;
		return DIALOG_GO_ON;
	}
	s->query = rx->next_query;
	s->asked_ms = loop_now_ms(rx->frame->loop);
	channel_send_lookup(rx->directory, &(struct msg_lookup){
		.query = s->query, .directory = local->users.name, .address = address });
	return DIALOG_WAIT;
}

static enum dialog dialog_rcpt(struct session *s)
{
	const struct smtp_path *path = &s->smtp.rcpt.path;
	char local_text[ADDRESS_MAX], address_text[ADDRESS_MAX];
	struct buf local, address;
	buf_init_fixed(&local, local_text, sizeof local_text);
	buf_init_fixed(&address, address_text, sizeof address_text);
	smtp_local_unquote(&local, path->local);
	smtp_path_write(&address, path);
	struct facts facts = dialog_facts(s);
	facts.local = buf_view(&local);
	facts.domain = path->domain;
	facts.exists = s->exists;
	struct verdict v = policy_recipient(&facts);
	if (v.kind == VERDICT_NEED) {
		if (dialog_ask(s, buf_view(&address), path->domain) == DIALOG_WAIT)
			return DIALOG_WAIT;
		facts.exists = s->exists;
		v = policy_recipient(&facts);
	}
	if (v.kind == VERDICT_REFUSE) dialog_refuse(s, "recipient", buf_view(&address), &v);
	else dialog_rcpt_accept(s, buf_view(&address));
	s->exists = ANSWER_UNKNOWN;
	return DIALOG_GO_ON;
}

void dialog_found(struct session *s, enum answer exists)
{
	(void)map_take(&s->rx->lookups, s->query);
	s->query = 0;
	if (s->state != SESSION_OPEN) return;
	s->exists = exists;
	/* The machine still stands at this RCPT. */
	if (dialog_rcpt(s) == DIALOG_GO_ON) session_continue(s);
}

static void dialog_data(struct session *s)
{
	struct transaction *tx = s->tx;
	struct facts facts = dialog_facts(s);
	struct verdict v = policy_sender(&facts);
	if (v.kind == VERDICT_REFUSE) {
		dialog_refuse(s, "data", STR(""), &v);
		return;
	}
	/* Copied: the configuration may change while the text comes in. */
	struct str by = arena_str(&tx->arena, s->rx->frame->conf->hostname);
	if (!by.at) {
		dialog_no_memory(s, "data");
		return;
	}
	mail_scan_init(&tx->scan, by);
	body_begin(tx);
	char text[4096], id_text[16];
	struct buf header, id;
	buf_init_fixed(&header, text, sizeof text);
	buf_init_fixed(&id, id_text, sizeof id_text);
	buf_hex64(&id, tx->handle);
	const struct envelope *e = &tx->envelope;
	received_write(&header, &(struct received){
		.helo = e->helo,
		.client = e->client,
		.by = by,
		.esmtp = e->esmtp,
		.smtputf8 = e->smtputf8,
		.tls = s->smtp.tls,
		.tls_name = tx->tls,
		.id = buf_view(&id),
		.rcpt = e->rcpt_count == 1 ? e->rcpts[0].address : STR(""),
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

static enum dialog dialog_end(struct session *s)
{
	struct transaction *tx = s->tx;
	const struct conf_limit *limit = &s->rx->frame->conf->limit;
	if (tx->scan.too_large) {
		dialog_fail(s, "content", 552, "5.3.4",
			STR("The header of the message is too large"), "header size");
	} else if (tx->scan.received > (uint32_t)limit->hops ||
	           tx->scan.received_by > HOPS_BY_US_MAX) {
		dialog_fail(s, "content", 554, "5.4.6",
			STR("The message goes round in a circle; a forwarding address is wrong"),
			"hop count");
	} else if (transaction_commit(tx)) {
		return DIALOG_WAIT;
	} else if (tx->refused_code) {
		dialog_fail(s, "data", tx->refused_code, tx->refused_dsn, tx->refused_text, "spool");
	} else {
		dialog_fail(s, "data", 451, "4.3.0",
			STR("The message could not be kept; try again in a moment"), "spool");
	}
	transaction_drop(s);
	return DIALOG_GO_ON;
}

/* VRFY with `vrfy on`: what is known without asking anybody. */
static void dialog_vrfy(struct session *s)
{
	smtp_server_answer(&s->smtp, 252, "2.0.0",
		STR("Cannot verify the user, but will take mail for a valid one"));
}

enum dialog dialog_event(struct session *s, const struct smtp_event *event)
{
	switch (event->type) {
	case SMTP_EV_MAIL: dialog_mail(s); return DIALOG_GO_ON;
	case SMTP_EV_RCPT: return dialog_rcpt(s);
	case SMTP_EV_VRFY: dialog_vrfy(s); return DIALOG_GO_ON;
	case SMTP_EV_STARTTLS: dialog_starttls(s); return DIALOG_GO_ON;
	case SMTP_EV_DATA: dialog_data(s); return DIALOG_GO_ON;
	case SMTP_EV_BODY:
		mail_scan_feed(&s->tx->scan, event->bytes);
		body_append(s->tx, event->bytes);
		return DIALOG_GO_ON;
	case SMTP_EV_END: return dialog_end(s);
	case SMTP_EV_ABORT: transaction_drop(s); return DIALOG_GO_ON;
	case SMTP_EV_CLOSE:
		if (s->securing) {
			s->reason = "clear text behind STARTTLS";
			tell_tls_fail(s, "handshake", s->reason);
		}
		if (!s->reason) s->reason = event->code == 221 ? "quit" : "closed by server";
		s->polite = event->code == 221;
		return DIALOG_CLOSE;
	case SMTP_EV_HELLO: return DIALOG_GO_ON;
	case SMTP_EV_NONE:
	case SMTP_EV_FULL:
	case SMTP_EV_WAIT: break;
	}
	return DIALOG_WAIT;
}
