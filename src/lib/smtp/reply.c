/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/reply.h"

#include <string.h>

#include "lib/base/utf8.h"

void smtp_reply_init(struct smtp_reply *r)
{
	r->code = 0;
	r->has_enhanced = false;
	r->enhanced[0] = '\0';
	r->ended = r->line_ended = r->bad = false;
	r->lines = r->line_len = r->text_len = 0;
	r->bytes = 0;
}

/* Length of the character at the head of `s` if it may be shown, or 0. */
static size_t shown_len(struct str s)
{
	if (ascii_is_ctl(s.at[0])) return 0;
	/* U+0080 to U+009F are control characters too. */
	if (s.len > 1 && s.at[0] == '\xc2' && (unsigned char)s.at[1] < 0xa0) return 0;
	for (size_t len = 1; len <= 4 && len <= s.len; len++)
		if (utf8_is_valid(str_sub(s, 0, len))) return len;
	return 0;
}

void smtp_text_safe(struct buf *out, struct str raw)
{
	while (raw.len) {
		size_t len = shown_len(raw);
		struct str shown = len                ? str_sub(raw, 0, len)
				 : raw.at[0] == '\t' ? STR(" ")
						     : STR("?");
		if (out->max - out->len < shown.len) return;
		buf_str(out, shown);
		raw = str_from(raw, len ? len : 1);
	}
}

static size_t digits_len(struct str s)
{
	size_t len = 0;
	while (len < s.len && ascii_is_digit(s.at[len])) len++;
	return len;
}

size_t smtp_enhanced_at(struct str text, unsigned code)
{
	if (text.len < 5 || text.at[0] != (char)('0' + code / 100) || text.at[1] != '.')
		return 0;
	size_t subject = digits_len(str_from(text, 2));
	if (subject < 1 || subject > 3 || text.len <= 2 + subject ||
	    text.at[2 + subject] != '.')
		return 0;
	size_t detail = digits_len(str_from(text, 3 + subject));
	size_t len = 3 + subject + detail;
	if (detail < 1 || detail > 3) return 0;
	return text.len == len || ascii_is_blank(text.at[len]) ? len : 0;
}

/* Adds a line to the text. */
static void keep_text(struct smtp_reply *r, struct str line)
{
	struct buf out;
	buf_init_fixed(&out, r->text, sizeof r->text);
	buf_added(&out, r->text_len);
	if (r->text_len) smtp_text_safe(&out, STR(" "));
	smtp_text_safe(&out, line);
	r->text_len = (uint16_t)out.len;
}

static enum smtp_reply_result be_bad(struct smtp_reply *r)
{
	r->bad = true;
	r->code = 0;
	r->has_enhanced = false;
	r->text_len = 0;
	keep_text(r, (struct str){ r->line, r->line_len });
	return SMTP_REPLY_BAD;
}

/* 100 to 599, or 0. */
static unsigned code_of(struct str line)
{
	if (digits_len(str_sub(line, 0, 3)) < 3 || line.at[0] < '1' || line.at[0] > '5')
		return 0;
	return (unsigned)(line.at[0] - '0') * 100 + (unsigned)(line.at[1] - '0') * 10 +
	       (unsigned)(line.at[2] - '0');
}

static enum smtp_reply_result end_line(struct smtp_reply *r)
{
	struct str line = { r->line, r->line_len };
	unsigned code = code_of(line);
	char sep = line.len > 3 ? line.at[3] : ' ';
	if (!code || (sep != ' ' && sep != '-')) return be_bad(r);
	if (r->lines++ > 0 && code != r->code) return be_bad(r);
	if (r->lines > SMTP_REPLY_LINES_MAX) return be_bad(r);
	r->code = (uint16_t)code;
	struct str text = smtp_reply_line(r);
	size_t enhanced = smtp_enhanced_at(text, code);
	struct str status = str_sub(text, 0, enhanced);
	if (enhanced && !r->has_enhanced) {
		r->has_enhanced = str_to_cstr(status, r->enhanced, sizeof r->enhanced);
		keep_text(r, text);
	} else if (enhanced && str_eq(status, str_of(r->enhanced))) {
		keep_text(r, str_trim(str_from(text, enhanced)));
	} else {
		keep_text(r, text);
	}
	r->ended = sep == ' ';
	return r->ended ? SMTP_REPLY_DONE : SMTP_REPLY_LINE;
}

enum smtp_reply_result smtp_reply_next(struct smtp_reply *r, struct str *in)
{
	if (r->bad) return SMTP_REPLY_BAD;
	if (r->ended) smtp_reply_init(r);
	if (r->line_ended) {
		r->line_ended = false;
		r->line_len = 0;
	}
	ptrdiff_t lf = str_find(*in, '\n');
	size_t len = lf < 0 ? in->len : (size_t)lf + 1;
	size_t left = SMTP_REPLY_BYTES_MAX - r->bytes;
	bool over = len > left;
	if (over) len = left;
	/* The line's end is of no use where it fell behind what is kept. */
	size_t kept = len < sizeof r->line - r->line_len ? len
							 : sizeof r->line - r->line_len;
	if (kept) memcpy(r->line + r->line_len, in->at, kept);
	r->line_len = (uint16_t)(r->line_len + kept);
	r->bytes += (uint32_t)len;
	*in = str_from(*in, len);
	if (over) return be_bad(r);
	if (lf < 0) return SMTP_REPLY_MORE;
	while (r->line_len && (r->line[r->line_len - 1] == '\n' ||
			       r->line[r->line_len - 1] == '\r'))
		r->line_len--;
	r->line_ended = true;
	return end_line(r);
}

struct str smtp_reply_line(const struct smtp_reply *r)
{
	return str_from((struct str){ r->line, r->line_len }, 4);
}

struct str smtp_reply_text(const struct smtp_reply *r)
{
	return (struct str){ r->text, r->text_len };
}
