/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show: names that mean nothing, things said twice,
 * things not said. A setting that had an error has an origin, so it counts as said. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

/* -- Listeners -------------------------------------------------------------------------
 */

static bool is_any(struct ip ip) { return ip_is_none(ip) || ip_eq(ip, ip_of_v4(0)); }

/* One place, or one within the other: the system gives it to the first only. */
static bool do_overlap(const struct conf_address *a, const struct conf_address *b)
{
	if (a->port != b->port) return false;
	if (ip_eq(a->ip, b->ip)) return true;
	return ip_is_v4(a->ip) == ip_is_v4(b->ip) && (is_any(a->ip) || is_any(b->ip));
}

static void report_overlap(struct conf_parser *p, const struct conf_listener *listener,
			   const struct conf_address *address,
			   const struct conf_listener *first)
{
	struct conf_quote text, where;
	struct buf out;
	buf_init_fixed(&out, text.text, sizeof text.text - 1);
	conf_value_write_address(address, &out);
	text.text[out.len] = '\0';
	AT(p, CONF_ERROR, &listener->addresses_from, buf_view(&out),
	   "%s is taken already by listener '%.*s' at %s", text.text,
	   STR_ARG(first->name), conf_where(&where, &first->addresses_from));
}

void conf_report_twice(struct conf_parser *p, enum conf_block_id block, struct str name,
		       const struct conf_origin *origin, const struct conf_origin *first)
{
	struct conf_quote quote, where;
	AT(p, CONF_ERROR, origin, name, "%.*s '%s' stands already at %s",
	   STR_ARG(conf_blocks[block].word), conf_quote(&quote, name),
	   conf_where(&where, first));
}

static void check_address(struct conf_parser *p, const struct conf_listener *listener,
			  const struct conf_address *address)
{
	for (const struct conf_listener *l = p->conf->listeners; l <= listener; l++) {
		for (size_t i = 0; i < l->addresses.count; i++) {
			const struct conf_address *other = &l->addresses.at[i];
			if (other == address) return;
			if (!do_overlap(address, other)) continue;
			report_overlap(p, listener, address, l);
			return;
		}
	}
}

static void check_certificates(struct conf_parser *p, const struct conf_listener *l)
{
	size_t certificates = l->certificates.count, keys = l->keys.count;
	if (l->tls != CONF_LISTENER_TLS_OFF && !conf_is_said(&l->certificates_from))
		AT(p, CONF_ERROR, &l->tls_from, STR("tls"),
		   "listener '%.*s' has no certificate for TLS; write certificate PATH",
		   STR_ARG(l->name));
	else if (keys && keys != certificates)
		AT(p, CONF_ERROR, &l->keys.at[keys - 1].from, STR("key"),
		   "listener '%.*s' has another number of keys (%zu) than of certificates "
		   "(%zu); write one for each, or none if they stand in the same files",
		   STR_ARG(l->name), keys, certificates);
	else if (l->tls == CONF_LISTENER_TLS_OFF && certificates)
		AT(p, CONF_WARNING, &l->certificates_from, STR("certificate"),
		   "the certificate is not used: listener '%.*s' has tls off",
		   STR_ARG(l->name));
}

static void check_listeners(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	for (const struct conf_listener *l = conf->listeners;
	     l < conf->listeners + conf->listener_count; l++) {
		for (const struct conf_listener *o = conf->listeners; o < l; o++)
			if (str_eq(o->name, l->name))
				conf_report_twice(p, CONF_BLOCK_conf_listener, l->name,
						  &l->origin, &o->origin);
		if (!l->addresses_from.line && conf_is_said(&l->origin))
			AT(p, CONF_ERROR, &l->origin, l->name,
			   "listener '%.*s' has no address; write address 0.0.0.0:25",
			   STR_ARG(l->name));
		for (size_t i = 0; i < l->addresses.count; i++)
			check_address(p, l, &l->addresses.at[i]);
		check_certificates(p, l);
	}
}

/* -- Hosts -----------------------------------------------------------------------------
 */

static bool is_same_rule(const struct conf_host *a, const struct conf_host *b)
{
	return a->action == b->action && a->auth == b->auth && a->tls == b->tls &&
	       a->relay == b->relay;
}

static bool offers_tls(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (conf->listeners[i].tls != CONF_LISTENER_TLS_OFF) return true;
	return false;
}

/* A client that must encrypt and cannot would be locked out without a word. */
static void check_host_tls(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	if (offers_tls(conf)) return;
	for (size_t i = 0; i < conf->host_count; i++) {
		if (conf->hosts[i].tls != CONF_HOST_TLS_REQUIRE) continue;
		AT(p, CONF_ERROR, &conf->hosts[i].origin, STR("tls"),
		   "no listener offers TLS, which this rule requires: its clients could "
		   "not send");
		return;
	}
}

static bool index_networks(struct conf *conf, struct conf_networks *list)
{
	struct conf_index *index = conf_index_new(&conf->arena, list->count);
	if (!index) return false;
	conf_index_networks(index, list);
	list->index = index;
	return true;
}

static bool check_hosts(struct conf_parser *p)
{
	struct conf *conf = p->conf;
	if (!index_networks(conf, &conf->relay.from) || !index_networks(conf, &conf->relay.never))
		return false;
	conf->host_index = conf_index_new(&conf->arena, conf->host_count);
	if (!conf->host_index) return false;
	for (size_t i = 0; i < conf->host_count; i++) {
		struct conf_host *host = &conf->hosts[i];
		ptrdiff_t found = conf_index_host(conf->host_index, conf->hosts, i);
		if (found < 0) continue;
		const struct conf_host *first = &conf->hosts[found];
		bool same = is_same_rule(first, host);
		struct conf_quote where;
		AT(p, same ? CONF_WARNING : CONF_ERROR, &host->origin, STR(""),
		   same ? "this rule stands already at %s"
			: "there is another rule of this network at %s",
		   conf_where(&where, &first->origin));
	}
	return true;
}

