/* SPDX-License-Identifier: Apache-2.0 */
/* Lines in the shape of Postfix. The patterns that read them: pflogsumm's main loop and
 * fail2ban's filter.d/postfix.conf. */
#include "lib/base/utf8.h"
#include "lib/event/format.h"
#include "lib/event/quote.h"
#include "lib/event/instant.h"

/* What is being written: one event in one form into one buffer. */
struct post {
	const struct event_view *v;
	const struct event_postfix *how;
	struct buf *out;
};

enum where { IN_TEXT, IN_ANGLES };

static bool byte_is_safe(char c, enum where where)
{
	if (ascii_is_ctl(c)) return false;
	return where == IN_TEXT || (c != '<' && c != '>');
}

/* Postfix's printable(): what is not printable becomes a question mark. */
static void post_safe(const struct post *p, struct str s, enum where where)
{
	bool ascii_only = !utf8_is_valid(s);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		bool c1 = c == 0xc2 && i + 1 < s.len && (unsigned char)s.at[i + 1] < 0xa0;
		bool safe = c < 0x80 ? byte_is_safe((char)c, where) : !ascii_only && !c1;
		buf_byte(p->out, safe ? (char)c : '?');
		if (c1 && !ascii_only) i++;
	}
}

static struct str get(const struct post *p, enum event_field field)
{
	return event_view_get(p->v, field, NULL);
}

static void post_angles(const struct post *p, struct str key, enum event_field field)
{
	buf_str(p->out, key);
	buf_byte(p->out, '<');
	post_safe(p, get(p, field), IN_ANGLES);
	buf_byte(p->out, '>');
}

/* A name that was not found, or does not lead back, is "unknown", as with Postfix. */
static struct str name_of_client(const struct post *p)
{
	struct str name = get(p, FIELD_ptr);
	bool good = name.len > 0 && !str_eq(name, STR("-")) && !str_eq(name, STR("none"));
	for (size_t i = 0; i < name.len; i++)
		good = good && (ascii_is_alnum(name.at[i]) || name.at[i] == '.' || name.at[i] == '-' ||
				name.at[i] == '_');
	return good ? name : STR("unknown");
}

static void post_client(const struct post *p)
{
	struct str client = get(p, FIELD_client);
	buf_str(p->out, name_of_client(p));
	buf_byte(p->out, '[');
	post_safe(p, client.len && !str_eq(client, STR("-")) ? client : STR("unknown"),
		  IN_TEXT);
	buf_byte(p->out, ']');
}

static uint64_t post_number(const struct event_view *v)
{
	uint64_t index = 0;
	ptrdiff_t open = str_find(v->role, '[');
	if (v->sid)
		return v->sid % 4194303 + 1; /* the kernel's own bound of process ids */
	if (open >= 0) {
		struct str digits = str_from(v->role, (size_t)open + 1);
		digits = str_cut(&digits, ']');
		if (!str_to_u64(str_sub(digits, 0, 6), &index)) index = 0;
	}
	return index + 1;
}

/* "Nov  2 02:15:26 host postfix/smtpd[1]: " */
static void post_begin(const struct post *p, struct str daemon)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct event_date d =
		event_date_of(p->v->ts_ms + p->how->utc_offset_s * INT64_C(1000));
	buf_fmt(p->out, "%.3s %2u %02u:%02u:%02u ", months + (size_t)(d.month - 1) * 3,
		d.day, d.hour, d.minute, d.second);
	buf_str(p->out, p->how->host);
	buf_byte(p->out, ' ');
	buf_str(p->out, p->how->ident);
	buf_byte(p->out, '/');
	buf_str(p->out, daemon);
	buf_byte(p->out, '[');
	buf_u64(p->out, post_number(p->v));
	buf_str(p->out, STR("]: "));
}

/* The same with the queue id, as long and in upper case as tools know it. */
static void post_begin_id(const struct post *p, struct str daemon)
{
	post_begin(p, daemon);
	if (p->v->id) buf_fmt(p->out, "%016llX: ", (unsigned long long)p->v->id);
	else buf_str(p->out, STR("NOQUEUE: "));
}

static void post_receive(const struct post *p)
{
	struct str user = get(p, FIELD_user);
	post_begin_id(p, STR("smtpd"));
	buf_str(p->out, STR("client="));
	post_client(p);
	if (user.len && !str_eq(user, STR("-"))) {
		buf_str(p->out, STR(", sasl_username="));
		post_safe(p, user, IN_ANGLES);
	}
	buf_byte(p->out, '\n');
	post_begin_id(p, STR("cleanup"));
	buf_str(p->out, STR("message-id="));
	post_safe(p, get(p, FIELD_msgid), IN_TEXT);
	buf_byte(p->out, '\n');
	post_begin_id(p, STR("qmgr"));
	post_angles(p, STR("from="), FIELD_from);
	buf_str(p->out, STR(", size="));
	post_safe(p, get(p, FIELD_size), IN_TEXT);
	buf_str(p->out, STR(", nrcpt="));
	struct str recipients = get(p, FIELD_recipients);
	post_safe(p, recipients.len ? recipients : STR("1"), IN_TEXT);
	buf_str(p->out, STR(" (queue active)"));
}

