/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"
#include "lib/os/memfile.h"
#include "lib/route/mx.h"

enum { HANG_S = 120, CALLS_MAX = 2000000, QUEUE_MAX = 8192, WINDOW_SIZE = 1 << 20 };

int bench_visit = -1;

const char bench_conf[] = "hostname mx.us.example\n"
			  "listener in { address 0.0.0.0:25 }\n"
			  "limit { connections { out 20; per-destination 4 } }\n"
			  "timeout { connect 10s; greeting 20s; command 30s; data 40s; "
			  "final 60s; idle 5s; tls 15s }\n"
			  "route out { mx }\n";

struct channel {
	enum role peer;
};

struct sent {
	enum msg_type type;
	struct buf payload;
};

struct bench *bench_now;
static struct census census;
static struct tally tally;
static struct sent queue[QUEUE_MAX];
static size_t queue_count;
static struct window *window;

/* --- the loop ---------------------------------------------------------------------- */

static bool answer_one(struct bench *b);

int64_t bench_clock_ms(void) { return bench_now->now_ms; }
int64_t bench_clock_wall_ms(void) { return 1800000000000 + bench_now->now_ms; }

void bench_turn(struct bench *b)
{
	for (unsigned calls = 0; calls < CALLS_MAX; calls++)
		if (!bench_loop_turn_end() && !answer_one(b) && !bench_loop_io()) return;
	fail_msg("the loop turns in a circle");
}

void bench_wait(struct bench *b, int64_t ms)
{
	bench_turn(b);
	for (int64_t end = b->now_ms + ms; b->now_ms < end;) {
		b->now_ms += end - b->now_ms < 1000 ? end - b->now_ms : 1000;
		while (bench_loop_timer()) continue;
		bench_turn(b);
	}
}

/* --- the frame, the scoreboard, events -----------------------------------------------
 */

void frame_leave(struct frame *f)
{
	assert_ptr_equal(f, &bench_now->frame);
	bench_now->left++;
}

struct census *scoreboard_census(void) { return &census; }
void *scoreboard_tally(void) { return &tally; }
void scoreboard_message(uint64_t id) { (void)id; }

static void event_note(void *arg, struct str record)
{
	struct bench *b = arg;
	struct cur cur = cur_of(record);
	unsigned name = cur_u16(&cur);
	assert_in_range(name, 1, EVENT_COUNT - 1);
	b->events[name]++;
	b->last = name;
	buf_reset(&b->records[name]);
	buf_str(&b->records[name], record);
}

static int64_t event_wall(void *arg)
{
	(void)arg;
	return 1800000000000;
}

bool bench_said(const struct bench *b, const char *text) { return bench_told(b, b->last, text); }

bool bench_told(const struct bench *b, unsigned event, const char *text)
{
	const struct buf *r = &b->records[event];
	return r->len && memmem(r->at, r->len, text, str_of(text).len) != NULL;
}

/* --- channels -------------------------------------------------------------------- */

enum role channel_peer(const struct channel *ch) { return ch->peer; }

static struct buf *queue_new(struct channel *ch, enum msg_type type)
{
	assert_true(msg_may(type, ROLE_DELIVER, ch->peer));
	assert_true(queue_count < QUEUE_MAX);
	struct sent *s = &queue[queue_count++];
	s->type = type;
	buf_init(&s->payload, CHANNEL_FRAME_MAX);
	return &s->payload;
}

#define SEND(name)                                                               \
	void channel_send_##name(struct channel *ch, const struct msg_##name *m) \
	{                                                                        \
		msg_##name##_put(queue_new(ch, MSG_##name), m);                  \
	}
SEND(done)
SEND(line_gone)

void channel_send_visit_fd(struct channel *ch, const struct msg_visit *m, int fd)
{
	if (bench_visit >= 0) (void)close(bench_visit);
	bench_visit = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	msg_visit_put(queue_new(ch, MSG_visit), m);
}
SEND(body_want)
SEND(pooled)
SEND(resolve)
SEND(sts_want)
SEND(tls_result)
SEND(token_refused)
SEND(hop)

void bench_message(struct bench *b, struct channel *ch, enum msg_type type,
		   struct buf *record, int fd)
{
	assert_true(msg_is_valid(type, buf_view(record)));
	assert_true(msg_may(type, ch->peer, ROLE_DELIVER));
	deliver_role.message(&b->frame, ch, type, buf_view(record), fd);
	buf_free(record);
}

#define RECORD(name, ...)                     \
	struct buf record;                    \
	buf_init(&record, CHANNEL_FRAME_MAX); \
	msg_##name##_put(&record, &(struct msg_##name){ __VA_ARGS__ })

static void cstr(char *to, size_t size, struct str s) { (void)str_to_cstr(s, to, size); }

