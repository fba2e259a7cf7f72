/* SPDX-License-Identifier: Apache-2.0 */
#include "role_bench.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/dsn/report.h"
#include "lib/event/view.h"

enum { PATIENCE_MS = 15 * 1000, STATES_MAX = 64 };

static struct bench *bench;
/* A role's state ends with its process, and so it does here. */
static void *states[STATES_MAX];
static size_t state_count;

static const char conf_text[] =
	"hostname mx.us.example\npostmaster ann@us.example\n"
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"
	"domain away.example { deliver route away }\n"
	"domain held.example too.example { deliver hold-for-etrn away; etrn-from 192.0.2.1; atrn-user ann@us.example }\n"
	"route away { via 127.0.0.1:25 }\n"
	"domain line.example { deliver route line }\nroute line { via 127.0.0.1:25 }\n"
	"dial isp { route line; queued-for 30d; before /bin/true; after /bin/true; timeout 1s }\n";

struct channel *frame_peer(const struct frame *f, enum role role, unsigned index)
{
	(void)f;
	return index == 0 && role < ROLE_COUNT ? bench->near[role] : NULL;
}

void frame_leave(struct frame *f)
{
	bench->left = true;
	loop_stop(f->loop);
}

void frame_fail(struct frame *f, int status)
{
	assert_int_not_equal(status, 0);
	frame_leave(f);
}

static void record(void *arg, struct str text)
{
	static struct event_view view;
	struct bench *b = arg;
	assert_true(event_view_read(&view, text));
	b->events[view.name]++;
}

static int64_t wall_ms(void *arg)
{
	const struct bench *b = arg;
	return loop_wall_ms(b->frame.loop);
}

static void near_message(void *arg, struct channel *ch, enum msg_type type, struct str payload,
                         int fd)
{
	struct bench *b = arg;
	spool_role.message(&b->frame, ch, type, payload, fd);
}

static void note_report(struct bench *b, struct str record)
{
	struct arena arena;
	struct dsn_report r;
	arena_init(&arena, DSN_ARENA);
	assert_true(dsn_report_decode(record, &arena, &r));
	b->report_by_ms = r.by_ms;
	(void)str_to_cstr(r.rcpts[0].status, b->report_status, sizeof b->report_status);
	arena_free(&arena);
}

static void far_out(struct bench *b, enum msg_type type, struct str payload)
{
	struct msg_relay relay;
	struct msg_report_job report;
	struct msg_notice_job notice;
	struct msg_body body;
	struct msg_released released;
	struct msg_turned turned;
	struct msg_program program;
	if (type == MSG_program) {
		assert_true(msg_program_get(payload, &program));
		b->program = program.query;
	} else if (type == MSG_released) {
		assert_true(msg_released_get(payload, &released));
		b->released = released.result;
		b->released_query = released.query;
		b->released_count = released.count;
	} else if (type == MSG_turned) {
		assert_true(msg_turned_get(payload, &turned));
		b->turned = turned.result;
		b->turned_recipients = turned.recipients;
	} else if (type == MSG_relay) {
		assert_true(msg_relay_get(payload, &relay));
		b->relay = relay.job;
		(void)str_to_cstr(relay.sender, b->relay_text, sizeof b->relay_text);
		b->relay_sender = str_of(b->relay_text);
		b->relayed = (struct msg_relay){ .job = relay.job, .id = relay.id,
			.tls_wish = relay.tls_wish, .priority = relay.priority, .by = relay.by,
			.by_ms = relay.by_ms };
		(void)str_to_cstr(relay.site, b->relay_site, sizeof b->relay_site);
		(void)str_to_cstr(relay.route, b->relay_route, sizeof b->relay_route);
		b->relay_flags = relay.flags;
		(void)str_to_cstr(relay.key, b->relay_key, sizeof b->relay_key);
		b->relay_connections = relay.connections;
		b->relay_messages = relay.messages;
	} else if (type == MSG_report_job) {
		assert_true(msg_report_job_get(payload, &report));
		b->report_job = report.job;
		note_report(b, report.report);
		if (b->report_count < 64) b->report_jobs[b->report_count++] = report.job;
	} else if (type == MSG_notice_job) {
		assert_true(msg_notice_job_get(payload, &notice));
		b->report_job = notice.job;
	} else if (type == MSG_body) {
		assert_true(msg_body_get(payload, &body));
		b->body_result = body.result;
	}
}

