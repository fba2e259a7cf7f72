/* SPDX-License-Identifier: Apache-2.0 */
/* Where a job goes: addresses from its target, from dns, or a socket's path. The hops of
 * a smart host are looked up one after the other; what the administrator wrote is never a
 * reason to return mail, so only an MX lookup can say "never". */
#include <string.h>

#include "deliver/deliver.h"
#include "lib/route/mx.h"
#include "lib/route/site.h"

enum { RESULT_HOSTS, RESULT_NEVER, RESULT_LATER };

struct str host_label(const struct target *t, char memory[HOST_LABEL_MAX])
{
	struct buf b;
	buf_init_fixed(&b, memory, HOST_LABEL_MAX);
	buf_str(&b, str_of(t->name));
	if (t->port) {
		buf_byte(&b, '[');
		ip_write(&b, t->ip);
		buf_str(&b, STR("]:"));
		buf_u64(&b, t->port);
	}
	return buf_view(&b);
}

static void because(struct connection *c, struct str dsn, struct str why)
{
	(void)str_to_cstr(dsn, c->dsn, sizeof c->dsn);
	(void)str_to_cstr(why, c->why, sizeof c->why);
}

static bool is_mx(const struct connection *c)
{
	return c->job->to.kind == JOB_TO_MX;
}

static uint64_t hop_key(const struct connection *c)
{
	return is_mx(c) ? 0 : rotation_key(c->d, &c->job->to.hops[c->hop]);
}

/* A target of the current host; what does not fit is left alone. `dns`: what is known of
 * the host, or NULL. */
static void target_add(struct connection *c, struct str name, struct ip ip, uint16_t port,
		       const struct target *dns)
{
	if (c->target_count == SMTP_ATTEMPT_TARGETS_MAX) return;
	struct target *t = &c->targets[c->target_count];
	*t = dns ? *dns : (struct target){ .dane = MX_DANE_NONE };
	t->hop = hop_key(c);
	t->ip = ip;
	t->port = port;
	if (!str_to_cstr(name, t->name, sizeof t->name)) return;
	c->hosts[c->target_count++] = c->host_count;
}

static bool wants_dane(const struct connection *c)
{
	const struct conf_route *r = conf_route_find(c->d->frame->conf, c->job->route);
	if (!r || encrypt_is_optional(c->job)) return false;
	enum conf_route_tls word = encrypt_word(c->job, r);
	if (word == CONF_ROUTE_TLS_OFF) return false;
	return secure_wants_dane(word) || encrypt_is_demanded(c->job);
}

static void ask_send(struct connection *c)
{
	const struct job_target *to = &c->job->to;
	bool mx = is_mx(c);
	struct msg_resolve m = {
		.query = c->query,
		.mx = mx || to->hops[c->hop].mx,
		.dane = wants_dane(c),
		.port = mx ? to->port : to->hops[c->hop].port,
		.name = mx ? to->domain : to->hops[c->hop].host,
	};
	if (c->d->dns) channel_send_resolve(c->d->dns, &m);
}

static int64_t patience_ms(const struct job *job)
{
	return job->looks ? DELIVER_LOOK_DNS_MS : DELIVER_RESOLVE_MS;
}

/* False: no memory to remember the question. */
static bool ask(struct connection *c)
{
	struct deliver *d = c->d;
	int64_t now = loop_now_ms(d->frame->loop);
	c->query = ++d->next_query;
	if (!map_put(&d->questions, c->query, c)) {
		c->query = 0;
		because(c, STR("4.3.0"), STR("out of memory"));
		return false;
	}
	if (!c->asked_ms) c->asked_ms = now;
	loop_timer_set(c->timer, c->asked_ms + patience_ms(c->job) - now);
	ask_send(c);
	return true;
}

/* One hop of a list; true if dns was asked, and so has the next word. */
static bool hop_find(struct connection *c, const struct job_hop *hop)
{
	struct ip ip;
	if (str_starts(hop->host, STR("/"))) {
		if (folder_allows(c->d, hop->host)) {
			target_add(c, hop->host, (struct ip){ 0 }, 0, NULL);
		} else {
			because(c, STR("4.3.5"),
				STR("the socket's folder was not there or "
				    "not known when the service started"));
			tell_error(c->d, str_of(c->why), hop->host);
		}
	} else if (ip_parse(hop->host, &ip)) {
		if (!loop_is_own(c, ip, hop->port)) target_add(c, hop->host, ip, hop->port, NULL);
	} else {
		return ask(c);
	}
	c->host_count++;
	return false;
}

