/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "lib/dsn/explain.h"
#include "lib/dsn/parts.h"
#include "lib/dsn/text.h"
#include "lib/mail/received.h"
#include "lib/smtp/command.h"

enum {
	PIECE_MAX = DSN_VALUE_MAX,
	SENTENCE_MAX = 4 * DSN_VALUE_MAX,
	/* More than one recipient takes, and more than what follows the last. */
	ENTRY_MAX = 6 * 1024,
	HOUR_MS = 3600 * 1000,
};

static const struct str margin = STR_INIT("");
static const struct str inner = STR_INIT("    ");

/* Ours with one of theirs in the middle, as a paragraph. */
static void say(struct buf *out, struct str indent, struct str before, struct str theirs,
		struct str after)
{
	char memory[SENTENCE_MAX];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_str(&b, before);
	dsn_text_plain(&b, theirs, true, PIECE_MAX);
	buf_str(&b, after);
	dsn_text_wrap(out, indent, buf_view(&b));
}

static void say_ours(struct buf *out, struct str indent, struct str text)
{
	dsn_text_wrap(out, indent, text);
}

static struct str date(struct buf *b, char *memory, size_t size, int64_t ms)
{
	buf_init_fixed(b, memory, size);
	mail_date_write(b, ms / 1000);
	return buf_view(b);
}

/* --- one recipient --------------------------------------------------------------------- */

/* "2 days", "5 hours", "20 minutes": as exact as somebody wants to know who waited. */
static void span_write(struct buf *out, int64_t ms)
{
	int64_t minutes = ms < 0 ? 0 : ms / 60000, hours = minutes / 60, days = hours / 24;
	int64_t n = days >= 2 ? days : hours >= 2 ? hours : minutes;
	buf_i64(out, n);
	buf_str(out, days >= 2 ? STR(" days") : hours >= 2 ? STR(" hours")
		   : n == 1    ? STR(" minute") : STR(" minutes"));
}

/* The address that the sender wrote, where it is another one. */
static void say_orcpt(struct buf *out, const struct dsn_rcpt *rcpt)
{
	char memory[DSN_STR_MAX];
	struct buf b;
	struct str value = rcpt->orcpt, type = str_cut(&value, ';');
	buf_init_fixed(&b, memory, sizeof memory);
	/* Other types are for the programs that know them. */
	if (value.len == 0 || !str_eq_nocase(type, STR("rfc822"))) return;
	if (!smtp_xtext_decode(&b, value)) {
		buf_reset(&b);
		buf_str(&b, value);
	}
	if (str_eq_nocase(buf_view(&b), rcpt->address)) return;
	say(out, inner, STR("You wrote to: "), buf_view(&b), STR(""));
}

static void say_expired(struct buf *out, const struct dsn_report *r)
{
	char memory[256];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_str(&b, STR("It was tried for "));
	span_write(&b, r->now_ms - r->arrived_ms);
	buf_str(&b, STR(" without success; that is the limit of this server."));
	say_ours(out, inner, buf_view(&b));
}

static void say_reason(struct buf *out, const struct dsn_report *r,
		       const struct dsn_rcpt *rcpt)
{
	struct dsn_explanation why = dsn_explain(rcpt->status);
	if (rcpt->expired && rcpt->action == DSN_FAILED) say_expired(out, r);
	if (dsn_status_is_valid(rcpt->status)) {
		char memory[256];
		struct buf b;
		buf_init_fixed(&b, memory, sizeof memory);
		buf_str(&b, why.happened);
		buf_str(&b, STR(" (status "));
		buf_str(&b, rcpt->status);
		buf_byte(&b, ')');
		say_ours(out, inner, buf_view(&b));
	} else {
		say_ours(out, inner, why.happened);
	}
}

static void say_reply(struct buf *out, const struct dsn_rcpt *rcpt)
{
	if (rcpt->reply.len == 0) return;
	if (rcpt->host.len)
		say(out, inner, STR("These are the words of the server "), rcpt->host, STR(":"));
	else say_ours(out, inner, STR("This server noted:"));
	say(out, STR("    > "), STR(""), rcpt->reply, STR(""));
}

static void say_until(struct buf *out, const struct dsn_rcpt *rcpt)
{
	char memory[64];
	struct buf b;
	if (rcpt->will_retry_until_ms <= 0) return;
	say(out, inner, STR("It will be tried until "),
	    date(&b, memory, sizeof memory, rcpt->will_retry_until_ms), STR("."));
}

