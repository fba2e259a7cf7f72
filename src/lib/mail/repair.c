/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mail/repair.h"

#include <assert.h>
#include <string.h>

#include "lib/mail/authors.h"
#include "lib/mail/received.h"

enum state {
	LINE_START,
	NAME,       /* of a field */
	NAME_BLANK, /* blanks between name and ":" */
	EMPTY_CR,   /* a CR at the start of a line */
	/* Of a value, which lasts over its folds: */
	HELD,       /* kept, and decided on when it is whole */
	PASSED,     /* goes on as it comes */
	DROPPED,    /* is left out */
	NO_VALUE,   /* no field yet */
};

enum field { OTHER = 0, DATE = 1, MESSAGE_ID = 2, FROM = 4, SENDER = 8, TO = 16 };

void mail_repair_init(struct mail_repair *m, const struct mail_repair_plan *plan)
{
	*m = (struct mail_repair){
		.plan = *plan,
		.ended = plan->how == MAIL_REPAIR_NO,
		.state = LINE_START,
		.value = NO_VALUE,
	};
}

static bool repairs_all(const struct mail_repair *m) { return m->plan.how == MAIL_REPAIR_ALL; }

/* --- what is written -------------------------------------------------------------------- */

static struct str held(const struct mail_repair *m) { return (struct str){ m->held, m->held_len }; }

static void flush(struct mail_repair *m, struct buf *out)
{
	buf_str(out, held(m));
	m->held_len = 0;
}

/* RFC 5322 3.2.3 atext: what stands in a phrase without quotes, encoded words (RFC 2047)
 * among it, which quotes would break. */
static bool is_atoms(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alnum(text.at[i]) && str_find(STR("!#$%&'*+-/=?^_`{|}~ "), text.at[i]) < 0)
			return false;
	return true;
}

/* "NAME <ADDRESS>" */
static void put_mailbox(struct buf *out, struct str name, struct str address)
{
	bool quoted = !is_atoms(name);
	if (quoted) buf_byte(out, '"');
	buf_str(out, name);
	if (quoted) buf_byte(out, '"');
	if (name.len) buf_byte(out, ' ');
	buf_byte(out, '<');
	buf_str(out, address);
	buf_str(out, STR(">\r\n"));
}

static void put_id(const struct mail_repair *m, struct buf *out)
{
	buf_byte(out, '<');
	buf_hex64(out, m->plan.id);
	buf_byte(out, '@');
	buf_str(out, str_sub(m->plan.host, 0, 255));
	buf_byte(out, '>');
}

void mail_repair_id(const struct mail_repair *m, struct buf *out)
{
	if (m->done & MAIL_REPAIRED_MESSAGE_ID) put_id(m, out);
}

static void add_from(struct mail_repair *m, struct buf *out)
{
	char memory[16 + 255];
	struct buf daemon;
	struct str sender = m->plan.sender;
	buf_init_fixed(&daemon, memory, sizeof memory);
	buf_str(&daemon, STR("MAILER-DAEMON@"));
	buf_str(&daemon, str_sub(m->plan.host, 0, 255));
	buf_str(out, STR("From: "));
	put_mailbox(out, (struct str){ m->name, m->name_len }, sender.len ? sender : buf_view(&daemon));
	m->done |= MAIL_REPAIRED_FROM;
}

static void add_missing(struct mail_repair *m, struct buf *out)
{
	if (!(m->seen & DATE)) {
		buf_str(out, STR("Date: "));
		mail_date_write(out, m->plan.now_s);
		buf_crlf(out);
		m->done |= MAIL_REPAIRED_DATE;
	}
	if (!(m->seen & MESSAGE_ID)) {
		buf_str(out, STR("Message-ID: "));
		put_id(m, out);
		buf_crlf(out);
		m->done |= MAIL_REPAIRED_MESSAGE_ID;
	}
	if (!repairs_all(m)) return;
	if (!(m->seen & FROM)) add_from(m, out);
	/* RFC 5322 3.6 wants none, its ancestors did, and so do some hosts. */
	if (!(m->seen & TO)) {
		buf_str(out, STR("To: undisclosed-recipients:;\r\n"));
		m->done |= MAIL_REPAIRED_TO;
	}
}

/* --- what a field says ------------------------------------------------------------------- */

static struct str value_of(const struct mail_repair *m)
{
	struct str value = str_from(held(m), m->colon);
	while (value.len && (ascii_is_blank(value.at[0]) || ascii_is_ctl(value.at[0])))
		value = str_from(value, 1);
	while (value.len && (ascii_is_blank(value.at[value.len - 1]) ||
			     ascii_is_ctl(value.at[value.len - 1])))
		value.len--;
	return value;
}

