/* SPDX-License-Identifier: Apache-2.0 */
/* A session's bytes: in from the socket to the machine, out from the machine to the
 * socket. An idle one keeps no buffer. */
#include "receive/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"
#include "lib/mail/received.h"
#include "lib/os/stream.h"

void session_touch(struct session *s, int class)
{
	s->alive_ms = loop_now_ms(s->rx->frame->loop);
	s->idle_class = (uint8_t)class;
	link_remove(&s->idle);
	list_add_tail(&s->rx->idle[class], &s->idle);
}

static void session_free(struct session *s)
{
	struct receive *rx = s->rx;
	if (s->query) (void)map_take(&rx->lookups, s->query);
	inquiry_drop(s);
	link_remove(&s->waiting);
	auth_drop(s);
	free((char *)(uintptr_t)s->user.at);
	link_remove(&s->idle);
	/* First of all: the end of its transaction wakes those who wait for blocks. */
	link_remove(&s->stalled);
	transaction_drop(s);
	smtp_server_free(&s->smtp);
	atrn_drop(s);
	if (s->handshaking) rx->handshakes--;
	if (s->tls) tls_goodbye(s->tls);
	tls_free(s->tls);
	loop_io_free(s->io);
	(void)close(s->fd);
	census_leave(rx->census, rx->frame->index, s->census_index, s->client);
	accept_session_gone(s->listener);
	buf_free(&s->in);
	buf_free(&s->out);
	free(s);
	rx->session_count--;
	receive_leave_if_idle(rx);
}

void session_end(struct session *s, const char *reason)
{
	if (!s->reason) s->reason = reason;
	if (s->greeted) tell_disconnect(s);
	session_free(s);
}

/* Sends what is in `out`. False if the session is gone. */
static bool session_flush(struct session *s)
{
	while (s->out.len > 0) {
		ssize_t sent = s->tls ? tls_send(s->tls, buf_view(&s->out))
		                      : stream_send(s->fd, buf_view(&s->out));
		if (sent == -EAGAIN) break;
		if (sent < 0) {
			session_end(s, "connection lost");
			return false;
		}
		buf_consume(&s->out, (size_t)sent);
	}
	if (s->out.overflowed) {
		/* The client sends commands and reads no replies. */
		session_end(s, "replies not read");
		return false;
	}
	if (s->out.len == 0) buf_free(&s->out);
	return true;
}

void session_watch(struct session *s)
{
	if (s->handshaking) {
		loop_io_want(s->io, tls_wants(s->tls));
		return;
	}
	bool read = !link_is_in(&s->stalled) && s->in.len < RECEIVE_INPUT_MAX / 2;
	/* While replies wait to be read by the client no more commands are taken. */
	if (s->out.len > 0) read = false;
	if (s->state == SESSION_LINGER) read = true;
	bool write = s->out.len > 0 || (read && s->tls && tls_recv_writes(s->tls));
	loop_io_want(s->io, (read ? LOOP_READ : 0u) | (write ? LOOP_WRITE : 0u));
}

/* All is said. Where the client may still be sending, its bytes are read for a moment:
 * closing at once would reset the connection and could eat our last reply. */
void session_close(struct session *s)
{
	if (s->polite || s->state == SESSION_LINGER) {
		session_end(s, "closed");
		return;
	}
	s->state = SESSION_LINGER;
	if (s->query) (void)map_take(&s->rx->lookups, s->query);
	s->query = 0;
	s->waits = false;
	link_remove(&s->waiting);
	if (s->tls) tls_goodbye(s->tls);
	auth_drop(s);
	stream_shutdown_write(s->fd);
	transaction_drop(s);
	buf_free(&s->in);
	session_touch(s, IDLE_LINGER);
	session_watch(s);
}

static void session_after(struct session *s)
{
	if (!session_flush(s)) return;
	if (s->state == SESSION_CLOSING && s->out.len == 0) {
		session_close(s);
		return;
	}
	session_watch(s);
}

/* How much of `in` may go to the machine now. While data arrive each byte needs a place
 * in the window. */
static bool session_may_feed(struct session *s, size_t len)
{
	if (!s->tx || !s->tx->ranges || body_has_room(s->tx, len)) return true;
	list_add_tail(&s->rx->stalled, &s->stalled);
	return false;
}

