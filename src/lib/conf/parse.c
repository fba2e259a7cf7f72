/* SPDX-License-Identifier: Apache-2.0 */
/* Statements to structs, led by the table. A statement with an error is reported and left
 * out, and reading goes on behind it, so that one run shows several errors. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/conf/parser.h"

/* -- What is left out ------------------------------------------------------------------
 */

static void skip_block(struct conf_parser *p)
{
	struct conf_token open = conf_take(p);
	for (size_t depth = 1; depth > 0;) {
		struct conf_token token = conf_take(p);
		if (token.kind == CONF_TOKEN_OPEN) depth++;
		if (token.kind == CONF_TOKEN_CLOSE) depth--;
		if (token.kind != CONF_TOKEN_END) continue;
		CONF_REPORT(p, &open, "this '{' has no '}'");
		return;
	}
}

/* To the end of the statement, its block included. */
static void skip_statement(struct conf_parser *p)
{
	while (conf_is_value(&p->token) || p->token.kind == CONF_TOKEN_BAD)
		(void)conf_take(p);
	if (p->token.kind == CONF_TOKEN_OPEN) skip_block(p);
}

/* -- Blocks ----------------------------------------------------------------------------
 */

static void read_body(struct conf_parser *p, struct conf_scope *block,
		      const struct conf_token *open);

struct conf_many *conf_many_of(struct conf_parser *p, enum conf_block_id block)
{
	size_t i = 0;
	while (p->many[i].row->inner != block) i++;
	return &p->many[i];
}

/* A zeroed struct at the end of the array, or NULL (reported). */
static char *many_push(struct conf_parser *p, const struct conf_row *row,
		       const struct conf_token *word)
{
	struct conf_many *many = conf_many_of(p, row->inner);
	size_t size = conf_blocks[row->inner].size;
	if (many->count == (size_t)row->max) {
		CONF_REPORT(p, word, "there are more than %lld of '%.*s'",
			    (long long)row->max, STR_ARG(conf_blocks[row->inner].word));
		return NULL;
	}
	if (many->count == many->room) {
		size_t room = many->room ? many->room * 2 : 8;
		char *at = realloc(many->at, room * size);
		if (!at) {
			CONF_REPORT(p, word, "there is no memory for more configuration");
			return NULL;
		}
		many->at = at;
		many->room = room;
	}
	return memset(many->at + many->count++ * size, 0, size);
}

/* Settings in the line of the block's word: accept relay yes. */
static bool read_inline(struct conf_parser *p, struct conf_scope *block, size_t first)
{
	bool good = true;
	for (size_t i = first; i < p->value_count && good; i++) {
		const struct conf_token *word = &p->values[i];
		const struct conf_row *row = conf_row_find(block->id, p->texts[i]);
		if (word->kind == CONF_TOKEN_STRING) {
			CONF_REPORT(p, word, "here stands a word, not a string");
			good = false;
		} else if (!row || row->type == CONF_IS_BLOCK) {
			conf_report_unknown(p, block->id, word);
			good = false;
		} else if (!row->word.len) {
			good = conf_set_bare(p, block, row, word);
		} else {
			size_t count = i + 1 < p->value_count;
			good = conf_set_values(p, block, row, word, i + 1, count);
			i++;
		}
	}
	return good;
}

static bool has_bare_words(enum conf_block_id id)
{
	size_t count;
	const struct conf_row *row = conf_rows(id, &count);
	for (size_t i = 0; i < count; i++)
		if (row[i].type == CONF_IS_CHOICE && !row[i].word.len) return true;
	return false;
}

/* What stands in the line of a block of which the rest may be left out. */
static bool read_own_values(struct conf_parser *p, struct conf_scope *block,
			    const struct conf_token *word, size_t *used)
{
	const struct conf_row *row = conf_row_of_values(block->id);
	struct str name = conf_blocks[block->id].word;
	size_t max = row->type == CONF_IS_TEXTS ? (size_t)row->max : 1;
	*used = p->value_count;
	if (!p->value_count)
		CONF_REPORT(p, word, "'%.*s' needs a value", STR_ARG(name));
	else if (p->value_count > max)
		CONF_REPORT(p, &p->values[max], "'%.*s' takes at most %zu value%s", STR_ARG(name),
			    max, max == 1 ? "" : "s");
	else return conf_set_values(p, block, row, word, 0, p->value_count);
	*(struct conf_origin *)(void *)(block->at + row->from) = conf_origin_of(p, word);
	return false;
}

