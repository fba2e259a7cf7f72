/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/stub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/os/socket.h"

enum {
	READS_MAX = 64,   /* in one turn */
	ID_TRIES = 8,
	RANDOM_POOL = 256, /* getrandom gives as many whole */
	RANDOM_ONE = 2 + (DNS_NAME_MAX + 7) / 8,
};

/* A socket that is connected to a server: the kernel picks its port and lets nobody else's
 * packets in. */
struct port {
	struct stub *stub;
	struct loop_io *io;
	uint64_t number;
	int64_t until_ms; /* takes new questions */
	size_t asked, waiting;
	int fd;
	bool reading;
};

struct stub_question {
	struct link link;
	struct stub *stub;
	struct port *port;
	uint64_t key;
	int64_t due_ms;
	enum dns_type type;
	stub_fn *fn;
	void *arg;
	size_t len;
	char query[];
};

struct stub {
	struct loop *loop; /* borrowed */
	struct stub_server servers[STUB_SERVERS_MAX];
	size_t count, at;
	int64_t wait_ms, rest_until_ms;
	unsigned in_vain; /* questions in a row */
	struct port *port; /* for the next question; NULL: a new one */
	uint64_t port_number;
	struct loop_timer *deadline;
	struct link asked; /* in the order of their deadlines */
	struct map map;    /* by key */
	size_t random_left;
	uint8_t random[RANDOM_POOL];
	char packet[DNS_REPLY_MAX + 1];
};

/* -- Sockets ------------------------------------------------------------------------- */

/* Closes a socket that has nothing to wait for. */
static void port_release(struct port *p)
{
	if (p->reading || p->waiting || p->stub->port == p) return;
	loop_io_free(p->io);
	(void)close(p->fd);
	free(p);
}

/* No new questions over the present socket. */
static void port_retire(struct stub *s)
{
	struct port *p = s->port;
	s->port = NULL;
	if (p) port_release(p);
}

static void on_packet(void *arg, int fd, unsigned ready);

static struct port *port_new(struct stub *s)
{
	const struct stub_server *at = &s->servers[s->at];
	struct port *p = calloc(1, sizeof *p);
	if (!p) return NULL;
	p->fd = socket_datagram(at->ip, at->port);
	if (p->fd >= 0) p->io = loop_io_new(s->loop, p->fd, LOOP_READ, on_packet, p);
	if (p->io) {
		p->stub = s;
		p->number = ++s->port_number;
		p->until_ms = loop_now_ms(s->loop) + STUB_SOCKET_MS;
		return p;
	}
	if (p->fd >= 0) (void)close(p->fd);
	free(p);
	return NULL;
}

static struct port *port_get(struct stub *s)
{
	const struct port *p = s->port;
	if (p && (p->asked == STUB_SOCKET_MAX || p->until_ms <= loop_now_ms(s->loop)))
		port_retire(s);
	if (!s->port) s->port = port_new(s);
	return s->port;
}

/* -- Ends ---------------------------------------------------------------------------- */

static void rest(struct stub *s)
{
	s->in_vain = 0;
	s->at = (s->at + 1) % s->count;
	s->rest_until_ms = loop_now_ms(s->loop) + STUB_REST_MS;
	port_retire(s);
}

void stub_drop(struct stub_question *q)
{
	struct port *p = q->port;
	link_remove(&q->link);
	(void)map_take(&q->stub->map, q->key);
	free(q);
	p->waiting--;
	port_release(p);
}

static void over(struct stub_question *q, struct str packet, uint32_t keep_s)
{
	struct stub *s = q->stub;
	stub_fn *fn = q->fn;
	void *arg = q->arg;
	stub_drop(q);
	if (packet.len) s->in_vain = 0;
	else if (++s->in_vain == STUB_VAIN_MAX) rest(s);
	fn(arg, packet, keep_s);
}

static uint64_t key_of(const struct port *p, const void *id)
{
	uint16_t number;
	memcpy(&number, id, sizeof number);
	return p->number << 16 | number;
}

static void packet_take(struct port *p, struct str packet)
{
	uint32_t keep_s = 0;
	struct stub_question *q =
		packet.len < 2 ? NULL : map_get(&p->stub->map, key_of(p, packet.at));
	if (!q) return;
	struct str query = { q->query, q->len };
	switch (dns_reply_read(packet, query, q->type, &keep_s)) {
	case DNS_REPLY_PLAIN: over(q, packet, keep_s); break;
	case DNS_REPLY_ODD: over(q, STR(""), 0); break;
	case DNS_REPLY_OTHER: break;
	}
}

