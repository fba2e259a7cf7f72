/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/server_verbs.h"

static const char no_recipients[] = "No valid recipients";
static const char too_large[] = "The message is larger than SIZE allows";

/* From here on text is drained unseen; the reply follows behind its end. */
static void hold(struct smtp_server *s, unsigned code, const char *enhanced,
		 struct str text)
{
	s->held_code = (uint16_t)code;
	s->held_enhanced = str_of(enhanced);
	s->held_text = text;
}

/* The message is refused by the machine itself. */
static void refuse_text(struct smtp_server *s, unsigned code, const char *enhanced,
			struct str text)
{
	hold(s, code, enhanced, text);
	s->chunk_state = SMTP_AT_READY;
	smtp_transaction_abort(s, code);
}

static void held_reply(struct smtp_server *s)
{
	unsigned code = s->held_code;
	char enhanced[16];
	s->held_code = 0;
	if (s->errors >= s->cfg->errors_max) {
		smtp_reply(s, 421, "4.7.0", STR("Too many bad commands, closing"));
		smtp_close(s, 421);
		return;
	}
	bool has = s->held_enhanced.len &&
		   str_to_cstr(s->held_enhanced, enhanced, sizeof enhanced);
	smtp_reply(s, code, has ? enhanced : NULL, s->held_text);
	if (code == 421) smtp_close(s, 421);
}

static const char *flaw_text(uint8_t flaws)
{
	if (flaws & SMTP_FLAW_BARE_LF)
		return "A line of the message ends in LF without CR (RFC 5321 2.3.8)";
	if (flaws & SMTP_FLAW_BARE_CR)
		return "The message has a CR without LF (RFC 5321 2.3.8)";
	return "The message has a NUL byte";
}

/* The flaws that refuse the message. A NUL is never mended: what it stands for can not
 * be known, and BINARYMIME is not offered. */
static uint8_t refusing_flaws(const struct smtp_server *s)
{
	uint8_t mended = SMTP_FLAW_BARE_CR | SMTP_FLAW_BARE_LF;
	return s->cfg->fix_newlines ? (uint8_t)(s->dot.flaws & ~mended) : s->dot.flaws;
}

/* A piece of text: hands it out, or refuses the message for it. What comes first in the
 * text decides on the reply, not where the segments were cut. */
static void take_text(struct smtp_server *s, struct str span, struct smtp_event *ev)
{
	if (s->held_code) return;
	uint8_t flaws = refusing_flaws(s);
	uint64_t max = s->cfg->size_max ? s->cfg->size_max : UINT64_MAX;
	ptrdiff_t nul = flaws & SMTP_FLAW_NUL ? str_find(span, '\0') : -1;
	uint64_t flaw_at = s->body_size + (uint64_t)(nul > 0 ? nul : 0);
	s->body_size += span.len;
	if (flaws && flaw_at <= max) {
		refuse_text(s, 550, "5.5.2", str_of(flaw_text(flaws)));
	} else if (s->body_size > max) {
		refuse_text(s, 552, "5.3.4", str_of(too_large));
	} else {
		ev->type = SMTP_EV_BODY;
		ev->bytes = span;
	}
}

static void text_end(struct smtp_server *s, struct smtp_event *ev)
{
	s->owed = SMTP_OWED_END;
	ev->type = SMTP_EV_END;
}

void smtp_verb_data(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	if (arg.len) {
		smtp_bad(s, 501, "5.5.4", "DATA has no argument");
	} else if (s->state == SMTP_AT_MAIL) {
		smtp_reply(s, 554, "5.5.1", str_of(no_recipients));
	} else {
		s->owed = SMTP_OWED_DATA;
		ev->type = SMTP_EV_DATA;
	}
}

void smtp_data_answered(struct smtp_server *s, bool success)
{
	if (!success) return;
	smtp_dot_init(&s->dot, true, s->cfg->fix_newlines);
	s->state = SMTP_IN_DATA;
}

