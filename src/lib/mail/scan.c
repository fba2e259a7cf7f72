/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mail/scan.h"

#include <string.h>

enum state {
	LINE_START,
	NAME,          /* of a field */
	NAME_BLANK,    /* blanks between name and ":" (obsolete, and still seen) */
	VALUE,
	EMPTY_CR,      /* a CR at the start of a line */
};
enum field { OTHER, RECEIVED, MESSAGE_ID, AUTHORS };

void mail_scan_init(struct mail_scan *m, struct str our_host)
{
	*m = (struct mail_scan){ .state = LINE_START, .host = str_sub(our_host, 0, 255) };
}

struct str mail_scan_message_id(const struct mail_scan *m)
{
	return (struct str){ m->id, m->id_len };
}

static void word_start(struct mail_scan *m)
{
	m->in_word = true;
	m->at_by = m->at_host = 0;
	m->by_differs = m->host_differs = false;
}

static void word_byte(struct mail_scan *m, char c)
{
	if (m->at_by < 2 && ascii_lower(c) == "by"[m->at_by]) m->at_by++;
	else m->by_differs = true;
	if (m->at_host < m->host.len &&
	    ascii_lower(c) == ascii_lower(m->host.at[m->at_host]))
		m->at_host++;
	else
		m->host_differs = true;
}

static void word_end(struct mail_scan *m)
{
	if (!m->in_word) return;
	bool is_host = !m->host_differs && m->at_host == m->host.len && m->host.len > 0;
	if (m->after_by && is_host && !m->counted) {
		m->received_by++;
		m->counted = true;
	}
	m->after_by = !m->by_differs && m->at_by == 2;
	m->in_word = false;
}

/* RFC 5322 3.2: a comment or a quoted string is no word, whatever it says. */
static void received_byte(struct mail_scan *m, char c)
{
	if (m->escaped) {
		m->escaped = false;
	} else if (m->depth || m->in_quotes) {
		if (c == '\\') m->escaped = true;
		else if (m->in_quotes) m->in_quotes = c != '"';
		else if (c == '(' && m->depth < UINT8_MAX) m->depth++;
		else if (c == ')') m->depth--;
	} else if (ascii_is_blank(c) || c == ';' || c == '(' || c == '"' ||
		   ascii_is_ctl(c)) {
		word_end(m);
		if (c == '(') m->depth = 1;
		if (c == '"') m->in_quotes = true;
		if (c == ';') m->after_by = false;
	} else {
		if (!m->in_word) word_start(m);
		word_byte(m, c);
	}
}

static void id_byte(struct mail_scan *m, char c)
{
	if (ascii_is_blank(c) || ascii_is_ctl(c)) {
		m->id_blank = m->id_len > 0;
		return;
	}
	size_t need = m->id_blank ? 2 : 1;
	if (m->id_cut || (size_t)m->id_len + need > MAIL_MESSAGE_ID_MAX) {
		m->id_cut = true;
		return;
	}
	if (m->id_blank) m->id[m->id_len++] = ' ';
	m->id[m->id_len++] = c;
	m->id_blank = false;
}

/* The field that was read last is complete. */
static void field_end(struct mail_scan *m)
{
	if (m->field == RECEIVED) word_end(m);
	if (m->field == AUTHORS) buf_byte(m->authors, '\0');
	m->field = OTHER;
}

static void field_begin(struct mail_scan *m)
{
	struct str name = { m->name, m->name_len };
	m->field = OTHER;
	m->state = VALUE;
	if (m->name_len > sizeof m->name) return;
	if (str_eq_nocase(name, STR("Received"))) {
		m->received++;
		m->field = RECEIVED;
		m->depth = 0;
		m->in_word = m->in_quotes = m->escaped = m->after_by = m->counted = false;
	} else if (str_eq_nocase(name, STR("Message-ID"))) {
		if (!(m->fields & MAIL_MESSAGE_ID)) m->field = MESSAGE_ID;
		m->fields |= MAIL_MESSAGE_ID;
	} else if (str_eq_nocase(name, STR("Date"))) {
		m->fields |= MAIL_DATE;
	} else if (str_eq_nocase(name, STR("From"))) {
		m->fields |= MAIL_FROM;
		if (m->authors) m->field = AUTHORS;
	} else if (str_eq_nocase(name, STR("Sender"))) {
		if (m->authors) m->field = AUTHORS;
	}
}

static void header_end(struct mail_scan *m, bool malformed)
{
	field_end(m);
	m->ended = true;
	m->malformed = malformed;
}

/* RFC 5322 2.2: any printable ASCII but the colon. */
static bool is_name_byte(char c)
{
	return ascii_is_print(c) && c != ' ' && c != ':';
}

static void name_byte(struct mail_scan *m, char c)
{
	if (m->name_len < sizeof m->name) m->name[m->name_len] = c;
	if (m->name_len <= sizeof m->name) m->name_len++;
}

static void line_start(struct mail_scan *m, char c)
{
	if (ascii_is_blank(c)) {
		m->state = VALUE; /* goes on with the field, or stands before the first */
		return;
	}
	field_end(m);
	m->name_len = 0;
	m->line_at = m->header_len;
	if (c == '\r') {
		m->state = EMPTY_CR;
	} else if (c == '\n') {
		header_end(m, false);
	} else if (is_name_byte(c)) {
		m->state = NAME;
		name_byte(m, c);
	} else {
		header_end(m, true);
	}
}

static void name(struct mail_scan *m, char c)
{
	bool blank = ascii_is_blank(c);
	if (c == ':') field_begin(m);
	else if (blank) m->state = NAME_BLANK;
	else if (m->state == NAME && is_name_byte(c)) name_byte(m, c);
	else header_end(m, true);
}

/* Takes what belongs to the value off the head of `piece`; returns its length. */
static size_t value(struct mail_scan *m, struct str piece)
{
	ptrdiff_t lf = str_find(piece, '\n');
	size_t len = lf < 0 ? piece.len : (size_t)lf;
	if (m->field == RECEIVED)
		for (size_t i = 0; i < len; i++) received_byte(m, piece.at[i]);
	if (m->field == MESSAGE_ID)
		for (size_t i = 0; i < len; i++) id_byte(m, piece.at[i]);
	/* A NUL ends a value here; one of theirs must not. */
	if (m->field == AUTHORS)
		for (size_t i = 0; i < len; i++)
			buf_byte(m->authors, piece.at[i] ? piece.at[i] : '\1');
	if (lf < 0) return len;
	m->state = LINE_START;
	if (m->field == RECEIVED && !m->depth && !m->in_quotes) word_end(m);
	if (m->field == MESSAGE_ID) m->id_blank = m->id_len > 0;
	return len + 1;
}

void mail_scan_feed(struct mail_scan *m, struct str piece)
{
	while (piece.len && !m->ended) {
		size_t len = 1;
		char c = piece.at[0];
		struct str bounded = str_sub(piece, 0, MAIL_HEADER_MAX - m->header_len);
		if (bounded.len == 0) {
			m->too_large = true;
			header_end(m, false);
			return;
		}
		switch ((enum state)m->state) {
		case LINE_START: line_start(m, c); break;
		case NAME: case NAME_BLANK: name(m, c); break;
		case VALUE: len = value(m, bounded); break;
		case EMPTY_CR: header_end(m, c != '\n'); break;
		}
		/* A line that is no field belongs to the body as a whole. */
		m->header_len = m->malformed ? m->line_at : m->header_len + len;
		piece = str_from(piece, len);
	}
}
