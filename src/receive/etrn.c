/* SPDX-License-Identifier: Apache-2.0 */
/* ETRN (RFC 1985): a client asks for the mail that is held for its domain. It does not go to
 * that client: spool looks for it, and it goes by its route. */
#include "lib/mail/held.h"
#include "receive/receive.h"

void etrn_offer(struct session *s)
{
	struct facts facts = dialog_facts(s);
	s->smtp.etrn_asked = policy_may_etrn(&facts);
}

static void etrn_refuse(struct session *s, unsigned code, const char *dsn, struct str text,
                        const char *builtin)
{
	struct verdict v = verdict_builtin(code, dsn, text, builtin);
	dialog_refuse(s, "etrn", STR(""), STR(""), &v);
}

static enum dialog etrn_ask(struct session *s, struct str domains)
{
	struct receive *rx = s->rx;
	uint64_t query = ++rx->next_query;
	if (s->etrns == RECEIVE_ETRN_MAX) {
		etrn_refuse(s, 458, "4.7.0", STR("That is enough for one session"), "etrn");
		return DIALOG_GO_ON;
	}
	if (!rx->spool || channel_backlog(rx->spool) > RECEIVE_BACKLOG_MAX ||
	    !map_put(&rx->lookups, query, s)) {
		etrn_refuse(s, 458, "4.3.0", STR("The mail store is restarting; try again in a moment"),
			"spool");
		return DIALOG_GO_ON;
	}
	s->etrns++;
	s->query = query;
	s->asked = ASKED_RELEASE;
	s->asked_ms = loop_now_ms(rx->frame->loop);
	channel_send_release(rx->spool, &(struct msg_release){ query, domains });
	return DIALOG_WAIT;
}

enum dialog etrn_event(struct session *s)
{
	struct facts facts = dialog_facts(s);
	struct buf domains;
	enum dialog next = DIALOG_GO_ON;
	buf_init(&domains, RECEIVE_ETRN_DOMAINS);
	switch (policy_etrn_domains(&facts, s->smtp.vrfy, &domains)) {
	case POLICY_ETRN_OK: next = etrn_ask(s, buf_view(&domains)); break;
	case POLICY_ETRN_BAD:
		etrn_refuse(s, 501, "5.5.4", STR("That is not a domain"), "etrn");
		break;
	case POLICY_ETRN_DENIED:
		etrn_refuse(s, 459, "4.7.1", STR("You may not ask for the mail of that domain"), "etrn");
		break;
	case POLICY_ETRN_MANY:
		etrn_refuse(s, 458, "4.5.3", STR("Those are too many domains; name one"), "etrn");
		break;
	}
	buf_free(&domains);
	return next;
}

void etrn_released(struct session *s, const struct msg_released *m)
{
	char memory[100];
	struct buf text;
	(void)map_take(&s->rx->lookups, s->query);
	s->query = 0;
	if (s->state != SESSION_OPEN) return;
	buf_init_fixed(&text, memory, sizeof memory);
	if (!m || m->result == RELEASED_NOT_NOW) {
		etrn_refuse(s, 458, "4.3.0", STR("The mail cannot be looked for now; try again later"),
			"spool");
	} else if (m->result == RELEASED_LOOKED_FOR) {
		tell_etrn(s, 250, 0);
		smtp_server_answer(&s->smtp, 250, "2.0.0", STR("OK, queuing for that node has started"));
	} else if (m->count == 0) {
		tell_etrn(s, 251, 0);
		smtp_server_answer(&s->smtp, 251, "2.0.0", STR("OK, no messages wait for that node"));
	} else {
		buf_str(&text, STR("OK, "));
		buf_u64(&text, m->count);
		buf_str(&text, STR(" pending messages for that node have started"));
		tell_etrn(s, 253, m->count);
		smtp_server_answer(&s->smtp, 253, "2.0.0", buf_view(&text));
	}
	session_continue(s);
}

void etrn_spool_lost(struct receive *rx)
{
	for (struct session *s; (s = ask_any(rx, true));)
		if (s->asked == ASKED_TURN) atrn_turned(s, NULL);
		else etrn_released(s, NULL);
}
