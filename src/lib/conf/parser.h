/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of conf_parse: statements to structs (parse.c, assign.c, key.c), then defaults
 * (complete.c) and what only the whole can show (check.c). */
#ifndef IMS_CONF_PARSER_H
#define IMS_CONF_PARSER_H

#include "lib/conf/error.h"
#include "lib/conf/index.h"
#include "lib/conf/value.h"

enum { CONF_MANY_KINDS = 16 };

/* The block that is being read. */
struct conf_scope {
	enum conf_block_id id;
	char *at;      /* its struct */
	uint64_t seen; /* rows that have no origin of their own and are set */
};

/* A growing array of one kind of block, until its size is known. */
struct conf_many {
	const struct conf_row *row;
	size_t base; /* of the block it stands in, from the begin of conf */
	char *at;
	size_t count, room;
};

struct conf_parser {
	const struct conf_bundle *bundle;
	struct conf_errors *errors;
	struct conf *conf;
	struct conf_many many[CONF_MANY_KINDS];
	/* the text that is being read */
	struct conf_lexer lexer;
	struct conf_token token; /* next, not yet taken */
	struct str file;         /* kept in conf->arena */
	bool built_in;           /* text of our own: origins have no line */
	/* the statement that is being read */
	struct conf_token values[CONF_VALUES_MAX];
	struct str texts[CONF_VALUES_MAX]; /* without escapes */
	size_t value_count;
	char *owner; /* filter or route whose file is read */
	bool no_memory;
	bool hosts_read[CONF_FILES_MAX]; /* host files that a rule named */
};

static inline struct conf_place conf_parser_place(const struct conf_parser *p,
						  const struct conf_token *token)
{
	return (struct conf_place){ p->file, p->lexer.text, *token };
}

#define CONF_REPORT(p, token, ...) \
	do { \
		struct conf_place place_ = conf_parser_place(p, token); \
		conf_report((p)->errors, CONF_ERROR, &place_, __VA_ARGS__); \
	} while (0)

static inline struct conf_token conf_take(struct conf_parser *p)
{
	struct conf_token token = p->token;
	p->token = conf_lexer_next(&p->lexer);
	return token;
}

static inline bool conf_is_value(const struct conf_token *token)
{
	return token->kind == CONF_TOKEN_WORD || token->kind == CONF_TOKEN_STRING;
}

static inline struct conf_origin conf_origin_of(const struct conf_parser *p,
						const struct conf_token *token)
{
	return (struct conf_origin){ p->file, p->built_in ? 0 : token->line };
}

/* assign.c: one statement. All false results have been reported. */

/* The words up to the end of the statement or to its block. */
bool conf_take_values(struct conf_parser *p);
/* Sets the row from `count` of the values; `word` is where to point if there is none. */
bool conf_set_values(struct conf_parser *p, struct conf_scope *scope,
		     const struct conf_row *row, const struct conf_token *word,
		     size_t first, size_t count);
/* A word that is a value itself: `accept`. */
bool conf_set_bare(struct conf_parser *p, struct conf_scope *scope,
		   const struct conf_row *row, const struct conf_token *word);
/* A word that is the first of some senders: `@a.example @b.example`. */
bool conf_set_senders(struct conf_parser *p, struct conf_scope *block,
		      const struct conf_row *row, const struct conf_token *word);
/* Some domains in a line of a route's file. */
bool conf_set_listed(struct conf_parser *p, struct conf_route *route,
		     const struct conf_token *word);
void conf_report_unknown(struct conf_parser *p, enum conf_block_id block,
			 const struct conf_token *word);
/* Copy in the arena of conf; sets p->no_memory if there is none. */
struct str conf_keep(struct conf_parser *p, struct str s);
/* Reads the key of a block from the statement's values into its struct: `used` of them.
 * False if it is wrong (reported). */
bool conf_read_key(struct conf_parser *p, enum conf_block_id id, void *at,
		   const struct conf_token *word, size_t *used);
/* Warns if the text of a network has bits behind its prefix. */
void conf_check_host_bits(struct conf_parser *p, const struct conf_token *word,
			  struct str text);
/* Reads statements of the configuration, lines of host rules, of senders or of domains (of
 * p->owner, a filter or a route). */
void conf_read_source(struct conf_parser *p, enum conf_source_kind kind, struct str name,
		      struct str text, bool built_in);
struct conf_many *conf_many_of(struct conf_parser *p, enum conf_block_id block);
/* The words of `text` as values of `row`; for defaults of the table. */
bool conf_read_text(const struct conf_row *row, struct str text, struct arena *arena,
		    void *field);

/* Fills in what no file set; moves the arrays into conf. False without memory. */
bool conf_complete(struct conf_parser *p);
void conf_check(struct conf_parser *p);
/* check_directory.c: where users are listed. */
void conf_check_directories(struct conf_parser *p);
void conf_check_outside(struct conf_parser *p, const struct conf_directory *d);
/* check_in.c: who may send. False without memory. */
bool conf_check_in(struct conf_parser *p);
/* check_rate.c: limits in time. */
/* Whether all these listeners exist; used by the other checks. */
void conf_check_listener_names(struct conf_parser *p, const struct conf_matches *names,
			       const struct conf_origin *from);
void conf_check_rates(struct conf_parser *p);
/* check_client.c: what is looked at when a client connects. False without memory. */
bool conf_check_client(struct conf_parser *p);
/* check_auth.c: who may log in by what */
void conf_check_auth(struct conf_parser *p);
/* check_match.c: what goes by which route. False without memory. */
bool conf_check_matches(struct conf_parser *p);
/* check_pacing.c: how much is sent to whom */
void conf_check_pacing(struct conf_parser *p);
/* check_egress.c: the addresses by which mail leaves */
void conf_check_egresses(struct conf_parser *p);
/* check_dial.c: windows */
void conf_check_dials(struct conf_parser *p);
/* check_transport.c: exceptions of domains */
void conf_check_tls_policies(struct conf_parser *p);
/* check_token.c: by which tokens routes log in */
void conf_check_tokens(struct conf_parser *p);
void conf_check_route_token(struct conf_parser *p, const struct conf_route *r);
/* check_out.c: the part about the way to other hosts. False without memory. */
bool conf_check_out(struct conf_parser *p);

static inline bool conf_is_said(const struct conf_origin *origin)
{
	return origin->line > 0;
}

#define CONF_REPORT_AT(p, severity, origin, mark, ...) \
	conf_report_at((p)->errors, severity, (p)->bundle, origin, mark, __VA_ARGS__)
/* "listener 'a' stands already at FILE:LINE" */
void conf_report_twice(struct conf_parser *p, enum conf_block_id block, struct str name,
		       const struct conf_origin *origin, const struct conf_origin *first);

#endif