/* Lets the machine work on `in`; leaves the rest there. `*full`: it wants its replies
 * sent first (false if it was not asked). */
static enum dialog session_dialog(struct session *s, struct str *in, bool *full)
{
	*full = false;
	for (;;) {
		struct str piece = str_sub(*in, 0, RECEIVE_READ);
		size_t before = piece.len;
		if (!session_may_feed(s, before)) return DIALOG_WAIT;
		struct smtp_event event = smtp_server_next(&s->smtp, &piece);
		size_t used = before - piece.len;
		*in = str_from(*in, used);
		*full = event.type == SMTP_EV_FULL;
		if (event.type == SMTP_EV_NONE && used > 0 && in->len > piece.len) continue;
		if (event.type == SMTP_EV_NONE) return DIALOG_WAIT;
		enum dialog next = dialog_event(s, &event);
		if (next != DIALOG_GO_ON) return next;
	}
}

/* `fresh` was just read and is not in s->in (which is empty then), or is empty. `moved`:
 * the session got on, whatever is consumed now. A command that drips in byte by byte is
 * no sign of life until it is whole: its time is for all of it. */
static void session_run(struct session *s, struct str fresh, bool moved)
{
	bool full;
	scoreboard_session(s->sid, s->client);
	scoreboard_message(s->tx ? s->tx->handle : 0);
	link_remove(&s->stalled); /* who runs does not wait; it may have to again */
	do {
		struct str in = fresh.len ? fresh : buf_view(&s->in);
		size_t before = in.len;
		if (session_dialog(s, &in, &full) == DIALOG_CLOSE) s->state = SESSION_CLOSING;
		if (fresh.len) buf_str(&s->in, in);
		else buf_consume(&s->in, before - in.len);
		moved = moved || in.len < before;
		fresh = (struct str){ 0 };
		if (s->in.overflowed) {
			/* No memory for the rest: going on would leave a hole in the message. */
			session_end(s, "out of memory");
			return;
		}
		if (!session_flush(s)) return;
	} while (full && s->out.len == 0);
	if (s->in.len == 0) buf_free(&s->in);
	if (s->securing && s->state == SESSION_OPEN && s->out.len == 0) {
		secure_begin(s);
		return;
	}
	if (s->turning && s->state == SESSION_OPEN && s->out.len == 0) {
		atrn_begin(s);
		return;
	}
	int class = s->tx && s->tx->ranges ? IDLE_DATA : IDLE_COMMAND;
	if (moved || class == IDLE_DATA) session_touch(s, class);
	session_after(s);
}

void session_continue(struct session *s)
{
	if (s->state == SESSION_OPEN) session_run(s, (struct str){ 0 }, true);
}

static void session_linger_read(struct session *s)
{
	ssize_t got = stream_recv(s->fd, s->rx->read_buffer, RECEIVE_READ);
	if (got > 0 || got == -EAGAIN) return;
	session_end(s, "closed");
}

static void session_read(struct session *s)
{
	char *into = s->rx->read_buffer;
	size_t room = RECEIVE_READ;
	if (s->in.len > 0) {
		room = RECEIVE_INPUT_MAX - s->in.len;
		if (room > RECEIVE_READ) room = RECEIVE_READ;
		into = buf_room(&s->in, room);
		if (!into) {
			session_end(s, "out of memory");
			return;
		}
	}
	ssize_t got = s->tls ? tls_recv(s->tls, into, room) : stream_recv(s->fd, into, room);
	if (got == -EAGAIN) {
		if (s->tls) session_watch(s);
		return;
	}
	if (got == -EPROTO && s->tls) {
		secure_failed(s);
		return;
	}
	if (got <= 0) {
		session_end(s, got == 0 ? "closed by client" : "connection lost");
		return;
	}
	if (into != s->rx->read_buffer) {
		buf_added(&s->in, (size_t)got);
		session_run(s, (struct str){ 0 }, false);
	} else {
		session_run(s, (struct str){ into, (size_t)got }, false);
	}
}

