/* SPDX-License-Identifier: Apache-2.0 */
/* Role `dns`: says where mail goes, and what a host is called. The only process that reads
 * what DNS servers send; it holds nothing but a cache. Questions that are under way when it
 * goes are not answered: who asked asks its successor, or does without. */
#include <stdlib.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/os/own.h"
#include "services/dns/questions.h"
#include "services/dns/plain.h"
#include "services/frame.h"

struct dns {
	struct frame *frame;
	struct resolver *resolver;
	struct questions questions;
	struct plain plain;
	struct ip own[OWN_ADDRESSES_MAX];
};

static void log_error(struct dns *d, struct str path, struct str error)
{
	event_begin(d->frame->log, EVENT_resolver_error, 0, 0);
	event_str(d->frame->log, FIELD_path, path);
	event_str(d->frame->log, FIELD_error, error);
	event_end(d->frame->log);
}

/* What of the configuration is looked at with each question. */
static void conf_use(struct dns *d)
{
	const struct conf *conf = d->frame->conf;
	d->questions.deadline_ms = conf->resolver.timeout_ms * QUESTION_TRIES;
	d->questions.asks[MX_V4] = conf->resolver.families != CONF_IP_FAMILIES_V6;
	d->questions.asks[MX_V6] = conf->resolver.families != CONF_IP_FAMILIES_V4;
	d->questions.self.hostname = conf->hostname;
	d->questions.self.listeners = conf->listeners;
	d->questions.self.listener_count = conf->listener_count;
}

static int dns_open(struct frame *f)
{
	uint64_t seed = 0;
	struct buf why;
	struct str path;
	struct dns *d = calloc(1, sizeof *d);
	if (!d || getrandom(&seed, sizeof seed, 0) != sizeof seed) {
		free(d);
		return EX_OSERR;
	}
	f->role = d;
	d->frame = f;
	buf_init(&why, EVENT_VALUE_MAX);
	d->resolver = resolver_new(f->loop, &f->conf->resolver, &resolver_files_system,
				   &why, &path);
	if (why.len) log_error(d, path, buf_view(&why));
	buf_free(&why);
	questions_init(&d->questions, f->loop, d->resolver, seed);
	d->questions.self.ips = d->own;
	d->questions.self.ip_count = own_addresses_get(d->own);
	conf_use(d);
	if (!plain_init(&d->plain, f->loop, d->resolver)) return EX_OSERR;
	return d->resolver ? 0 : EX_CONFIG;
}

static void dns_message(struct frame *f, struct channel *ch, enum msg_type type,
			struct str payload, int fd)
{
	struct dns *d = f->role;
	struct msg_resolve resolve;
	struct msg_dns_ask ask;
	if (fd >= 0) (void)close(fd);
	if (type == MSG_resolve && msg_resolve_get(payload, &resolve))
		questions_ask(&d->questions, ch, &resolve);
	else if (type == MSG_dns_ask && msg_dns_ask_get(payload, &ask))
		plain_ask(&d->plain, ch, &ask);
}

static void dns_peer_down(struct frame *f, struct channel *ch)
{
	struct dns *d = f->role;
	questions_forget(&d->questions, ch);
	plain_forget(&d->plain, ch);
}

static bool is_same(const struct conf_resolver *a, const struct conf_resolver *b)
{
	if (a->servers.count != b->servers.count || a->timeout_ms != b->timeout_ms ||
	    a->hosts != b->hosts || !str_eq(a->trust_anchor, b->trust_anchor))
		return false;
	for (size_t i = 0; i < a->servers.count; i++)
		if (!ip_eq(a->servers.at[i].ip, b->servers.at[i].ip) ||
		    a->servers.at[i].port != b->servers.at[i].port)
			return false;
	return true;
}

/* Files that may have changed meanwhile; nothing tells a process without rights. */
static bool reads_files(const struct conf_resolver *c)
{
	return c->servers.count == 0 || c->hosts == CONF_YES_YES ||
	       c->trust_anchor.len > 0;
}

/* The resolver cannot be set up again without the rights that this process gave up: it
 * goes, and a fresh one reads what is new. */
static void dns_reload(struct frame *f, struct conf *old)
{
	struct dns *d = f->role;
	conf_use(d);
	if (!is_same(&old->resolver, &f->conf->resolver) ||
	    reads_files(&f->conf->resolver))
		frame_leave(f);
}

static void dns_drain(struct frame *f, bool now)
{
	struct dns *d = f->role;
	(void)now;
	questions_free(&d->questions);
	plain_free(&d->plain);
	resolver_free(d->resolver);
	d->resolver = NULL;
	frame_leave(f);
}

const struct role_ops dns_role = {
	.role = ROLE_DNS,
	.open = dns_open,
	.peer_down = dns_peer_down,
	.message = dns_message,
	.reload = dns_reload,
	.drain = dns_drain,
};