/* Goes on with hop number c->hop. */
static void hops_find(struct connection *c)
{
	const struct job_target *to = &c->job->to;
	for (; c->hop < to->hop_count; c->hop++) {
		if (c->target_count == SMTP_ATTEMPT_TARGETS_MAX) break;
		if (hop_find(c, &to->hops[c->hop])) return;
	}
	if (c->loops && c->loops == to->hop_count) c->never = true;
	connection_found(c);
}

void host_find(struct connection *c)
{
	c->state = CONNECTION_RESOLVING;
	c->target_count = c->host_count = 0;
	buf_reset(&c->dane);
	c->hop = 0;
	c->asked_ms = 0;
	c->never = false;
	c->loops = 0;
	because(c, STR("4.4.4"), STR("there is no host to send to"));
	rotation_order(c->job);
	if (c->job->to.kind != JOB_TO_MX) hops_find(c);
	else if (!ask(c)) connection_found(c);
}

bool host_site_fits(struct connection *c)
{
	struct job *job = c->job;
	struct site_best best = { NULL, 0 };
	if (job->settled) return true;
	for (uint32_t i = 0; i < c->target_count; i++)
		site_host(c->d->frame->conf, str_of(c->targets[i].name), &best);
	job->found = best.block ? best.block->name : STR("");
	job->moved = !str_eq(job->found, job->site);
	return !job->moved;
}

void host_forget(struct connection *c)
{
	if (c->query) (void)map_take(&c->d->questions, c->query);
	c->query = 0;
}

/* On with the next hop, or with what was found. */
static void go_on(struct connection *c)
{
	loop_timer_cancel(c->timer);
	if (c->job->to.kind == JOB_TO_MX) {
		sts_find(c);
		return;
	}
	c->hop++;
	c->host_count++;
	hops_find(c);
}

static uint32_t text_keep(struct connection *c, struct str text)
{
	uint32_t at = (uint32_t)c->dane.len;
	buf_str(&c->dane, text);
	return at;
}

/* What the answer says of the host, for as long as the connection goes there. A host whose
 * records do not fit must not be used. */
static void dns_keep(struct connection *c, const struct mx_next *host, struct target *t)
{
	*t = (struct target){ .secure = host->secure, .dane = host->dane };
	if (host->dane != MX_DANE_FOUND) return;
	t->base_len = (uint32_t)host->base.len;
	t->base_at = text_keep(c, host->base);
	t->tlsa_len = (uint32_t)host->tlsa.len;
	t->tlsa_at = text_keep(c, host->tlsa);
	if (c->dane.overflowed) t->dane = MX_DANE_UNKNOWN;
}

static void hosts_take(struct connection *c, const struct mx_list *list)
{
	const struct job_target *to = &c->job->to;
	bool mx = is_mx(c);
	uint16_t port = mx ? to->port : to->hops[c->hop].port;
	for (size_t i = 0; i < list->count; i++) {
		struct target dns;
		dns_keep(c, &list->hosts[i], &dns);
		for (size_t k = 0; k < list->hosts[i].count; k++)
			target_add(c, list->hosts[i].name, list->hosts[i].ips[k], port, &dns);
		if (mx || to->hops[c->hop].mx) c->host_count++;
	}
}

void host_resolved(struct deliver *d, const struct msg_resolved *m)
{
	struct connection *c = map_get(&d->questions, m->query);
	struct mx_list list;
	if (!c) return;
	host_forget(c);
	bool mx = is_mx(c);
	if (m->result == RESULT_HOSTS && mx_list_get(m->hosts, &list)) {
		hosts_take(c, &list);
	} else if (m->result == RESULT_HOSTS) {
		because(c, STR("4.4.3"), STR("the answer of the resolver is damaged"));
	} else if (m->result == RESULT_NEVER && str_eq(m->dsn, STR("5.4.6"))) {
		c->never = mx;
		loop_found(c, m->text);
	} else {
		c->never = mx && m->result == RESULT_NEVER;
		because(c, m->dsn, m->text);
		if (!mx) rotation_heard(c->job, &c->job->to.hops[c->hop], false, str_of(c->why));
	}
	go_on(c);
}

void host_late(struct connection *c)
{
	host_forget(c);
	c->job->cut = c->job->looks;
	because(c, STR("4.4.3"),
		c->d->dns ? STR("the resolver did not answer in time")
			  : STR("there is no resolver at present"));
	if (!is_mx(c) && !c->job->looks)
		rotation_heard(c->job, &c->job->to.hops[c->hop], false, str_of(c->why));
	/* The time is for all questions together. */
	connection_found(c);
}

void host_ask_again(struct deliver *d)
{
	size_t at = 0;
	for (struct connection *c; (c = map_next(&d->questions, &at, NULL));) ask_send(c);
}