static void say_rcpt(struct buf *out, const struct dsn_report *r,
		     const struct dsn_rcpt *rcpt)
{
	say(out, STR("  "), STR("<"), rcpt->address, STR(">"));
	say_orcpt(out, rcpt);
	if (rcpt->action == DSN_FAILED || rcpt->action == DSN_DELAYED) {
		say_reason(out, r, rcpt);
		say_reply(out, rcpt);
	}
	if (rcpt->action == DSN_FAILED)
		say(out, inner, STR("What to do: "), dsn_explain(rcpt->status).advice, STR(""));
	if (rcpt->action == DSN_DELAYED) say_until(out, rcpt);
	if (rcpt->action == DSN_RELAYED && rcpt->host.len)
		say(out, inner, STR("Handed to: "), rcpt->host, STR(""));
	buf_crlf(out);
}

/* --- the whole --------------------------------------------------------------------------- */

static const struct str openings[DSN_ACTIONS] = {
	[DSN_FAILED] = STR_INIT(
		"The message could not be delivered to the following recipients. It will "
		"not be tried again for them."),
	[DSN_DELAYED] = STR_INIT(
		"The message has not reached the following recipients yet. This is only a "
		"warning: it is still being tried, and you need not send it again."),
	[DSN_EXPANDED] = STR_INIT(
		"The message was delivered to the following lists and sent on to their "
		"members. There may be more reports about those."),
	[DSN_RELAYED] = STR_INIT(
		"The message for the following recipients was handed to a server that sends "
		"no reports of its own. This is the last that you will hear about it."),
	[DSN_DELIVERED] = STR_INIT("The message was delivered to the following recipients."),
};

struct listing {
	const struct dsn_report *report;
	uint32_t listed;
	size_t from; /* where the part begins in the buffer */
};

static void say_action(struct buf *out, struct listing *l, enum dsn_action action)
{
	bool opened = false;
	for (uint32_t i = 0; i < l->report->count; i++) {
		const struct dsn_rcpt *rcpt = &l->report->rcpts[i];
		if (rcpt->action != action) continue;
		if (l->listed == DSN_HUMAN_RCPTS_MAX ||
		    out->len - l->from > DSN_HUMAN_MAX - 2 * ENTRY_MAX)
			return;
		if (!opened) {
			say_ours(out, margin, openings[action]);
			buf_crlf(out);
			opened = true;
		}
		say_rcpt(out, l->report, rcpt);
		l->listed++;
	}
}

static void say_more(struct buf *out, const struct listing *l)
{
	uint64_t left = (uint64_t)l->report->count - l->listed + l->report->more;
	char memory[128];
	struct buf b;
	if (left == 0) return;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_str(&b, STR("... and "));
	buf_u64(&b, left);
	buf_str(&b, left == 1 ? STR(" more recipient.") : STR(" more recipients."));
	if (l->report->more < left)
		buf_str(&b, STR(" The next part of this report names them."));
	say_ours(out, margin, buf_view(&b));
	buf_crlf(out);
}

static void say_begin(struct buf *out, const struct dsn_report *r)
{
	say(out, margin, STR("This is the mail server "), r->hostname, STR("."));
	if (r->copy && r->sender.len)
		say(out, margin, STR("This is a copy for the postmaster of a report to <"),
		    r->sender, STR(">."));
	else if (r->copy)
		say_ours(out, margin,
			 STR("This is for the postmaster: the message has no sender who could "
			     "be told. It is likely to be a report itself."));
	buf_crlf(out);
}

static void say_end(struct buf *out, const struct dsn_report *r, bool whole)
{
	char memory[64];
	struct buf b;
	say(out, margin, STR("The message arrived here on "),
	    date(&b, memory, sizeof memory, r->arrived_ms), STR("."));
	if (r->id.len) say(out, margin, STR("Its number on this server is "), r->id, STR("."));
	if (r->postmaster.len && !r->copy)
		say(out, margin, STR("If you need help, send this report to "), r->postmaster,
		    STR("."));
	buf_crlf(out);
	say_ours(out, margin,
		 whole ? STR("The next part of this report is for programs; the last part is "
			     "the message itself.")
		       : STR("The next part of this report is for programs; the last part holds "
			     "the header of the message, not its text."));
}

void dsn_human_write(struct buf *out, const struct dsn_report *r, bool whole)
{
	struct listing l = { r, 0, out->len };
	say_begin(out, r);
	for (int action = 0; action < DSN_ACTIONS; action++)
		say_action(out, &l, (enum dsn_action)action);
	say_more(out, &l);
	say_end(out, r, whole);
}
