/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `destination`: what spool, dns, deliver and http know now of where mail for an address
 * goes. Each is asked once; what does not answer is left out. Queries of this verb have the number of
 * the host of the route in their last 8 bits. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/base/json.h"
#include "lib/base/units.h"
#include "lib/mail/job.h"
#include "lib/route/mx.h"
#include "lib/route/route.h"
#include "lib/route/secure.h"
#include "lib/transport/mtasts.h"
#include "services/console/console.h"

enum { HOP_BITS = 8 };
static_assert((int)JOB_HOPS_MAX < 1 << HOP_BITS, "the number of a host fits");

struct hop {
	bool mx;
	uint16_t port;
	char name[DNS_NAME_MAX + 1];
};

struct destination {
	struct hop hops[JOB_HOPS_MAX];
	size_t hop_count;
	unsigned pending[ROLE_COUNT]; /* answers */
};

/* --- the end ------------------------------------------------------------------------------ */

static void end_if_done(struct console_client *client)
{
	for (size_t role = 0; role < ROLE_COUNT; role++)
		if (client->destination->pending[role]) return;
	client_finish(client, EX_OK, 1, STR(""));
}

/* NULL: nobody waits for it any more. */
static struct console_client *client_of(struct console *c, uint64_t query)
{
	struct console_client *client = map_get(&c->queries, query >> HOP_BITS);
	return client && client->destination && !client->finished ? client : NULL;
}

static void answered(struct console_client *client, enum role role)
{
	if (client->destination->pending[role] > 0) client->destination->pending[role]--;
	end_if_done(client);
}

void destination_lost(struct console *c, enum role role)
{
	LIST_EACH(it, &c->clients) {
		struct console_client *client = CONTAINER(it, struct console_client, link);
		if (!client->destination || client->finished) continue;
		client->destination->pending[role] = 0;
		end_if_done(client);
	}
}

static const struct hop *hop_of(const struct console_client *client, uint64_t query)
{
	size_t at = query & ((1 << HOP_BITS) - 1);
	return at < client->destination->hop_count ? &client->destination->hops[at] : NULL;
}

static void time_at(struct json *json, struct str key, uint64_t unix_ms)
{
	char text[40];
	struct buf b;
	buf_init_fixed(&b, text, sizeof text);
	if (unix_ms) units_time_write(&b, (int64_t)unix_ms);
	json_str_at(json, key, buf_view(&b));
}

static void row_end(struct console_client *client, struct json *json)
{
	json_end_object(json);
	buf_byte(&client->out, '\n');
}

/* --- what they say -------------------------------------------------------------------------- */

void destination_spool(struct console *c, const struct msg_destination *m)
{
	struct console_client *client = client_of(c, m->query);
	if (!client) return;
	struct json json = { .out = &client->out };
	json_begin_object(&json);
	json_key(&json, STR("destination"));
	json_bool(&json, m->known != 0);
	json_str_at(&json, STR("site"), m->site);
	json_i64_at(&json, STR("connections"), m->connections);
	json_i64_at(&json, STR("connections_max"), m->connections_max);
	json_i64_at(&json, STR("used"), m->used);
	json_i64_at(&json, STR("rate_percent"), m->percent);
	json_str_at(&json, STR("reason"), m->reason);
	json_str_at(&json, STR("reply"), m->why);
	time_at(&json, STR("until"), m->until_ms);
	json_i64_at(&json, STR("waiting"), m->waiting);
	json_i64_at(&json, STR("under_way"), m->under_way);
	json_i64_at(&json, STR("failures"), m->failures);
	time_at(&json, STR("left_alone_until"), m->blocked_until_ms);
	json_str_at(&json, STR("failure"), m->failure);
	row_end(client, &json);
	answered(client, ROLE_SPOOL);
}

static void host_row(struct json *json, const struct mx_next *host)
{
	static const char *const dane[] = { [MX_DANE_NONE] = "none", [MX_DANE_FOUND] = "found",
					    [MX_DANE_UNKNOWN] = "unknown" };
	char text[64];
	struct buf ip;
	json_begin_object(json);
	json_i64_at(json, STR("preference"), host->preference);
	json_str_at(json, STR("host"), host->name);
	json_key(json, STR("secure"));
	json_bool(json, host->secure);
	json_str_at(json, STR("tlsa"), str_of(dane[host->dane]));
	json_str_at(json, STR("tlsa_base"), host->base);
	json_key(json, STR("addresses"));
	json_begin_array(json);
	for (size_t i = 0; i < host->count; i++) {
		buf_init_fixed(&ip, text, sizeof text);
		ip_write(&ip, host->ips[i]);
		json_str(json, buf_view(&ip));
	}
	json_end_array(json);
	json_end_object(json);
}

