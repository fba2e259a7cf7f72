/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/receive.h"

enum { TLS_FAILS_MS = 60 * 1000 };
/* "-" where nobody has logged in. */
static void tell_user(struct event_log *log, struct str user)
{
	event_str(log, FIELD_user, user.len ? user : STR("-"));
}

/* Nothing is told of a client before it is told that it has come. */
static struct event_log *tell_begin(struct session *s, enum event_name name, uint64_t id)
{
	struct event_log *log = s->rx->frame->log;
	if (s->greeted && !s->told) tell_connect(s);
	event_begin(log, name, s->sid, id);
	event_ip(log, FIELD_client, s->client);
	return log;
}

static void tell_tls(struct event_log *log, const struct session *s)
{
	char text[TLS_DESCRIPTION_MAX];
	struct buf tls;
	buf_init_fixed(&tls, text, sizeof text);
	session_tls(s, &tls);
	event_str(log, FIELD_tls, tls.len ? buf_view(&tls) : STR("-"));
}

static void tell_name(struct event_log *log, const struct session *s)
{
	char text[320];
	struct buf name;
	buf_init_fixed(&name, text, sizeof text);
	switch ((enum client_name)s->client_name) {
	case CLIENT_NAME_UNKNOWN: buf_byte(&name, '-'); break;
	case CLIENT_NAME_MISSING: buf_str(&name, STR("none")); break;
	case CLIENT_NAME_UNVERIFIED: buf_str(&name, STR("unverified")); break;
	case CLIENT_NAME_CANNOT_TELL: buf_str(&name, STR("unknown")); break;
	case CLIENT_NAME_VERIFIED: break;
	}
	if (s->name && name.len) buf_byte(&name, ' ');
	if (s->name) buf_str(&name, str_of(s->name));
	event_str(log, FIELD_ptr, buf_view(&name));
}

/* The name again, where it leads back: lines about a client can be found by it. */
static void tell_known_name(struct event_log *log, const struct session *s)
{
	if (s->client_name == CLIENT_NAME_VERIFIED && s->name) event_str(log, FIELD_ptr, str_of(s->name));
}

/* What the client has shown; nothing where it has not. */
static void tell_certificate(struct event_log *log, const struct session *s)
{
	struct tls_client_certificate client;
	char memory[sizeof client.subject + sizeof client.fingerprint + 16];
	struct buf text;
	if (!s->tls || !tls_client_certificate_of(s->tls, &client)) return;
	buf_init_fixed(&text, memory, sizeof memory);
	if (client.fault) {
		buf_str(&text, STR("not good: "));
		buf_str(&text, str_of(client.fault));
	} else {
		buf_str(&text, str_of(client.subject));
		buf_str(&text, STR(" sha256:"));
		buf_str(&text, str_of(client.fingerprint));
	}
	event_str(log, FIELD_certificate, buf_view(&text));
}

void tell_connect(struct session *s)
{
	s->told = true;
	struct event_log *log = tell_begin(s, EVENT_connect, 0);
	event_str(log, FIELD_listener, str_of(s->listener->name));
	tell_tls(log, s);
	tell_name(log, s);
	if (!ip_eq(s->peer, s->client)) event_ip(log, FIELD_proxy, s->peer);
	tell_certificate(log, s);
	event_end(log);
}

void tell_disconnect(struct session *s)
{
	struct event_log *log = tell_begin(s, EVENT_disconnect, 0);
	event_i64(log, FIELD_count, s->messages);
	event_str(log, FIELD_reason, str_of(s->reason));
	tell_tls(log, s);
	tell_certificate(log, s);
	event_i64(log, FIELD_delay, loop_now_ms(s->rx->frame->loop) - s->opened_ms);
	tell_known_name(log, s);
	event_end(log);
}

static void tell_rule(struct event_log *log, const struct verdict *v)
{
	char text[512];
	struct buf rule;
	if (!v) return;
	buf_init_fixed(&rule, text, sizeof text);
	verdict_rule_write(v, &rule);
	event_str(log, FIELD_rule, buf_view(&rule));
}

void tell_refused_connection(struct rx_listener *listener, struct ip client,
                             const char *stage, const struct verdict *v)
{
	struct event_log *log = listener->rx->frame->log;
	event_begin(log, EVENT_refuse, 0, 0);
	event_ip(log, FIELD_client, client);
	event_str(log, FIELD_stage, str_of(stage));
	event_i64(log, FIELD_code, v->code);
	event_str(log, FIELD_dsn, str_of(v->dsn));
	event_str(log, FIELD_reply, v->text);
	tell_rule(log, v);
	event_end(log);
}