static void take_done(struct bench *b, struct str payload)
{
	struct msg_done m;
	struct job_result r;
	assert_true(msg_done_get(payload, &m));
	struct bench_done *done = &b->done;
	memset(done, 0, sizeof *done);
	done->job = m.job;
	done->host_failed = m.host_failed;
	done->moved = m.moved;
	done->looked = m.looked;
	done->took_ms = m.took_ms;
	cstr(done->site, sizeof done->site, m.site);
	cstr(done->host, sizeof done->host, m.host);
	done->count = job_results_count(m.results);
	assert_true(done->count >= 0);
	struct cur c = cur_of(m.results);
	for (int i = 0; job_result_next(&c, &r); i++) {
		struct bench_result *to = &done->results[i];
		to->index = r.index;
		to->outcome = r.outcome;
		to->dsn_passed = r.dsn_passed;
		cstr(to->dsn, sizeof to->dsn, r.dsn);
		cstr(to->text, sizeof to->text, r.text);
		cstr(to->host, sizeof to->host, r.host);
		cstr(to->tls, sizeof to->tls, r.tls);
	}
	b->dones++;
}

static void take_pooled(struct bench *b, struct str payload)
{
	struct msg_pooled m;
	assert_true(msg_pooled_get(payload, &m));
	b->pooled = m.connections;
	if (m.connections > b->pooled_max) b->pooled_max = m.connections;
}

static void give_text(struct bench *b, struct str payload)
{
	struct msg_body_want want;
	struct buf ranges;
	assert_true(msg_body_want_get(payload, &want));
	b->texts_asked++;
	if (b->text_silent) return;
	buf_init(&ranges, 1 << 16);
	for (size_t at = 0; at < b->text.len; at += WINDOW_BLOCK) {
		size_t len =
			b->text.len - at < WINDOW_BLOCK ? b->text.len - at : WINDOW_BLOCK;
		window_ranges_put(&ranges,
				  &(struct window_range){ (uint32_t)at, (uint32_t)len },
				  1);
	}
	int fd = b->text_fd >= 0 ? dup(b->text_fd) : -1;
	uint8_t result = b->text_broken ? 2 : fd >= 0 ? 1 : 0;
	RECORD(body, want.job, fd >= 0 ? STR("") : buf_view(&ranges), result);
	bench_message(b, b->spool, MSG_body, &record, fd);
	buf_free(&ranges);
}

static void give_hosts(struct bench *b, struct str payload)
{
	struct msg_resolve ask;
	struct buf hosts;
	assert_true(msg_resolve_get(payload, &ask));
	b->asked++;
	if (b->dns_silent) return;
	buf_init(&hosts, 1 << 16);
	bool loop = str_eq(str_of(b->dns_answer), STR("loop"));
	uint8_t result = loop ? 1 : peers_list(b->dns_answer, &hosts);
	RECORD(resolved, ask.query, result,
	       loop ? STR("5.4.6") : result == 1 ? STR("5.1.2") : STR("4.4.3"),
	       loop ? STR("mail for it loops") : result == 1 ? STR("no such domain") : STR("the DNS fails"),
	       buf_view(&hosts));
	bench_message(b, b->dns, MSG_resolved, &record, -1);
	buf_free(&hosts);
}

static void give_policy(struct bench *b, struct str payload)
{
	struct msg_sts_want ask;
	assert_true(msg_sts_want_get(payload, &ask));
	b->sts_asked++;
	if (b->sts_silent) return;
	RECORD(sts, ask.query, (uint8_t)b->sts_failure, str_of(b->sts ? b->sts : ""));
	bench_message(b, b->http, MSG_sts, &record, -1);
}

static void take_result(struct bench *b, struct str payload)
{
	struct msg_tls_result m;
	assert_true(msg_tls_result_get(payload, &m));
	b->tls_results++;
	b->tls_failure = m.failure;
	b->tls_policy = m.policy;
	b->tls_own = m.own.len == 16;
}

static bool answer_one(struct bench *b)
{
	if (!queue_count) return false;
	struct sent s = queue[0];
	memmove(queue, queue + 1, --queue_count * sizeof *queue);
	struct str payload = buf_view(&s.payload);
	if (s.type == MSG_done && b->spool) take_done(b, payload);
	if (s.type == MSG_pooled && b->spool) take_pooled(b, payload);
	if (s.type == MSG_body_want && b->spool) give_text(b, payload);
	if (s.type == MSG_resolve && b->dns) give_hosts(b, payload);
	if (s.type == MSG_line_gone) b->lines_gone++;
	if (s.type == MSG_hop) assert_true(msg_hop_get(payload, &b->hop));
	if (s.type == MSG_tls_result) take_result(b, payload);
	if (s.type == MSG_sts_want && b->http) give_policy(b, payload);
	if (s.type == MSG_token_refused && msg_token_refused_get(payload, &b->refused))
		b->tokens_refused++;
	buf_free(&s.payload);
	return true;
}