/* What stands in front of the address, or instead of one: as a name, without its quotes. One
 * that is long, or not ASCII, is none. */
static struct str name_of(struct str value, char memory[MAIL_REPAIR_NAME_MAX])
{
	struct buf name;
	ptrdiff_t end = str_rfind(value, '<');
	struct str text = end < 0 ? value : str_sub(value, 0, (size_t)end);
	buf_init_fixed(&name, memory, MAIL_REPAIR_NAME_MAX);
	if (str_find(text, '@') >= 0) return STR("");
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == '\r' || c == '\n' || str_find(STR("\"\\<>"), c) >= 0) continue;
		if (!ascii_is_print(c) && c != '\t') return STR("");
		buf_byte(&name, c == '\t' ? ' ' : c);
	}
	return name.overflowed ? STR("") : str_trim(buf_view(&name));
}

/* The first address that stands for one of these; empty: there is none. */
static struct str mapped(const struct mail_repair *m, struct str list)
{
	while (m->plan.map && list.len) {
		struct str other = m->plan.map(m->plan.arg, str_cut(&list, '\n'));
		if (other.len) return other;
	}
	return STR("");
}

static void end_unread(struct mail_repair *m, struct str value)
{
	if (m->field == SENDER) {
		m->done |= MAIL_REPAIRED_SENDER;
		return;
	}
	char memory[MAIL_REPAIR_NAME_MAX];
	struct str name = name_of(value, memory);
	memcpy(m->name, name.at, name.len);
	m->name_len = name.len;
}

/* From or Sender. */
static void end_author(struct mail_repair *m, struct buf *out)
{
	char memory[MAIL_REPAIR_FIELD_MAX + 1], name[MAIL_REPAIR_NAME_MAX];
	struct str value = value_of(m);
	struct buf list;
	buf_init_fixed(&list, memory, sizeof memory);
	if (!mail_authors_parse(value, MAIL_AUTHORS_MAX, &list) || list.len == 0) {
		end_unread(m, value);
		return;
	}
	struct str other = mapped(m, buf_view(&list));
	m->seen |= m->field;
	if (!other.len) {
		flush(m, out);
		return;
	}
	buf_str(out, m->field == FROM ? STR("From: ") : STR("Sender: "));
	put_mailbox(out, name_of(value_of(m), name), other);
	m->done |= MAIL_REPAIRED_MAPPED;
}

static void field_end(struct mail_repair *m, struct buf *out)
{
	if (m->value == HELD) {
		if (m->field == FROM || m->field == SENDER) {
			end_author(m, out);
		} else if (value_of(m).len) {
			m->seen |= m->field;
			flush(m, out);
		}
	}
	m->held_len = 0;
	m->value = NO_VALUE;
}

/* --- reading ----------------------------------------------------------------------------- */

static enum field field_of(struct str name)
{
	static const struct { struct str name; enum field field; } rows[] = {
		{ STR_INIT("Date"), DATE },     { STR_INIT("Message-ID"), MESSAGE_ID },
		{ STR_INIT("From"), FROM },     { STR_INIT("Sender"), SENDER },
		{ STR_INIT("To"), TO },         { STR_INIT("Cc"), TO },
		{ STR_INIT("Bcc"), TO },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq_nocase(name, rows[i].name)) return rows[i].field;
	return OTHER;
}

static void keep(struct mail_repair *m, char c)
{
	assert(m->held_len < sizeof m->held);
	m->held[m->held_len++] = c;
}

/* At the colon, which is kept. */
static void field_begin(struct mail_repair *m, struct buf *out)
{
	struct str name = str_trim(held(m));
	enum field field = field_of(name);
	bool author = field == FROM || field == SENDER;
	keep(m, ':');
	m->field = (uint8_t)field;
	m->colon = m->held_len;
	m->value = HELD;
	if (field == TO) m->seen |= TO;
	if (repairs_all(m) && field != TO && m->seen & field) {
		m->value = DROPPED;
		m->held_len = 0;
		m->done |= MAIL_REPAIRED_TWICE;
	} else if (field == OTHER || field == TO || (author && !repairs_all(m))) {
		m->value = PASSED;
		flush(m, out);
	}
	m->state = m->value;
}

/* What was read of the line is body, and so is what follows. */
static void not_a_field(struct mail_repair *m, struct buf *out)
{
	add_missing(m, out);
	buf_crlf(out);
	flush(m, out);
	m->done |= MAIL_REPAIRED_END;
	m->ended = true;
}

