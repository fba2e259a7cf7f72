/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"
#include "lib/os/socket.h"
#include "../bench_loop.h"

enum { HANG_S = 20, CALLS_MAX = 20000, SENT_MAX = 20000, CLIENTS_MAX = 512, HEARD_MAX = 1 << 20 };

const char bench_conf[] =
	"hostname mx.us.example\n"
	"listener in { address 0.0.0.0:25 }\n"
	"limit { command-timeout 20s; data-timeout 60s; recipients 100 }\n"
	"host 10.0.0.0/8 accept relay yes\n"
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"
	"domain asked.example { users staff; deliver maildir /m/%d/%n }\n"
	"directory staff { sqlite /var/lib/ims/users }\n";

int bench_line = -1;

struct channel {
	enum role peer;
};

struct sent {
	enum msg_type type;
	struct buf payload;
};

static struct bench *bench;
static struct census census;
static struct tally *tally; /* fresh for each bench: only pages in use cost time */
static struct sent sent[SENT_MAX];
static size_t sent_count;
static struct buf payload_taken;
static struct { int server, client; struct ip ip; } pairs[CLIENTS_MAX];
static size_t pair_count, pair_accepted;
static int listen_fds[RECEIVE_LISTENERS_MAX * 4];
static size_t listen_count;

/* --- the loop ------------------------------------------------------------------------ */

int64_t bench_clock_ms(void) { return bench->now_ms; }
int64_t bench_clock_wall_ms(void) { return bench->wall_ms; }

void bench_turn(struct bench *b)
{
	(void)b;
	for (unsigned calls = 0; calls < CALLS_MAX; calls++)
		if (!bench_loop_io()) return;
	fail_msg("the loop turns in a circle");
}

void bench_wait(struct bench *b, int64_t ms)
{
	for (int64_t end = b->now_ms + ms; b->now_ms < end;) {
		int64_t step = end - b->now_ms < 1000 ? end - b->now_ms : 1000;
		b->now_ms += step;
		b->wall_ms += step;
		while (bench_loop_timer()) continue;
		bench_turn(b);
	}
}

void bench_poke(struct session *s, unsigned ready)
{
	bench_loop_poke(s->fd, ready);
}

/* --- the frame, the scoreboard ----------------------------------------------------------- */

void frame_leave(struct frame *f)
{
	assert_ptr_equal(f, &bench->frame);
	bench->left++;
}

struct census *scoreboard_census(void) { return &census; }
void *scoreboard_tally(void) { return tally; }
void scoreboard_message(uint64_t id) { (void)id; }
void scoreboard_session(uint64_t sid, struct ip client)
{
	(void)sid;
	(void)client;
}

static void event_note(void *arg, struct str record)
{
	struct bench *b = arg;
	struct cur cur = cur_of(record);
	unsigned name = cur_u16(&cur);
	assert_in_range(name, 1, EVENT_COUNT - 1);
	b->events[name]++;
}

static int64_t event_wall(void *arg)
{
	return ((struct bench *)arg)->wall_ms;
}

/* --- channels -------------------------------------------------------------------------- */

enum role channel_peer(const struct channel *ch) { return ch->peer; }
size_t channel_backlog(const struct channel *ch)
{
	assert_non_null(ch);
	return bench->backlog;
}

static struct buf *sent_new(struct channel *ch, enum msg_type type)
{
	assert_true(msg_may(type, ROLE_RECEIVE, ch->peer));
	assert_true(sent_count < SENT_MAX);
	struct sent *s = &sent[sent_count++];
	s->type = type;
	buf_init(&s->payload, CHANNEL_FRAME_MAX);
	return &s->payload;
}

#define SEND(name) \
	void channel_send_##name(struct channel *ch, const struct msg_##name *m) \
	{ \
		msg_##name##_put(sent_new(ch, MSG_##name), m); \
	}
SEND(big_piece)
SEND(big_abort)
SEND(commit)
SEND(lookup)
SEND(refused_note)
SEND(auth_begin)
SEND(auth_step)
SEND(auth_end)
SEND(dns_ask)
SEND(release)

