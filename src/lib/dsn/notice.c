/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dsn/notice.h"

#include "lib/base/cur.h"
#include "lib/base/utf8.h"
#include "lib/dsn/text.h"
#include "lib/mail/received.h"

enum { RECORD_VERSION = 2, SENTENCE_MAX = 4 * DSN_VALUE_MAX, HUMAN_MAX = 16 * 1024 };
/* The end of the year 9999: later times are nobody's. */
static const uint64_t time_max = 253402300799999;

static const struct str margin = STR_INIT("");
static const struct str inner = STR_INIT("    ");

/* --- the header ----------------------------------------------------------------------------- */

static void put_path(struct buf *out, struct str address)
{
	buf_byte(out, '<');
	dsn_text_plain(out, address, false, DSN_VALUE_MAX);
	buf_byte(out, '>');
}

static void put_subject(struct buf *out, const struct dsn_notice *n)
{
	char memory[DSN_VALUE_MAX];
	struct buf value;
	buf_init_fixed(&value, memory, sizeof memory);
	buf_str(&value, n->held ? STR("Held: ") : STR("Refused: "));
	if (n->count > 1) buf_fmt(&value, "%llu times ", (unsigned long long)n->count);
	buf_str(&value, STR("mail from <"));
	dsn_text_plain(&value, n->sender, false, DSN_VALUE_MAX / 2);
	buf_str(&value, STR("> by "));
	dsn_text_plain(&value, n->client.len ? n->client : STR("several clients"), false, 100);
	dsn_field_put(out, STR("Subject"), buf_view(&value));
}

static void put_head(struct buf *out, const struct dsn_notice *n)
{
	buf_str(out, STR("From: Mail Delivery System <MAILER-DAEMON@"));
	dsn_text_plain(out, n->hostname, false, DSN_VALUE_MAX);
	buf_str(out, STR(">\r\nTo: "));
	put_path(out, n->to);
	buf_crlf(out);
	put_subject(out, n);
	buf_str(out, STR("Date: "));
	mail_date_write(out, n->now_ms / 1000);
	buf_str(out, STR("\r\nMessage-ID: "));
	put_path(out, n->message_id);
	/* RFC 3834 5: nobody's program is to answer this. */
	buf_str(out, STR("\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"));
}

/* --- the text ------------------------------------------------------------------------------- */

/* Ours with one of theirs in the middle, as a paragraph. */
static void say(struct buf *out, struct str indent, struct str before, struct str theirs,
		struct str after)
{
	char memory[SENTENCE_MAX];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_str(&b, before);
	dsn_text_plain(&b, theirs, true, DSN_VALUE_MAX);
	buf_str(&b, after);
	dsn_text_wrap(out, indent, buf_view(&b));
}

static void say_who(struct buf *out, const struct dsn_notice *n)
{
	bool named = n->client.len > 0;
	say(out, inner, STR("Client: "), named ? n->client : STR("several, that are not named here"),
	    STR(""));
	say(out, inner, STR("It called itself: "), n->helo, STR(""));
	if (str_eq(n->user, STR("-"))) say(out, inner, STR("User: - (nobody had logged in)"), STR(""), STR(""));
	else say(out, inner, STR("User: "), n->user, STR(""));
	say(out, inner, STR("Sender: <"), n->sender, STR(">"));
	say(out, inner, STR("Setting: "), n->setting, STR(""));
	say(out, inner, STR("Rule: "), n->rule, STR(""));
	say(out, inner, n->held ? STR("Why: ") : STR("The client was told: "), n->reply, STR(""));
}

static void say_when(struct buf *out, const struct dsn_notice *n)
{
	char memory[256];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	if (n->count > 1) {
		buf_fmt(&b, "This happened %llu times from ", (unsigned long long)n->count);
		mail_date_write(&b, n->first_ms / 1000);
		buf_str(&b, STR(" to "));
	} else {
		buf_str(&b, STR("This happened once, on "));
	}
	mail_date_write(&b, n->last_ms / 1000);
	buf_str(&b, n->count > 1 ? STR("; what stands above is the last time.") : STR("."));
	dsn_text_wrap(out, margin, buf_view(&b));
}