static void empty_line(struct mail_repair *m, struct buf *out)
{
	add_missing(m, out);
	flush(m, out);
	m->ended = true;
}

/* RFC 5322 2.2: any printable ASCII but the colon. */
static bool is_name_byte(char c) { return ascii_is_print(c) && c != ' ' && c != ':'; }

static void line_start(struct mail_repair *m, char c, struct buf *out)
{
	if (ascii_is_blank(c) && m->value != NO_VALUE) {
		m->state = m->value; /* takes it */
		return;
	}
	field_end(m, out);
	keep(m, c);
	if (c == '\r') m->state = EMPTY_CR;
	else if (c == '\n') empty_line(m, out);
	else if (is_name_byte(c)) m->state = NAME;
	else not_a_field(m, out);
}

static void name_byte(struct mail_repair *m, char c, struct buf *out)
{
	bool blank = ascii_is_blank(c);
	if (m->held_len + 1 == sizeof m->held) {
		keep(m, c);
		not_a_field(m, out);
	} else if (c == ':') {
		field_begin(m, out);
	} else {
		bool good = blank || (m->state == NAME && is_name_byte(c));
		keep(m, c);
		if (blank) m->state = NAME_BLANK;
		if (!good) not_a_field(m, out);
	}
}

/* Date and Message-ID have something to say, From and Sender nothing that is an address. */
static void value_too_long(struct mail_repair *m, struct buf *out)
{
	bool author = m->field == FROM || m->field == SENDER;
	if (author) {
		if (m->field == SENDER) m->done |= MAIL_REPAIRED_SENDER;
		m->held_len = 0;
	} else {
		m->seen |= m->field;
		flush(m, out);
	}
	m->state = m->value = author ? DROPPED : PASSED;
}

/* Takes what belongs to the value off the head of `piece`; returns its length. */
static size_t value(struct mail_repair *m, struct str piece, struct buf *out)
{
	ptrdiff_t lf = str_find(piece, '\n');
	struct str part = str_sub(piece, 0, lf < 0 ? piece.len : (size_t)lf + 1);
	if (m->state == HELD && part.len > sizeof m->held - m->held_len) value_too_long(m, out);
	if (m->state == PASSED) buf_str(out, part);
	for (size_t i = 0; m->state == HELD && i < part.len; i++) keep(m, part.at[i]);
	if (lf >= 0) m->state = LINE_START;
	return part.len;
}

struct str mail_repair_feed(struct mail_repair *m, struct str piece, struct buf *out)
{
	while (piece.len && !m->ended) {
		size_t len = 1;
		char c = piece.at[0];
		switch ((enum state)m->state) {
		case LINE_START:
			line_start(m, c, out);
			if (m->state == m->value) continue; /* a fold */
			break;
		case NAME: case NAME_BLANK: name_byte(m, c, out); break;
		case EMPTY_CR:
			keep(m, c);
			if (c == '\n') empty_line(m, out);
			else not_a_field(m, out);
			break;
		case HELD: case PASSED: case DROPPED: len = value(m, piece, out); break;
		case NO_VALUE: assert(false); break;
		}
		piece = str_from(piece, len);
	}
	return piece;
}

void mail_repair_end(struct mail_repair *m, struct buf *out)
{
	if (m->ended) return;
	if (m->state == NAME || m->state == NAME_BLANK || m->state == EMPTY_CR) {
		not_a_field(m, out);
		return;
	}
	if (m->state != LINE_START) (void)mail_repair_feed(m, STR("\r\n"), out);
	field_end(m, out);
	add_missing(m, out);
	m->ended = true;
}

void mail_repair_write(unsigned done, struct buf *out)
{
	static const struct { unsigned bit; struct str word; } rows[] = {
		{ MAIL_REPAIRED_DATE, STR_INIT("date") },
		{ MAIL_REPAIRED_MESSAGE_ID, STR_INIT("message-id") },
		{ MAIL_REPAIRED_FROM, STR_INIT("from") },
		{ MAIL_REPAIRED_MAPPED, STR_INIT("mapped") },
		{ MAIL_REPAIRED_SENDER, STR_INIT("sender") },
		{ MAIL_REPAIRED_TO, STR_INIT("to") },
		{ MAIL_REPAIRED_END, STR_INIT("end") },
		{ MAIL_REPAIRED_TWICE, STR_INIT("twice") },
	};
	size_t before = out->len;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!(done & rows[i].bit)) continue;
		if (out->len > before) buf_byte(out, ' ');
		buf_str(out, rows[i].word);
	}
}
