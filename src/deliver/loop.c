/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that would come back: a next hop that is one of our own listeners is not connected to, and
 * one that turns out to be we ourselves gets nothing. */
#include "deliver/deliver.h"

static struct route_self self_of(const struct deliver *d)
{
	const struct conf *conf = d->frame->conf;
	return (struct route_self){ conf->hostname, d->own, d->own_count, conf->listeners,
				    conf->listener_count };
}

static struct str hop_host(const struct connection *c)
{
	return c->job->to.kind == JOB_TO_MX ? c->job->to.domain : c->job->to.hops[c->hop].host;
}

/* Once an hour for each host of a route: it may stand behind another one that takes all mail. */
static void tell(struct connection *c, struct str host, const struct conf_listener *listener, struct str why)
{
	struct deliver *d = c->d;
	int64_t now_ms = loop_now_ms(d->frame->loop);
	uint64_t key = hash_str(host, hash_str(c->job->route, d->seed));
	for (size_t i = 0; i < DELIVER_OWN_MAX; i++)
		if (d->own_told[i].key == key && d->own_told[i].until_ms > now_ms) return;
	d->own_told[d->own_told_at++ % DELIVER_OWN_MAX] =
		(struct clear_host){ key, now_ms + DELIVER_OWN_TOLD_MS };
	tell_own(c->job, host, listener, why);
}

/* The word of a host that may come back stands: mail waits for that one. */
static void found(struct connection *c, struct str host, const struct conf_listener *listener, struct str why)
{
	tell(c, host, listener, why);
	if (c->loops++ < c->hop) return;
	(void)str_to_cstr(STR("5.4.6"), c->dsn, sizeof c->dsn);
	(void)str_to_cstr(why, c->why, sizeof c->why);
}

bool loop_is_own(struct connection *c, struct ip ip, uint16_t port)
{
	struct route_self self = self_of(c->d);
	const struct conf_listener *listener = self_listener(&self, ip, port);
	char label[HOST_LABEL_MAX], text[DELIVER_SENTENCE_MAX];
	struct buf host, why;
	if (!listener) return false;
	buf_init_fixed(&host, label, sizeof label);
	buf_byte(&host, '[');
	ip_write(&host, ip);
	buf_str(&host, STR("]:"));
	buf_u64(&host, port);
	buf_init_fixed(&why, text, sizeof text - 1);
	buf_str(&why, STR("mail loops back: the next hop "));
	buf_str(&why, buf_view(&host));
	buf_str(&why, STR(" of route "));
	buf_str(&why, c->job->route);
	buf_str(&why, STR(" is this server itself"));
	found(c, buf_view(&host), listener, buf_view(&why));
	return true;
}

void loop_found(struct connection *c, struct str why)
{
	found(c, hop_host(c), NULL, why);
}

struct str loop_name(const struct connection *c)
{
	struct route_self self = self_of(c->d);
	const struct target *t = &c->targets[c->target];
	/* A server of this site that keeps mailboxes is known by its socket, not by a name. */
	bool counts = t->port && c->job->to.kind != JOB_TO_LMTP && self_may_answer(&self, t->ip, t->port);
	return counts ? self.hostname : STR("");
}

void loop_met(struct connection *c, const struct smtp_outcome *cause)
{
	char label[HOST_LABEL_MAX];
	c->met_self = true;
	tell(c, host_label(&c->targets[c->target], label), NULL, cause->text);
}