/* -- Domains ---------------------------------------------------------------
 */

static void check_users(struct conf_parser *p, struct conf_domain *d)
{
	struct str name = d->names[0];
	struct conf_quote quote;
	bool asked = d->deliver.kind != CONF_DELIVER_ROUTE;
	if (conf_is_said(&d->users_from)) {
		if (d->users.any || !d->users.name.len) return;
		d->users.directory = conf_directory_find(p->conf, d->users.name);
		if (!d->users.directory)
			AT(p, CONF_ERROR, &d->users_from, d->users.name,
			   "there is no directory '%s'; add directory %s { sqlite PATH }",
			   conf_quote(&quote, d->users.name), quote.text);
	} else if (asked && conf_is_said(&d->deliver_from)) {
		AT(p, CONF_ERROR, &d->origin, name,
		   "domain %s does not say who its users are; write users DIRECTORY or "
		   "users any",
		   conf_quote(&quote, name));
	} else {
		d->users.any = true; /* the next host knows */
	}
}

static bool holds(struct str text, struct str part)
{
	for (size_t i = 0; i + part.len <= text.len; i++)
		if (str_eq(str_sub(text, i, part.len), part)) return true;
	return false;
}

static void check_deliver(struct conf_parser *p, struct conf_domain *d)
{
	struct conf_quote quote;
	struct conf_deliver *deliver = &d->deliver;
	if (!conf_is_said(&d->deliver_from)) {
		AT(p, CONF_ERROR, &d->origin, d->names[0],
		   "domain %s does not say where its mail goes; write deliver maildir "
		   "/var/mail/%%d/%%n",
		   conf_quote(&quote, d->names[0]));
	} else if (deliver->name.len) {
		deliver->route = conf_route_find(p->conf, deliver->name);
		if (!deliver->route)
			AT(p, CONF_ERROR, &d->deliver_from, deliver->name,
			   "there is no route '%s'; add route %s { via HOST }",
			   conf_quote(&quote, deliver->name), quote.text);
	} else if (deliver->maildir.len && !holds(deliver->maildir, STR("%n")) &&
		   !holds(deliver->maildir, STR("%u"))) {
		AT(p, CONF_WARNING, &d->deliver_from, deliver->maildir,
		   "all users of %s share one mailbox; write %%n or %%u into the "
		   "template",
		   conf_quote(&quote, d->names[0]));
	}
}

static void check_held(struct conf_parser *p, const struct conf_domain *d)
{
	bool asks = conf_is_said(&d->etrn_from_from) || conf_is_said(&d->etrn_user_from) ||
		    conf_is_said(&d->atrn_user_from);
	struct conf_quote quote;
	if (d->deliver.held) p->conf->held_count++;
	if (d->deliver.held && !asks)
		AT(p, CONF_WARNING, &d->deliver_from, STR("hold-for-etrn"),
		   "nobody may ask for the mail of %s; write etrn-from NETWORK, etrn-user USER or atrn-user USER",
		   conf_quote(&quote, d->names[0]));
	else if (asks && !d->deliver.held && conf_is_said(&d->deliver_from))
		AT(p, CONF_WARNING, &d->origin, d->names[0],
		   "mail of %s does not wait to be asked for; write deliver hold-for-etrn",
		   conf_quote(&quote, d->names[0]));
}

static void check_catch_all(struct conf_parser *p, const struct conf_domain *d)
{
	struct conf_quote quote;
	if (conf_is_said(&d->catch_all_from) && d->users.any)
		AT(p, CONF_WARNING, &d->catch_all_from, STR("catch-all"),
		   "the catch-all of %s gets nothing: every address is good there (users any)",
		   conf_quote(&quote, d->names[0]));
}

static bool check_domains(struct conf_parser *p)
{
	struct conf *conf = p->conf;
	size_t names = 0;
	for (size_t i = 0; i < conf->domain_count; i++)
		names += conf->domains[i].name_count;
	conf->domain_index = conf_index_new(&conf->arena, names);
	if (!conf->domain_index) return false;
	for (size_t i = 0; i < conf->domain_count; i++) {
		struct conf_domain *d = &conf->domains[i];
		for (size_t n = 0; n < d->name_count; n++) {
			ptrdiff_t found = conf_index_domain(conf->domain_index,
							    conf->domains, i, n);
			if (found < 0) continue;
			conf_report_twice(p, CONF_BLOCK_conf_domain, d->names[n],
					  &d->origin, &conf->domains[found].origin);
		}
		check_users(p, d);
		check_deliver(p, d);
		check_catch_all(p, d);
		check_held(p, d);
	}
	return true;
}

void conf_check(struct conf_parser *p)
{
	if (!check_hosts(p) || !check_domains(p) || !conf_check_in(p) || !conf_check_client(p) ||
	    !conf_check_out(p)) {
		p->no_memory = true;
		return;
	}
	check_listeners(p);
	check_host_tls(p);
	conf_check_directories(p);
	conf_check_rates(p);
	conf_check_egresses(p);
	conf_check_tls_policies(p);
	conf_check_auth(p);
	conf_check_pacing(p);
	conf_check_dials(p);
}
