/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about what is looked at when a client
 * connects. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

enum { REFUSAL_MAX = 512 };

/* Made once, so that a refusal's text lives as long as the configuration. */
static bool make_refusal(struct conf_parser *p, struct conf_dnsbl *list)
{
	char text[REFUSAL_MAX];
	struct buf out;
	buf_init_fixed(&out, text, sizeof text);
	buf_str(&out, STR("Your address is listed by "));
	buf_str(&out, list->name);
	if (list->reply.len) {
		buf_str(&out, STR(": "));
		buf_str(&out, list->reply);
	} else {
		buf_str(&out, STR("; ask there to be taken off, or write to the postmaster here"));
	}
	list->refusal = conf_keep(p, buf_view(&out));
	return list->refusal.at != NULL;
}

static bool check_list(struct conf_parser *p, size_t at)
{
	struct conf_dnsbl *list = &p->conf->dnsbls[at];
	for (size_t i = 0; i < at; i++) {
		const struct conf_dnsbl *other = &p->conf->dnsbls[i];
		if (!str_eq_nocase(other->name, list->name)) continue;
		/* One list with several meanings by its answers. */
		if (list->answers.count && other->answers.count) continue;
		conf_report_twice(p, CONF_BLOCK_conf_dnsbl, list->name, &list->origin,
				  &other->origin);
		break;
	}
	if (list->score == 0)
		AT(p, CONF_WARNING, &list->score_from, STR("score"),
		   "this list is asked and counts nothing");
	return make_refusal(p, list);
}

static bool is_scored(const struct conf_check *c)
{
	return c->client.missing || c->client.unverified;
}

/* Mail of others is not to be changed: its signatures would not be good any more. */
static void check_repair(struct conf_parser *p, const struct conf_listener *l)
{
	bool all = l->repair == CONF_REPAIR_YES;
	if (all && l->role == CONF_ROLE_MX)
		AT(p, CONF_ERROR, &l->repair_from, STR("repair"),
		   "listener '%.*s' is of the role mx: mail of others is passed on as it is; write "
		   "role relay or role submission", STR_ARG(l->name));
}

static bool is_named(const struct conf_sender_map *map, struct str listener)
{
	for (size_t i = 0; i < map->listeners.count; i++)
		if (str_eq(map->listeners.at[i], listener)) return true;
	return map->listeners.count == 0;
}

static void check_map(struct conf_parser *p, const struct conf_sender_map *map)
{
	bool used = false;
	conf_check_listener_names(p, &map->listeners, &map->listeners_from);
	for (size_t i = 0; i < p->conf->listener_count; i++) {
		const struct conf_listener *l = &p->conf->listeners[i];
		used = used || (l->repair == CONF_REPAIR_YES && is_named(map, l->name));
	}
	if (!used)
		AT(p, CONF_WARNING, &map->origin, STR("map-sender"),
		   "nobody's address is replaced: no listener that this is for has repair yes");
}

static void check_listener(struct conf_parser *p, const struct conf_listener *l)
{
	check_repair(p, l);
	if (l->pregreet_ms && l->role != CONF_ROLE_MX)
		AT(p, CONF_WARNING, &l->pregreet_ms_from, STR("pregreet"),
		   "nobody waits here: pregreet is for listeners of the role mx");
	else if (l->pregreet_ms && l->tls == CONF_LISTENER_TLS_IMPLICIT)
		AT(p, CONF_WARNING, &l->pregreet_ms_from, STR("pregreet"),
		   "nobody waits here: with tls implicit it is the client that begins");
	if (l->xclient_login == CONF_YES_YES && !l->xclient.count)
		AT(p, CONF_WARNING, &l->xclient_login_from, STR("xclient-login"),
		   "nobody may say XCLIENT here; write xclient NETWORK");
}

static bool has_mx(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (conf->listeners[i].role == CONF_ROLE_MX) return true;
	return false;
}

bool conf_check_client(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	for (size_t i = 0; i < conf->dnsbl_count; i++)
		if (!check_list(p, i)) return false;
	for (size_t i = 0; i < conf->listener_count; i++)
		check_listener(p, &conf->listeners[i]);
	for (size_t i = 0; i < conf->sender_map_count; i++) check_map(p, &conf->sender_maps[i]);
	if (conf->dnsbl_count && !has_mx(conf))
		AT(p, CONF_WARNING, &conf->dnsbls[0].origin, STR("dnsbl"),
		   "nobody is looked up: there is no listener of the role mx");
	if (is_scored(&conf->check) && conf->check.client_name == CONF_YES_NO)
		AT(p, CONF_WARNING, &conf->check.client_name_from, STR("client-name"),
		   "names are looked up all the same: check { client } wants to know them");
	if (conf->check.defer_score >= conf->check.reject_score)
		AT(p, CONF_WARNING, &conf->check.defer_score_from, STR("defer-score"),
		   "nothing is put off: whoever has that many points is refused");
	return true;
}