void destination_dns(struct console *c, const struct msg_resolved *m)
{
	static const char *const results[] = { "hosts", "never", "later" };
	static struct mx_list list;
	struct console_client *client = client_of(c, m->query);
	const struct hop *hop = client ? hop_of(client, m->query) : NULL;
	if (!hop) return;
	list.count = 0;
	if (m->result == MX_HOSTS) (void)mx_list_get(m->hosts, &list);
	struct json json = { .out = &client->out };
	json_begin_object(&json);
	json_str_at(&json, STR("lookup"), str_of(hop->name));
	json_key(&json, STR("mx"));
	json_bool(&json, hop->mx);
	json_i64_at(&json, STR("port"), hop->port);
	json_str_at(&json, STR("result"), str_of(m->result < MX_RESULTS ? results[m->result] : "later"));
	json_str_at(&json, STR("dsn"), m->dsn);
	json_str_at(&json, STR("text"), m->text);
	json_key(&json, STR("hosts"));
	json_begin_array(&json);
	for (size_t i = 0; i < list.count; i++) host_row(&json, &list.hosts[i]);
	json_end_array(&json);
	row_end(client, &json);
	answered(client, ROLE_DNS);
}

void destination_hop(struct console *c, unsigned process, const struct msg_hop *m)
{
	struct console_client *client = client_of(c, m->query);
	const struct hop *hop = client ? hop_of(client, m->query) : NULL;
	if (!hop) return;
	if (m->failures) {
		struct json json = { .out = &client->out };
		json_begin_object(&json);
		json_str_at(&json, STR("hop"), str_of(hop->name));
		json_i64_at(&json, STR("port"), hop->port);
		json_i64_at(&json, STR("process"), process);
		json_i64_at(&json, STR("failures"), m->failures);
		json_key(&json, STR("down"));
		json_bool(&json, m->down != 0);
		time_at(&json, STR("until"), m->until_ms);
		row_end(client, &json);
	}
	answered(client, ROLE_DELIVER);
}

static void policy_row(struct json *json, struct str text)
{
	static const char *const modes[] = { [MTASTS_NONE] = "none", [MTASTS_TESTING] = "testing",
					     [MTASTS_ENFORCE] = "enforce" };
	static struct mtasts_policy policy;
	bool good = text.len && mtasts_policy_parse(text, &policy);
	json_str_at(json, STR("mode"), good ? str_of(modes[policy.mode]) : STR(""));
	json_key(json, STR("mx"));
	json_begin_array(json);
	for (size_t i = 0; good && i < policy.mx_count; i++) json_str(json, policy.mx[i]);
	json_end_array(json);
}

void destination_sts(struct console *c, const struct msg_sts_known *m)
{
	struct console_client *client = client_of(c, m->query);
	if (!client) return;
	struct json json = { .out = &client->out };
	json_begin_object(&json);
	json_key(&json, STR("sts"));
	json_bool(&json, m->policy.len > 0);
	policy_row(&json, m->policy);
	json_str_at(&json, STR("failure"), m->failure && m->failure < TRANSPORT_FAILURES
		? transport_failure_word((enum transport_failure)m->failure) : STR(""));
	time_at(&json, STR("fetched"), m->fetched_ms);
	time_at(&json, STR("until"), m->until_ms);
	time_at(&json, STR("looked"), m->looked_ms);
	row_end(client, &json);
	answered(client, ROLE_HTTP);
}

/* --- the question ---------------------------------------------------------------------------- */

static struct str text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_string(value)) return STR("");
	return (struct str){ json_string_value(value), json_string_length(value) };
}

static void hop_add(struct destination *d, struct str name, int64_t port, bool mx)
{
	struct hop *hop = &d->hops[d->hop_count];
	if (d->hop_count == JOB_HOPS_MAX || !str_to_cstr(name, hop->name, sizeof hop->name)) return;
	hop->port = (uint16_t)port;
	hop->mx = mx;
	d->hop_count++;
}