void channel_send_turn_fd(struct channel *ch, const struct msg_turn *m, int fd)
{
	if (bench_line >= 0) (void)close(bench_line);
	bench_line = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	assert_true(bench_line >= 0);
	msg_turn_put(sent_new(ch, MSG_turn), m);
}

void channel_send_window_fd(struct channel *ch, const struct msg_window *m, int fd)
{
	assert_true(fd >= 0);
	assert_int_equal(m->size, bench->blocks * WINDOW_BLOCK);
	msg_window_put(sent_new(ch, MSG_window), m);
}

bool bench_sent(enum msg_type type, struct str *payload)
{
	for (size_t i = 0; i < sent_count; i++) {
		if (sent[i].type != type) continue;
		buf_free(&payload_taken);
		payload_taken = sent[i].payload;
		memmove(&sent[i], &sent[i + 1], (--sent_count - i) * sizeof sent[0]);
		*payload = buf_view(&payload_taken);
		return true;
	}
	return false;
}

uint64_t bench_commit(void)
{
	struct str payload;
	struct msg_commit m;
	assert_true(bench_sent(MSG_commit, &payload));
	assert_true(msg_commit_get(payload, &m));
	assert_int_equal(m.id, m.handle);
	return m.handle;
}

static void sent_clear(void)
{
	while (sent_count > 0) buf_free(&sent[--sent_count].payload);
	buf_free(&payload_taken);
}

struct channel *bench_channel(enum role peer)
{
	struct channel *ch = calloc(1, sizeof *ch);
	assert_non_null(ch);
	ch->peer = peer;
	return ch;
}

void bench_up(struct bench *b, struct channel *ch)
{
	if (ch->peer == ROLE_SPOOL) b->spool = ch;
	else if (ch->peer == ROLE_DNS) b->dns = ch;
	else b->directory = ch;
	receive_role.peer_up(&b->frame, ch);
}

void bench_down(struct bench *b, struct channel *ch)
{
	receive_role.peer_down(&b->frame, ch);
	if (b->spool == ch) b->spool = NULL;
	if (b->directory == ch) b->directory = NULL;
	if (b->dns == ch) b->dns = NULL;
	free(ch);
}

static void message_fd(struct bench *b, struct channel *ch, enum msg_type type,
                       struct buf *record, int fd)
{
	assert_true(msg_is_valid(type, buf_view(record)));
	receive_role.message(&b->frame, ch, type, buf_view(record), fd);
	buf_free(record);
	bench_turn(b);
}

void bench_message(struct bench *b, struct channel *ch, enum msg_type type, struct buf *record)
{
	message_fd(b, ch, type, record, -1);
}

#define RECORD(name, ...) \
	struct buf record; \
	buf_init(&record, 64 * 1024); \
	msg_##name##_put(&record, &(struct msg_##name){ __VA_ARGS__ })

void bench_committed(struct bench *b, uint64_t handle)
{
	RECORD(committed, handle, handle);
	bench_message(b, b->spool, MSG_committed, &record);
}

void bench_refused(struct bench *b, uint64_t handle, unsigned code, const char *dsn)
{
	RECORD(refused, handle, (uint16_t)code, str_of(dsn), STR("The store says no"));
	bench_message(b, b->spool, MSG_refused, &record);
}

void bench_taken(struct bench *b, uint64_t handle, uint32_t count)
{
	RECORD(big_taken, handle, count);
	bench_message(b, b->spool, MSG_big_taken, &record);
}

void bench_found(struct bench *b, uint64_t query, unsigned result)
{
	RECORD(found, .query = query, .result = (uint8_t)result);
	bench_message(b, b->directory, MSG_found, &record);
}

void bench_found_owner(struct bench *b, uint64_t query, const char *address, const char *home)
{
	RECORD(found, .query = query, .result = 1, .address = str_of(address), .home = str_of(home));
	bench_message(b, b->directory, MSG_found, &record);
}

void bench_found_targets(struct bench *b, uint64_t query, unsigned how, struct str targets)
{
	struct buf record;
	buf_init(&record, 1024 * 1024);
	msg_found_put(&record, &(struct msg_found){ .query = query, .result = 1, .how = (uint8_t)how,
		.targets = targets, .rule = STR("/aliases:7") });
	bench_message(b, b->directory, MSG_found, &record);
}

