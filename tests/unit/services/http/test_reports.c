/* SPDX-License-Identifier: Apache-2.0 */
/* Reports on TLS with a played clock, resolver, web server and spool: periods, who gets one, what is
 * tried again, and what outlives the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "services/http/gzip.h"
#include "services/http/reports.h"

enum { DAY_MS = 86400000, LETTERS_MAX = 64 };
static const int64_t midnight_ms = 1795305600000; /* 2026-11-22 */

struct question {
	names_fn *fn;
	void *arg;
	char name[300];
};
struct request {
	web_fn *fn;
	void *arg;
	char url[600], type[64], body[8192];
	size_t body_len;
};

/* The world: what is asked waits here until the test answers. */
static struct {
	int64_t wall_ms, mono_ms;
	loop_fn *tick;
	void *tick_arg;
	int64_t due_ms;
	struct question questions[REPORTS_AT_ONCE];
	size_t question_count;
	struct request requests[REPORTS_AT_ONCE];
	size_t request_count;
	struct msg_letter letters[LETTERS_MAX];
	char to[LETTERS_MAX][320];
	char *texts[LETTERS_MAX];
	size_t letter_count;
	size_t told[EVENT_COUNT];
	char record[4096];
	bool dns_away, near;
	char folder[64];
} world;

static struct frame frame;
static struct event_log log_;
static struct reports *r;
static struct channel *spool = (struct channel *)&world; /* never looked into */

int64_t loop_now_ms(const struct loop *l) { (void)l; return world.mono_ms; }
int64_t loop_wall_ms(const struct loop *l) { (void)l; return world.wall_ms; }
struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg)
{
	(void)l;
	world.tick = fn;
	world.tick_arg = arg;
	return (struct loop_timer *)&world;
}
void loop_timer_set(struct loop_timer *t, int64_t ms) { (void)t; world.due_ms = world.mono_ms + ms; }
void loop_timer_cancel(struct loop_timer *t) { (void)t; world.due_ms = 0; }
void loop_timer_free(struct loop_timer *t) { (void)t; }

bool names_ask(struct names *n, struct str name, enum dns_type type, names_fn *fn, void *arg)
{
	(void)n;
	assert_int_equal(type, DNS_TXT);
	if (world.dns_away) return false;
	assert_true(world.question_count < REPORTS_AT_ONCE);
	struct question *q = &world.questions[world.question_count++];
	*q = (struct question){ .fn = fn, .arg = arg };
	assert_true(str_to_cstr(name, q->name, sizeof q->name));
	return true;
}
void names_forget(struct names *n, const void *arg)
{
	(void)n;
	for (size_t i = 0; i < world.question_count; i++)
		if (world.questions[i].arg == arg) world.questions[i].fn = NULL;
}
bool web_is_for_strangers(struct str url) { return !str_starts(url, STR("https://here")); }
bool web_ask_for_stranger(struct web *w, const struct fetch *what, bool near, web_fn *fn, void *arg)
{
	(void)w;
	assert_int_equal(near, world.near);
	if (str_starts(what->url, STR("https://full"))) return false;
	assert_true(world.request_count < REPORTS_AT_ONCE && what->body.len < sizeof world.requests->body);
	struct request *q = &world.requests[world.request_count++];
	*q = (struct request){ .fn = fn, .arg = arg, .body_len = what->body.len };
	assert_true(str_to_cstr(what->url, q->url, sizeof q->url));
	assert_true(str_to_cstr(what->type, q->type, sizeof q->type));
	memcpy(q->body, what->body.at, what->body.len);
	return true;
}
void web_forget(struct web *w, const void *arg)
{
	(void)w;
	for (size_t i = 0; i < world.request_count; i++)
		if (world.requests[i].arg == arg) world.requests[i].fn = NULL;
}
void channel_send_letter(struct channel *ch, const struct msg_letter *m)
{
	assert_ptr_equal(ch, spool);
	assert_true(world.letter_count < LETTERS_MAX);
	size_t i = world.letter_count++;
	world.letters[i] = *m;
	assert_true(str_to_cstr(m->to, world.to[i], sizeof world.to[i]));
	world.texts[i] = strndup(m->text.at, m->text.len);
}

