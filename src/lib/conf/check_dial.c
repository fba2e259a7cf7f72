/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about windows. */
#include <string.h>

#include "lib/conf/parser.h"
#include "lib/conf/value_net.h"

#define AT CONF_REPORT_AT

enum {
	MINUTE_MS = 60 * 1000,
	ATRN_MAX = 510, /* RFC 5321 4.5.3.1.4, without CRLF */
};

static bool is_time(struct str text)
{
	struct str rest = text;
	uint64_t hours = 0, minutes = 0;
	struct str first = str_cut(&rest, ':');
	return first.len >= 1 && first.len <= 2 && rest.len == 2 && str_to_u64(first, &hours) &&
	       str_to_u64(rest, &minutes) && hours < 24 && minutes < 60;
}

static void check_times(struct conf_parser *p, const struct conf_dial *d)
{
	struct conf_quote quote;
	for (size_t i = 0; i < d->daily.count; i++)
		if (!is_time(d->daily.at[i]))
			AT(p, CONF_ERROR, &d->daily_from, d->daily.at[i],
			   "'%s' is not a time of the day; write 06:30",
			   conf_quote(&quote, d->daily.at[i]));
	if (d->every_ms % MINUTE_MS)
		AT(p, CONF_ERROR, &d->every_ms_from, STR("every"), "every takes whole minutes");
	if (!d->every_ms && !d->daily.count && !d->queued_for_ms && !d->queued_messages)
		AT(p, CONF_ERROR, &d->origin, d->name,
		   "no window of dial '%s' ever opens; write every 4h, daily 22:00 or queued-for 30m",
		   conf_quote(&quote, d->name));
}

static void check_program(struct conf_parser *p, const struct conf_texts *words,
			  const struct conf_origin *from)
{
	struct conf_quote quote;
	if (words->count && (!words->at[0].len || words->at[0].at[0] != '/'))
		AT(p, CONF_ERROR, from, words->at[0],
		   "'%s' is a relative path; the path of a program begins with /",
		   conf_quote(&quote, words->at[0]));
}

/* A route is of one dial, or nobody could say when its mail goes. */
static void check_routes(struct conf_parser *p, const struct conf_dial *d)
{
	struct conf_quote quote, other;
	if (!d->routes.count)
		AT(p, CONF_ERROR, &d->origin, d->name, "dial '%s' has no route; write route NAME",
		   conf_quote(&quote, d->name));
	for (size_t i = 0; i < d->routes.count; i++) {
		struct str name = d->routes.at[i];
		if (!conf_route_find(p->conf, name))
			AT(p, CONF_ERROR, &d->routes_from, name, "there is no route '%s'",
			   conf_quote(&quote, name));
		const struct conf_dial *first = conf_dial_find(p->conf, name);
		if (first && first != d)
			AT(p, CONF_ERROR, &d->routes_from, name,
			   "route '%s' belongs to dial '%s' already", conf_quote(&quote, name),
			   conf_quote(&other, first->name));
	}
}

static void check_fetch(struct conf_parser *p, struct str word, const struct conf_texts *words,
			const struct conf_origin *from)
{
	struct conf_problem problem;
	struct conf_hops host;
	struct conf_quote quote;
	if (!words->count) return;
	if (!conf_read_hops(words->at, 1, &p->conf->arena, &host, &problem))
		AT(p, CONF_ERROR, from, words->at[0],
		   "'%s' is not HOST or HOST:PORT", conf_quote(&quote, words->at[0]));
	if (words->count == 1)
		AT(p, CONF_ERROR, from, word,
		   "%.*s takes a host, and the domains whose mail it has", STR_ARG(word));
	for (size_t i = 1; i < words->count; i++)
		if (!conf_is_domain(words->at[i]))
			AT(p, CONF_ERROR, from, words->at[i],
			   "'%s' is not a domain name", conf_quote(&quote, words->at[i]));
}

/* All of them are named in one line. */
static void check_line(struct conf_parser *p, const struct conf_dial *d)
{
	size_t len = strlen("ATRN");
	for (size_t i = 1; i < d->atrn.count; i++) len += 1 + d->atrn.at[i].len;
	if (len > ATRN_MAX)
		AT(p, CONF_ERROR, &d->atrn_from, STR("atrn"),
		   "atrn would say a line of %zu octets, and hosts take %d; write several dials", len, ATRN_MAX);
}

void conf_check_dials(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	for (size_t i = 0; i < conf->dial_count; i++) {
		const struct conf_dial *d = &conf->dials[i];
		for (size_t n = 0; n < i; n++)
			if (str_eq(conf->dials[n].name, d->name))
				conf_report_twice(p, CONF_BLOCK_conf_dial, d->name, &d->origin,
						  &conf->dials[n].origin);
		check_routes(p, d);
		check_times(p, d);
		check_fetch(p, STR("etrn"), &d->etrn, &d->etrn_from);
		check_fetch(p, STR("atrn"), &d->atrn, &d->atrn_from);
		check_line(p, d);
		check_program(p, &d->before, &d->before_from);
		check_program(p, &d->after, &d->after_from);
	}
}
