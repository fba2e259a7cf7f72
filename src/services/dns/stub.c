/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/stub.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>

#include "lib/base/list.h"

/* A channel of the library, for one server. The library opens its socket with the first
 * question and connects it: the kernel picks its port and lets nobody else's packets in. */
struct port {
	struct link link;
	struct stub *stub;
	ares_channel channel;
	struct loop_io *io; /* NULL: nothing is open */
	struct loop_timer *timer;
	int64_t until_ms; /* takes new questions */
	size_t asked, waiting;
	unsigned inside; /* how often the library is at work on it, and so it must stay */
	bool timed;
};

struct question {
	struct port *port;
	enum dns_type type;
	stub_fn *fn;
	void *arg;
	bool *failed; /* for stub_ask: it was over before that returned */
};

struct stub {
	struct loop *loop; /* borrowed */
	struct stub_server servers[STUB_SERVERS_MAX];
	size_t count, at;
	int64_t wait_ms, rest_until_ms;
	unsigned in_vain;  /* questions in a row */
	struct port *port; /* for the next question; NULL: a new one */
	struct link ports;
	size_t port_count, waiting;
	bool ending;
};

/* -- Channels ------------------------------------------------------------------------ */

static void port_free(struct port *p)
{
	link_remove(&p->link);
	p->stub->port_count--;
	ares_destroy(p->channel);
	loop_timer_free(p->timer);
	free(p);
}

/* Ends a channel that has nothing to wait for. */
static void port_release(struct port *p)
{
	if (!p->inside && !p->waiting && p->stub->port != p) port_free(p);
}

/* No new questions over the present channel. */
static void port_retire(struct stub *s)
{
	struct port *p = s->port;
	s->port = NULL;
	if (p) port_release(p);
}

