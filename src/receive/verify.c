/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to know which addresses are good: VRFY and EXPN, where the configuration lets
 * somebody ask, and those who guess recipients. */
#include "receive/receive.h"

enum { ADDRESS_MAX = 1024, MEMBERS_MAX = 1000 };

void verify_offer(struct session *s)
{
	struct facts facts = dialog_facts(s);
	s->smtp.vrfy_asked = policy_may_vrfy(&facts);
	s->smtp.expn_asked = policy_may_expn(&facts);
	etrn_offer(s);
}

void verify_unknown(struct session *s, struct verdict *v)
{
	const struct conf_limit *limit = &s->rx->frame->conf->limit;
	if (s->user.len || !limit->unknown_recipients || v->code != 550 ||
	    !str_eq(str_of(v->dsn), STR("5.1.1")))
		return;
	if (++s->unknown < (unsigned)limit->unknown_recipients) return;
	*v = verdict_rule(421, "4.7.0", STR("Too many recipients that do not exist, closing"),
		&limit->unknown_recipients_from);
}

static void verify_refuse(struct session *s, struct str address, struct verdict v)
{
	verify_unknown(s, &v);
	dialog_refuse(s, "verify", STR(""), address, &v);
}

/* As many as fit; the machine makes lines of them. */
static void verify_members(const struct session *s, struct buf *text)
{
	static const struct str more = STR_INIT("and others");
	for (struct str rest = s->expanded.targets; rest.len;) {
		struct str target = str_from(str_cut(&rest, '\n'), 1);
		if (text->len + target.len + 3 + more.len > MEMBERS_MAX) {
			buf_str(text, more);
			return;
		}
		buf_byte(text, '<');
		buf_str(text, target);
		buf_byte(text, '>');
		if (rest.len) buf_byte(text, ' ');
	}
}

/* `address` is accepted: of whom the directory has said that he exists it is told, of all
 * others that mail is taken. */
static void verify_tell(struct session *s, struct str address)
{
	char memory[ADDRESS_MAX];
	struct buf text;
	if (s->found.known != ANSWER_YES) {
		smtp_server_answer(&s->smtp, 252, "2.0.0",
			STR("Cannot verify the address, but will take mail for it"));
		return;
	}
	buf_init_fixed(&text, memory, sizeof memory);
	if (s->expands && s->expanded.targets.len) {
		verify_members(s, &text);
	} else {
		buf_byte(&text, '<');
		buf_str(&text, s->expands && s->found.address.len ? s->found.address : address);
		buf_byte(&text, '>');
	}
	smtp_server_answer(&s->smtp, 250, "2.1.5", buf_view(&text));
}

static enum dialog verify_address(struct session *s, struct str address)
{
	char memory[ADDRESS_MAX];
	struct buf local;
	struct str quoted;
	struct facts facts = dialog_facts(s);
	buf_init_fixed(&local, memory, sizeof memory);
	smtp_address_split(address, &quoted, &facts.domain);
	smtp_local_unquote(&local, quoted);
	facts.local = buf_view(&local);
	recipient_facts(s, &facts);
	struct verdict v = policy_recipient(&facts);
	if (v.kind == VERDICT_NEED) {
		if (ask_recipient(s, ASKED_VERIFY, address, facts.domain) == DIALOG_WAIT)
			return DIALOG_WAIT;
		recipient_facts(s, &facts);
		v = policy_recipient(&facts);
	}
	if (v.kind == VERDICT_REFUSE) verify_refuse(s, address, v);
	else verify_tell(s, address);
	s->found = (struct owner){ 0 };
	s->expanded = (struct expanded){ 0 };
	return DIALOG_GO_ON;
}

enum dialog verify_event(struct session *s)
{
	char memory[ADDRESS_MAX];
	struct buf address;
	buf_init_fixed(&address, memory, sizeof memory);
	switch (policy_verify_address(s->rx->frame->conf, s->smtp.vrfy, &address)) {
	case POLICY_VERIFY_OK: return verify_address(s, buf_view(&address));
	case POLICY_VERIFY_AMBIGUOUS:
		verify_refuse(s, STR(""), verdict_builtin(553, "5.1.4",
			STR("There are several domains here; say user@domain"), "ambiguous"));
		break;
	case POLICY_VERIFY_BAD:
		verify_refuse(s, STR(""), verdict_builtin(501, "5.1.3",
			STR("That is not an address"), "address"));
		break;
	}
	return DIALOG_GO_ON;
}
