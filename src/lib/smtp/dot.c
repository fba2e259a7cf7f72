/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/dot.h"

#include <string.h>

enum state {
	AT_LINE,  /* after CRLF, or at the very start */
	IN_LINE,
	AFTER_CR, /* a CR in a line is held back */
	AFTER_DOT,    /* a dot at the start of a line is held back */
	AFTER_DOT_CR, /* that dot and a CR */
};

enum { WINDOW_FIRST = 128 };

void smtp_dot_init(struct smtp_dot *d, bool dots, bool fix)
{
	*d = (struct smtp_dot){ .dots = dots, .fix = fix, .state = AT_LINE };
}

static void flaw(struct smtp_dot *d, enum smtp_flaw what, uint64_t at)
{
	if (!d->flaws || at < d->flaw_at) d->flaw_at = at;
	d->flaws = (uint8_t)(d->flaws | what);
}

static void take(struct smtp_dot *d, struct str *in, size_t len)
{
	*in = str_from(*in, len);
	d->taken += len;
}

/* The CR that was held back turns out to stand alone. */
static struct str bare_cr(struct smtp_dot *d)
{
	flaw(d, SMTP_FLAW_BARE_CR, d->taken - 1);
	return d->fix ? STR("\r\n") : STR("\r");
}

/* How much of the line at `at` is plain: bytes before its CR or LF, or all. Looks in
 * growing windows, so that the cost is that of the distance even where every byte is
 * an LF and the next CR far away. */
static size_t line_text_len(const char *at, size_t len)
{
	size_t done = 0;
	for (size_t window = WINDOW_FIRST; done < len; done += window, window *= 2) {
		if (window > len - done) window = len - done;
		const char *cr = memchr(at + done, '\r', window);
		size_t text = cr ? (size_t)(cr - at) - done : window;
		const char *lf = text ? memchr(at + done, '\n', text) : NULL;
		if (lf) return (size_t)(lf - at);
		if (cr) return done + text;
	}
	return len;
}

/* Runs from the middle of a line over as many whole lines as need no change, so that
 * a message without stuffed dots comes out in the segments that it came in. Returns
 * the length of the run and leaves the state in which it ends. */
static size_t clean_run(struct smtp_dot *d, struct str in)
{
	size_t len = 0;
	d->state = IN_LINE;
	for (;;) {
		len += line_text_len(in.at + len, in.len - len);
		if (in.len - len < 2 || in.at[len] != '\r' || in.at[len + 1] != '\n')
			return len;
		len += 2;
		if (len == in.len || (d->dots && in.at[len] == '.')) {
			d->state = AT_LINE;
			return len;
		}
	}
}

/* In the middle of a line: false if nothing came out of it. */
static bool take_line(struct smtp_dot *d, struct str *in, struct str *span)
{
	*span = str_sub(*in, 0, clean_run(d, *in));
	if (span->len) {
		const char *nul = memchr(span->at, 0, span->len);
		if (nul) flaw(d, SMTP_FLAW_NUL, d->taken + (uint64_t)(nul - span->at));
		take(d, in, span->len);
		return true;
	}
	bool cr = in->at[0] == '\r';
	*span = d->fix ? STR("\r\n") : STR("\n");
	if (cr) d->state = AFTER_CR;
	else flaw(d, SMTP_FLAW_BARE_LF, d->taken);
	take(d, in, 1);
	return !cr;
}

/* After a CR. Only CRLF makes the next byte the first of a line. */
static void take_after_cr(struct smtp_dot *d, struct str *in, struct str *span)
{
	if (in->at[0] != '\n') {
		*span = bare_cr(d);
		d->state = IN_LINE;
		return;
	}
	*span = STR("\r\n");
	d->state = AT_LINE;
	take(d, in, 1);
}

enum smtp_dot_result smtp_dot_next(struct smtp_dot *d, struct str *in, struct str *span)
{
	while (in->len) {
		char c = in->at[0];
		switch ((enum state)d->state) {
		case AT_LINE:
			d->state = d->dots && c == '.' ? AFTER_DOT : IN_LINE;
			if (d->state == AFTER_DOT) take(d, in, 1);
			break;
		case IN_LINE:
			if (take_line(d, in, span)) return SMTP_DOT_SPAN;
			break;
		case AFTER_CR:
			take_after_cr(d, in, span);
			return SMTP_DOT_SPAN;
		case AFTER_DOT:
			/* More text in the line: the dot was stuffed and is dropped. */
			d->state = c == '\r' ? AFTER_DOT_CR : IN_LINE;
			if (c == '\r') take(d, in, 1);
			break;
		case AFTER_DOT_CR:
			if (c == '\n') {
				take(d, in, 1);
				return SMTP_DOT_END;
			}
			*span = bare_cr(d);
			d->state = IN_LINE;
			return SMTP_DOT_SPAN;
		}
	}
	return SMTP_DOT_MORE;
}

bool smtp_dot_finish(struct smtp_dot *d, struct str *span)
{
	if (d->state != AFTER_CR) return false;
	*span = bare_cr(d);
	d->state = IN_LINE;
	return true;
}