static void on_packet(void *arg, int fd, unsigned ready)
{
	struct port *p = arg;
	struct stub *s = p->stub;
	(void)ready;
	p->reading = true;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t got = recv(fd, s->packet, sizeof s->packet, 0);
		if (got >= 0) {
			packet_take(p, (struct str){ s->packet, (size_t)got });
			continue;
		}
		/* Nobody is there: ECONNREFUSED, EHOSTUNREACH … */
		if (errno != EAGAIN && errno != EINTR && s->port == p) rest(s);
		break;
	}
	p->reading = false;
	port_release(p);
}

static void deadline_set(struct stub *s)
{
	if (list_empty(&s->asked)) return;
	const struct stub_question *q = CONTAINER(s->asked.next, struct stub_question, link);
	loop_timer_set(s->deadline, q->due_ms - loop_now_ms(s->loop));
}

static void deadline_over(void *arg)
{
	struct stub *s = arg;
	int64_t now_ms = loop_now_ms(s->loop);
	while (!list_empty(&s->asked)) {
		struct stub_question *q =
			CONTAINER(s->asked.next, struct stub_question, link);
		if (q->due_ms > now_ms) break;
		over(q, STR(""), 0);
	}
	deadline_set(s);
}

/* -- Questions ----------------------------------------------------------------------- */

static const uint8_t *random_take(struct stub *s)
{
	if (s->random_left < RANDOM_ONE) {
		if (getrandom(s->random, sizeof s->random, 0) != sizeof s->random) return NULL;
		s->random_left = sizeof s->random;
	}
	s->random_left -= RANDOM_ONE;
	return s->random + s->random_left;
}

/* The query under an id that no other question of its socket has. */
static bool query_make(struct stub_question *q, struct str name)
{
	for (int i = 0; i < ID_TRIES; i++) {
		const uint8_t *chance = random_take(q->stub);
		struct buf out;
		if (!chance) return false;
		buf_init_fixed(&out, q->query, DNS_QUERY_MAX);
		dns_query_write(&out, (uint16_t)(chance[0] << 8 | chance[1]), name, q->type,
				chance + 2);
		q->key = key_of(q->port, q->query);
		q->len = out.len;
		if (!map_get(&q->stub->map, q->key))
			return !out.overflowed && map_put(&q->stub->map, q->key, q);
	}
	return false;
}

static bool question_send(struct stub_question *q)
{
	struct stub *s = q->stub;
	bool first = list_empty(&s->asked);
	list_add_tail(&s->asked, &q->link);
	q->port->asked++;
	q->port->waiting++;
	if (send(q->port->fd, q->query, q->len, 0) == (ssize_t)q->len) {
		if (first) deadline_set(s);
		return true;
	}
	if (errno != EAGAIN && errno != ENOBUFS) rest(s);
	stub_drop(q);
	return false;
}

struct stub_question *stub_ask(struct stub *s, struct str name, enum dns_type type,
			       stub_fn *fn, void *arg)
{
	int64_t now_ms = loop_now_ms(s->loop);
	if (s->rest_until_ms > now_ms || s->map.count == STUB_QUESTIONS_MAX) return NULL;
	struct port *port = port_get(s);
	struct stub_question *q = port ? malloc(sizeof *q + DNS_QUERY_MAX) : NULL;
	if (!q) return NULL;
	*q = (struct stub_question){ .stub = s, .port = port, .due_ms = now_ms + s->wait_ms,
				     .type = type, .fn = fn, .arg = arg };
	if (!query_make(q, name)) {
		free(q);
		return NULL;
	}
	return question_send(q) ? q : NULL;
}

struct stub *stub_new(struct loop *loop, const struct stub_server *servers, size_t count,
		      int64_t wait_ms)
{
	struct stub *s = calloc(1, sizeof *s);
	if (!s) return NULL;
	s->loop = loop;
	s->count = count < STUB_SERVERS_MAX ? count : STUB_SERVERS_MAX;
	memcpy(s->servers, servers, s->count * sizeof *servers);
	s->wait_ms = wait_ms;
	list_init(&s->asked);
	/* Keys are ours, no peer's. */
	map_init(&s->map, STUB_QUESTIONS_MAX, 0);
	s->deadline = loop_timer_new(loop, deadline_over, s);
	if (s->deadline) return s;
	free(s);
	return NULL;
}

void stub_free(struct stub *s)
{
	if (!s) return;
	while (!list_empty(&s->asked))
		stub_drop(CONTAINER(s->asked.next, struct stub_question, link));
	port_retire(s);
	loop_timer_free(s->deadline);
	map_free(&s->map);
	free(s);
}
