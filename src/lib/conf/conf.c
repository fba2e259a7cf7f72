/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/conf.h"

#include <stdlib.h>

#include "lib/conf/parser.h"

enum { CONF_ARENA_MAX = 256 * 1024 * 1024 };

/* Those of the file, and of blocks that stand once in it. */
static size_t many_init(struct conf_parser *p, enum conf_block_id block, size_t base, size_t kinds)
{
	size_t count;
	const struct conf_row *row = conf_rows(block, &count);
	for (size_t i = 0; i < count; i++) {
		if (row[i].many)
			p->many[kinds++] = (struct conf_many){ .row = &row[i], .base = base };
		else if (row[i].type == CONF_IS_BLOCK)
			kinds = many_init(p, row[i].inner, base + row[i].offset, kinds);
	}
	return kinds;
}

/* The file of a filter, when all filters are known. */
static void read_senders(struct conf_parser *p, struct conf_filter *filter)
{
	const struct conf_bundle *bundle = p->bundle;
	if (!filter->file.len) return;
	p->owner = (char *)filter;
	for (size_t i = 1; i < bundle->count; i++) {
		const struct conf_source *source = &bundle->files[i];
		if (source->kind != CONF_SOURCE_SENDERS || !str_eq(source->name, filter->file))
			continue;
		conf_read_source(p, CONF_SOURCE_SENDERS, source->name, source->text, false);
		return;
	}
	struct conf_quote quote;
	CONF_REPORT_AT(p, CONF_ERROR, &filter->file_from, filter->file,
		       "'%s' was not read with the configuration",
		       conf_quote(&quote, filter->file));
}

/* The same of a route. */
static void read_matches(struct conf_parser *p, struct conf_route *route)
{
	const struct conf_bundle *bundle = p->bundle;
	struct conf_quote quote;
	if (!route->match_file.len) return;
	p->owner = (char *)route;
	for (size_t i = 1; i < bundle->count; i++) {
		const struct conf_source *source = &bundle->files[i];
		if (source->kind != CONF_SOURCE_MATCHES || !str_eq(source->name, route->match_file))
			continue;
		conf_read_source(p, CONF_SOURCE_MATCHES, source->name, source->text, false);
		return;
	}
	CONF_REPORT_AT(p, CONF_ERROR, &route->match_file_from, route->match_file,
		       "'%s' was not read with the configuration",
		       conf_quote(&quote, route->match_file));
}

static void read_all(struct conf_parser *p)
{
	const struct conf_bundle *bundle = p->bundle;
	for (size_t i = 0; i < bundle->count; i++)
		if (bundle->files[i].kind == CONF_SOURCE_FILE)
			conf_read_source(p, CONF_SOURCE_FILE, bundle->files[i].name,
					 bundle->files[i].text, false);
	for (size_t i = 0; i < bundle->count; i++)
		if (p->hosts_read[i])
			conf_read_source(p, CONF_SOURCE_HOSTS, bundle->files[i].name,
					 bundle->files[i].text, false);
	struct conf_many *filters = conf_many_of(p, CONF_BLOCK_conf_filter);
	for (size_t i = 0; i < filters->count; i++)
		read_senders(p, (struct conf_filter *)(void *)filters->at + i);
	struct conf_many *routes = conf_many_of(p, CONF_BLOCK_conf_route);
	for (size_t i = 0; i < routes->count; i++)
		read_matches(p, (struct conf_route *)(void *)routes->at + i);
}

static size_t file_rank(const struct conf_bundle *bundle, struct str name)
{
	size_t i = 0;
	while (i < bundle->count && !str_eq(bundle->files[i].name, name)) i++;
	return i;
}

static bool is_before(const struct conf_bundle *bundle, const struct conf_error *a,
		      const struct conf_error *b)
{
	size_t x = file_rank(bundle, a->at.file), y = file_rank(bundle, b->at.file);
	if (x != y) return x < y;
	return a->at.line != b->at.line ? a->at.line < b->at.line : a->column < b->column;
}

/* In the order of the files and their lines; at most CONF_ERRORS_MAX, so simply. */
static void sort_errors(const struct conf_bundle *bundle, struct conf_errors *errors)
{
	for (size_t i = 1; i < errors->count; i++) {
		struct conf_error error = errors->list[i];
		size_t at = i;
		for (; at > 0 && is_before(bundle, &error, &errors->list[at - 1]); at--)
			errors->list[at] = errors->list[at - 1];
		errors->list[at] = error;
	}
}

struct conf *conf_parse_partly(const struct conf_bundle *bundle,
			       struct conf_errors *errors)
{
	struct conf *conf = calloc(1, sizeof *conf);
	struct conf_parser *p = calloc(1, sizeof *p);
	bool good = conf && p;
	if (good) {
		arena_init(&conf->arena, CONF_ARENA_MAX);
		conf->generation = bundle->generation;
		*p = (struct conf_parser){ .bundle = bundle,
					   .errors = errors,
					   .conf = conf };
		(void)many_init(p, CONF_BLOCK_conf, 0, 0);
		read_all(p);
		good = conf_complete(p);
		if (good) conf_check(p);
		good = good && !p->no_memory;
		for (size_t i = 0; i < CONF_MANY_KINDS; i++) free(p->many[i].at);
	}
	if (!good)
		conf_report_file(errors, STR(""),
				 "there is no memory for more configuration");
	free(p);
	sort_errors(bundle, errors);
	if (good) return conf;
	conf_free(conf);
	return NULL;
}

struct conf *conf_parse(const struct conf_bundle *bundle, struct conf_errors *errors)
{
	struct conf *conf = conf_parse_partly(bundle, errors);
	if (!errors->errors) return conf;
	conf_free(conf);
	return NULL;
}

void conf_free(struct conf *conf)
{
	if (!conf) return;
	arena_free(&conf->arena);
	free(conf);
}

const struct conf_dial *conf_dial_find(const struct conf *conf, struct str route)
{
	for (size_t i = 0; i < conf->dial_count; i++)
		for (size_t n = 0; n < conf->dials[i].routes.count; n++)
			if (str_eq(conf->dials[i].routes.at[n], route)) return &conf->dials[i];
	return NULL;
}

const struct conf_oauth_client *conf_oauth_client_find(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->oauth_client_count; i++)
		if (str_eq(conf->oauth_clients[i].name, name)) return &conf->oauth_clients[i];
	return NULL;
}

bool conf_route_has_files(const struct conf_route *route)
{
	return route->tls != CONF_ROUTE_TLS_OFF || route->login.len > 0;
}

struct str conf_route_files_name(const struct conf_route *route)
{
	bool shared = !conf_is_said(&route->ca_from) && !route->certificate.len &&
		      !route->login.len && route->profile == CONF_TLS_MODERN;
	return shared ? STR("") : route->name;
}

const struct conf_route *conf_route_with_files(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->route_count; i++) {
		const struct conf_route *r = &conf->routes[i];
		if (conf_route_has_files(r) && str_eq(conf_route_files_name(r), name)) return r;
	}
	return NULL;
}