/* --- jobs ------------------------------------------------------------------------ */

static void put_recipients(struct buf *out, const char *to)
{
	uint64_t many = 0;
	struct str rest = str_of(to);
	uint32_t index = 7;
	if (to[0] == '*') assert_true(str_to_u64(str_of(to + 1), &many));
	if (many) rest = STR("");
	for (uint64_t i = 0; i < many; i++) {
		char address[64];
		(void)snprintf(address, sizeof address, "r%u@far.example", (unsigned)i);
		job_recipient_put(out,
				  &(struct job_recipient){ .index = index++,
							   .address = str_of(address) });
	}
	for (struct str word; (word = str_word(&rest)).len;)
		job_recipient_put(out, &(struct job_recipient){ .index = index++,
								.address = word });
}

static void put_target(struct buf *out, const struct bench_job *j)
{
	struct job_target t = { .kind = j->mx     ? JOB_TO_MX
					: j->lmtp ? JOB_TO_LMTP
						  : JOB_TO_HOSTS };
	if (j->mx) t.domain = str_of(j->mx);
	t.port = j->mx ? peers_port() : 0;
	struct str rest = str_of(j->hops ? j->hops : "");
	for (struct str word; (word = str_word(&rest)).len; t.hop_count++) {
		t.hops[t.hop_count].mx = str_starts(word, STR("mx:"));
		t.hops[t.hop_count].host = t.hops[t.hop_count].mx ? str_from(word, 3) : word;
		t.hops[t.hop_count].port = str_starts(word, STR("/")) ? 0 : peers_port();
	}
	t.spread = j->spread;
	job_target_put(out, &t);
}

uint64_t bench_give(struct bench *b, const struct bench_job *j)
{
	struct buf recipients, target;
	buf_init(&recipients, 1 << 20);
	buf_init(&target, 1 << 16);
	put_recipients(&recipients, j->to);
	put_target(&target, j);
	uint64_t number = ++b->next_job;
	RECORD(relay, .job = number, .id = 0x1000 + number, .size = b->text.len,
	       .arrived_ms = 1800000000000,
	       .sender = str_of(j->sender ? j->sender : "a@us.example"),
	       .flags = j->flags,
	       .tls_wish = (uint8_t)j->tls_wish,
	       .key = str_of(j->key  ? j->key
			     : j->mx ? j->mx
				     : j->hops),
	       .route = str_of(j->route ? j->route : "out"), .target = buf_view(&target),
	       .recipients = buf_view(&recipients), .site = str_of(j->site ? j->site : ""),
	       .connections = j->connections, .messages = j->messages);
	bench_message(b, b->spool, MSG_relay, &record, -1);
	buf_free(&recipients);
	buf_free(&target);
	return number;
}

uint64_t bench_relay(struct bench *b, const struct bench_job *j)
{
	uint64_t number = bench_give(b, j);
	bench_turn(b);
	return number;
}

const struct bench_result *bench_result(struct bench *b)
{
	assert_int_equal(b->done.job, b->next_job);
	assert_int_equal(b->done.count, 1);
	assert_int_equal(b->done.results[0].index, 7);
	return &b->done.results[0];
}

/* --- begin and end --------------------------------------------------------------- */

static struct conf *conf_of(const char *text)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("test.conf"),
				    str_of(text)));
	struct conf *conf = conf_parse(&bundle, &errors);
	if (!conf) fail_msg("%.*s", STR_ARG(errors.list[0].sentence));
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	return conf;
}

void bench_text(struct bench *b, const char *text)
{
	size_t len = str_of(text).len;
	assert_true(len <= WINDOW_SIZE);
	char *at = window_at(window, (struct window_range){ 0, (uint32_t)len });
	memcpy(at, text, len);
	b->text = (struct str){ at, len };
}

static struct channel **channel_place(struct bench *b, enum role peer)
{
	if (peer == ROLE_SPOOL) return &b->spool;
	return peer == ROLE_DNS ? &b->dns : &b->http;
}

void bench_up(struct bench *b, enum role peer)
{
	struct channel *ch = calloc(1, sizeof *ch);
	assert_non_null(ch);
	ch->peer = peer;
	*channel_place(b, peer) = ch;
	deliver_role.peer_up(&b->frame, ch);
	if (peer != ROLE_SPOOL) return;
	RECORD(spool_window, WINDOW_SIZE);
	bench_message(b, ch, MSG_spool_window, &record, dup(window_fd(window)));
}

const struct msg_hop *bench_hop(struct bench *b, const char *host, bool mx)
{
	struct channel console = { .peer = ROLE_CONSOLE };
	RECORD(ask_hop, .query = 77, .mx = mx, .port = peers_port(), .host = str_of(host));
	b->hop = (struct msg_hop){ 0 };
	bench_message(b, &console, MSG_ask_hop, &record, -1);
	while (answer_one(b)) continue;
	assert_int_equal(b->hop.query, 77);
	return &b->hop;
}