bool smtp_data_step(struct smtp_server *s, struct str *in, struct smtp_event *ev)
{
	struct str span;
	switch (smtp_dot_next(&s->dot, in, &span)) {
	case SMTP_DOT_MORE: return false;
	case SMTP_DOT_SPAN: take_text(s, span, ev); break;
	case SMTP_DOT_END:
		if (s->held_code) {
			s->state = SMTP_AT_READY;
			held_reply(s);
		} else {
			text_end(s, ev);
		}
		break;
	}
	return true;
}

/* "SIZE" or "SIZE LAST" (RFC 3030 2). */
static bool parse_bdat(struct str arg, uint64_t *size, bool *last)
{
	struct str digits = str_word(&arg), word = str_word(&arg);
	*last = str_eq_nocase(word, STR("LAST"));
	return str_to_u64(digits, size) && (word.len == 0 || *last) &&
	       str_trim(arg).len == 0;
}

static void begin_chunk(struct smtp_server *s, uint64_t size, bool last)
{
	s->chunk_left = size;
	s->chunk_last = last;
	s->chunk_state = s->state;
	s->state = SMTP_IN_CHUNK;
}

/* Allowed in every state, because the chunk follows whatever we think of it. */
void smtp_verb_bdat(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	uint64_t size = 0, max = s->cfg->size_max;
	bool last = false;
	if (!parse_bdat(arg, &size, &last)) {
		/* Where the chunk ends is unknown; its text must not be taken for
		 * commands. */
		smtp_reply(s, 501, "5.5.4", STR("Write BDAT SIZE or BDAT SIZE LAST"));
		smtp_close(s, 501);
		return;
	}
	enum smtp_state before = (enum smtp_state)s->state;
	begin_chunk(s, size, last);
	if (before == SMTP_AT_START || before == SMTP_AT_READY) {
		s->errors++;
		hold(s, 503, "5.5.1", STR("MAIL and RCPT come before BDAT"));
	} else if (before == SMTP_AT_MAIL) {
		hold(s, 554, "5.5.1", str_of(no_recipients));
	} else if (max && (size > max || s->body_size > max - size)) {
		refuse_text(s, 552, "5.3.4", str_of(too_large));
	} else if (before == SMTP_AT_RCPT) {
		s->owed = SMTP_OWED_BDAT;
		ev->type = SMTP_EV_DATA;
	}
}

/* The first chunk may come, or the whole message is refused by the caller. */
void smtp_bdat_answered(struct smtp_server *s, bool success, unsigned code,
			const char *enhanced, struct str text)
{
	if (success) {
		smtp_dot_init(&s->dot, false, s->cfg->fix_newlines);
		return;
	}
	hold(s, code, NULL, arena_str(&s->arena, text));
	s->held_enhanced = arena_str(&s->arena, str_of(enhanced));
	s->chunk_state = SMTP_AT_READY;
}

static void chunk_end(struct smtp_server *s, struct smtp_event *ev)
{
	if (s->held_code) {
		/* RFC 3030 2: the text is discarded before the reply. */
		unsigned code = s->held_code;
		s->state = s->chunk_state;
		held_reply(s);
		if (s->state == SMTP_AT_READY) smtp_transaction_abort(s, code);
	} else if (s->chunk_last) {
		text_end(s, ev);
	} else {
		s->state = SMTP_AT_CHUNKS;
		smtp_reply(s, 250, "2.0.0", STR("Chunk received"));
	}
}

bool smtp_chunk_step(struct smtp_server *s, struct str *in, struct smtp_event *ev)
{
	struct str part = *in, span;
	if (s->chunk_left && in->len == 0) return false;
	if (part.len > s->chunk_left) part.len = (size_t)s->chunk_left;
	struct str left = part;
	if (part.len == 0) {
		if (s->chunk_last && !s->held_code && smtp_dot_finish(&s->dot, &span))
			take_text(s, span, ev);
		else
			chunk_end(s, ev);
	} else if (s->held_code) {
		left.len = 0;
	} else if (smtp_dot_next(&s->dot, &left, &span) == SMTP_DOT_SPAN) {
		take_text(s, span, ev);
	}
	*in = str_from(*in, part.len - left.len);
	s->chunk_left -= part.len - left.len;
	return true;
}
