/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mail/authors.h"

struct reader {
	struct str in;
	size_t at;
	struct buf word; /* what may become the address; a display name also stands here */
	char memory[MAIL_AUTHOR_LEN_MAX];
	size_t count, max;
	bool gap;    /* a blank or comment stands behind the last byte of `word` */
	bool parted; /* `word` had one where no address has */
	bool angle;  /* inside of < > */
	bool done;   /* behind > */
	bool group;  /* inside of "name: ... ;" */
	bool bad;
	struct buf *out;
};

static void word_reset(struct reader *r)
{
	buf_init_fixed(&r->word, r->memory, sizeof r->memory);
	r->gap = r->parted = false;
}

/* A display name may be longer than any address; then it is no address either. */
static void word_byte(struct reader *r, char c)
{
	char last = r->word.len ? r->word.at[r->word.len - 1] : '@';
	bool joins = str_find(STR(".@"), c) >= 0 || str_find(STR(".@"), last) >= 0;
	if (r->gap && !joins) r->parted = true;
	if (r->done) r->bad = true; /* <a@b> and then more */
	r->gap = false;
	buf_byte(&r->word, c);
}

/* RFC 5322 3.2.2: comments nest, and a backslash takes the next byte with it. */
static void skip_comment(struct reader *r)
{
	size_t depth = 0;
	for (; r->at < r->in.len; r->at++) {
		char c = r->in.at[r->at];
		if (c == '\\') r->at++;
		else if (c == '(') depth++;
		else if (c == ')' && --depth == 0) return;
	}
	r->bad = true;
}

/* To the closing quote or bracket, which is taken, too. */
static void take_until(struct reader *r, char end)
{
	word_byte(r, r->in.at[r->at]);
	while (++r->at < r->in.len) {
		char c = r->in.at[r->at];
		if (c == '\r' || c == '\n') continue; /* a fold: what follows it stays */
		bool escape = c == '\\' && r->at + 1 < r->in.len;
		word_byte(r, c);
		if (escape) word_byte(r, c = r->in.at[++r->at]);
		if (ascii_is_ctl(c) && c != '\t') break;
		if (c == end && !escape) return;
	}
	r->bad = true;
}

/* Behind the route of <@a,@b:user@c> (RFC 5322 4.4); -1: it has none. */
static ptrdiff_t route_end(struct str address)
{
	return str_starts(address, STR("@")) ? str_find(address, ':') : -1;
}

static void address_end(struct reader *r)
{
	struct str address = buf_view(&r->word);
	address = str_from(address, (size_t)(route_end(address) + 1));
	ptrdiff_t at = str_rfind(address, '@');
	if (r->parted || r->word.overflowed || at <= 0 || (size_t)at + 1 == address.len ||
	    r->count == r->max)
		r->bad = true;
	if (r->bad) return;
	r->count++;
	buf_str(r->out, address);
	buf_byte(r->out, '\n');
}

/* At a comma, the end of a group or of the value. */
static void mailbox_end(struct reader *r)
{
	if (r->angle) r->bad = true;
	else if (!r->done && r->word.len) address_end(r);
	r->done = false;
	word_reset(r);
}

static void angle_begin(struct reader *r)
{
	if (r->angle || r->done) r->bad = true;
	r->angle = true;
	word_reset(r);
}

static void angle_end(struct reader *r)
{
	if (!r->angle) r->bad = true;
	else address_end(r);
	r->angle = false;
	word_reset(r);
	r->done = true;
}

static void group_begin(struct reader *r)
{
	if (r->group || r->done || r->word.len == 0) r->bad = true;
	r->group = true;
	word_reset(r);
}

static void group_end(struct reader *r)
{
	if (!r->group) r->bad = true;
	mailbox_end(r);
	r->group = false;
}

static void byte(struct reader *r, char c)
{
	bool route = r->angle && str_starts(buf_view(&r->word), STR("@"));
	if (ascii_is_blank(c) || c == '\r' || c == '\n') r->gap = r->word.len > 0;
	else if (ascii_is_ctl(c) || c == '\\' || c == ')' || c == ']') r->bad = true;
	else if (c == '(') {
		skip_comment(r);
		r->gap = r->word.len > 0;
	} else if (c == '"') take_until(r, '"');
	else if (c == '[') take_until(r, ']');
	else if (c == '<') angle_begin(r);
	else if (c == '>') angle_end(r);
	else if (c == ',' && !route) mailbox_end(r);
	else if (c == ':' && !r->angle) group_begin(r);
	else if (c == ';') group_end(r);
	else word_byte(r, c);
}

bool mail_authors_parse(struct str value, size_t max, struct buf *out)
{
	struct reader r = { .in = value, .max = max, .out = out };
	word_reset(&r);
	for (; r.at < value.len && !r.bad; r.at++) byte(&r, value.at[r.at]);
	if (!r.bad) mailbox_end(&r);
	return !r.bad && !r.group && !out->overflowed;
}
