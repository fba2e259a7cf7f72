/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain's MTA-STS policy says of its hosts: asked of `http`, which has read and kept
 * it, once they are known. http answers every question, if need be that there is none; when it
 * does not answer at all, the mail waits, for nobody knows what was promised. */
#include "deliver/tls_result.h"

static const struct conf_route *route_of(const struct connection *c)
{
	return conf_route_find(c->d->frame->conf, c->job->route);
}

/* A policy changes nothing where every host has TLSA records. Where proof is demanded it is as
 * good a witness of a host's name as DNSSEC, whatever the route says (RFC 8689 4.2.1). */
static bool counts(const struct connection *c)
{
	const struct conf_route *route = route_of(c);
	if (!route || encrypt_is_optional(c->job)) return false;
	enum conf_route_tls word = encrypt_word(c->job, route);
	if (word == CONF_ROUTE_TLS_OFF) return false;
	if (word != CONF_ROUTE_TLS_AUTO && !encrypt_is_demanded(c->job)) return false;
	for (uint32_t i = 0; i < c->target_count; i++)
		if (c->targets[i].dane == MX_DANE_NONE)
			return dns_name_is_host(c->job->to.domain);
	return false;
}

static void ask_send(struct connection *c)
{
	struct msg_sts_want m = { .query = c->sts_query, .domain = c->job->to.domain };
	if (c->d->http) channel_send_sts_want(c->d->http, &m);
}

void sts_find(struct connection *c)
{
	struct deliver *d = c->d;
	buf_reset(&c->sts_text);
	if (!counts(c)) {
		connection_found(c);
		return;
	}
	c->sts_query = ++d->next_query;
	if (!map_put(&d->policies, c->sts_query, c)) {
		sts_late(c);
		return;
	}
	loop_timer_set(c->timer, DELIVER_STS_MS);
	ask_send(c);
}

void sts_stop(struct connection *c)
{
	if (c->sts_query) (void)map_take(&c->d->policies, c->sts_query);
	c->sts_query = 0;
}

void sts_ask_again(struct deliver *d)
{
	size_t at = 0;
	for (struct connection *c; (c = map_next(&d->policies, &at, NULL));) ask_send(c);
}

/* A policy could not be had: the mail goes on, and whoever counts is told. */
static void tell_failure(struct connection *c, enum transport_failure failure)
{
	tls_result(c->d, &(struct tls_result){ .domain = c->job->to.domain,
					       .policy = TRANSPORT_STS,
					       .failure = failure });
}

void sts_take(struct deliver *d, const struct msg_sts *m)
{
	struct connection *c = map_get(&d->policies, m->query);
	if (!c) return;
	buf_str(&c->sts_text, m->policy);
	bool good = !m->policy.len || (!c->sts_text.overflowed &&
				       mtasts_policy_parse(buf_view(&c->sts_text), &c->sts));
	if (!good) {
		sts_late(c);
		return;
	}
	sts_stop(c);
	loop_timer_cancel(c->timer);
	if (m->failure && m->failure < TRANSPORT_FAILURES)
		tell_failure(c, (enum transport_failure)m->failure);
	for (uint32_t i = 0; i < c->target_count; i++) {
		struct target *t = &c->targets[i];
		t->sts_has = m->policy.len && mtasts_policy_has(&c->sts, str_of(t->name));
	}
	connection_found(c);
}

void sts_late(struct connection *c)
{
	struct buf words;
	sts_stop(c);
	buf_reset(&c->sts_text);
	c->target_count = 0;
	(void)str_to_cstr(STR("4.7.5"), c->dsn, sizeof c->dsn);
	buf_init_fixed(&words, c->why, sizeof c->why - 1);
	buf_str(&words, STR("it cannot be told now whether "));
	buf_str(&words, c->job->to.domain);
	buf_str(&words, STR(" has a policy for mail to it (MTA-STS)"));
	c->why[words.len] = '\0';
	connection_found(c);
}

enum secure_sts sts_of(const struct connection *c)
{
	if (!c->sts_text.len) return SECURE_STS_NONE;
	switch (c->sts.mode) {
	case MTASTS_NONE: break;
	case MTASTS_TESTING: return SECURE_STS_TESTING;
	case MTASTS_ENFORCE: return SECURE_STS_ENFORCE;
	}
	return SECURE_STS_NONE;
}