void bench_dns(struct bench *b, uint64_t query, unsigned state, const char *records, size_t len)
{
	RECORD(dns_found, query, (uint8_t)state, { records, len });
	bench_message(b, b->dns, MSG_dns_found, &record);
}

uint64_t bench_dns_asked(const char *name, unsigned type)
{
	for (size_t i = 0; i < sent_count; i++) {
		struct msg_dns_ask m;
		if (sent[i].type != MSG_dns_ask) continue;
		assert_true(msg_dns_ask_get(buf_view(&sent[i].payload), &m));
		if (str_eq(m.name, str_of(name)) && m.type == type) return m.query;
	}
	return 0;
}

void bench_listener(struct bench *b, const char *name)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(fd >= 0);
	RECORD(listener, str_of(name), 0);
	listen_fds[listen_count++ % ROWS(listen_fds)] = fd;
	message_fd(b, NULL, MSG_listener, &record, fd);
}

void bench_certificates(struct bench *b, const char *name, unsigned profile, int fd)
{
	assert_true(fd >= 0);
	RECORD(certificates, str_of(name), (uint8_t)profile, TLS_CLIENTS_OFF);
	message_fd(b, NULL, MSG_certificates, &record, fd);
}

void bench_listener_end(struct bench *b, const char *name)
{
	RECORD(listener_end, str_of(name));
	bench_message(b, NULL, MSG_listener_end, &record);
}

/* --- clients --------------------------------------------------------------------------- */

int socket_accept(int fd, struct ip *client, uint16_t *port)
{
	(void)fd;
	if (pair_accepted == pair_count) return -EAGAIN;
	*client = pairs[pair_accepted].ip;
	*port = 40000;
	return pairs[pair_accepted++].server;
}

struct ip bench_ip(const char *text)
{
	struct ip ip;
	assert_true(ip_parse(str_of(text), &ip));
	return ip;
}

int bench_connect(struct bench *b, const char *client)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_true(pair_count < CLIENTS_MAX);
	pairs[pair_count].server = fds[0];
	pairs[pair_count].client = fds[1];
	pairs[pair_count++].ip = bench_ip(client);
	bench_loop_poke(listen_fds[(listen_count - 1) % ROWS(listen_fds)], LOOP_READ);
	bench_turn(b);
	return fds[1];
}

struct session *bench_session(struct bench *b, int client)
{
	int server = -1;
	for (size_t i = 0; i < pair_count; i++)
		if (pairs[i].client == client) server = pairs[i].server;
	for (int class = 0; class < IDLE_CLASSES; class++)
		LIST_EACH(it, &b->rx->idle[class]) {
			struct session *s = CONTAINER(it, struct session, idle);
			if (s->fd == server) return s;
		}
	return NULL;
}

size_t bench_push(int client, struct str bytes)
{
	ssize_t took = send(client, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return took < 0 ? 0 : (size_t)took;
}

void bench_say_bytes(struct bench *b, int client, struct str bytes)
{
	while (bytes.len > 0) {
		size_t took = bench_push(client, bytes);
		bytes = str_from(bytes, took);
		bench_turn(b);
		if (took == 0) fail_msg("the server does not read");
	}
}

void bench_say(struct bench *b, int client, const char *text)
{
	bench_say_bytes(b, client, str_of(text));
}

const char *bench_heard(int client)
{
	static char text[HEARD_MAX];
	size_t len = 0;
	for (ssize_t got; len < sizeof text - 1; len += (size_t)got) {
		got = recv(client, text + len, sizeof text - 1 - len, MSG_DONTWAIT);
		if (got <= 0) break;
	}
	text[len] = '\0';
	return text;
}

bool bench_is_closed(int client)
{
	char c;
	ssize_t got = recv(client, &c, 1, MSG_DONTWAIT | MSG_PEEK);
	return got == 0 || (got < 0 && errno != EAGAIN);
}

void bench_vanish(int client)
{
	for (size_t i = 0; i < pair_count; i++)
		if (pairs[i].client == client) pairs[i].client = -1;
	(void)close(client);
}

void bench_begin(struct bench *b, int client)
{
	bench_say(b, client, "EHLO c.example\r\n");
	(void)bench_heard(client);
	bench_say(b, client, "MAIL FROM:<a@c.example>\r\nRCPT TO:<x@us.example>\r\n");
	assert_string_equal(bench_heard(client), "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n");
	bench_say(b, client, "DATA\r\n");
	assert_memory_equal(bench_heard(client), "354", 3);
}

/* --- life -------------------------------------------------------------------------------- */

static struct conf *conf_of(const char *text)
{
	struct conf_bundle *bundle = calloc(1, sizeof *bundle);
	struct conf_errors errors;
	assert_non_null(bundle);
	conf_bundle_init(bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)));
	struct conf *conf = conf_parse(bundle, &errors);
	assert_non_null(conf);
	conf_errors_free(&errors);
	conf_bundle_free(bundle);
	free(bundle);
	return conf;
}

