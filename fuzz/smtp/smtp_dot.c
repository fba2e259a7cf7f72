/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder against a simple one that sees the whole text at once, in several cuts. */
#include <assert.h>

#include "lib/base/buf.h"
#include "lib/base/rng.h"
#include "lib/smtp/dot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 64 * 1024 };

struct result {
	struct buf text;
	uint64_t taken, flaw_at;
	unsigned flaws;
	bool ended;
};

static void note(struct result *r, unsigned what, size_t at)
{
	if (!r->flaws || at < r->flaw_at) r->flaw_at = at;
	r->flaws |= what;
}

/* Line by line, where only CRLF makes lines. */
static void decode_simply(struct str in, bool dots, bool fix, struct result *r)
{
	bool at_line = true;
	for (size_t i = 0; i < in.len; i++) {
		struct str left = str_from(in, i);
		if (at_line && dots && str_starts(left, STR(".\r\n"))) {
			r->ended = true;
			r->taken = i + 3;
			return;
		}
		bool stuffed = at_line && dots && left.at[0] == '.';
		at_line = str_starts(left, STR("\r\n"));
		if (stuffed) continue;
		if (at_line) {
			buf_str(&r->text, STR("\r\n"));
			i++;
		} else if (left.at[0] == '\r' || left.at[0] == '\n') {
			note(r,
			     left.at[0] == '\r' ? SMTP_FLAW_BARE_CR : SMTP_FLAW_BARE_LF,
			     i);
			buf_str(&r->text, fix ? STR("\r\n") : str_sub(left, 0, 1));
		} else {
			if (left.at[0] == '\0') note(r, SMTP_FLAW_NUL, i);
			buf_byte(&r->text, left.at[0]);
		}
	}
	r->taken = in.len;
}

static void decode(struct str in, bool dots, bool fix, struct rng *rng, struct result *r)
{
	struct smtp_dot d;
	struct str span;
	smtp_dot_init(&d, dots, fix);
	while (in.len && !r->ended) {
		size_t len = rng ? 1 + (size_t)rng_below(rng, 9) : in.len;
		struct str part = str_sub(in, 0, len), left = part;
		enum smtp_dot_result result;
		while ((result = smtp_dot_next(&d, &left, &span)) == SMTP_DOT_SPAN) {
			assert(span.len);
			buf_str(&r->text, span);
		}
		r->ended = result == SMTP_DOT_END;
		assert(r->ended || left.len == 0);
		in = str_from(in, part.len - left.len);
	}
	if (!r->ended && smtp_dot_finish(&d, &span)) buf_str(&r->text, span);
	r->taken = d.taken;
	r->flaws = d.flaws;
	r->flaw_at = d.flaw_at;
}

static void compare(struct str in, bool dots, bool fix, struct rng *rng)
{
	struct result want = { 0 }, got = { 0 };
	buf_init(&want.text, 2 * TEXT_MAX);
	buf_init(&got.text, 2 * TEXT_MAX);
	decode_simply(in, dots, fix, &want);
	decode(in, dots, fix, rng, &got);
	assert(got.ended == want.ended && got.taken == want.taken);
	/* Held back at the end of a text that did not end: ".", ".CR". */
	bool whole = want.ended || !dots;
	if (whole) {
		assert(got.flaws == want.flaws);
		assert(!got.flaws || got.flaw_at == want.flaw_at);
		assert(str_eq(buf_view(&got.text), buf_view(&want.text)));
	} else {
		assert((got.flaws & ~want.flaws) == 0);
	}
	buf_free(&want.text);
	buf_free(&got.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	if (size > TEXT_MAX) return 0;
	for (unsigned mode = 0; mode < 4; mode++) {
		struct rng rng = { size };
		compare(in, mode & 1, mode & 2, NULL);
		compare(in, mode & 1, mode & 2, &rng);
	}
	return 0;
}
