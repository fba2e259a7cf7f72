/* SPDX-License-Identifier: Apache-2.0 */
/* RCPT: policy decides, and what the address stands for goes into the envelope. */
#include "receive/receive.h"

#include "lib/base/utf8.h"

enum { ADDRESS_MAX = 1024, TARGETS_TOLD_MAX = 1000 };

static const char stage[] = "recipient";

/* The address, or what directory says that it stands for. */
struct recipients {
	struct str targets; /* one a line, with its sign */
	struct envelope_rcpt rcpt; /* what all have in common */
	struct str named;
	bool alias; /* it stands for others */
	bool alone; /* for one */
};

static struct str next_target(struct str *rest, bool *known)
{
	struct str line = str_cut(rest, '\n');
	*known = str_starts(line, STR("+"));
	return str_from(line, 1);
}

static struct recipients recipients_of(const struct session *s, struct str address)
{
	struct str rest = s->expanded.targets;
	bool known;
	struct recipients r = { .targets = rest, .named = address, .alone = true,
		.rcpt = { .orcpt = s->smtp.rcpt.params.orcpt,
			.notify = s->smtp.rcpt.params.notify } };
	if (rest.len == 0) return r;
	struct str first = next_target(&rest, &known);
	r.alone = rest.len == 0;
	r.alias = !r.alone || !smtp_address_eq(first, address);
	return r;
}

/* RFC 3461 5.2.7.1: what an alias of one address is asked to report stays asked for.
 * 5.2.7.2: of several one alone is to report success, or the sender, who wrote to one,
 * would be told many times; failures and delays are those of each. */
static struct envelope_rcpt recipient_of(const struct recipients *r, struct str target, bool known,
                                         bool is_first)
{
	struct envelope_rcpt rcpt = r->rcpt;
	rcpt.address = target;
	rcpt.route = known ? STR("mailbox") : STR("");
	if (is_first || !(rcpt.notify & SMTP_NOTIFY_SUCCESS)) return rcpt;
	rcpt.notify = (uint8_t)(rcpt.notify & ~(unsigned)SMTP_NOTIFY_SUCCESS);
	if (rcpt.notify == 0) rcpt.notify = SMTP_NOTIFY_NEVER;
	return rcpt;
}

/* Whether all that are new fit; none is taken if not. */
static bool recipients_fit(const struct transaction *tx, const struct recipients *r)
{
	size_t count = 0, octets = 0;
	bool known;
	for (struct str rest = r->targets; rest.len;) {
		struct str target = next_target(&rest, &known);
		struct envelope_rcpt rcpt = recipient_of(r, target, known, true);
		if (transaction_has_rcpt(tx, target)) continue;
		count++;
		octets += transaction_rcpt_len(&rcpt);
	}
	return transaction_has_room(tx, count, octets);
}

/* Q143375: the same recipient twice gets one copy. */
static bool recipients_add(struct transaction *tx, const struct recipients *r)
{
	bool known, is_first = true;
	for (struct str rest = r->targets; rest.len; is_first = false) {
		struct str target = next_target(&rest, &known);
		struct envelope_rcpt rcpt = recipient_of(r, target, known, is_first);
		if (!transaction_has_rcpt(tx, target) && !transaction_add_rcpt(tx, &rcpt)) return false;
	}
	return true;
}

/* For the event that tells of it. */
static bool recipients_note(struct transaction *tx, const struct recipients *r, struct str rule)
{
	char memory[TARGETS_TOLD_MAX];
	struct buf told;
	struct named *n = arena_alloc(&tx->arena, sizeof *n);
	if (!n) return false;
	buf_init_fixed(&told, memory, sizeof memory);
	bool known;
	for (struct str rest = r->targets; rest.len; n->count++) {
		struct str target = next_target(&rest, &known);
		if (told.len + target.len + 1 + STR(",...").len > sizeof memory) {
			if (!told.overflowed) buf_str(&told, STR(",..."));
			told.overflowed = true;
			continue;
		}
		if (told.len) buf_byte(&told, ',');
		buf_str(&told, target);
	}
	n->address = arena_str(&tx->arena, r->named);
	n->rule = arena_str(&tx->arena, rule);
	n->targets = arena_str(&tx->arena, buf_view(&told));
	if (!n->address.at || !n->targets.at || (rule.len && !n->rule.at)) return false;
	*tx->named_end = n;
	tx->named_end = &n->next;
	return true;
}

