/* SPDX-License-Identifier: Apache-2.0 */
/* What no file set: defaults of the table, and listener and host rules of the profile. */
#include <stdlib.h>
#include <string.h>

#include "lib/conf/providers.h"

static bool fill_row(struct conf_parser *p, const struct conf_row *row, char *at)
{
	struct conf_origin *from =
		row->from == CONF_NO_ORIGIN ? NULL : (void *)(at + row->from);
	/* A row without an origin is a choice whose default is its first word. */
	if (!from || from->file.len) return true;
	from->file = STR("default");
	return conf_read_text(row, row->text, &p->conf->arena, at + row->offset);
}

static bool fill_block(struct conf_parser *p, enum conf_block_id id, char *at)
{
	size_t count;
	const struct conf_row *row = conf_rows(id, &count);
	for (const struct conf_row *end = row + count; row < end; row++) {
		if (row->many) continue;
		bool good = row->type == CONF_IS_BLOCK
				    ? fill_block(p, row->inner, at + row->offset)
				    : fill_row(p, row, at);
		if (!good) return false;
	}
	struct conf_origin *origin = (void *)at;
	if (!origin->file.len) origin->file = STR("default");
	return true;
}

static bool fill_many(struct conf_parser *p, struct conf_many *many)
{
	enum conf_block_id id = many->row->inner;
	size_t size = conf_blocks[id].size;
	char *at = many->count ? arena_alloc(&p->conf->arena, many->count * size) : NULL;
	if (many->count && !at) return false;
	if (at) memcpy(at, many->at, many->count * size);
	for (size_t i = 0; i < many->count; i++)
		if (!fill_block(p, id, at + i * size)) return false;
	free(many->at);
	many->at = NULL;
	char *conf = (char *)p->conf + many->base;
	memcpy(conf + many->row->offset, &at, sizeof at);
	memcpy(conf + many->row->count, &many->count, sizeof many->count);
	return true;
}

/* Where no file names a listener. */
static void add_listener(struct conf_parser *p, struct str name)
{
	char text[256];
	struct buf out;
	const struct conf_profile_row *profile = &conf_profiles[p->conf->profile];
	if (conf_many_of(p, CONF_BLOCK_conf_listener)->count) return;
	buf_init_fixed(&out, text, sizeof text);
	buf_str(&out, STR("listener default { address "));
	buf_str(&out, profile->addresses);
	buf_str(&out, STR("; role "));
	buf_str(&out, profile->role);
	buf_str(&out, STR(" }"));
	conf_read_source(p, CONF_SOURCE_FILE, name, buf_view(&out), true);
}

static bool has_network(struct conf_parser *p, size_t own, struct str network)
{
	const struct conf_host *hosts = (void *)conf_many_of(p, CONF_BLOCK_conf_host)->at;
	struct ip_net net;
	if (!ip_net_parse(network, &net)) return true;
	for (size_t i = 0; i < own; i++)
		if (hosts[i].net.prefix == net.prefix &&
		    ip_eq(hosts[i].net.base, net.base))
			return true;
	return false;
}

/* A file's rule for the same network stands instead of the profile's. */
static void add_hosts(struct conf_parser *p, struct str name)
{
	size_t own = conf_many_of(p, CONF_BLOCK_conf_host)->count;
	for (size_t i = 0; i < conf_profile_host_count; i++) {
		const struct conf_profile_host *rule = &conf_profile_hosts[i];
		char text[256];
		struct buf out;
		if (rule->profile != p->conf->profile ||
		    has_network(p, own, rule->network))
			continue;
		buf_init_fixed(&out, text, sizeof text);
		buf_str(&out, rule->network);
		buf_byte(&out, ' ');
		buf_str(&out, rule->words);
		conf_read_source(p, CONF_SOURCE_HOSTS, name, buf_view(&out), true);
	}
}

static void add_profile(struct conf_parser *p)
{
	char text[64];
	struct buf name;
	buf_init_fixed(&name, text, sizeof text);
	if (p->conf->profile != CONF_PROFILE_NONE) {
		buf_str(&name, STR("profile "));
		buf_str(&name, conf_profiles[p->conf->profile].word);
	} else {
		buf_str(&name, STR("default"));
	}
	add_listener(p, buf_view(&name));
	add_hosts(p, buf_view(&name));
}

static void fill_hostname(struct conf_parser *p)
{
	struct str name = p->bundle->system_hostname;
	if (p->conf->hostname_from.line || p->conf->hostname.len) return;
	p->conf->hostname = conf_keep(p, conf_is_domain(name) ? name : STR("localhost"));
}

bool conf_complete(struct conf_parser *p)
{
	add_profile(p);
	conf_providers_add(p);
	for (size_t i = 0; i < CONF_MANY_KINDS && p->many[i].row; i++)
		if (!fill_many(p, &p->many[i])) return false;
	if (!fill_block(p, CONF_BLOCK_conf, (char *)p->conf)) return false;
	fill_hostname(p);
	return !p->no_memory;
}