void bench_down(struct bench *b, enum role peer)
{
	struct channel *ch = *channel_place(b, peer);
	deliver_role.peer_down(&b->frame, ch);
	*channel_place(b, peer) = NULL;
	free(ch);
}

struct bench *bench_new(const char *conf_text)
{
	struct bench *b = calloc(1, sizeof *b);
	assert_non_null(b);
	(void)alarm(HANG_S);
	(void)signal(SIGPIPE, SIG_IGN); /* as the frame does */
	bench_now = b;
	/* Whatever a test before this one left when it failed. */
	bench_loop_forget();
	peers_forget();
	while (queue_count) buf_free(&queue[--queue_count].payload);
	b->now_ms = 1000000;
	b->text_fd = -1;
	b->dns_answer = "127.0.0.1";
	census.seed = 5;
	memset(&tally, 0, sizeof tally);
	tally.seed = 6;
	for (size_t i = 0; i < EVENT_COUNT; i++) buf_init(&b->records[i], EVENT_RECORD_MAX);
	event_log_init(&b->log, "deliver[0]", event_note, event_wall, b);
	b->frame = (struct frame){ .ops = &deliver_role,
				   .loop = bench_loop(),
				   .log = &b->log,
				   .conf = conf_of(conf_text) };
	assert_int_equal(deliver_role.open(&b->frame), 0);
	b->d = b->frame.role;
	window = window_new(WINDOW_SIZE);
	assert_non_null(window);
	bench_text(b, "Subject: x\r\n\r\n.dot\r\ntext\r\n");
	bench_up(b, ROLE_SPOOL);
	bench_up(b, ROLE_DNS);
	bench_up(b, ROLE_HTTP);
	return b;
}

void bench_reload(struct bench *b, const char *conf_text)
{
	struct conf *old = b->frame.conf;
	b->frame.conf = conf_of(conf_text);
	deliver_role.reload(&b->frame, old);
	conf_free(old);
}

static void deliver_free(struct deliver *d)
{
	map_free(&d->jobs);
	map_free(&d->questions);
	map_free(&d->policies);
	map_free(&d->destinations);
	buf_free(&d->results);
	loop_timer_free(d->drain_timer);
	for (size_t i = 0; i < d->folder_count; i++) buf_free(&d->folders[i]);
	free(d);
}

void bench_free(struct bench *b)
{
	struct deliver *d = b->d;
	deliver_role.drain(&b->frame, true);
	assert_int_equal(b->left, 1);
	if (b->spool) bench_down(b, ROLE_SPOOL);
	if (b->dns) bench_down(b, ROLE_DNS);
	if (b->http) bench_down(b, ROLE_HTTP);
	peers_free();
	bench_turn(b);
	assert_int_equal(d->connection_count, 0);
	assert_int_equal(d->jobs.count, 0);
	assert_int_equal(d->job_memory, 0);
	assert_int_equal(d->questions.count, 0);
	assert_int_equal(d->policies.count, 0);
	assert_int_equal(d->destinations.count, 0);
	assert_true(list_empty(&d->idle) && list_empty(&d->starved));
	bench_loop_is_idle();
	deliver_free(d);
	bench_loop_is_empty();
	window_free(window);
	if (b->text_fd >= 0) (void)close(b->text_fd);
	event_log_free(&b->log);
	for (size_t i = 0; i < EVENT_COUNT; i++) buf_free(&b->records[i]);
	conf_free(b->frame.conf);
	bench_now = NULL;
	free(b);
	(void)alarm(0);
}

const char *bench_conf_with(const char *words)
{
	static char text[1024];
	const char *route = strstr(bench_conf, "route out");
	(void)snprintf(text, sizeof text, "%.*sroute out { %s }\n", (int)(route - bench_conf),
		       bench_conf, words);
	return text;
}

void bench_route_files(struct bench *b, struct str name, struct str trust, struct str chain,
		       struct str key, struct str secret)
{
	struct channel *ch = b->spool; /* any will do: the role does not look */
	struct buf files, record;
	buf_init(&files, 1 << 20);
	buf_init(&record, 4096);
	buf_put_str(&files, trust);
	buf_put_str(&files, chain);
	buf_put_str(&files, key);
	buf_put_str(&files, secret);
	int fd = memfile_write("test", buf_view(&files));
	assert_true(fd >= 0);
	msg_route_files_put(&record, &(struct msg_route_files){ name, TLS_MODERN });
	deliver_role.message(&b->frame, ch, MSG_route_files, buf_view(&record), fd);
	buf_free(&files);
	buf_free(&record);
}