/* RFC 3461 4.2: whom the sender wrote to, where he did not say it himself and others get
 * it. An address with UTF-8 would want another type, which not every host knows. */
static void recipients_origin(struct recipients *r, struct buf *orcpt)
{
	if (!r->alias || r->rcpt.orcpt.len || !utf8_is_ascii(r->named)) return;
	buf_str(orcpt, STR("rfc822;"));
	smtp_xtext_encode(orcpt, r->named);
	if (!orcpt->overflowed) r->rcpt.orcpt = buf_view(orcpt);
}

static void recipient_accept(struct session *s, struct str address)
{
	struct transaction *tx = s->tx;
	struct recipients r = recipients_of(s, address);
	char line_text[ADDRESS_MAX + 2], orcpt_text[ADDRESS_MAX];
	struct buf line, orcpt;
	buf_init_fixed(&line, line_text, sizeof line_text);
	buf_init_fixed(&orcpt, orcpt_text, sizeof orcpt_text);
	if (r.targets.len == 0) {
		buf_byte(&line, s->found.known == ANSWER_YES ? '+' : '-');
		buf_str(&line, address);
		r.targets = buf_view(&line);
	}
	recipients_origin(&r, &orcpt);
	if (!recipients_fit(tx, &r)) {
		/* RFC 5321 4.5.3.1.10: the client sends the rest in another transaction. Said
		 * at the end of the text it would be said again each time. */
		dialog_fail(s, stage, 452, "4.5.3",
			STR("Too many recipients, send the message to the others separately"),
			"envelope size");
		return;
	}
	size_t before = tx->envelope.rcpt_count;
	bool again = transaction_is_named(tx, address);
	if (!recipients_add(tx, &r) ||
	    (!again && ((r.alias && !recipients_note(tx, &r, s->expanded.rule)) ||
	                !transaction_name(tx, address)))) {
		transaction_cut_rcpts(tx, before);
		dialog_no_memory(s, stage);
		return;
	}
	smtp_server_answer(&s->smtp, 0, NULL, STR(""));
}

void recipient_facts(const struct session *s, struct facts *facts)
{
	facts->exists = s->found.known;
	facts->stands_for = s->expanded.how <= STANDS_FOR_CATCH_ALL
		? (enum stands_for)s->expanded.how : STANDS_FOR_ITSELF;
}

/* What is known of the client. VERDICT_NEED: something is being asked, dialog_known comes. */
static struct verdict recipient_reputation(struct session *s, struct facts *facts)
{
	struct verdict v = policy_reputation(facts);
	if (v.kind != VERDICT_NEED) return v;
	inquiry_ask(s);
	s->waits = inquiry_owes_facts(s);
	if (s->waits) return v;
	struct facts now = dialog_facts(s);
	now.sender = facts->sender;
	now.local = facts->local;
	now.domain = facts->domain;
	*facts = now;
	return policy_reputation(facts);
}

static void recipient_over(struct session *s)
{
	s->found = (struct owner){ 0 };
	s->expanded = (struct expanded){ 0 };
}

enum dialog recipient_event(struct session *s)
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
	facts.sender = s->tx->said;
	struct verdict v = recipient_reputation(s, &facts);
	if (v.kind == VERDICT_NEED) return DIALOG_WAIT;
	if (v.kind == VERDICT_REFUSE) {
		dialog_refuse(s, "reputation", facts.sender, buf_view(&address), &v);
		recipient_over(s);
		return DIALOG_GO_ON;
	}
	recipient_facts(s, &facts);
	v = policy_recipient(&facts);
	if (v.kind == VERDICT_NEED) {
		if (ask_recipient(s, ASKED_RECIPIENT, buf_view(&address), path->domain) == DIALOG_WAIT)
			return DIALOG_WAIT;
		recipient_facts(s, &facts);
		v = policy_recipient(&facts);
	}
	if (v.kind == VERDICT_REFUSE) verify_unknown(s, &v);
	else v = rate_recipient(s, &facts, buf_view(&address));
	if (v.kind == VERDICT_REFUSE)
		dialog_refuse(s, stage, s->tx->said, buf_view(&address), &v);
	else recipient_accept(s, buf_view(&address));
	recipient_over(s);
	return DIALOG_GO_ON;
}