static void post_seconds(const struct post *p)
{
	uint64_t ms = 0;
	if (!str_to_u64(get(p, FIELD_delay), &ms)) ms = 0;
	buf_fmt(p->out, "%llu.%02llu", (unsigned long long)(ms / 1000),
		(unsigned long long)(ms % 1000 / 10));
}

static bool is_local(const struct post *p)
{
	struct str route = get(p, FIELD_route);
	return !route.len || str_eq(route, STR("mailbox"));
}

/* A comma would end the relay for those who read it. */
static void post_relay(const struct post *p)
{
	struct str host = get(p, FIELD_host);
	buf_str(p->out, STR(", relay="));
	if (is_local(p)) host = STR("local");
	if (!host.len) host = STR("none");
	while (host.len) {
		post_safe(p, str_cut(&host, ','), IN_ANGLES);
		if (host.len) buf_byte(p->out, '?');
	}
}

/* One recipient's outcome; `otherwise` is said where the event has no reply. */
static void post_outcome(const struct post *p, struct str status, struct str dsn,
			 struct str otherwise)
{
	struct str own = get(p, FIELD_dsn), reply = get(p, FIELD_reply);
	post_begin_id(p, is_local(p) ? STR("local") : STR("smtp"));
	post_angles(p, STR("to="), FIELD_to);
	post_relay(p);
	buf_str(p->out, STR(", delay="));
	post_seconds(p);
	buf_str(p->out, STR(", delays="));
	post_seconds(p); /* all of it before this attempt: its parts are not measured */
	buf_str(p->out, STR("/0/0/0, dsn="));
	post_safe(p, own.len ? own : dsn, IN_ANGLES);
	buf_str(p->out, STR(", status="));
	buf_str(p->out, status);
	buf_str(p->out, STR(" ("));
	post_safe(p, reply.len ? reply : otherwise, IN_TEXT);
	buf_byte(p->out, ')');
}

static bool has_nocase(struct str s, struct str needle)
{
	for (size_t i = 0; i + needle.len <= s.len; i++)
		if (str_starts_nocase(str_from(s, i), needle)) return true;
	return false;
}

static struct str stage_verb(struct str stage)
{
	static const struct {
		struct str stage, verb;
	} verbs[] = {
		{ STR_INIT("connect"), STR_INIT("CONNECT") },
		{ STR_INIT("hello"), STR_INIT("EHLO") },
		{ STR_INIT("sender"), STR_INIT("MAIL") },
		{ STR_INIT("recipient"), STR_INIT("RCPT") },
		{ STR_INIT("data"), STR_INIT("DATA") },
	};
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (str_eq(verbs[i].stage, stage)) return verbs[i].verb;
	return STR("END-OF-MESSAGE");
}

static void post_text(const struct post *p, struct str text)
{
	buf_str(p->out, text);
	post_safe(p, get(p, FIELD_reply), IN_TEXT);
}

/* Who or what was refused, in the words that filters look for. */
static void post_refused(const struct post *p, struct str verb)
{
	struct str reply = get(p, FIELD_reply);
	if (str_eq(verb, STR("CONNECT"))) {
		buf_byte(p->out, '<');
		post_client(p);
		post_text(p, STR(">: Client host rejected: "));
	} else if (str_eq(verb, STR("EHLO"))) {
		post_angles(p, STR(""), FIELD_helo);
		post_text(p, STR(": Helo command rejected: "));
	} else if (str_eq(verb, STR("MAIL"))) {
		post_angles(p, STR(""), FIELD_from);
		post_text(p, STR(": Sender address rejected: "));
	} else if (str_eq(verb, STR("RCPT"))) {
		post_angles(p, STR(""), FIELD_to);
		if (str_eq(get(p, FIELD_dsn), STR("5.1.1")))
			post_text(p, STR(": Recipient address rejected: User unknown: "));
		else if (has_nocase(reply, STR("relay")))
			post_text(p, STR(": Relay access denied: "));
		else post_text(p, STR(": Recipient address rejected: "));
	} else if (str_eq(verb, STR("DATA"))) {
		post_text(p, STR("<DATA>: Data command rejected: "));
	} else {
		post_text(p, STR(""));
	}
}