/* The values have been taken; what follows is the block, if there is one. */
static bool read_block(struct conf_parser *p, struct conf_scope *block,
		       const struct conf_token *word)
{
	size_t used;
	struct str name = conf_blocks[block->id].word;
	bool values = conf_blocks[block->id].key == CONF_KEYED_VALUES;
	bool good = conf_read_key(p, block->id, block->at, word, &used);
	if (values) good = read_own_values(p, block, word, &used);
	size_t words = p->value_count > used ? p->value_count - used : 0;
	if (words && !has_bare_words(block->id)) {
		CONF_REPORT(p, &p->values[used],
			    "'%.*s' takes a block and no value: %.*s { }", STR_ARG(name),
			    STR_ARG(name));
		good = false;
	} else if (words && good) {
		good = read_inline(p, block, used);
	}
	if (p->token.kind == CONF_TOKEN_OPEN) {
		struct conf_token open = conf_take(p);
		read_body(p, block, &open);
	} else if (good && !words && !values) {
		if (block->id == CONF_BLOCK_conf_host)
			CONF_REPORT(p, word, "say what the rule does: accept or reject");
		else
			CONF_REPORT(p, word,
				    "'%.*s' needs a block, and its '{' in this line",
				    STR_ARG(name));
		good = false;
	}
	return good;
}

static void read_many(struct conf_parser *p, const struct conf_row *row,
		      const struct conf_token *word)
{
	struct conf_scope block = { .id = row->inner, .at = many_push(p, row, word) };
	if (!block.at) {
		if (p->token.kind == CONF_TOKEN_OPEN) skip_block(p);
		return;
	}
	/* Every struct of the table begins with its origin. */
	*(struct conf_origin *)(void *)block.at = conf_origin_of(p, word);
	/* One without a good key has no place among the others. */
	if (!read_block(p, &block, word)) conf_many_of(p, row->inner)->count--;
}

static void read_one(struct conf_parser *p, struct conf_scope *outer,
		     const struct conf_row *row, const struct conf_token *word)
{
	struct conf_scope block = { .id = row->inner, .at = outer->at + row->offset };
	struct conf_origin *origin = (void *)block.at;
	if (!origin->file.len) *origin = conf_origin_of(p, word);
	(void)read_block(p, &block, word);
}

/* -- Statements ------------------------------------------------------------------------
 */

static void read_host_file(struct conf_parser *p)
{
	struct conf_quote quote;
	const struct conf_token *token = &p->values[p->value_count > 1 ? 1 : 0];
	struct str path = p->value_count > 1 ? p->texts[1] : STR("");
	if (p->value_count != 2) {
		CONF_REPORT(p, token, "'host file' takes one path");
		return;
	}
	if (!path.len || path.at[0] != '/') {
		CONF_REPORT(p, token, "'%s' is a relative path; paths begin with /",
			    conf_quote(&quote, path));
		return;
	}
	for (size_t i = 1; i < p->bundle->count; i++) {
		const struct conf_source *source = &p->bundle->files[i];
		if (source->kind != CONF_SOURCE_HOSTS || !str_eq(source->name, path))
			continue;
		if (p->hosts_read[i])
			CONF_REPORT(p, token, "'%s' is named twice",
				    conf_quote(&quote, path));
		p->hosts_read[i] = true;
		return;
	}
	CONF_REPORT(p, token, "'%s' was not read with the configuration",
		    conf_quote(&quote, path));
}

/* The loader has put the files beside this one; here is only the form. */
static void check_include(struct conf_parser *p, const struct conf_scope *block,
			  const struct conf_token *word)
{
	if (block->id != CONF_BLOCK_conf)
		CONF_REPORT(p, word, "'include' belongs outside of blocks");
	else if (p->value_count != 1 || !p->texts[0].len)
		CONF_REPORT(p, word, "'include' takes one file name or pattern");
}

static void read_statement(struct conf_parser *p, struct conf_scope *block)
{
	struct conf_token word = conf_take(p);
	const struct conf_row *row = conf_row_find(block->id, word.text);
	bool include = str_eq(word.text, STR("include"));
	if (!row && !include) {
		conf_report_unknown(p, block->id, &word);
		skip_statement(p);
		return;
	}
	if (!conf_take_values(p)) {
		skip_statement(p);
		return;
	}
	if (include) check_include(p, block, &word);
	else if (row->inner == CONF_BLOCK_conf_host && row->many && p->value_count &&
		 p->values[0].kind == CONF_TOKEN_WORD && str_eq(p->texts[0], STR("file")))
		read_host_file(p);
	else if (row->type == CONF_IS_BLOCK && row->many) read_many(p, row, &word);
	else if (row->type == CONF_IS_BLOCK) read_one(p, block, row, &word);
	else if (row->type == CONF_IS_SENDERS)
		(void)conf_set_senders(p, block, row, &word);
	else if (row->word.len)
		(void)conf_set_values(p, block, row, &word, 0, p->value_count);
	else if (!p->value_count) (void)conf_set_bare(p, block, row, &word);
	else CONF_REPORT(p, &p->values[0], "'%.*s' takes no value", STR_ARG(word.text));
	if (p->token.kind != CONF_TOKEN_OPEN) return;
	CONF_REPORT(p, &p->token, "this '{' follows nothing that takes a block");
	skip_block(p);
}

/* One rule: NETWORK accept|reject ..., as behind the word `host`. */
static void read_host_line(struct conf_parser *p)
{
	struct conf_token first = p->token;
	if (!conf_take_values(p)) {
		skip_statement(p);
		return;
	}
	read_many(p, conf_many_of(p, CONF_BLOCK_conf_host)->row, &first);
}

