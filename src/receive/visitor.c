/* SPDX-License-Identifier: Apache-2.0 */
/* A host that sends mail over a connection that we have made: deliver has asked for it by ATRN
 * (RFC 2645), and carries its octets. It is a client as at a listener of the role mx, of which
 * the host rules and all others count; TLS, if there is any, is deliver's. */
#include "receive/receive.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/os/stream.h"

/* No block has such a name. It is gone with its session. */
static const char name[] = "(atrn)";

static struct rx_listener *listener_new(struct receive *rx)
{
	struct rx_listener *l = rx->listener_count < RECEIVE_LISTENERS_MAX ? calloc(1, sizeof *l) : NULL;
	if (!l) return NULL;
	l->rx = rx;
	l->fd = -1;
	l->retired = (struct conf_listener){ .name = str_of(name), .role = CONF_ROLE_MX,
		.origin = { STR("(mail fetched by ATRN)"), 0 } };
	l->conf = &l->retired;
	l->census_index = CENSUS_LISTENERS - 1;
	list_init(&l->waiting);
	(void)str_to_cstr(str_of(name), l->name, sizeof l->name);
	rx->listeners[rx->listener_count++] = l;
	return l;
}

void session_tls(const struct session *s, struct buf *out)
{
	if (s->tls) tls_describe(s->tls, out);
	else buf_str(out, str_of(s->listener->tls));
}

static void not_taken(struct receive *rx, struct ip client, const char *why, int fd)
{
	struct event_log *log = rx->frame->log;
	event_begin(log, EVENT_fetch_fail, 0, 0);
	event_ip(log, FIELD_client, client);
	event_str(log, FIELD_dsn, STR("4.3.2"));
	event_str(log, FIELD_reply, str_of(why));
	event_end(log);
	stream_send_and_close(fd, STR("421 4.3.2 no mail can be taken now\r\n"));
}

void visitor_take(struct receive *rx, const struct msg_visitor *m, int fd)
{
	struct ip client;
	if (m->client.len != sizeof client.octets) {
		(void)close(fd);
		return;
	}
	memcpy(client.octets, m->client.at, sizeof client.octets);
	struct rx_listener *l = rx->draining ? NULL : listener_new(rx);
	if (!l) {
		not_taken(rx, client, rx->draining ? "the service stops" : "there is no room for one more connection", fd);
		return;
	}
	(void)str_to_cstr(m->tls, l->tls, sizeof l->tls);
	struct census_counts counts = census_enter(rx->census, rx->frame->index, l->census_index, client);
	struct verdict v = accept_verdict(l, client, &counts, false);
	struct session *s = v.kind == VERDICT_ACCEPT ? session_new(l, fd, client, m->port) : NULL;
	if (s) {
		s->smtp.tls = m->tls.len > 0;
		session_start(s);
		return;
	}
	census_leave(rx->census, rx->frame->index, l->census_index, client);
	if (v.kind == VERDICT_REFUSE) accept_refuse(l, fd, client, &v);
	else not_taken(rx, client, "there is no room for one more session", fd);
	l->session_count++; /* it had none: what lets go of the last one lets go of it */
	accept_session_gone(l);
}