static void far_message(void *arg, struct channel *ch, enum msg_type type, struct str payload,
                        int fd)
{
	struct bench *b = arg;
	struct msg_refused refused;
	struct msg_answer answer;
	struct msg_job job;
	(void)ch;
	b->sent[type]++;
	far_out(b, type, payload);
	if (fd >= 0) (void)close(fd);
	if (type == MSG_committed) {
		assert_true(msg_committed_get(payload, &b->committed));
	} else if (type == MSG_refused) {
		assert_true(msg_refused_get(payload, &refused));
		b->refused_code = refused.code;
		b->refused = refused.handle;
	} else if (type == MSG_answer) {
		assert_true(msg_answer_get(payload, &answer));
		b->answer_count = answer.count;
		b->answer_status = answer.status;
	} else if (type == MSG_destination) {
		assert_true(msg_destination_get(payload, &b->destination));
		b->destination_slow = b->destination.reason.len > 0 && b->destination.why.len > 0;
	} else if (type == MSG_job) {
		assert_true(msg_job_get(payload, &job));
		b->job = job.job;
		b->job_id = job.id;
		if (b->on_job) b->on_job(b, &job);
	}
}

static void closed(void *arg, struct channel *ch)
{
	(void)arg;
	fail_msg("a channel is closed: %s", channel_fault(ch));
}

static const struct channel_handler near = { near_message, closed };
static const struct channel_handler far = { far_message, closed };

void bench_up(struct bench *b, enum role role)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	b->near[role] = channel_new(b->frame.loop, ends[0], ROLE_SPOOL, role, 0, &near, b);
	b->far[role] = channel_new(b->frame.loop, ends[1], role, ROLE_SPOOL, 0, &far, b);
	assert_true(b->near[role] && b->far[role]);
	spool_role.peer_up(&b->frame, b->near[role]);
	if (role != ROLE_RECEIVE) return;
	channel_send_window_fd(b->far[role], &(struct msg_window){ BENCH_WINDOW },
		window_fd(b->window));
}

void bench_down(struct bench *b, enum role role)
{
	struct channel *ch = b->near[role];
	if (!ch) return;
	b->near[role] = NULL;
	spool_role.peer_down(&b->frame, ch);
	channel_free(ch);
	channel_free(b->far[role]);
	b->far[role] = NULL;
}

static void over(void *arg)
{
	loop_stop(arg);
}

void bench_run(struct bench *b, int64_t ms)
{
	struct loop_timer *timer = loop_timer_new(b->frame.loop, over, b->frame.loop);
	loop_timer_set(timer, ms);
	loop_run(b->frame.loop);
	loop_timer_free(timer);
}

void bench_until(struct bench *b, const size_t *count, size_t wanted)
{
	for (int64_t ms = 0; *count < wanted; ms += 5) {
		if (ms >= PATIENCE_MS) fail_msg("waited for %zu, got %zu", wanted, *count);
		bench_run(b, 5);
	}
}

static struct conf *conf_of(const char *text)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("test.conf"), str_of(text)));
	struct conf *conf = conf_parse(&bundle, &errors);
	if (!conf) {
		struct buf why;
		buf_init(&why, 4096);
		conf_errors_write(&errors, &why);
		fail_msg("%.*s", STR_ARG(buf_view(&why)));
	}
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	return conf;
}

void bench_reload(struct bench *b, const char *more)
{
	char text[2048];
	(void)snprintf(text, sizeof text, "route default { mx }\n%s", more);
	bench_reload_alone(b, text);
}

void bench_reload_alone(struct bench *b, const char *more)
{
	char text[4096];
	struct conf *old = b->frame.conf;
	(void)snprintf(text, sizeof text, "%sspool { path %s; min-free 1M }\n%s", conf_text, b->folder, more);
	b->frame.conf = conf_of(text);
	b->frame.conf->generation = old->generation + 1;
	spool_role.reload(&b->frame, old);
	conf_free(old);
}

int bench_setup(void **state)
{
	static struct bench b;
	char text[1024];
	b = (struct bench){ .frame.ops = &spool_role };
	*state = bench = &b;
	(void)snprintf(b.folder, sizeof b.folder, "/tmp/ims-spool-XXXXXX");
	assert_non_null(mkdtemp(b.folder));
	(void)snprintf(text, sizeof text, "%sspool { path %s; min-free 1M }\n", conf_text,
		b.folder);
	event_log_init(&b.log, "spool", record, wall_ms, &b);
	b.frame.loop = loop_new();
	b.frame.conf = conf_of(text);
	b.frame.log = &b.log;
	assert_int_equal(spool_role.open(&b.frame), 0);
	assert_int_equal(spool_role.serve(&b.frame), 0);
	assert_true(state_count < STATES_MAX);
	states[state_count++] = b.spool = b.frame.role;
	b.window = window_new(BENCH_WINDOW);
	assert_non_null(b.window);
	bench_up(&b, ROLE_RECEIVE);
	bench_up(&b, ROLE_MAILBOX);
	bench_up(&b, ROLE_CONSOLE);
	bench_run(&b, 5);
	return 0;
}