/* For the postmaster. A flood is not worth more than the log. */
static void tell_note(struct session *s, struct str from, const struct verdict *v)
{
	struct receive *rx = s->rx;
	struct facts facts = dialog_facts(s);
	char text[512];
	struct buf rule;
	if (!policy_is_told(&facts, v) || !rx->spool || rx->notes == RECEIVE_NOTES_MAX ||
	    channel_backlog(rx->spool) > RECEIVE_BACKLOG_MAX)
		return;
	rx->notes++;
	buf_init_fixed(&rule, text, sizeof text);
	verdict_rule_write(v, &rule);
	channel_send_refused_note(rx->spool, &(struct msg_refused_note){
		.class = (uint8_t)v->class,
		.client = { (const char *)s->client.octets, sizeof s->client.octets },
		.helo = s->smtp.helo,
		.user = facts.authenticated ? facts.user : STR("-"),
		.from = from,
		.rule = buf_view(&rule),
		.code = (uint16_t)v->code,
		.dsn = v->dsn ? str_of(v->dsn) : STR(""),
		.text = v->text });
}

/* Where something was found, whatever it is that refuses. */
static void tell_reputation(struct event_log *log, const struct session *s)
{
	char text[512];
	struct buf lists;
	struct reputation r;
	struct facts facts = dialog_facts(s);
	policy_reputation_count(&facts, &r);
	if (r.found == 0) return;
	event_i64(log, FIELD_score, r.score);
	buf_init_fixed(&lists, text, sizeof text);
	policy_lists_write(&facts, &lists);
	if (lists.len) event_str(log, FIELD_lists, buf_view(&lists));
}

void tell_refuse(struct session *s, const char *stage, struct str from, struct str to,
                 const struct verdict *v)
{
	struct event_log *log = tell_begin(s, EVENT_refuse, s->tx ? s->tx->handle : 0);
	event_str(log, FIELD_helo, s->smtp.helo);
	tell_user(log, s->user);
	event_str(log, FIELD_from, from);
	if (to.len) event_str(log, FIELD_to, to);
	event_str(log, FIELD_stage, str_of(stage));
	event_i64(log, FIELD_code, v->code);
	event_str(log, FIELD_dsn, str_of(v->dsn));
	event_str(log, FIELD_reply, v->text);
	tell_rule(log, v);
	tell_reputation(log, s);
	tell_known_name(log, s);
	event_end(log);
	tell_note(s, from, v);
}

void tell_hold(struct session *s, struct str from, struct str to, const struct verdict *v)
{
	struct event_log *log = tell_begin(s, EVENT_over_limit, s->tx ? s->tx->handle : 0);
	event_str(log, FIELD_helo, s->smtp.helo);
	tell_user(log, s->user);
	event_str(log, FIELD_from, from);
	if (to.len) event_str(log, FIELD_to, to);
	event_str(log, FIELD_reason, v->text);
	tell_rule(log, v);
	event_end(log);
	tell_note(s, from, v);
}

void tell_grey_pass(struct session *s, struct str to, int64_t waited_ms)
{
	struct event_log *log = tell_begin(s, EVENT_grey_pass, s->tx ? s->tx->handle : 0);
	event_str(log, FIELD_from, s->tx ? s->tx->said : STR(""));
	event_str(log, FIELD_to, to);
	event_i64(log, FIELD_delay, waited_ms);
	event_end(log);
}

static void tell_named(struct transaction *tx)
{
	struct event_log *log = tx->rx->frame->log;
	for (const struct named *n = tx->named; n; n = n->next) {
		event_begin(log, EVENT_alias, tx->sid, tx->handle);
		event_ip(log, FIELD_client, tx->envelope.client);
		event_str(log, FIELD_from, tx->envelope.sender);
		event_str(log, FIELD_to, n->address);
		event_i64(log, FIELD_recipients, (int64_t)n->count);
		event_str(log, FIELD_targets, n->targets);
		event_str(log, FIELD_rule, n->rule);
		event_end(log);
	}
}

void tell_repair(struct session *s)
{
	char words[128];
	struct transaction *tx = s->tx;
	struct buf what;
	if (!tx->repair) return;
	bool same = str_eq(tx->said, tx->envelope.sender);
	if (same && !tx->repair->done) return;
	buf_init_fixed(&what, words, sizeof words);
	mail_repair_write(tx->repair->done, &what);
	struct event_log *log = tell_begin(s, EVENT_repair, tx->handle);
	tell_user(log, s->user);
	event_str(log, FIELD_from, tx->said);
	if (!same) event_str(log, FIELD_sender, tx->envelope.sender);
	event_str(log, FIELD_repaired, buf_view(&what));
	event_end(log);
}

static void tell_msgid(struct event_log *log, const struct transaction *tx)
{
	char memory[MAIL_REPAIR_ID_MAX];
	struct buf made;
	buf_init_fixed(&made, memory, sizeof memory);
	if (tx->repair) mail_repair_id(tx->repair, &made);
	event_str(log, FIELD_msgid, made.len ? buf_view(&made) : mail_scan_message_id(&tx->scan));
}