static void on_ready(void *arg, int fd, unsigned ready)
{
	struct port *p = arg;
	p->inside++;
	ares_process_fd(p->channel, ready & LOOP_READ ? fd : ARES_SOCKET_BAD,
			ready & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
	p->inside--;
	port_release(p);
}

/* The library has opened a socket, or is about to close it. Without memory nothing is
 * heard, and its questions end by their time. */
static void on_socket(void *arg, int fd, int readable, int writable)
{
	struct port *p = arg;
	unsigned want = (readable ? LOOP_READ : 0u) | (writable ? LOOP_WRITE : 0u);
	loop_io_free(p->io);
	p->io = want ? loop_io_new(p->stub->loop, fd, want, on_ready, p) : NULL;
}

/* All questions wait equally long, so the first one's time is known without a look. */
static void timer_set(struct port *p, int64_t delay_ms)
{
	p->timed = true;
	loop_timer_set(p->timer, delay_ms);
}

static void on_time(void *arg)
{
	struct port *p = arg;
	struct timeval left;
	p->timed = false;
	p->inside++;
	ares_process_fd(p->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (!p->timed && ares_timeout(p->channel, NULL, &left))
		timer_set(p, (int64_t)left.tv_sec * 1000 + (left.tv_usec + 999) / 1000);
	p->inside--;
	port_release(p);
}

static bool server_set(struct port *p)
{
	const struct stub_server *at = &p->stub->servers[p->stub->at];
	struct ares_addr_port_node node = { .udp_port = at->port, .tcp_port = at->port };
	bool v4 = ip_is_v4(at->ip);
	node.family = v4 ? AF_INET : AF_INET6;
	if (v4) memcpy(&node.addr.addr4, at->ip.octets + 12, sizeof node.addr.addr4);
	else memcpy(&node.addr.addr6, at->ip.octets, sizeof node.addr.addr6);
	return ares_set_servers_ports(p->channel, &node) == ARES_SUCCESS;
}

/* Everything is said, or the library would read files of the system. */
static bool channel_open(struct port *p)
{
	char lookups[] = "b";
	struct ares_options o = {
		.flags = ARES_FLAG_STAYOPEN | ARES_FLAG_IGNTC | ARES_FLAG_NOSEARCH |
			 ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP,
		.timeout = (int)p->stub->wait_ms,
		.tries = 1,
		.lookups = lookups,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = p,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
		   ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS |
		   ARES_OPT_SORTLIST | ARES_OPT_SOCK_STATE_CB;
	if (ares_init_options(&p->channel, &o, mask) != ARES_SUCCESS) return false;
	if (server_set(p)) return true;
	ares_destroy(p->channel);
	return false;
}

static struct port *port_new(struct stub *s)
{
	struct port *p = s->port_count < STUB_CHANNELS_MAX ? calloc(1, sizeof *p) : NULL;
	if (!p) return NULL;
	p->stub = s;
	p->until_ms = loop_now_ms(s->loop) + STUB_CHANNEL_MS;
	p->timer = loop_timer_new(s->loop, on_time, p);
	if (p->timer && channel_open(p)) {
		list_add_tail(&s->ports, &p->link);
		s->port_count++;
		return p;
	}
	loop_timer_free(p->timer);
	free(p);
	return NULL;
}

static struct port *port_get(struct stub *s)
{
	const struct port *p = s->port;
	if (p && (p->asked == STUB_CHANNEL_MAX || p->until_ms <= loop_now_ms(s->loop)))
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

/* Nobody is there (all questions of a channel are told), or nothing comes of many. */
static void in_vain(struct stub *s, const struct port *p, int status)
{
	if (status == ARES_ECONNREFUSED) {
		if (s->port == p) rest(s);
	} else if (++s->in_vain == STUB_VAIN_MAX) {
		rest(s);
	}
}

static void over(void *arg, int status, int timeouts, unsigned char *packet, int len)
{
	struct question q = *(struct question *)arg;
	struct port *p = q.port;
	struct stub *s = p->stub;
	struct str bytes = { (const char *)packet, packet && len > 0 ? (size_t)len : 0 };
	uint32_t keep_s = 0;
	(void)timeouts;
	free(arg);
	p->waiting--;
	s->waiting--;
	if (s->ending) return;
	if (status != ARES_SUCCESS || !dns_reply_is_plain(bytes, q.type, &keep_s))
		bytes = STR("");
	if (bytes.len) s->in_vain = 0;
	else in_vain(s, p, status);
	if (q.failed) *q.failed = true;
	else q.fn(q.arg, bytes, keep_s);
}

/* -- Questions ----------------------------------------------------------------------- */

/* The id is by chance from the kernel: that of ares_query may come from rand(), in a
 * process that cannot open /dev/urandom. NULL: no memory, or not a name for the DNS. */
static unsigned char *query_make(struct str name, enum dns_type type, int *len)
{
	char text[DNS_NAME_MAX + 1];
	unsigned char *query;
	uint16_t id;
	if (!str_to_cstr(name, text, sizeof text) ||
	    getrandom(&id, sizeof id, 0) != sizeof id ||
	    ares_create_query(text, ns_c_in, (int)type, id, 1, &query, len,
			      DNS_REPLY_MAX) != ARES_SUCCESS)
		return NULL;
	return query;
}

/* False: it is over already. */
static bool question_send(struct question *q, const unsigned char *query, int len)
{
	struct port *p = q->port;
	bool failed = false;
	q->failed = &failed;
	p->asked++;
	p->waiting++;
	p->stub->waiting++;
	p->inside++;
	ares_send(p->channel, query, len, over, q);
	p->inside--;
	if (!failed) {
		q->failed = NULL;
		if (!p->timed) timer_set(p, p->stub->wait_ms);
	}
	port_release(p);
	return !failed;
}

bool stub_ask(struct stub *s, struct str name, enum dns_type type, stub_fn *fn, void *arg)
{
	int len = 0;
	if (s->rest_until_ms > loop_now_ms(s->loop) || s->waiting == STUB_QUESTIONS_MAX)
		return false;
	struct port *port = port_get(s);
	struct question *q = port ? malloc(sizeof *q) : NULL;
	unsigned char *query = q ? query_make(name, type, &len) : NULL;
	if (!query) {
		free(q);
		return false;
	}
	*q = (struct question){ .port = port, .type = type, .fn = fn, .arg = arg };
	bool sent = question_send(q, query, len);
	ares_free_string(query);
	return sent;
}

struct stub *stub_new(struct loop *loop, const struct stub_server *servers, size_t count,
		      int64_t wait_ms)
{
	struct stub *s = calloc(1, sizeof *s);
	if (s && ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS) {
		s->loop = loop;
		s->count = count < STUB_SERVERS_MAX ? count : STUB_SERVERS_MAX;
		memcpy(s->servers, servers, s->count * sizeof *servers);
		s->wait_ms = wait_ms;
		list_init(&s->ports);
		return s;
	}
	free(s);
	return NULL;
}

void stub_free(struct stub *s)
{
	if (!s) return;
	s->ending = true;
	while (!list_empty(&s->ports))
		port_free(CONTAINER(s->ports.next, struct port, link));
	ares_library_cleanup();
	free(s);
}
