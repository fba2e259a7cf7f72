/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the sessions: certificates that master sends, and handshakes, which are bounded in
 * time and in number. What goes wrong costs one session. */
#include "receive/receive.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"
#include "lib/os/memfile.h"

static struct rx_certificates *secure_find(struct receive *rx, const char *listener)
{
	for (size_t i = 0; i < rx->certificates_count; i++)
		if (strcmp(rx->certificates[i].name, listener) == 0) return &rx->certificates[i];
	return NULL;
}

static struct rx_certificates *secure_place(struct receive *rx, const char *listener)
{
	struct rx_certificates *c = secure_find(rx, listener);
	if (c || rx->certificates_count == RECEIVE_LISTENERS_MAX) return c;
	c = &rx->certificates[rx->certificates_count++];
	*c = (struct rx_certificates){ 0 };
	(void)str_to_cstr(str_of(listener), c->name, sizeof c->name);
	return c;
}

/* Master has tried them; so this fails for want of memory only, and what was there stays. */
void secure_certificates(struct receive *rx, const struct msg_certificates *m, int fd)
{
	struct str pairs;
	struct buf why;
	char name[sizeof rx->certificates[0].name], text[256];
	buf_init_fixed(&why, text, sizeof text);
	struct tls_server *server = NULL;
	if (!str_to_cstr(m->name, name, sizeof name) || m->profile > TLS_LEGACY ||
	    m->clients > TLS_CLIENTS_REQUIRE) {
		buf_str(&why, STR("master sent something else"));
	} else if (!memfile_map(fd, TLS_PAIRS_MAX, &pairs)) {
		buf_str(&why, STR("what master sent cannot be read"));
	} else {
		server = tls_server_of((enum tls_profile)m->profile,
		                       (enum tls_clients)m->clients, pairs, NULL, NULL, &why);
		memfile_unmap(pairs);
	}
	(void)close(fd);
	struct rx_certificates *c = server ? secure_place(rx, name) : NULL;
	if (c) {
		tls_server_free(c->server);
		c->server = server;
		return;
	}
	tls_server_free(server);
	event_begin(rx->frame->log, EVENT_certificate_error, 0, 0);
	event_str(rx->frame->log, FIELD_listener, m->name);
	event_str(rx->frame->log, FIELD_error, buf_view(&why));
	event_end(rx->frame->log);
}

/* A listener that has gone may have sessions that begin TLS later; one that could not be
 * opened yet will be. */
static bool secure_is_wanted(const struct receive *rx, const char *name)
{
	const struct conf *conf = rx->frame->conf;
	for (size_t i = 0; i < conf->listener_count; i++)
		if (str_eq(conf->listeners[i].name, str_of(name)))
			return conf->listeners[i].tls != CONF_LISTENER_TLS_OFF;
	for (size_t i = 0; i < rx->listener_count; i++)
		if (strcmp(rx->listeners[i]->name, name) == 0) return true;
	return false;
}

void secure_reload(struct receive *rx)
{
	for (size_t i = rx->certificates_count; i-- > 0;) {
		if (secure_is_wanted(rx, rx->certificates[i].name)) continue;
		tls_server_free(rx->certificates[i].server);
		rx->certificates[i] = rx->certificates[--rx->certificates_count];
	}
}

void secure_free(struct receive *rx)
{
	while (rx->certificates_count > 0)
		tls_server_free(rx->certificates[--rx->certificates_count].server);
}

const char *secure_refusal(struct receive *rx, const char *listener)
{
	if (!secure_find(rx, listener)) return "certificate";
	if (rx->handshakes >= RECEIVE_HANDSHAKES_MAX) return "handshakes";
	return NULL;
}

/* The alert that says so has been written; it has to arrive. */
static void secure_end(struct session *s, const char *stage, const char *error)
{
	tell_tls_fail(s, stage, error);
	if (s->handshaking) s->rx->handshakes--;
	s->handshaking = false;
	s->reason = "no TLS";
	session_close(s);
}

void secure_begin(struct session *s)
{
	struct receive *rx = s->rx;
	assert(!s->tls && s->in.len == 0 && s->out.len == 0);
	struct rx_certificates *c = secure_find(rx, s->listener->name);
	buf_free(&s->in);
	buf_free(&s->out);
	s->tls = c ? tls_new(c->server, s->fd) : NULL;
	if (!s->tls) {
		secure_end(s, "handshake", c ? "out of memory" : "no certificate");
		return;
	}
	s->securing = false;
	s->handshaking = true;
	rx->handshakes++;
	session_touch(s, IDLE_HANDSHAKE);
	secure_step(s);
}

static void secure_done(struct session *s)
{
	s->handshaking = false;
	s->rx->handshakes--;
	smtp_server_secured(&s->smtp);
	auth_secured(s);
	session_touch(s, IDLE_COMMAND);
	if (s->greeted) session_continue(s);
	else session_greet(s);
}

void secure_step(struct session *s)
{
	scoreboard_session(s->sid, s->client);
	int rc = tls_handshake(s->tls);
	if (rc == 0) secure_done(s);
	else if (rc == -EAGAIN) session_watch(s);
	else secure_end(s, "handshake", tls_fault(s->tls));
}

void secure_failed(struct session *s)
{
	secure_end(s, "session", tls_fault(s->tls));
}
