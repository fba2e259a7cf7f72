/* SPDX-License-Identifier: Apache-2.0 */
/* Words, strings and punctuation of a configuration text. Pure; tokens point into the
 * text, which must be UTF-8. */
#ifndef IMS_CONF_LEXER_H
#define IMS_CONF_LEXER_H

#include "lib/base/str.h"

enum { CONF_WORD_MAX = 1024 }; /* bytes of one word or string */

enum conf_token_kind {
	CONF_TOKEN_WORD,
	CONF_TOKEN_STRING,
	CONF_TOKEN_OPEN,
	CONF_TOKEN_CLOSE,
	CONF_TOKEN_SEMICOLON,
	CONF_TOKEN_NEWLINE,
	CONF_TOKEN_END,
	CONF_TOKEN_BAD, /* lexer->problem says why; what follows is the rest of the text
			 */
};

struct conf_token {
	enum conf_token_kind kind;
	struct str text; /* of a string: between the quotes, escapes as written */
	bool escaped;    /* the string has a backslash */
	unsigned line, column, mark; /* 1 is the first; characters, not bytes */
	size_t line_at;              /* where its line begins in the text */
};

struct conf_lexer {
	struct str text;
	size_t at;
	unsigned line, column;
	size_t line_at;
	const char *problem;
};

void conf_lexer_init(struct conf_lexer *lexer, struct str text);
struct conf_token conf_lexer_next(struct conf_lexer *lexer);
/* Writes the text of a string without its escapes: at most text.len bytes. */
size_t conf_string_unescape(struct str text, char *out);

#endif