static void post_refuse(const struct post *p)
{
	struct str verb = stage_verb(get(p, FIELD_stage)), code = get(p, FIELD_code);
	struct str dsn = get(p, FIELD_dsn), from;
	bool has_from, has_to;
	from = event_view_get(p->v, FIELD_from, &has_from);
	(void)event_view_get(p->v, FIELD_to, &has_to);
	post_begin_id(p, STR("smtpd"));
	buf_str(p->out, STR("reject: "));
	buf_str(p->out, verb);
	buf_str(p->out, STR(" from "));
	post_client(p);
	buf_str(p->out, STR(": "));
	post_safe(p, code.len ? code : STR("550"), IN_ANGLES);
	buf_byte(p->out, ' ');
	if (dsn.len) {
		post_safe(p, dsn, IN_ANGLES);
		buf_byte(p->out, ' ');
	}
	post_refused(p, verb);
	buf_byte(p->out, ';');
	if (has_from && (from.len || has_to || str_eq(verb, STR("MAIL"))))
		post_angles(p, STR(" from="), FIELD_from);
	if (has_to) post_angles(p, STR(" to="), FIELD_to);
	buf_str(p->out, STR(" proto=ESMTP"));
	post_angles(p, STR(" helo="), FIELD_helo);
}

static void post_session(const struct post *p, struct str what)
{
	post_begin(p, STR("smtpd"));
	buf_str(p->out, what);
	post_client(p);
}

static void post_timeout(const struct post *p)
{
	post_begin(p, STR("smtpd"));
	buf_str(p->out, STR("timeout after "));
	buf_str(p->out, stage_verb(get(p, FIELD_stage)));
	buf_str(p->out, STR(" from "));
	post_client(p);
}

static void post_admin(const struct post *p, struct str what)
{
	post_begin_id(p, STR("postsuper"));
	buf_str(p->out, what);
}

static void post_report(const struct post *p)
{
	post_begin_id(p, STR("bounce"));
	buf_str(p->out, STR("sender non-delivery notification: "));
	struct str report = get(p, FIELD_report);
	for (size_t i = 0; i < report.len; i++) {
		char c = report.at[i];
		buf_byte(p->out, c >= 'a' && c <= 'f' ? (char)(c - 'a' + 'A')
				 : ascii_is_alnum(c)  ? c
						      : '?');
	}
}

/* What Postfix has no line for. */
static void post_other(const struct post *p)
{
	struct str role = p->v->role;
	struct str daemon = str_cut(&role, '[');
	bool plain = daemon.len > 0;
	for (size_t i = 0; i < daemon.len; i++)
		plain = plain && ascii_is_alnum(daemon.at[i]);
	post_begin(p, plain ? daemon : STR("master"));
	if (p->v->severity >= EVENT_SEVERITY_WARNING) buf_str(p->out, STR("warning: "));
	event_quote(p->out, p->v->name_text);
	buf_byte(p->out, ':');
	if (p->v->id) buf_fmt(p->out, " id=%016llX", (unsigned long long)p->v->id);
	for (size_t i = 0; i < p->v->count; i++) {
		buf_byte(p->out, ' ');
		buf_str(p->out, p->v->values[i].key);
		buf_byte(p->out, '=');
		event_quote(p->out, p->v->values[i].text);
	}
}

void event_format_postfix(const struct event_view *v, const struct event_postfix *how,
			  struct buf *out)
{
	const struct post post = { v, how, out }, *p = &post;
	unsigned name = v->name; /* few of the many have a line of their own */
	switch (name) {
	case EVENT_connect: post_session(p, STR("connect from ")); break;
	case EVENT_disconnect: post_session(p, STR("disconnect from ")); break;
	case EVENT_timeout: post_timeout(p); break;
	case EVENT_receive: post_receive(p); break;
	case EVENT_refuse: post_refuse(p); break;
	case EVENT_deliver:
		post_outcome(p, STR("sent"), STR("2.0.0"),
			     is_local(p) ? STR("delivered to maildir")
					 : STR("250 2.0.0 Ok"));
		break;
	case EVENT_defer:
		post_outcome(p, STR("deferred"), STR("4.0.0"), STR("try again later"));
		break;
	case EVENT_fail:
		post_outcome(p, STR("bounced"), STR("5.0.0"), STR("failed"));
		break;
	case EVENT_expire:
		post_outcome(p, STR("bounced"), STR("4.4.7"),
			     STR("delivery time expired"));
		break;
	case EVENT_dsn_sent: post_report(p); break;
	case EVENT_drop: post_admin(p, STR("removed")); break;
	case EVENT_hold: post_admin(p, STR("placed on hold")); break;
	case EVENT_release: post_admin(p, STR("released from hold")); break;
	case EVENT_retry: post_admin(p, STR("requeued")); break;
	default: post_other(p);
	}
	buf_byte(out, '\n');
}