static void session_ready(void *arg, int fd, unsigned ready)
{
	struct session *s = arg;
	(void)fd;
	if (s->handshaking) {
		secure_step(s);
		return;
	}
	if (s->proxying || link_is_in(&s->waiting)) {
		if (s->proxying) proxy_ready(s);
		else greet_ready(s);
		return;
	}
	if (ready & LOOP_WRITE) {
		if (!session_flush(s)) return;
		if (s->out.len == 0 && s->state == SESSION_OPEN && s->tls &&
		    tls_recv_writes(s->tls)) {
			session_read(s);
			return;
		}
		if (s->out.len == 0 && s->state == SESSION_OPEN) {
			session_run(s, (struct str){ 0 }, true);
			return;
		}
		session_after(s);
		return;
	}
	if (s->state == SESSION_LINGER) session_linger_read(s);
	else session_read(s);
}

bool session_listen(struct session *s)
{
	s->io = loop_io_new(s->rx->frame->loop, s->fd, LOOP_READ, session_ready, s);
	return s->io != NULL;
}

void session_find_rules(struct session *s)
{
	const struct conf *conf = s->rx->frame->conf;
	s->host = conf_host_find(conf, s->client);
	s->relay_from = conf_network_find(&conf->relay.from, s->client);
	s->relay_never = conf_network_find(&conf->relay.never, s->client);
	enum conf_listener_tls tls = s->listener->conf->tls;
	s->smtp.tls_offered = tls == CONF_LISTENER_TLS_OFFER || tls == CONF_LISTENER_TLS_REQUIRE;
	s->smtp.tls_required = tls == CONF_LISTENER_TLS_REQUIRE ||
	                       (s->host && s->host->tls == CONF_HOST_TLS_REQUIRE);
	s->smtp.xclient_offer = xclient_offer(s);
	s->smtp.odmr = s->listener->conf->role == CONF_ROLE_ODMR;
	extra_offer(s);
}

static struct str session_literal(struct session *s)
{
	struct buf literal;
	buf_init_fixed(&literal, s->literal, sizeof s->literal);
	mail_literal_write(&literal, s->client);
	return buf_view(&literal);
}

void session_forget_user(struct session *s)
{
	free((char *)(uintptr_t)s->user.at);
	s->user = (struct str){ NULL, 0 };
}

struct verdict session_become(struct session *s, struct ip client, uint16_t port)
{
	struct receive *rx = s->rx;
	inquiry_drop(s);
	census_leave(rx->census, rx->frame->index, s->census_index, s->client);
	s->client = client;
	s->port = port;
	struct census_counts counts =
		census_enter(rx->census, rx->frame->index, s->census_index, client);
	scoreboard_session(s->sid, s->client);
	smtp_server_client(&s->smtp, session_literal(s));
	session_find_rules(s);
	return accept_verdict(s->listener, client, &counts, false);
}

struct session *session_new(struct rx_listener *listener, int fd, struct ip client,
                            uint16_t port)
{
	struct receive *rx = listener->rx;
	struct session *s = rx->session_count < RECEIVE_SESSIONS_MAX ? calloc(1, sizeof *s) : NULL;
	if (!s) return NULL;
	s->rx = rx;
	s->listener = listener;
	s->census_index = listener->census_index;
	s->fd = fd;
	s->client = s->peer = s->speaker = client;
	s->port = port;
	s->sid = receive_next_id(rx);
	s->opened_ms = loop_now_ms(rx->frame->loop);
	buf_init(&s->in, RECEIVE_INPUT_MAX);
	buf_init(&s->out, RECEIVE_OUTPUT_MAX);
	s->line = -1;
	if (!session_listen(s)) {
		free(s);
		return NULL;
	}
	smtp_server_init(&s->smtp, &rx->smtp, session_literal(s), &s->out);
	session_find_rules(s);
	auth_offer(s);
	verify_offer(s);
	rx->session_count++;
	listener->session_count++;
	session_touch(s, IDLE_COMMAND);
	return s;
}

void session_start(struct session *s)
{
	scoreboard_session(s->sid, s->client);
	inquiry_ask(s);
	if (s->listener->conf->tls == CONF_LISTENER_TLS_IMPLICIT) secure_begin(s);
	else greet_begin(s);
}

/* What was said before its time is read now. */
void session_greet(struct session *s)
{
	scoreboard_session(s->sid, s->client);
	s->greeted = true;
	if (!inquiry_owes_name(s)) tell_connect(s);
	smtp_server_greet(&s->smtp);
	if (s->in.len) session_run(s, (struct str){ 0 }, true);
	else session_after(s);
}

