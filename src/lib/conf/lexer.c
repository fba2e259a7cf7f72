/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/lexer.h"

void conf_lexer_init(struct conf_lexer *lexer, struct str text)
{
	*lexer = (struct conf_lexer){ .text = text, .line = 1, .column = 1 };
	/* Editors of some systems put a byte order mark first. */
	if (str_starts(text, STR("\xef\xbb\xbf"))) lexer->at = lexer->line_at = 3;
}

static char peek(const struct conf_lexer *lexer) { return lexer->text.at[lexer->at]; }

static bool at_end(const struct conf_lexer *lexer)
{
	return lexer->at == lexer->text.len;
}

static void step(struct conf_lexer *lexer)
{
	char c = lexer->text.at[lexer->at++];
	if (c == '\n') {
		lexer->line++;
		lexer->column = 1;
		lexer->line_at = lexer->at;
	} else if (((unsigned char)c & 0xc0) != 0x80) {
		lexer->column++;
	}
}

/* ASCII control characters, and those of Latin-1 (U+0080 to U+009F), which some
 * terminals obey. */
static bool at_control(const struct conf_lexer *lexer)
{
	char c = peek(lexer);
	if (c == '\t') return false;
	if (ascii_is_ctl(c)) return true;
	struct str rest = str_from(lexer->text, lexer->at);
	return rest.len > 1 && (unsigned char)c == 0xc2 &&
	       (unsigned char)rest.at[1] < 0xa0;
}

static bool at_carriage_return(const struct conf_lexer *lexer)
{
	return str_starts(str_from(lexer->text, lexer->at), STR("\r\n"));
}

static void skip_blanks(struct conf_lexer *lexer)
{
	while (!at_end(lexer) &&
	       (ascii_is_blank(peek(lexer)) || at_carriage_return(lexer)))
		step(lexer);
	if (at_end(lexer) || peek(lexer) != '#') return;
	while (!at_end(lexer) && peek(lexer) != '\n') step(lexer);
}

static bool is_word_end(char c)
{
	static const struct str ends = STR_INIT(" \t\r\n{};#\"");
	return str_find(ends, c) >= 0;
}

static void bad(struct conf_lexer *lexer, struct conf_token *token, const char *problem)
{
	token->kind = CONF_TOKEN_BAD;
	lexer->problem = problem;
}

static void token_text(const struct conf_lexer *lexer, struct conf_token *token,
		       size_t begin)
{
	token->text = str_sub(lexer->text, begin, lexer->at - begin);
	token->mark = lexer->column - token->column;
}

static void lex_word(struct conf_lexer *lexer, struct conf_token *token)
{
	size_t begin = lexer->at;
	token->kind = CONF_TOKEN_WORD;
	while (!at_end(lexer) && !is_word_end(peek(lexer)) && !at_control(lexer))
		step(lexer);
	token_text(lexer, token, begin);
	if (token->text.len > CONF_WORD_MAX)
		bad(lexer, token, "a word is longer than 1024 bytes");
	if (at_end(lexer) || !at_control(lexer) || peek(lexer) == '\n' ||
	    at_carriage_return(lexer))
		return;
	token->column = lexer->column;
	token->mark = 1;
	step(lexer);
	bad(lexer, token, "a control character stands in the text");
}

static void lex_string(struct conf_lexer *lexer, struct conf_token *token)
{
	step(lexer);
	size_t begin = lexer->at;
	const char *problem = NULL;
	token->kind = CONF_TOKEN_STRING;
	while (!at_end(lexer) && peek(lexer) != '"' && peek(lexer) != '\n') {
		if (at_control(lexer) && !at_carriage_return(lexer))
			problem = "a control character stands in the string";
		if (peek(lexer) == '\\') {
			token->escaped = true;
			step(lexer);
			if (at_end(lexer) || peek(lexer) == '\n') break;
			if (peek(lexer) != '"' && peek(lexer) != '\\')
				problem = "in a string a backslash stands before \" or "
					  "\\ only";
		}
		step(lexer);
	}
	token_text(lexer, token, begin);
	if (token->text.len > CONF_WORD_MAX)
		problem = "a string is longer than 1024 bytes";
	if (at_end(lexer) || peek(lexer) == '\n')
		problem = "a string has no closing quote in its line";
	else step(lexer);
	token->mark = lexer->column - token->column;
	if (problem) bad(lexer, token, problem);
}

struct conf_token conf_lexer_next(struct conf_lexer *lexer)
{
	skip_blanks(lexer);
	struct conf_token token = {
		.kind = CONF_TOKEN_END,
		.line = lexer->line,
		.column = lexer->column,
		.mark = 1,
		.line_at = lexer->line_at,
	};
	if (at_end(lexer)) return token;
	switch (peek(lexer)) {
	case '\n': token.kind = CONF_TOKEN_NEWLINE; break;
	case '{': token.kind = CONF_TOKEN_OPEN; break;
	case '}': token.kind = CONF_TOKEN_CLOSE; break;
	case ';': token.kind = CONF_TOKEN_SEMICOLON; break;
	case '"': lex_string(lexer, &token); return token;
	default: lex_word(lexer, &token); return token;
	}
	step(lexer);
	return token;
}

size_t conf_string_unescape(struct str text, char *out)
{
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '\\' && i + 1 < text.len) i++;
		out[len++] = text.at[i];
	}
	return len;
}
