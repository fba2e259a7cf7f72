/* SPDX-License-Identifier: Apache-2.0 */
/* A host has granted ATRN (RFC 2645): it is the client from now on, and sends the mail that it has
 * for us. A receive process takes it, over a socketpair; the socket with its TLS stays here, and its
 * octets are only carried. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deliver/connection.h"
#include "lib/os/bridge.h"

struct visit {
	struct deliver *d;
	struct link link;
	struct bridge *bridge;
	struct tls *tls;
	int fd, line;
};

static void visit_free(struct visit *v)
{
	struct deliver *d = v->d;
	bridge_free(v->bridge);
	if (v->tls) tls_goodbye(v->tls);
	tls_free(v->tls);
	(void)close(v->fd);
	(void)close(v->line);
	link_remove(&v->link);
	d->visit_count--;
	free(v);
}

static void visit_over(void *arg, const char *why)
{
	struct visit *v = arg;
	struct deliver *d = v->d;
	(void)why; /* both ends tell how it went */
	visit_free(v);
	deliver_leave_if_idle(d);
}

void visit_drop_all(struct deliver *d)
{
	while (!list_empty(&d->visits)) visit_free(CONTAINER(d->visits.next, struct visit, link));
}

/* spool finds somebody who takes it. */
static void visit_send(struct deliver *d, const struct target *t, int fd)
{
	struct ip ip = t->ip;
	channel_send_visit_fd(d->spool, &(struct msg_visit){
		.client = { (const char *)ip.octets, sizeof ip.octets },
		.port = t->port, .tls = str_of(t->tls) }, fd);
}

/* The socket and its TLS leave the connection. */
static bool visit_take(struct visit *v, struct connection *c, int line, struct str in)
{
	loop_io_free(c->io);
	c->io = NULL;
	*v = (struct visit){ .d = c->d, .tls = c->tls, .fd = c->fd, .line = line };
	c->tls = NULL;
	c->fd = -1;
	list_add_tail(&v->d->visits, &v->link);
	v->d->visit_count++;
	const struct bridge_side sides[2] = { { v->fd, v->tls }, { v->line, NULL } };
	v->bridge = bridge_new(v->d->frame->loop, sides, in, DELIVER_VISIT_MS, visit_over, v);
	return v->bridge != NULL;
}

static struct visit *visit_new(int ends[2])
{
	struct visit *v = calloc(1, sizeof *v);
	if (v && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0) return v;
	free(v);
	return NULL;
}

static const char *visit_hindrance(const struct connection *c)
{
	const struct deliver *d = c->d;
	if (!d->spool) return "no process is there that could take the mail";
	if (d->draining) return "the service stops";
	if (d->visit_count >= DELIVER_VISITS_MAX) return "too many hosts send mail at the same time";
	return c->out.len > 0 ? "something was still to be said to the host" : NULL;
}

/* The host has said 250 and hears nothing more. */
static void tell_lost(const struct connection *c, const char *why)
{
	struct event_log *log = c->d->frame->log;
	const struct target *t = &c->targets[c->target];
	char label[HOST_LABEL_MAX];
	struct str dial = { c->dest->key, c->dest->key_len };
	(void)str_cut(&dial, ':');
	event_begin(log, EVENT_fetch_fail, 0, 0);
	event_str(log, FIELD_dial, dial);
	event_str(log, FIELD_host, host_label(t, label));
	event_str(log, FIELD_dsn, STR("4.3.2"));
	event_str(log, FIELD_reply, str_of(why));
	event_str(log, FIELD_tls, t->tls[0] ? str_of(t->tls) : STR("-"));
	event_end(log);
}

void visit_begin(struct connection *c, struct str in)
{
	int ends[2];
	const char *why = visit_hindrance(c);
	struct visit *v = why ? NULL : visit_new(ends);
	bool taken = v && visit_take(v, c, ends[0], in);
	if (taken) visit_send(c->d, &c->targets[c->target], ends[1]);
	else tell_lost(c, why ? why : "no room is left for its connection");
	if (v && !taken) visit_free(v);
	if (v) (void)close(ends[1]);
	connection_free(c);
}