static void event_note(void *arg, struct str record)
{
	(void)arg;
	struct cur c = cur_of(record);
	unsigned name = cur_u16(&c);
	assert_in_range(name, 1, EVENT_COUNT - 1);
	world.told[name]++;
	(void)str_to_cstr(record, world.record, sizeof world.record);
}
static int64_t event_wall(void *arg) { (void)arg; return world.wall_ms; }

static struct conf *conf_of(const char *text)
{
	static struct conf_bundle bundle;
	struct conf_errors errors;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)));
	struct conf *conf = conf_parse(&bundle, &errors);
	if (!conf) fail_msg("%.*s", STR_ARG(errors.list[0].sentence));
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	return conf;
}

#define HEAD "hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n"
#define ON   HEAD "tlsrpt { send yes; contact tls@us.example; organization \"Us\" }\n"

static void open_reports(void)
{
	r = calloc(1, sizeof *r);
	assert_non_null(r);
	r->frame = &frame;
	r->folder = open(world.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->seed = 9;
	r->spool = spool;
	assert_true(r->folder >= 0 && reports_init(r));
}

static void close_reports(void)
{
	int folder = r->folder;
	reports_free(r);
	if (folder >= 0) (void)close(folder);
	free(r);
	r = NULL;
}

static void file_of(char path[128]) { (void)snprintf(path, 128, "%s/tlsrpt", world.folder); }

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	(void)strcpy(world.folder, "/tmp/ims-test-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	world.wall_ms = midnight_ms + 3600000;
	world.mono_ms = 1000;
	event_log_init(&log_, "http[0]", event_note, event_wall, NULL);
	frame = (struct frame){ .log = &log_, .conf = conf_of(ON) };
	open_reports();
	return 0;
}

static int teardown(void **state)
{
	char path[128];
	(void)state;
	if (r) close_reports();
	file_of(path);
	(void)unlink(path);
	(void)rmdir(world.folder);
	for (size_t i = 0; i < world.letter_count; i++) free(world.texts[i]);
	event_log_free(&log_);
	conf_free(frame.conf);
	return 0;
}

/* So much time passes. */
static void pass(int64_t ms)
{
	world.wall_ms += ms;
	world.mono_ms += ms;
	assert_non_null(world.tick);
	if (world.due_ms && world.due_ms <= world.mono_ms) world.tick(world.tick_arg);
}

static void count(const char *domain, enum transport_failure failure)
{
	reports_take(r, &(struct msg_tls_result){ .domain = str_of(domain), .policy = TRANSPORT_STS,
		.lines = STR("mx: mx\n"), .mx = STR("mx"), .ip = STR(""), .own = STR(""),
		.failure = (uint8_t)failure });
}

/* To the end of the period, and until the first report may go out. */
static void next_period(void)
{
	pass(r->now.end_ms - world.wall_ms);
	pass(DAY_MS / REPORTS_SPREAD);
}

static void answer(const char *domain, enum dns_state state, const char *text)
{
	char memory[1024], want[300];
	struct buf records;
	(void)snprintf(want, sizeof want, "_smtp._tls.%s", domain);
	buf_init_fixed(&records, memory, sizeof memory);
	if (text) buf_put_str(&records, str_of(text));
	for (size_t i = 0; i < world.question_count; i++) {
		struct question q = world.questions[i];
		if (strcmp(q.name, want) != 0) continue;
		world.questions[i] = world.questions[--world.question_count];
		if (q.fn) q.fn(q.arg, state, buf_view(&records));
		return;
	}
	fail_msg("%s was not asked", want);
}

static void by_mail(void **state)
{
	(void)state;
	count("far.example", TRANSPORT_GOOD);
	count("far.example", TRANSPORT_CERTIFICATE_EXPIRED);
	count("[192.0.2.1]", TRANSPORT_GOOD);
	pass(3600000);
	assert_int_equal(world.question_count, 0);
	/* Not on the stroke of midnight. */
	pass(r->now.end_ms - world.wall_ms);
	assert_true(r->has_due && r->go_ms > world.wall_ms && r->go_ms <= world.wall_ms + DAY_MS / REPORTS_SPREAD);
	assert_int_equal(world.question_count, 0);
	pass(DAY_MS / REPORTS_SPREAD);
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=mailto:reports@far.example");
	assert_int_equal(world.letter_count, 1);
	assert_string_equal(world.to[0], "reports@far.example");
	assert_non_null(strstr(world.texts[0], "From: <tls@us.example>\r\n"));
	assert_non_null(strstr(world.texts[0], "mx.us.example!far.example!1795305600!1795391999.json.gz"));
	assert_true(r->has_due);
	reports_letter_kept(r, &(struct msg_letter_kept){ world.letters[0].number, 1 });
	assert_int_equal(world.told[EVENT_tls_report], 1);
	pass(REPORTS_TICK_MS);
	assert_false(r->has_due);
	/* And that is all. */
	next_period();
	assert_int_equal(world.letter_count, 1);
	assert_int_equal(world.told[EVENT_tls_report_error], 1); /* the address is no domain */
}

static void by_https(void **state)
{
	(void)state;
	count("far.example", TRANSPORT_GOOD);
	next_period();
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=https://far.example/in,mailto:x@far.example,https://full/x");
	assert_int_equal(world.request_count, 1);
	const struct request *q = &world.requests[0];
	assert_string_equal(q->url, "https://far.example/in");
	assert_string_equal(q->type, "application/tlsrpt+gzip");
	char text[8192];
	z_stream z;
	memset(&z, 0, sizeof z);
	z.next_in = (Bytef *)world.requests[0].body;
	z.avail_in = (uInt)q->body_len;
	z.next_out = (Bytef *)text;
	z.avail_out = sizeof text;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(inflateEnd(&z), Z_OK);
	assert_non_null(memmem(text, z.total_out, "\"organization-name\":\"Us\"", 24));
	assert_non_null(memmem(text, z.total_out, "\"total-successful-session-count\":1", 34));
	/* The second address is not asked before the first has answered. */
	assert_int_equal(world.letter_count, 0);
	q->fn(q->arg, &(struct fetched){ .code = 201 });
	assert_int_equal(world.letter_count, 1);
	reports_letter_kept(r, &(struct msg_letter_kept){ world.letters[0].number, 1 });
	assert_int_equal(world.told[EVENT_tls_report], 2);
	/* The third cannot be asked; next time only that one. */
	assert_true(r->has_due);
	world.request_count = 0;
	pass(DAY_MS / REPORTS_AGAIN);
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=https://far.example/in,mailto:x@far.example,https://c/");
	assert_int_equal(world.letter_count, 1);
	assert_int_equal(world.request_count, 1);
	assert_string_equal(world.requests[0].url, "https://c/");
	world.requests[0].fn(world.requests[0].arg, &(struct fetched){ .code = 200 });
	pass(REPORTS_TICK_MS);
	assert_false(r->has_due);
}

/* Where a stranger may not lead us: not asked, and not again. */
static void by_https_to_us(void **state)
{
	(void)state;
	frame.conf->tlsrpt.private_hosts = CONF_YES_YES;
	world.near = true;
	count("far.example", TRANSPORT_GOOD);
	next_period();
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=https://here/in,https://b/");
	assert_int_equal(world.request_count, 1);
	assert_string_equal(world.requests[0].url, "https://b/");
	world.requests[0].fn(world.requests[0].arg, &(struct fetched){ .code = 200 });
	assert_int_equal(results_find(&r->due, STR("far.example"))->sent, 3);
	assert_int_equal(world.told[EVENT_tls_report], 1);
	assert_int_equal(world.told[EVENT_tls_report_error], 1);
	pass(REPORTS_TICK_MS);
	assert_false(r->has_due); /* it is not tried again */
	frame.conf->tlsrpt.private_hosts = CONF_YES_NO;
	world.near = false;
}

/* Who asks for none gets none, and the DNS is asked again only where it could not tell. */
static void who_wants_one(void **state)
{
	static const struct { enum dns_state state; const char *text; bool over; } rows[] = {
		{ DNS_NO_DATA, NULL, true },
		{ DNS_NO_NAME, NULL, true },
		{ DNS_FOUND, "v=spf1 -all", true },
		{ DNS_FOUND, "v=TLSRPTv1; rua=ftp://x", true },
		{ DNS_FAILED, NULL, false },
		{ DNS_LATE, NULL, false },
		{ DNS_BOGUS, NULL, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		count("far.example", TRANSPORT_GOOD);
		next_period();
		answer("far.example", rows[i].state, rows[i].text);
		pass(REPORTS_TICK_MS);
		if (r->has_due == rows[i].over) fail_msg("row %zu", i);
		/* What could not be sent before the next one is given up, and told. */
		size_t told = world.told[EVENT_tls_report_error];
		next_period();
		assert_int_equal(world.told[EVENT_tls_report_error], told + !rows[i].over);
	}
	assert_int_equal(world.letter_count, 0);
}

static void tries(void **state)
{
	(void)state;
	count("far.example", TRANSPORT_GOOD);
	next_period();
	for (int i = 0; i < REPORTS_TRIES_MAX; i++) {
		assert_true(r->has_due);
		answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=mailto:x@far.example");
		assert_int_equal(world.letter_count, (size_t)i + 1);
		/* An answer to another letter is none to this. */
		reports_letter_kept(r, &(struct msg_letter_kept){ world.letters[i].number + 7, 1 });
		if (i % 2) {
			reports_letter_kept(r, &(struct msg_letter_kept){ world.letters[i].number, 0 });
		} else {
			reports_spool(r, NULL);
			reports_spool(r, spool);
		}
		assert_int_equal(world.question_count, 0);
		pass(DAY_MS / REPORTS_AGAIN);
	}
	assert_false(r->has_due);
	assert_int_equal(world.told[EVENT_tls_report_error], 1);
	assert_int_equal(world.told[EVENT_tls_report], 0);
}

static void away(void **state)
{
	(void)state;
	count("far.example", TRANSPORT_GOOD);
	world.dns_away = true;
	next_period();
	assert_true(r->has_due);
	world.dns_away = false;
	pass(DAY_MS / REPORTS_AGAIN);
	reports_spool(r, NULL);
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=mailto:x@far.example");
	assert_int_equal(world.letter_count, 0);
	assert_true(r->has_due);
	/* An address to which no mail can go is told, and not tried again. */
	pass(DAY_MS / REPORTS_AGAIN);
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=mailto:nobody");
	assert_int_equal(world.told[EVENT_tls_report_error], 1);
	pass(REPORTS_TICK_MS);
	assert_false(r->has_due);
}

static void many(void **state)
{
	enum { MANY = 40 };
	(void)state;
	for (int i = 0; i < MANY; i++) {
		char name[64];
		(void)snprintf(name, sizeof name, "d%d.example", i);
		count(name, TRANSPORT_GOOD);
	}
	next_period();
	for (int i = 0; i < MANY; i++) {
		char name[300];
		assert_in_range(world.question_count, 1, REPORTS_AT_ONCE);
		(void)str_to_cstr(str_from(str_of(world.questions[0].name), sizeof "_smtp._tls." - 1), name,
				  sizeof name);
		answer(name, DNS_NO_DATA, NULL);
		pass(REPORTS_TICK_MS);
	}
	assert_false(r->has_due);
}

static void kept_over_a_death(void **state)
{
	(void)state;
	count("far.example", TRANSPORT_GOOD);
	pass(REPORTS_KEEP_MS);
	count("far.example", TRANSPORT_GOOD); /* this one is lost */
	struct reports *dead = r;
	open_reports();
	assert_int_equal(r->now.count, 1);
	assert_int_equal(results_find(&r->now, STR("far.example"))->policies->good, 1);
	/* The one that died writes no more. */
	dead->changed = false;
	struct reports *alive = r;
	r = dead;
	close_reports();
	r = alive;
	world.tick_arg = r;
	loop_timer_set(r->timer, REPORTS_TICK_MS);
	/* What is due outlives one, too, with the addresses that have their report. */
	next_period();
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=mailto:x@far.example,https://full/");
	reports_letter_kept(r, &(struct msg_letter_kept){ world.letters[0].number, 1 });
	close_reports();
	open_reports();
	assert_true(r->has_due);
	assert_int_equal(results_find(&r->due, STR("far.example"))->sent, 1);
	pass(REPORTS_TICK_MS);
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=mailto:x@far.example,https://b/");
	assert_int_equal(world.letter_count, 1);
	assert_int_equal(world.request_count, 1);
}

static void damaged_file(void **state)
{
	char path[128];
	(void)state;
	count("far.example", TRANSPORT_GOOD);
	close_reports();
	file_of(path);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0 && pwrite(fd, "x", 1, 9) == 1);
	(void)close(fd);
	open_reports();
	assert_int_equal(r->now.count, 0);
	assert_int_equal(world.told[EVENT_tls_report_error], 1);
	/* It is written anew; and where it cannot be that is told once. */
	count("far.example", TRANSPORT_GOOD);
	pass(REPORTS_KEEP_MS);
	assert_false(r->changed);
	int folder = r->folder;
	r->folder = -EACCES;
	for (int i = 0; i < 3; i++) {
		count("far.example", TRANSPORT_GOOD);
		pass(REPORTS_KEEP_MS);
		assert_true(r->changed);
	}
	assert_int_equal(world.told[EVENT_tls_report_error], 2);
	r->folder = folder;
}

static void not_from_deliver(void **state)
{
	static const struct msg_tls_result rows[] = {
		{ .policy = TRANSPORT_POLICIES, .failure = 0 },
		{ .policy = 0, .failure = TRANSPORT_FAILURES },
		{ .ip = STR_INIT("123") },
		{ .own = STR_INIT("12345678901234567") },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct msg_tls_result m = rows[i];
		m.domain = STR("far.example");
		reports_take(r, &m);
	}
	assert_int_equal(r->now.count, 0);
	assert_false(r->changed);
}

static void settings(void **state)
{
	struct conf *old = frame.conf;
	(void)state;
	count("far.example", TRANSPORT_GOOD);
	/* Off: nothing is counted, nor sent. */
	frame.conf = conf_of(HEAD);
	reports_reload(r);
	conf_free(old);
	assert_false(r->on);
	assert_int_equal(world.due_ms, 0);
	count("far.example", TRANSPORT_GOOD);
	assert_int_equal(r->now.count, 0);
	/* On again: what was kept goes on. */
	old = frame.conf;
	frame.conf = conf_of(HEAD "postmaster ann@us.example\ntlsrpt { send yes; every 1h }\n");
	reports_reload(r);
	conf_free(old);
	assert_true(r->on);
	/* The period was a day; it ends, and its report is under way. */
	assert_true(r->has_due);
	assert_int_equal(r->now.end_ms - r->now.begin_ms, 3600000);
	pass(3600000 / REPORTS_SPREAD);
	answer("far.example", DNS_FOUND, "v=TLSRPTv1; rua=mailto:x@far.example");
	assert_non_null(strstr(world.texts[0], "From: <ann@us.example>\r\n"));
}

static void packed(void **state)
{
	char memory[64];
	struct buf out;
	(void)state;
	buf_init_fixed(&out, memory, 10);
	assert_false(gzip_write(&out, STR("a text that does not fit")));
	buf_init_fixed(&out, memory, sizeof memory);
	assert_true(gzip_write(&out, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
	assert_true(str_starts(buf_view(&out), STR("\x1f\x8b")));
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(by_mail), ROW(by_https), ROW(by_https_to_us), ROW(who_wants_one), ROW(tries), ROW(away), ROW(many),
		ROW(kept_over_a_death), ROW(damaged_file), ROW(not_from_deliver), ROW(settings), ROW(packed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
