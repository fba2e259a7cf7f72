/* SPDX-License-Identifier: Apache-2.0 */
/* The words of one statement, and the setting that they make. */
#include <string.h>

#include "lib/conf/parser.h"
#include "lib/conf/value_match.h"

struct str conf_keep(struct conf_parser *p, struct str s)
{
	struct str copy = arena_str(&p->conf->arena, s);
	p->no_memory |= !copy.at;
	return copy;
}

static struct str text_of(struct conf_parser *p, const struct conf_token *token)
{
	if (!token->escaped) return token->text;
	char *out = arena_alloc(&p->conf->arena, token->text.len);
	p->no_memory |= !out;
	if (!out) return STR("");
	return (struct str){ out, conf_string_unescape(token->text, out) };
}

bool conf_take_values(struct conf_parser *p)
{
	p->value_count = 0;
	while (conf_is_value(&p->token)) {
		if (p->value_count == CONF_VALUES_MAX) {
			CONF_REPORT(p, &p->token, "a statement has at most %d values",
				    CONF_VALUES_MAX);
			return false;
		}
		p->values[p->value_count] = p->token;
		p->texts[p->value_count++] = text_of(p, &p->token);
		(void)conf_take(p);
	}
	if (p->token.kind != CONF_TOKEN_BAD) return true;
	CONF_REPORT(p, &p->token, "%s", p->lexer.problem);
	return false;
}

/* Whether the row is free to be set here. `word` is its word in the file. */
static bool claim(struct conf_parser *p, struct conf_scope *block,
		  const struct conf_row *row, const struct conf_token *word)
{
	size_t count;
	uint64_t bit = UINT64_C(1) << (row - conf_rows(block->id, &count));
	struct conf_origin *from =
		row->from == CONF_NO_ORIGIN ? NULL : (void *)(block->at + row->from);
	bool taken = from ? from->file.len > 0 : (block->seen & bit) != 0;
	block->seen |= bit;
	if (taken && conf_type_adds(row->type)) return true;
	if (taken && from) {
		struct conf_quote name, where;
		CONF_REPORT(p, word, "'%s' is set a second time; first at %s",
			    conf_quote(&name, word->text), conf_where(&where, from));
	} else if (taken) {
		struct conf_quote name;
		CONF_REPORT(p, word, "'%s' says a second time what this block has said",
			    conf_quote(&name, word->text));
	} else if (from) {
		*from = conf_origin_of(p, word);
	}
	return !taken;
}

/* Of what one statement has added. */
static void set_origins(struct conf_parser *p, const struct conf_row *row, void *field,
			const struct conf_token *word, size_t first, size_t count)
{
	struct conf_levels *levels = field;
	struct conf_networks *networks = field;
	struct conf_paths *paths = field;
	if (row->type == CONF_IS_PATHS)
		paths->at[paths->count - 1].from = conf_origin_of(p, word);
	if (row->type == CONF_IS_LEVELS)
		levels->at[levels->count - 1].from = conf_origin_of(p, word);
	struct conf_senders *senders = field;
	for (size_t i = 0; row->type == CONF_IS_SENDERS && i < count; i++)
		senders->at[senders->count - count + i].from =
			conf_origin_of(p, &p->values[first + i]);
	if (row->type != CONF_IS_NETWORKS) return;
	for (size_t i = 0; i < count; i++) {
		struct conf_network *network = &networks->at[networks->count - count + i];
		network->from = conf_origin_of(p, &p->values[first + i]);
		conf_check_host_bits(p, &p->values[first + i], p->texts[first + i]);
	}
}

bool conf_set_values(struct conf_parser *p, struct conf_scope *block,
		     const struct conf_row *row, const struct conf_token *word,
		     size_t first, size_t count)
{
	struct conf_problem problem;
	if (!claim(p, block, row, word)) return false;
	void *field = block->at + row->offset;
	if (conf_value_read(row, p->texts + first, count, &p->conf->arena, field,
			    &problem)) {
		set_origins(p, row, field, word, first, count);
		return true;
	}
	CONF_REPORT(p, problem.index < count ? &p->values[first + problem.index] : word,
		    "%s", problem.sentence);
	return false;
}

bool conf_set_bare(struct conf_parser *p, struct conf_scope *block,
		   const struct conf_row *row, const struct conf_token *word)
{
	if (!claim(p, block, row, word)) return false;
	*(unsigned *)(void *)(block->at + row->offset) =
		(unsigned)conf_word_find(row->words, word->text);
	return true;
}

/* `word` becomes the first of the values. */
static bool values_push(struct conf_parser *p, const struct conf_token *word)
{
	if (p->value_count == CONF_VALUES_MAX) {
		CONF_REPORT(p, word, "a statement has at most %d values", CONF_VALUES_MAX);
		return false;
	}
	memmove(p->values + 1, p->values, p->value_count * sizeof *p->values);
	memmove(p->texts + 1, p->texts, p->value_count * sizeof *p->texts);
	p->values[0] = *word;
	p->texts[0] = word->text;
	p->value_count++;
	return true;
}

bool conf_set_senders(struct conf_parser *p, struct conf_scope *block,
		      const struct conf_row *row, const struct conf_token *word)
{
	return values_push(p, word) && conf_set_values(p, block, row, word, 0, p->value_count);
}

bool conf_set_listed(struct conf_parser *p, struct conf_route *route,
		     const struct conf_token *word)
{
	struct conf_problem problem;
	if (!values_push(p, word)) return false;
	if (conf_add_matches(p->texts, p->value_count, &p->conf->arena, &route->listed, &problem))
		return true;
	CONF_REPORT(p, &p->values[problem.index], "%s", problem.sentence);
	return false;
}

/* A word that is known elsewhere is more likely misplaced than misspelt. */
void conf_report_unknown(struct conf_parser *p, enum conf_block_id block,
			 const struct conf_token *word)
{
	struct conf_quote quote;
	const char *text = conf_quote(&quote, word->text);
	const char *refusal = conf_refusal(block, word->text);
	if (refusal) {
		CONF_REPORT(p, word, "'%s': %s", text, refusal);
		return;
	}
	for (enum conf_block_id other = 0; other < CONF_BLOCK_COUNT; other++) {
		struct str home = conf_blocks[other].word;
		if (other == block || !conf_row_find(other, word->text)) continue;
		if (home.len)
			CONF_REPORT(p, word,
				    "unknown word '%s'; it belongs inside '%.*s { }'",
				    text, STR_ARG(home));
		else
			CONF_REPORT(p, word,
				    "unknown word '%s'; it belongs outside of blocks",
				    text);
		return;
	}
	struct str near = conf_row_suggest(block, word->text);
	if (near.len)
		CONF_REPORT(p, word, "unknown word '%s'; did you mean '%.*s'?", text,
			    STR_ARG(near));
	else CONF_REPORT(p, word, "unknown word '%s'", text);
}
