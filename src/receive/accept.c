/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/os/socket.h"
#include "lib/os/stream.h"

enum { ACCEPT_PAUSE_MS = 100 };

/* The client's place in the table, or the table's length. Drops what is over. */
static size_t accept_find_shunned(struct receive *rx, struct ip client)
{
	int64_t now_ms = loop_wall_ms(rx->frame->loop);
	for (size_t i = 0; i < rx->shunned_count;) {
		if (rx->shunned[i].until_ms <= now_ms)
			rx->shunned[i] = rx->shunned[--rx->shunned_count];
		else if (ip_eq(rx->shunned[i].client, client)) return i;
		else i++;
	}
	return rx->shunned_count;
}

static bool accept_is_shunned(struct receive *rx, struct ip client)
{
	return accept_find_shunned(rx, client) < rx->shunned_count;
}

void accept_shun(struct receive *rx, struct ip client, int64_t until_ms)
{
	size_t at = accept_find_shunned(rx, client);
	if (at == RECEIVE_SHUN_MAX) {
		/* The table is full: what would end first makes room. */
		at = 0;
		for (size_t i = 1; i < RECEIVE_SHUN_MAX; i++)
			if (rx->shunned[i].until_ms < rx->shunned[at].until_ms) at = i;
	} else if (at == rx->shunned_count) {
		rx->shunned_count++;
	}
	rx->shunned[at].client = client;
	rx->shunned[at].until_ms = until_ms;
}

/* A refused connection gets its one line and is closed: no session, no look-up. */
void accept_refuse(struct rx_listener *listener, int fd, struct ip client,
                          const struct verdict *v)
{
	char line[512];
	struct buf out;
	tell_refused_connection(listener, client, "connect", v);
	if (listener->conf->tls == CONF_LISTENER_TLS_IMPLICIT) {
		/* The client waits for TLS and would not read it. */
		(void)close(fd);
		return;
	}
	buf_init_fixed(&out, line, sizeof line);
	buf_fmt(&out, "%u %s ", v->code, v->dsn);
	buf_str(&out, listener->rx->smtp.hostname);
	buf_byte(&out, ' ');
	buf_str(&out, v->text);
	buf_crlf(&out);
	stream_send_and_close(fd, buf_view(&out));
}

struct verdict accept_tls(struct rx_listener *listener)
{
	const char *why = secure_refusal(listener->rx, listener->name);
	if (!why) return verdict_accept();
	return verdict_builtin(454, "4.7.0", STR("TLS is not available now"), why);
}

struct verdict accept_verdict(struct rx_listener *listener, struct ip client,
                              const struct census_counts *counts, bool proxy)
{
	struct receive *rx = listener->rx;
	struct facts facts = {
		.conf = rx->frame->conf,
		.listener = listener->conf,
		.client = client,
		.seed = rx->census->seed,
		.sessions_all = counts->all,
		.sessions_listener = counts->listener,
	};
	if (!proxy) {
		facts.host = conf_host_find(rx->frame->conf, client);
		facts.shunned = rx->shunned_count > 0 && accept_is_shunned(rx, client);
		facts.sessions_client = counts->client;
	}
	struct verdict v = policy_connect(&facts);
	/* What a proxy brings counts for the client that it names. */
	return v.kind == VERDICT_ACCEPT && !proxy ? rate_connect(rx, &facts) : v;
}

static void accept_one(struct rx_listener *listener, int fd, struct ip client, uint16_t port)
{
	struct receive *rx = listener->rx;
	struct census_counts counts =
		census_enter(rx->census, rx->frame->index, listener->census_index, client);
	bool proxy = conf_network_find(&listener->conf->proxy, client) != NULL;
	struct verdict verdict = accept_verdict(listener, client, &counts, proxy);
	struct session *s = NULL;
	bool implicit = listener->conf->tls == CONF_LISTENER_TLS_IMPLICIT;
	if (verdict.kind == VERDICT_ACCEPT && implicit) verdict = accept_tls(listener);
	if (verdict.kind == VERDICT_ACCEPT && !rx->draining) {
		s = session_new(listener, fd, client, port);
		if (!s)
			verdict = verdict_builtin(421, "4.3.2",
				STR("This server is out of memory; try again later"), "memory");
	} else if (verdict.kind == VERDICT_ACCEPT) {
		verdict = verdict_builtin(421, "4.3.2",
			STR("This server is shutting down; try again later"), "shutdown");
	}
	if (s) {
		if (proxy) proxy_begin(s);
		else session_start(s);
		return;
	}
	census_leave(rx->census, rx->frame->index, listener->census_index, client);
	accept_refuse(listener, fd, client, &verdict);
}

void accept_pause_over(void *arg)
{
	struct receive *rx = arg;
	for (size_t i = 0; i < rx->listener_count; i++)
		if (rx->listeners[i]->io) loop_io_want(rx->listeners[i]->io, LOOP_READ);
}