int bench_setup_relay(void **state)
{
	int result = bench_setup(state);
	bench_up(*state, ROLE_DELIVER);
	return result;
}

static int removed(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* What is in hand at the end would go with the process. */
static void free_jobs(struct spool *s)
{
	for (struct job *job;;) {
		size_t at = 0;
		job = map_next(&s->in_hand, &at, NULL);
		if (!job) return;
		for (struct link *it; (it = list_take(&job->parts));)
			free(CONTAINER(it, struct part, link));
		(void)map_take(&s->in_hand, job->id);
		arena_free(&job->arena);
		free(job);
	}
}

int bench_teardown(void **state)
{
	struct bench *b = *state;
	for (unsigned r = 0; r < ROLE_COUNT; r++) bench_down(b, (enum role)r);
	spool_role.drain(&b->frame, true);
	assert_true(b->left);
	commit_stop(b->spool);
	/* Nothing is held for anybody who has gone. */
	assert_int_equal(b->spool->streams.count, 0);
	store_close(b->spool->store);
	window_free(b->spool->window);
	window_free(b->window);
	free_jobs(b->spool);
	map_free(&b->spool->parts);
	sched_free(&b->spool->sched);
	map_free(&b->spool->in_hand);
	map_free(&b->spool->streams);
	notices_free(&b->spool->notices);
	loop_timer_free(b->spool->due_timer);
	loop_timer_free(b->spool->watch_timer);
	loop_timer_free(b->spool->act_timer);
	loop_free(b->frame.loop);
	conf_free(b->frame.conf);
	event_log_free(&b->log);
	assert_int_equal(chdir("/"), 0);
	(void)nftw(b->folder, removed, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

void bench_commit_as(struct bench *b, const struct msg_commit *m, const char *domain)
{
	char address[128];
	struct buf record_text;
	struct msg_commit commit = *m;
	(void)snprintf(address, sizeof address, "joe@%s", domain);
	struct envelope_rcpt rcpt = { .address = str_of(address), .route = STR("mailbox") };
	struct envelope e = { .sender = STR("ann@them.example"), .rcpts = &rcpt,
		.rcpt_count = 1, .arrived_ms = loop_wall_ms(b->frame.loop), .size = m->size };
	buf_init(&record_text, 64 * 1024);
	envelope_encode(&record_text, &e);
	if (!commit.envelope.at) commit.envelope = buf_view(&record_text);
	channel_send_commit(b->far[ROLE_RECEIVE], &commit);
	buf_free(&record_text);
}

void bench_commit(struct bench *b, uint64_t id, const char *domain, size_t len)
{
	char field[16];
	struct buf ranges;
	struct window_range range = { 0, (uint32_t)len };
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	bench_commit_as(b, &(struct msg_commit){ .handle = id, .id = id, .size = len,
		.ranges = buf_view(&ranges) }, domain);
}

void bench_piece(struct bench *b, uint64_t handle, struct window_range range)
{
	char field[16];
	struct buf ranges;
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	channel_send_big_piece(b->far[ROLE_RECEIVE],
		&(struct msg_big_piece){ handle, buf_view(&ranges) });
}

void bench_delivered(struct bench *b, uint64_t job)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ 0, JOB_DELIVERED, false, STR("2.0.0"),
		STR("delivered"), STR("/m"), STR(""), STR(""), false, false });
	channel_send_done(b->far[ROLE_MAILBOX], &(struct msg_done){ .job = job, .results = buf_view(&results) });
	buf_free(&results);
}

void bench_act(struct bench *b, enum queue_action action, const char *selector)
{
	channel_send_act(b->far[ROLE_CONSOLE], &(struct msg_act){ .query = 7,
		.action = (uint8_t)action, .selector = str_of(selector), .reason = STR("test") });
}

struct kvstore *bench_kv(struct bench *b)
{
	return (struct kvstore *)(void *)b->spool->store;
}

struct spool_totals bench_totals(struct bench *b)
{
	struct spool_totals t;
	assert_int_equal(store_totals(b->spool->store, &t), 0);
	return t;
}

void bench_write_letter(struct bench *b, struct window *letters)
{
	static const char text[] = "Subject: a report\r\n\r\nso it is\r\n";
	struct window_range range = { (uint32_t)window_take(letters), sizeof text - 1 };
	char field[16];
	struct buf ranges;
	memcpy(window_at(letters, range), text, sizeof text - 1);
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	channel_send_report_done(b->far[ROLE_BOUNCE], &(struct msg_report_done){ .job = b->report_job,
		.ranges = buf_view(&ranges), .size = sizeof text - 1 });
}

void bench_arrive(struct bench *b, uint64_t id, const char *domain)
{
	size_t sent = b->sent[MSG_committed];
	bench_commit(b, id, domain, 100);
	bench_until(b, &b->sent[MSG_committed], sent + 1);
}