struct bench *bench_new(const char *conf_text, size_t window_blocks)
{
	struct bench *b = calloc(1, sizeof *b);
	assert_non_null(b);
	(void)alarm(HANG_S);
	bench = b;
	/* Whatever a test before this one left when it failed. */
	bench_loop_forget();
	pair_count = pair_accepted = listen_count = 0;
	sent_clear();
	b->blocks = window_blocks;
	b->now_ms = 1000000;
	b->wall_ms = 1800000000000;
	memset(&census.regions[0], 0, sizeof census.regions[0]);
	census.seed = 5;
	free(tally);
	tally = calloc(1, sizeof *tally);
	assert_non_null(tally);
	tally->seed = 6;
	event_log_init(&b->log, "receive[0]", event_note, event_wall, b);
	b->frame = (struct frame){ .ops = &receive_role, .loop = bench_loop(), .log = &b->log,
		.conf = conf_of(conf_text) };
	assert_int_equal(receive_role.open(&b->frame), 0);
	b->rx = b->frame.role;
	window_free(b->rx->window);
	b->rx->window = window_new(window_blocks * WINDOW_BLOCK);
	b->rx->window_blocks = window_blocks;
	assert_non_null(b->rx->window);
	assert_int_equal(receive_role.serve(&b->frame), 0);
	bench_up(b, bench_channel(ROLE_SPOOL));
	bench_up(b, bench_channel(ROLE_DIRECTORY));
	bench_listener(b, "in");
	return b;
}

void bench_reload(struct bench *b, const char *conf_text)
{
	struct conf *old = b->frame.conf;
	b->frame.conf = conf_of(conf_text);
	receive_role.reload(&b->frame, old);
	conf_free(old);
}

static void rx_free(struct receive *rx)
{
	assert_int_equal(rx->handshakes, 0);
	secure_free(rx);
	for (size_t i = 0; i < rx->listener_count; i++) free(rx->listeners[i]);
	window_free(rx->window);
	map_free(&rx->transactions);
	map_free(&rx->lookups);
	map_free(&rx->logins);
	map_free(&rx->inquiry_map);
	free(rx);
}

void bench_free(struct bench *b)
{
	struct receive *rx = b->rx;
	if (b->spool) bench_down(b, b->spool);
	if (b->directory) bench_down(b, b->directory);
	if (b->dns) bench_down(b, b->dns);
	receive_role.drain(&b->frame, true);
	assert_true(b->left >= 1);
	assert_int_equal(rx->session_count, 0);
	assert_int_equal(rx->transactions.count, 0);
	assert_int_equal(rx->lookups.count, 0);
	assert_int_equal(rx->logins.count, 0);
	assert_int_equal(rx->inquiry_map.count, 0);
	assert_true(list_empty(&rx->inquiries));
	assert_int_equal(window_free_blocks(rx->window), b->blocks);
	assert_true(list_empty(&rx->stalled));
	assert_int_equal(census.regions[0].all, 0);
	free(tally);
	tally = NULL;
	bench_loop_is_idle();
	bench_loop_timers_free();
	for (size_t i = 0; i < pair_count; i++) if (pairs[i].client >= 0) (void)close(pairs[i].client);
	sent_clear();
	rx_free(rx);
	event_log_free(&b->log);
	conf_free(b->frame.conf);
	bench = NULL;
	free(b);
	(void)alarm(0);
}