void tell_loop(struct session *s, uint32_t count, const char *rule)
{
	const struct transaction *tx = s->tx;
	struct event_log *log = tell_begin(s, EVENT_mail_loop, tx->handle);
	event_str(log, FIELD_helo, tx->envelope.helo);
	event_str(log, FIELD_from, tx->envelope.sender);
	if (tx->named_count > 0) event_str(log, FIELD_to, tx->first);
	tell_msgid(log, tx);
	event_i64(log, FIELD_count, count);
	event_str(log, FIELD_rule, str_of(rule));
	event_end(log);
}

void tell_receive(struct transaction *tx)
{
	const struct envelope *e = &tx->envelope;
	struct event_log *log = tx->rx->frame->log;
	if (tx->session && !tx->session->told) tell_connect(tx->session);
	event_begin(log, EVENT_receive, tx->sid, tx->handle);
	event_ip(log, FIELD_client, e->client);
	event_str(log, FIELD_helo, e->helo);
	tell_user(log, e->user);
	event_str(log, FIELD_from, e->sender);
	/* The first of them; each has an event of its own when something happens to it. */
	if (tx->named_count > 0) event_str(log, FIELD_to, tx->first);
	event_i64(log, FIELD_recipients, (int64_t)e->rcpt_count);
	event_i64(log, FIELD_size, (int64_t)tx->size);
	tell_msgid(log, tx);
	event_str(log, FIELD_tls, tx->tls.len ? tx->tls : STR("-"));
	event_i64(log, FIELD_delay, loop_now_ms(tx->rx->frame->loop) - tx->began_ms);
	if (tx->session) tell_known_name(log, tx->session);
	event_end(log);
	tell_named(tx);
}

void tell_etrn(struct session *s, unsigned code, uint64_t count)
{
	struct event_log *log = tell_begin(s, EVENT_etrn, 0);
	event_str(log, FIELD_user, s->user.len ? s->user : STR("-"));
	event_str(log, FIELD_domain, s->smtp.vrfy);
	event_i64(log, FIELD_code, code);
	if (count) event_i64(log, FIELD_count, (int64_t)count);
	event_end(log);
}

void tell_atrn(struct session *s, uint64_t recipients)
{
	struct event_log *log = tell_begin(s, EVENT_atrn, 0);
	tell_user(log, s->user);
	event_str(log, FIELD_domain, s->smtp.vrfy.len ? s->smtp.vrfy : STR("-"));
	event_i64(log, FIELD_code, 250);
	event_i64(log, FIELD_recipients, (int64_t)recipients);
	event_end(log);
}

void tell_atrn_end(struct session *s, uint64_t octets, int64_t delay_ms, const char *reason)
{
	struct event_log *log = tell_begin(s, EVENT_atrn_end, 0);
	tell_user(log, s->user);
	event_i64(log, FIELD_size, (int64_t)octets);
	event_i64(log, FIELD_delay, delay_ms);
	event_str(log, FIELD_reason, str_of(reason));
	event_end(log);
}

void tell_auth(struct session *s, struct str mechanism)
{
	struct event_log *log = tell_begin(s, EVENT_auth, 0);
	tell_user(log, s->user);
	event_str(log, FIELD_mechanism, mechanism);
	tell_certificate(log, s);
	event_end(log);
}

void tell_auth_fail(struct session *s, struct str user, unsigned code, const char *dsn,
                    struct str reason)
{
	struct event_log *log = tell_begin(s, EVENT_auth_fail, 0);
	tell_user(log, user);
	event_str(log, FIELD_mechanism, s->smtp.auth.mechanism);
	event_i64(log, FIELD_code, code);
	event_str(log, FIELD_dsn, str_of(dsn));
	event_str(log, FIELD_reason, reason);
	tell_certificate(log, s);
	event_end(log);
}

void tell_timeout(struct session *s)
{
	struct event_log *log = tell_begin(s, EVENT_timeout, s->tx ? s->tx->handle : 0);
	event_str(log, FIELD_stage, s->idle_class == IDLE_DATA ? STR("data") : STR("command"));
	if (s->tx) event_str(log, FIELD_from, s->tx->said);
	tell_known_name(log, s);
	event_end(log);
}

void tell_tls_fail(struct session *s, const char *stage, const char *error)
{
	struct receive *rx = s->rx;
	int64_t now_ms = loop_now_ms(rx->frame->loop);
	if (rx->tls_fails.since_ms == 0 || now_ms - rx->tls_fails.since_ms >= TLS_FAILS_MS) {
		rx->tls_fails.since_ms = now_ms;
		rx->tls_fails.told = 0;
	}
	if (rx->tls_fails.told >= RECEIVE_TLS_FAILS_MAX) {
		rx->tls_fails.untold++;
		return;
	}
	struct event_log *log = tell_begin(s, EVENT_tls_fail, 0);
	event_str(log, FIELD_listener, str_of(s->listener->name));
	event_str(log, FIELD_stage, str_of(stage));
	event_str(log, FIELD_error, str_of(error));
	event_i64(log, FIELD_count, rx->tls_fails.untold);
	event_end(log);
	rx->tls_fails.told++;
	rx->tls_fails.untold = 0;
}