static void read_stray(struct conf_parser *p)
{
	switch (p->token.kind) {
	case CONF_TOKEN_STRING:
		CONF_REPORT(p, &p->token,
			    "a statement begins with a word, not with a string");
		skip_statement(p);
		return;
	case CONF_TOKEN_BAD:
		CONF_REPORT(p, &p->token, "%s", p->lexer.problem);
		skip_statement(p);
		return;
	case CONF_TOKEN_OPEN:
		CONF_REPORT(p, &p->token, "a block needs a word in front of its '{'");
		skip_block(p);
		return;
	case CONF_TOKEN_WORD:
	case CONF_TOKEN_CLOSE:
	case CONF_TOKEN_SEMICOLON:
	case CONF_TOKEN_NEWLINE:
	case CONF_TOKEN_END: break;
	}
}

/* Statements up to the brace that closes `open`, or to the end of the text. */
static void read_body(struct conf_parser *p, struct conf_scope *block,
		      const struct conf_token *open)
{
	for (;;) {
		switch (p->token.kind) {
		case CONF_TOKEN_SEMICOLON:
		case CONF_TOKEN_NEWLINE: (void)conf_take(p); break;
		case CONF_TOKEN_WORD: read_statement(p, block); break;
		case CONF_TOKEN_STRING:
		case CONF_TOKEN_BAD:
		case CONF_TOKEN_OPEN: read_stray(p); break;
		case CONF_TOKEN_CLOSE:
			if (!open) CONF_REPORT(p, &p->token, "this '}' closes nothing");
			(void)conf_take(p);
			if (open) return;
			break;
		case CONF_TOKEN_END:
			if (open) CONF_REPORT(p, open, "this '{' has no '}'");
			return;
		}
	}
}

/* Some senders, as inside of the filter's block. */
static void read_sender_line(struct conf_parser *p, const struct conf_token *word)
{
	struct conf_scope block = { .id = CONF_BLOCK_conf_filter, .at = p->owner };
	size_t count;
	const struct conf_row *row = conf_rows(block.id, &count);
	while (row->type != CONF_IS_SENDERS) row++;
	(void)conf_set_senders(p, &block, row, word);
}

static void read_match_line(struct conf_parser *p, const struct conf_token *word)
{
	(void)conf_set_listed(p, (struct conf_route *)(void *)p->owner, word);
}

static void read_entry(struct conf_parser *p,
		       void (*set)(struct conf_parser *, const struct conf_token *))
{
	struct conf_token word = conf_take(p);
	if (conf_take_values(p)) set(p, &word);
	else skip_statement(p);
	if (p->token.kind != CONF_TOKEN_OPEN) return;
	CONF_REPORT(p, &p->token, "this '{' follows nothing that takes a block");
	skip_block(p);
}

static void read_senders(struct conf_parser *p) { read_entry(p, read_sender_line); }
static void read_matches(struct conf_parser *p) { read_entry(p, read_match_line); }

static void read_lines(struct conf_parser *p, void (*line)(struct conf_parser *))
{
	while (p->token.kind != CONF_TOKEN_END) {
		if (p->token.kind == CONF_TOKEN_WORD) line(p);
		else if (p->token.kind == CONF_TOKEN_NEWLINE ||
			 p->token.kind == CONF_TOKEN_SEMICOLON)
			(void)conf_take(p);
		else if (p->token.kind == CONF_TOKEN_CLOSE) {
			CONF_REPORT(p, &p->token, "this '}' closes nothing");
			(void)conf_take(p);
		} else read_stray(p);
	}
}

static bool check_utf8(struct conf_parser *p, struct str text)
{
	struct conf_token token = { .line = 1, .column = 1, .mark = 1 };
	if (utf8_is_valid(text)) return true;
	for (struct str rest = text; rest.len; token.line++) {
		token.line_at = (size_t)(rest.at - text.at);
		if (!utf8_is_valid(str_cut(&rest, '\n'))) break;
	}
	CONF_REPORT(p, &token, "this line is not UTF-8 text");
	return false;
}

void conf_read_source(struct conf_parser *p, enum conf_source_kind kind, struct str name,
		      struct str text, bool built_in)
{
	struct conf_scope top = { .id = CONF_BLOCK_conf, .at = (char *)p->conf };
	p->file = conf_keep(p, name);
	p->built_in = built_in;
	conf_lexer_init(&p->lexer, text);
	if (!check_utf8(p, text)) return;
	p->token = conf_lexer_next(&p->lexer);
	if (kind == CONF_SOURCE_HOSTS) read_lines(p, read_host_line);
	else if (kind == CONF_SOURCE_SENDERS) read_lines(p, read_senders);
	else if (kind == CONF_SOURCE_MATCHES) read_lines(p, read_matches);
	else read_body(p, &top, NULL);
}

bool conf_read_text(const struct conf_row *row, struct str text, struct arena *arena,
		    void *field)
{
	struct str values[CONF_VALUES_MAX];
	size_t count = 0;
	struct conf_problem problem;
	while (count < CONF_VALUES_MAX && (values[count] = str_word(&text)).len) count++;
	return count == 0 || conf_value_read(row, values, count, arena, field, &problem);
}