static void hops_find(struct destination *d, const struct route *route)
{
	const struct conf_hops *hops = NULL;
	if (route->kind == ROUTE_MX)
		hop_add(d, route_domain_of(route->mailbox), route->via->port, true);
	else if (route->kind == ROUTE_VIA) hops = &route->via->via;
	else if (route->kind == ROUTE_LMTP) hops = &route->domain->deliver.lmtp;
	for (size_t i = 0; hops && i < hops->count; i++)
		hop_add(d, hops->at[i].host, hops->at[i].port, hops->at[i].mx);
}

static void dns_ask(struct console_client *client, uint64_t query, const struct hop *hop, bool dane)
{
	struct channel *dns = frame_peer(client->console->frame, ROLE_DNS, 0);
	struct ip ip;
	bool by_name = hop->mx || (hop->name[0] != '/' && !ip_parse(str_of(hop->name), &ip));
	if (!dns || !by_name) return;
	client->destination->pending[ROLE_DNS]++;
	channel_send_resolve(dns, &(struct msg_resolve){ .query = query, .mx = hop->mx, .dane = dane,
		.port = hop->port, .name = str_of(hop->name) });
}

/* Each process that sends knows for itself which hosts do not answer. */
static void deliver_ask(struct console_client *client, uint64_t query, const struct hop *hop)
{
	for (unsigned i = 0; i < FRAME_INDEX_MAX; i++) {
		struct channel *deliver = frame_peer(client->console->frame, ROLE_DELIVER, i);
		if (!deliver) continue;
		client->destination->pending[ROLE_DELIVER]++;
		channel_send_ask_hop(deliver, &(struct msg_ask_hop){ .query = query, .mx = hop->mx,
			.port = hop->port, .host = str_of(hop->name) });
	}
}

static void ask_all(struct console_client *client, const struct route *route, struct str key)
{
	const struct frame *f = client->console->frame;
	struct destination *d = client->destination;
	struct channel *http = frame_peer(f, ROLE_HTTP, 0);
	bool by_mx = route->kind == ROUTE_MX;
	uint64_t query = client->query << HOP_BITS;
	struct str domain = by_mx ? route_domain_of(route->mailbox) : STR("");
	enum conf_route_tls word = CONF_ROUTE_TLS_OFF;
	if (by_mx || route->kind == ROUTE_VIA)
		word = secure_word(f->conf, route->via, domain, loop_wall_ms(f->loop));
	for (size_t i = 0; i < d->hop_count; i++) {
		dns_ask(client, query | i, &d->hops[i], secure_wants_dane(word));
		if (d->hop_count > 1) deliver_ask(client, query | i, &d->hops[i]);
	}
	if (client->console->spool) {
		d->pending[ROLE_SPOOL]++;
		channel_send_ask_destination(client->console->spool,
			&(struct msg_ask_destination){ .query = query, .key = key });
	}
	if (http && by_mx && word == CONF_ROUTE_TLS_AUTO) {
		d->pending[ROLE_HTTP]++;
		channel_send_sts_look(http, &(struct msg_sts_look){ .query = query, .domain = domain });
	}
}

void destination_run(struct console_client *client, const json_t *request)
{
	struct console *c = client->console;
	char memory[ROUTE_KEY_MAX + 8];
	struct buf key;
	struct route_ask ask = { .address = text_of(request, "address"), .exists = true,
		.sender = text_of(request, "from"), .user = text_of(request, "user") };
	if (!ask.address.len) {
		client_finish(client, EX_USAGE, 0, STR("destination wants an address"));
		return;
	}
	struct route route = route_find(c->frame->conf, &ask);
	client->destination = calloc(1, sizeof *client->destination);
	client->query = ++c->next_query;
	if (!client->destination || !map_put(&c->queries, client->query, client)) {
		client_finish(client, EX_TEMPFAIL, 0, STR("out of memory"));
		return;
	}
	buf_init_fixed(&key, memory, sizeof memory);
	route_key(&key, &route);
	struct json json = { .out = &client->out };
	json_begin_object(&json);
	json_str_at(&json, STR("route"), route_name(&route));
	json_str_at(&json, STR("key"), buf_view(&key));
	row_end(client, &json);
	hops_find(client->destination, &route);
	ask_all(client, &route, buf_view(&key));
	end_if_done(client);
}
