/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mail/wishes.h"

enum state {
	LINE_START,
	NAME,       /* of a field */
	NAME_BLANK, /* blanks between name and ":" */
	WORD_BLANK, /* before the first word of the value */
	WORD,
	REST,       /* of a line that says nothing more */
};

/* Which field decides where several speak, the first one first: the one that is about
 * transport, then those that most programs write. */
enum rank { BY_PRIORITY, BY_X_PRIORITY, BY_MSMAIL, BY_IMPORTANCE, BY_PRECEDENCE, BY_NOTHING };

static const struct { enum rank rank; struct str name; } priority_fields[] = {
	{ BY_PRIORITY, STR_INIT("Priority") },
	{ BY_X_PRIORITY, STR_INIT("X-Priority") },
	{ BY_MSMAIL, STR_INIT("X-MSMail-Priority") },
	{ BY_IMPORTANCE, STR_INIT("Importance") },
	{ BY_PRECEDENCE, STR_INIT("Precedence") },
};

static const struct { enum rank rank; struct str word; enum mail_priority priority; } words[] = {
	{ BY_PRIORITY, STR_INIT("urgent"), MAIL_PRIORITY_URGENT },
	{ BY_PRIORITY, STR_INIT("normal"), MAIL_PRIORITY_NORMAL },
	{ BY_PRIORITY, STR_INIT("non-urgent"), MAIL_PRIORITY_NON_URGENT },
	{ BY_X_PRIORITY, STR_INIT("1"), MAIL_PRIORITY_URGENT },
	{ BY_X_PRIORITY, STR_INIT("2"), MAIL_PRIORITY_URGENT },
	{ BY_X_PRIORITY, STR_INIT("3"), MAIL_PRIORITY_NORMAL },
	{ BY_X_PRIORITY, STR_INIT("4"), MAIL_PRIORITY_NON_URGENT },
	{ BY_X_PRIORITY, STR_INIT("5"), MAIL_PRIORITY_NON_URGENT },
	{ BY_MSMAIL, STR_INIT("high"), MAIL_PRIORITY_URGENT },
	{ BY_MSMAIL, STR_INIT("normal"), MAIL_PRIORITY_NORMAL },
	{ BY_MSMAIL, STR_INIT("low"), MAIL_PRIORITY_NON_URGENT },
	{ BY_IMPORTANCE, STR_INIT("high"), MAIL_PRIORITY_URGENT },
	{ BY_IMPORTANCE, STR_INIT("normal"), MAIL_PRIORITY_NORMAL },
	{ BY_IMPORTANCE, STR_INIT("low"), MAIL_PRIORITY_NON_URGENT },
	{ BY_PRECEDENCE, STR_INIT("special-delivery"), MAIL_PRIORITY_URGENT },
	{ BY_PRECEDENCE, STR_INIT("first-class"), MAIL_PRIORITY_NORMAL },
	{ BY_PRECEDENCE, STR_INIT("bulk"), MAIL_PRIORITY_NON_URGENT },
	{ BY_PRECEDENCE, STR_INIT("list"), MAIL_PRIORITY_NON_URGENT },
	{ BY_PRECEDENCE, STR_INIT("junk"), MAIL_PRIORITY_NON_URGENT },
};

void mail_wishes_init(struct mail_wishes *w)
{
	*w = (struct mail_wishes){ .rank = BY_NOTHING };
}

static void take_priority(struct mail_wishes *w, enum rank rank, struct str word)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (words[i].rank != rank || !str_eq_nocase(word, words[i].word)) continue;
		if (rank == BY_PRECEDENCE && words[i].priority == MAIL_PRIORITY_NON_URGENT)
			w->bulk = true;
		/* Of one field that stands there twice the first counts. */
		if (rank >= w->rank) return;
		w->rank = (uint8_t)rank;
		w->priority = (uint8_t)words[i].priority;
	}
}

/* The field that was read last is complete. */
static void field_end(struct mail_wishes *w)
{
	struct str name = { w->name, w->name_len }, word = { w->word, w->word_len };
	w->name_len = w->word_len = 0;
	if (name.len == 0 || name.len > sizeof w->name || word.len > sizeof w->word) return;
	if (str_eq_nocase(name, STR("List-Id"))) w->bulk = true;
	/* RFC 3834 5: "no" is a person; every other word is a program. */
	if (str_eq_nocase(name, STR("Auto-Submitted")) && word.len &&
	    !str_eq_nocase(word, STR("no")))
		w->bulk = true;
	if (str_eq_nocase(name, STR("TLS-Required")) && str_eq_nocase(word, STR("no")))
		w->tls_optional = true;
	for (size_t i = 0; i < sizeof priority_fields / sizeof *priority_fields; i++)
		if (str_eq_nocase(name, priority_fields[i].name))
			take_priority(w, priority_fields[i].rank, word);
}

/* One octet more than there is room for tells that it is longer. */
static void append(char *text, uint8_t *len, size_t max, char c)
{
	if (*len < max) text[*len] = c;
	if (*len <= max) ++*len;
}

static bool is_name_byte(char c)
{
	return ascii_is_print(c) && c != ' ' && c != ':';
}

static void line_start(struct mail_wishes *w, char c)
{
	if (ascii_is_blank(c)) {
		/* It goes on; a word that was begun has ended with its line. */
		w->state = w->name_len && w->word_len == 0 ? WORD_BLANK : REST;
		return;
	}
	field_end(w);
	w->state = NAME;
	if (is_name_byte(c)) append(w->name, &w->name_len, sizeof w->name, c);
	else w->ended = true; /* the empty line, or what is no header */
}

static void name_byte(struct mail_wishes *w, char c)
{
	if (c == ':') w->state = WORD_BLANK;
	else if (ascii_is_blank(c)) w->state = NAME_BLANK;
	else if (w->state == NAME && is_name_byte(c))
		append(w->name, &w->name_len, sizeof w->name, c);
	else {
		w->name_len = 0;
		w->ended = true;
	}
}

static void word_byte(struct mail_wishes *w, char c)
{
	bool ends = ascii_is_blank(c) || c == ';' || c == '(' || ascii_is_ctl(c);
	if (c == '\n') w->state = LINE_START;
	else if (w->state == WORD_BLANK && (ascii_is_blank(c) || c == '\r')) return;
	else if (ends) w->state = REST;
	else {
		w->state = WORD;
		append(w->word, &w->word_len, sizeof w->word, c);
	}
}

void mail_wishes_feed(struct mail_wishes *w, struct str piece)
{
	while (piece.len && !w->ended) {
		size_t len = 1;
		ptrdiff_t lf;
		switch ((enum state)w->state) {
		case LINE_START: line_start(w, piece.at[0]); break;
		case NAME: case NAME_BLANK: name_byte(w, piece.at[0]); break;
		case WORD_BLANK: case WORD: word_byte(w, piece.at[0]); break;
		case REST:
			lf = str_find(piece, '\n');
			len = lf < 0 ? piece.len : (size_t)lf + 1;
			if (lf >= 0) w->state = LINE_START;
			break;
		}
		piece = str_from(piece, len);
	}
}

void mail_wishes_end(struct mail_wishes *w)
{
	if (!w->ended) field_end(w);
	w->ended = true;
}
