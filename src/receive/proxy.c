/* SPDX-License-Identifier: Apache-2.0 */
/* A proxy's connection, until it has said for whom it speaks. Nothing but the header is
 * taken off the socket: what follows may be TLS. */
#include "receive/receive.h"

#include <errno.h>

#include "lib/ipc/scoreboard.h"
#include "lib/os/stream.h"
#include "lib/smtp/proxy.h"

void proxy_begin(struct session *s)
{
	s->proxying = true;
	session_touch(s, IDLE_PROXY);
	session_watch(s);
}

static void proxy_refuse(struct session *s, struct str text)
{
	struct verdict v = verdict_builtin(554, "5.5.0", text, "proxy header");
	tell_refused_connection(s->listener, s->client, "proxy", &v);
	session_end(s, "proxy header");
}

void proxy_late(struct session *s)
{
	proxy_refuse(s, STR("The header of the PROXY protocol did not come in time"));
}

static void proxy_done(struct session *s, const struct smtp_proxy *header)
{
	s->proxying = false;
	buf_free(&s->in);
	session_touch(s, IDLE_COMMAND);
	struct verdict v = header->local ? session_become(s, s->client, s->port)
	                                 : session_become(s, header->client, header->client_port);
	s->speaker = s->client;
	session_find_rules(s); /* those of the speaker, too */
	auth_offer(s);
	extra_offer(s);
	etrn_offer(s);
	bool implicit = s->listener->conf->tls == CONF_LISTENER_TLS_IMPLICIT;
	/* Others may have begun theirs while the header came. */
	if (v.kind == VERDICT_ACCEPT && implicit) v = accept_tls(s->listener);
	if (v.kind == VERDICT_ACCEPT) {
		session_start(s);
	} else if (implicit) {
		tell_refused_connection(s->listener, s->client, "connect", &v);
		session_end(s, "refused");
	} else {
		greet_refuse(s, "connect", &v);
	}
}

void proxy_ready(struct session *s)
{
	char *into = s->rx->read_buffer;
	size_t before = s->in.len, used;
	struct smtp_proxy header;
	ssize_t got = stream_peek(s->fd, into, SMTP_PROXY_MAX - before);
	if (got == -EAGAIN) return;
	if (got <= 0) {
		session_end(s, "closed by client");
		return;
	}
	scoreboard_session(s->sid, s->client);
	buf_bytes(&s->in, into, (size_t)got);
	enum smtp_proxy_result result = smtp_proxy_parse(buf_view(&s->in), &header, &used);
	size_t take = result == SMTP_PROXY_OK ? used - before : (size_t)got;
	if (s->in.overflowed || stream_recv(s->fd, into, take) != (ssize_t)take) {
		session_end(s, "connection lost");
		return;
	}
	switch (result) {
	case SMTP_PROXY_OK: proxy_done(s, &header); return;
	case SMTP_PROXY_MORE: return;
	case SMTP_PROXY_BAD: break;
	}
	proxy_refuse(s, STR("This is no header of the PROXY protocol"));
}