void session_resume_stalled(struct receive *rx)
{
	/* A resumed session may stall again, or free blocks and come here again: then those
	 * that have stalled again before it get another round. */
	rx->resume_due = true;
	if (rx->resuming) return;
	rx->resuming = true;
	while (rx->resume_due && !list_empty(&rx->stalled)) {
		struct link now;
		rx->resume_due = false;
		list_init(&now);
		for (struct link *it; (it = list_take(&rx->stalled));) list_add_tail(&now, it);
		for (struct link *it; (it = list_take(&now));)
			session_continue(CONTAINER(it, struct session, stalled));
	}
	rx->resuming = rx->resume_due = false;
}

void session_shutdown_all(struct receive *rx, bool now)
{
	/* Each is off the lists until its turn: running one moves it to the end of a list. And
	 * nobody is woken before all have been told. */
	struct link all;
	list_init(&all);
	rx->resuming = true;
	for (int class = 0; class < IDLE_CLASSES; class++)
		for (struct link *it; (it = list_take(&rx->idle[class]));) list_add_tail(&all, it);
	while (!list_empty(&all)) {
		struct session *s = CONTAINER(all.next, struct session, idle);
		if (now || s->handshaking || s->proxying || s->state == SESSION_LINGER) {
			session_end(s, "service stops");
			continue;
		}
		session_touch(s, s->idle_class);
		if (s->state == SESSION_TURNED) continue; /* deliver ends it, when it is told to go */
		link_remove(&s->waiting);
		smtp_server_shutdown(&s->smtp);
		session_continue(s);
	}
	rx->resuming = false;
	session_resume_stalled(rx);
}

/* Ends what has been silent for too long. Each list is in the order of silence. */
void session_sweep(void *arg)
{
	struct receive *rx = arg;
	const struct conf_limit *limit = &rx->frame->conf->limit;
	int64_t now_ms = loop_now_ms(rx->frame->loop);
	int64_t patience_ms[IDLE_CLASSES] = {
		[IDLE_COMMAND] = limit->command_timeout_ms,
		[IDLE_DATA] = limit->data_timeout_ms,
		[IDLE_LINGER] = RECEIVE_LINGER_MS,
		[IDLE_HANDSHAKE] = RECEIVE_HANDSHAKE_MS,
		[IDLE_PROXY] = RECEIVE_PROXY_MS,
		[IDLE_TURNED] = INT64_MAX, /* the bridge looks after itself */
	};
	/* A turned one goes on to its end, which deliver sees to. */
	for (int class = IDLE_COMMAND; class <= IDLE_DATA && rx->draining; class++)
		if (patience_ms[class] > RECEIVE_STOP_MS) patience_ms[class] = RECEIVE_STOP_MS;
	for (int class = 0; class < IDLE_CLASSES; class++)
		while (!list_empty(&rx->idle[class])) {
			struct session *s = CONTAINER(rx->idle[class].next, struct session, idle);
			if (now_ms - s->alive_ms < patience_ms[class]) break;
			if (class == IDLE_HANDSHAKE) {
				tell_tls_fail(s, "handshake", "timeout");
				session_end(s, "timeout");
			} else if (class == IDLE_PROXY) {
				proxy_late(s);
			} else if (class == IDLE_LINGER || s->state != SESSION_OPEN) {
				session_end(s, "closed");
			} else if (s->query || s->waits || s->login_waits || (s->tx && s->tx->committing)) {
				session_touch(s, class); /* we owe the answer, not the client */
			} else {
				if (!rx->draining) tell_timeout(s);
				s->reason = rx->draining ? "service stops" : "timeout";
				smtp_server_timeout(&s->smtp);
				s->state = SESSION_CLOSING;
				session_touch(s, IDLE_LINGER);
				session_after(s);
			}
		}
	size_t at = 0;
	struct session *late = NULL;
	for (struct session *s; (s = map_next(&rx->lookups, &at, NULL)) && !late;)
		if (now_ms - s->asked_ms > RECEIVE_LOOKUP_MS) late = s;
	if (late) dialog_found(late, &(struct owner){ .known = ANSWER_CANNOT_TELL });
	rx->notes = 0;
	extra_tick(rx);
	auth_sweep(rx);
	/* Blocks that became free without anybody's word (no memory for a piece). */
	session_resume_stalled(rx);
	loop_timer_set(rx->sweep, late ? 1 : 1000);
}
