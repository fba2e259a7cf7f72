/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about how much is sent to whom. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

/* Those that come with the program are good, and stand behind the files'. */
static bool is_own(const struct conf_pacing *b) { return conf_is_said(&b->origin); }

static bool limits_something(const struct conf_pacing *b)
{
	return conf_is_said(&b->connections_from) || conf_is_said(&b->rate_from) ||
	       conf_is_said(&b->connection_rate_from) ||
	       conf_is_said(&b->messages_per_connection_from) ||
	       conf_is_said(&b->recipients_from);
}

static void check_block(struct conf_parser *p, const struct conf_pacing *b)
{
	bool rest = str_eq(b->name, STR("default"));
	bool about = b->match.count || b->mx.count;
	for (const struct conf_pacing *other = p->conf->pacings; other < b; other++) {
		if (!str_eq(other->name, b->name)) continue;
		conf_report_twice(p, CONF_BLOCK_conf_pacing, b->name, &b->origin, &other->origin);
		break;
	}
	if (!limits_something(b))
		AT(p, CONF_ERROR, &b->origin, b->name,
		   "pacing '%.*s' limits nothing; write connections 10", STR_ARG(b->name));
	if (rest && about)
		AT(p, CONF_ERROR, b->match.count ? &b->match_from : &b->mx_from,
		   b->match.count ? STR("match") : STR("mx"),
		   "pacing 'default' is about everything that no other block is about; take this "
		   "away, or name it otherwise");
	else if (!rest && !about)
		AT(p, CONF_ERROR, &b->origin, b->name,
		   "pacing '%.*s' is about nobody; write match DOMAIN or mx HOST, or name it default",
		   STR_ARG(b->name));
}

/* Said twice, the first would win without a word. */
static void check_matches(struct conf_parser *p, const struct conf_pacing *b,
			  const struct conf_pacing *other)
{
	struct conf_quote quote;
	for (size_t i = 0; i < b->match.count; i++)
		for (size_t n = 0; n < other->match.count; n++)
			if (str_eq_nocase(b->match.at[i], other->match.at[n]))
				AT(p, CONF_ERROR, &b->match_from, b->match.at[i],
				   "'%s' stands already in pacing '%.*s'",
				   conf_quote(&quote, b->match.at[i]), STR_ARG(other->name));
	for (size_t i = 0; i < b->mx.count; i++)
		for (size_t n = 0; n < other->mx.count; n++)
			if (str_eq_nocase(b->mx.at[i], other->mx.at[n]))
				AT(p, CONF_ERROR, &b->mx_from, b->mx.at[i],
				   "'%s' stands already in pacing '%.*s'",
				   conf_quote(&quote, b->mx.at[i]), STR_ARG(other->name));
}

void conf_check_pacing(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	for (size_t i = 0; i < conf->pacing_count; i++) {
		if (!is_own(&conf->pacings[i])) continue;
		check_block(p, &conf->pacings[i]);
		for (size_t n = 0; n < i; n++)
			check_matches(p, &conf->pacings[i], &conf->pacings[n]);
	}
}