static void accept_ready(void *arg, int fd, unsigned ready)
{
	struct rx_listener *listener = arg;
	struct receive *rx = listener->rx;
	(void)ready;
	/* As many as came last time and a few more: asking for one that is not there costs a
	 * system call, and the loop comes back for those that are. */
	unsigned budget = rx->accept_budget ? rx->accept_budget : 1;
	for (unsigned i = 0; i < budget; i++) {
		struct ip client;
		uint16_t port;
		int conn = socket_accept(fd, &client, &port);
		if (conn >= 0) {
			accept_one(listener, conn, client, port);
			continue;
		}
		if (conn == -EAGAIN) {
			rx->accept_budget = i > 0 ? i : 1;
			return;
		}
		if (conn == -ECONNABORTED || conn == -EINTR || conn == -EPROTO) continue;
		/* Out of descriptors or memory: leave them in the backlog for a moment
		 * instead of turning in a circle. */
		for (size_t k = 0; k < rx->listener_count; k++)
			if (rx->listeners[k]->io) loop_io_want(rx->listeners[k]->io, 0);
		loop_timer_set(rx->accept_pause, ACCEPT_PAUSE_MS);
		return;
	}
	rx->accept_budget = budget * 2 < RECEIVE_ACCEPT_BATCH ? budget * 2 : RECEIVE_ACCEPT_BATCH;
}

static const struct conf_listener *accept_conf(const struct receive *rx, struct str name)
{
	const struct conf *conf = rx->frame->conf;
	for (size_t i = 0; i < conf->listener_count; i++)
		if (str_eq(conf->listeners[i].name, name)) return &conf->listeners[i];
	return NULL;
}

void accept_listener(struct receive *rx, struct str name, unsigned address, int fd)
{
	const struct conf_listener *conf = accept_conf(rx, name);
	struct rx_listener *listener = NULL;
	(void)address;
	if (conf && rx->listener_count < RECEIVE_LISTENERS_MAX) listener = calloc(1, sizeof *listener);
	if (!listener) {
		(void)close(fd);
		return;
	}
	listener->rx = rx;
	listener->fd = fd;
	listener->conf = conf;
	list_init(&listener->waiting);
	(void)str_to_cstr(name, listener->name, sizeof listener->name);
	listener->census_index = (unsigned)(conf - rx->frame->conf->listeners);
	listener->io = loop_io_new(rx->frame->loop, fd, LOOP_READ, accept_ready, listener);
	if (!listener->io) {
		(void)close(fd);
		free(listener);
		return;
	}
	rx->listeners[rx->listener_count++] = listener;
}

/* Frees a listener that neither listens nor has sessions; the last one takes its place. */
static void accept_free_if_done(struct rx_listener *listener)
{
	struct receive *rx = listener->rx;
	if (listener->io || listener->session_count > 0) return;
	size_t at = 0;
	while (rx->listeners[at] != listener) at++;
	rx->listeners[at] = rx->listeners[--rx->listener_count];
	free(listener);
}

void accept_session_gone(struct rx_listener *listener)
{
	listener->session_count--;
	accept_free_if_done(listener);
}

static void accept_close(struct rx_listener *listener)
{
	if (!listener->io) return;
	loop_io_free(listener->io);
	listener->io = NULL;
	(void)close(listener->fd);
	listener->fd = -1;
	accept_free_if_done(listener);
}

void accept_listener_end(struct receive *rx, struct str name)
{
	/* From the end: closing may put the last one into this place. */
	for (size_t i = rx->listener_count; i-- > 0;)
		if (str_eq(str_of(rx->listeners[i]->name), name)) accept_close(rx->listeners[i]);
}

void accept_stop(struct receive *rx)
{
	for (size_t i = rx->listener_count; i-- > 0;) accept_close(rx->listeners[i]);
}

void accept_reload(struct receive *rx)
{
	for (size_t i = 0; i < rx->listener_count; i++) {
		struct rx_listener *listener = rx->listeners[i];
		const struct conf_listener *conf = accept_conf(rx, str_of(listener->name));
		if (!conf) {
			/* Its sessions go on under the words that they began with; texts of
			 * the old generation go away with it. */
			listener->retired = (struct conf_listener){
				.name = str_of(listener->name),
				.role = listener->conf->role,
				.tls = listener->conf->tls,
				.auth = listener->conf->auth,
				.origin = { STR("(removed listener)"), 0 },
			};
			conf = &listener->retired;
		} else {
			listener->census_index = (unsigned)(conf - rx->frame->conf->listeners);
		}
		listener->conf = conf;
	}
	for (int class = 0; class < IDLE_CLASSES; class++)
		LIST_EACH(it, &rx->idle[class]) {
			struct session *s = CONTAINER(it, struct session, idle);
			session_find_rules(s);
			inquiry_reload(s);
			auth_offer(s);
			verify_offer(s);
			extra_offer(s);
		}
}