static void write_text(struct buf *out, const struct dsn_notice *n)
{
	say(out, margin, STR("This is the mail server "), n->hostname,
	    n->held ? STR(". It holds mail of a client that sends too much at once.")
	            : STR(". It refused mail of a client that has the right to send here."));
	buf_crlf(out);
	say_who(out, n);
	buf_crlf(out);
	say_when(out, n);
	buf_crlf(out);
	dsn_text_wrap(out, margin, n->advice);
	buf_crlf(out);
	dsn_text_wrap(out, margin, n->held
		? STR("There is one such message for each client, setting and hour. The log has all "
		      "(imsctl events --event over_limit). To have none: submission { notify none }.")
		: STR("There is one such message for each client, setting and hour. The log "
		"has every refusal (imsctl events --event refuse). To have none: submission { notify none }."));
}

void dsn_notice_write(struct buf *out, const struct dsn_notice *n)
{
	struct buf text;
	buf_init(&text, HUMAN_MAX);
	write_text(&text, n);
	bool ascii = utf8_is_ascii(buf_view(&text));
	put_head(out, n);
	buf_fmt(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
		ascii ? "7bit" : "quoted-printable");
	if (ascii) buf_str(out, buf_view(&text));
	else if (!dsn_quoted_printable(out, buf_view(&text), DSN_NOTICE_MAX)) out->overflowed = true;
	if (text.overflowed) out->overflowed = true;
	buf_free(&text);
}

/* --- the record ----------------------------------------------------------------------------- */

enum { STRINGS = 11 };

static void strings_of(struct dsn_notice *n, struct str *at[STRINGS])
{
	struct str *const all[STRINGS] = { &n->hostname, &n->to, &n->message_id, &n->client, &n->helo,
		&n->user, &n->sender, &n->setting, &n->rule, &n->reply, &n->advice };
	for (size_t i = 0; i < STRINGS; i++) at[i] = all[i];
}

static void put_time(struct buf *out, int64_t ms)
{
	buf_put_u64(out, ms < 0 ? 0 : (uint64_t)ms > time_max ? time_max : (uint64_t)ms);
}

static int64_t get_time(struct cur *c)
{
	uint64_t ms = cur_u64(c);
	if (ms > time_max) c->bad = true;
	return c->bad ? 0 : (int64_t)ms;
}

void dsn_notice_encode(struct buf *out, const struct dsn_notice *n)
{
	struct dsn_notice copy = *n;
	struct str *at[STRINGS];
	strings_of(&copy, at);
	buf_put_u8(out, RECORD_VERSION);
	for (size_t i = 0; i < STRINGS; i++) {
		if (at[i]->len > DSN_STR_MAX) out->overflowed = true;
		buf_put_str(out, *at[i]);
	}
	buf_put_u8(out, n->held);
	buf_put_u64(out, n->count);
	put_time(out, n->now_ms);
	put_time(out, n->first_ms);
	put_time(out, n->last_ms);
}

bool dsn_notice_decode(struct str record, struct dsn_notice *n)
{
	struct cur c = cur_of(record);
	struct str *at[STRINGS];
	*n = (struct dsn_notice){ 0 };
	strings_of(n, at);
	if (cur_u8(&c) != RECORD_VERSION) return false;
	for (size_t i = 0; i < STRINGS; i++) {
		*at[i] = cur_str(&c);
		if (at[i]->len > DSN_STR_MAX) return false;
	}
	uint8_t held = cur_u8(&c);
	if (held > 1) return false;
	n->held = held;
	n->count = cur_u64(&c);
	n->now_ms = get_time(&c);
	n->first_ms = get_time(&c);
	n->last_ms = get_time(&c);
	return cur_done(&c) && n->count > 0;
}
