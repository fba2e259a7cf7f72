/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of other domains: what is asked when, what is kept, and for how long. dns, web
 * servers, the clock and those who ask are played here; the folder is a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/http/sts.h"

#define HEAD    "version: STSv1\nmode: enforce\n"
#define ONE     HEAD "mx: a.example\nmax_age: 604800\n"
#define TWO     HEAD "mx: b.example\nmax_age: 604800\n"
#define MINUTE  60000LL
#define HOUR    (60 * MINUTE)
#define DAY     (24 * HOUR)

static struct {
	struct sts sts;
	struct event_log log;
	char folder[64];
	int64_t now_ms;
	/* what dns and the web server say; NULL: nothing, for the test to say it later */
	enum dns_state state;
	const char *txt, *file, *type;
	struct str why;
	bool untrusted, silent, dns_full, web_full;
	bool near; /* what the web server was asked with */
	unsigned looks, fetches, answers;
	names_fn *dns_fn;
	web_fn *web_fn;
	void *dns_arg, *web_arg;
	uint64_t query;
	char url[128], name[128], policy[256];
	unsigned failure;
	struct msg_sts_known known; /* its numbers */
	unsigned events[EVENT_COUNT];
} w;

struct channel {
	int number;
};
static struct channel one, two;

/* --- what is played ----------------------------------------------------------------------- */

struct loop_timer {
	int64_t delay_ms;
};

int64_t loop_wall_ms(const struct loop *l)
{
	(void)l;
	return w.now_ms;
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg)
{
	(void)l;
	assert_ptr_equal(fn, sts_round);
	assert_ptr_equal(arg, &w.sts);
	return calloc(1, sizeof(struct loop_timer));
}
void loop_timer_set(struct loop_timer *t, int64_t delay_ms) { t->delay_ms = delay_ms; }
void loop_timer_free(struct loop_timer *t) { free(t); }

bool names_ask(struct names *n, struct str name, enum dns_type type, names_fn *fn, void *arg)
{
	(void)n;
	assert_int_equal(type, DNS_TXT);
	if (w.dns_full) return false;
	assert_true(str_to_cstr(name, w.name, sizeof w.name));
	w.looks++;
	w.dns_fn = fn;
	w.dns_arg = arg;
	return true;
}
void names_forget(struct names *n, const void *arg)
{
	(void)n;
	if (w.dns_arg == arg) w.dns_fn = NULL;
}

bool web_ask_for_stranger(struct web *web, const struct fetch *what, bool near, web_fn *fn, void *arg)
{
	(void)web;
	w.near = near;
	assert_true(str_eq(what->ca, STR("CA")));
	assert_true(str_to_cstr(what->url, w.url, sizeof w.url));
	if (w.web_full) return false;
	w.fetches++;
	w.web_fn = fn;
	w.web_arg = arg;
	return true;
}
void web_forget(struct web *web, const void *arg)
{
	(void)web;
	if (w.web_arg == arg) w.web_fn = NULL;
}

void channel_send_sts(struct channel *ch, const struct msg_sts *m)
{
	(void)ch;
	w.answers++;
	w.query = m->query;
	w.failure = m->failure;
	(void)str_to_cstr(m->policy, w.policy, sizeof w.policy);
}

void channel_send_sts_known(struct channel *ch, const struct msg_sts_known *m)
{
	(void)ch;
	w.known = *m;
	(void)str_to_cstr(m->policy, w.policy, sizeof w.policy);
}

static void dns_say(void)
{
	char memory[512];
	struct buf records;
	names_fn *fn = w.dns_fn;
	buf_init_fixed(&records, memory, sizeof memory);
	if (w.txt) buf_put_str(&records, str_of(w.txt));
	w.dns_fn = NULL;
	if (fn) fn(w.dns_arg, w.state, buf_view(&records));
}

static void web_say(void)
{
	web_fn *fn = w.web_fn;
	w.web_fn = NULL;
	if (fn)
		fn(w.web_arg, &(struct fetched){ .text = str_of(w.file), .type = str_of(w.type),
						 .why = w.why, .untrusted = w.untrusted });
}

static void event_note(void *arg, struct str record)
{
	struct cur c = cur_of(record);
	(void)arg;
	w.events[cur_u16(&c)]++;
}

static int64_t event_wall(void *arg)
{
	(void)arg;
	return w.now_ms;
}

/* --- the world ---------------------------------------------------------------------------- */

static void open_all(void)
{
	w.sts = (struct sts){ .log = &w.log, .ca = STR("CA"), .seed = 7,
			      .folder = open(w.folder, O_RDONLY | O_DIRECTORY) };
	assert_true(w.sts.folder >= 0);
	assert_true(sts_init(&w.sts));
	assert_int_equal(w.sts.round->delay_ms, STS_ROUND_MS);
	sts_store_load(&w.sts);
}

static void close_all(void)
{
	(void)close(w.sts.folder);
	sts_free(&w.sts);
	assert_int_equal(w.sts.waiters, 0);
}

static int begin(void **state)
{
	(void)state;
	memset(&w, 0, sizeof w);
	w.now_ms = 1800000000000;
	w.state = DNS_FOUND;
	w.txt = "v=STSv1; id=1;";
	w.file = ONE;
	w.type = "text/plain; charset=utf-8";
	w.why = STR("");
	(void)snprintf(w.folder, sizeof w.folder, "/tmp/ims-sts-XXXXXX");
	assert_non_null(mkdtemp(w.folder));
	event_log_init(&w.log, "http", event_note, event_wall, NULL);
	open_all();
	return 0;
}

static unsigned files(void)
{
	unsigned count = 0;
	DIR *dir = opendir(w.folder);
	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir));) count += e->d_name[0] != '.';
	(void)closedir(dir);
	return count;
}

static int end(void **state)
{
	(void)state;
	close_all();
	event_log_free(&w.log);
	DIR *dir = opendir(w.folder);
	for (const struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.') (void)unlinkat(dirfd(dir), e->d_name, 0);
	(void)closedir(dir);
	return rmdir(w.folder);
}

static void ask(const char *domain, uint64_t query)
{
	sts_ask(&w.sts, &one, &(struct msg_sts_want){ query, str_of(domain) });
	if (w.silent) return;
	dns_say();
	web_say();
}

/* Asks, and expects this policy (NULL: none), after so many looks and fetches in all. */
static void expect(const char *policy, unsigned looks, unsigned fetches)
{
	static uint64_t query = 100;
	unsigned answers = w.answers;
	ask("Far.example", ++query);
	assert_int_equal(w.answers, answers + 1);
	assert_int_equal(w.query, query);
	assert_string_equal(w.policy, policy ? policy : "");
	assert_int_equal(w.looks, looks);
	assert_int_equal(w.fetches, fetches);
}

static void restart(void)
{
	close_all();
	open_all();
}

/* --- tests -------------------------------------------------------------------------------- */

static void first_contact(void **state)
{
	(void)state;
	expect(ONE, 1, 1);
	assert_string_equal(w.name, "_mta-sts.far.example");
	assert_string_equal(w.url, "https://mta-sts.far.example/.well-known/mta-sts.txt");
	assert_int_equal(w.events[EVENT_sts_policy], 1);
	expect(ONE, 1, 1); /* for five minutes nobody is asked */
	w.now_ms += STS_LOOK_MS;
	expect(ONE, 2, 1); /* the same id */
	w.now_ms += STS_LOOK_MS;
	w.txt = "v=STSv1; id=2;";
	w.file = TWO;
	expect(TWO, 3, 2);
	assert_int_equal(w.events[EVENT_sts_policy], 2);
	assert_int_equal(files(), 1);
}

/* Its host is named by a stranger: it leads into our network only where that may be. */
static void of_this_network(void **state)
{
	(void)state;
	expect(ONE, 1, 1);
	assert_false(w.near);
	w.sts.near = true;
	w.now_ms += STS_LOOK_MS;
	w.txt = "v=STSv1; id=2;";
	expect(ONE, 2, 2);
	assert_true(w.near);
}

/* Console looks, and nobody is asked for that. */
static void looked_at(void **state)
{
	(void)state;
	const struct msg_sts_look look = { 9, STR("FAR.example") }, bad = { 10, STR("no host") };
	sts_tell(&w.sts, &one, &look);
	assert_int_equal(w.known.query, 9);
	assert_string_equal(w.policy, "");
	assert_int_equal(w.known.looked_ms, 0);
	assert_int_equal(w.sts.domains.count, 0);
	expect(ONE, 1, 1);
	int64_t then_ms = w.now_ms;
	w.now_ms += DAY;
	sts_tell(&w.sts, &one, &look);
	assert_string_equal(w.policy, ONE);
	assert_int_equal(w.known.fetched_ms, then_ms);
	assert_int_equal(w.known.looked_ms, then_ms);
	assert_int_equal(w.known.until_ms, then_ms + 7 * DAY);
	w.now_ms += 6 * DAY; /* its end: what is over does not count */
	sts_tell(&w.sts, &one, &look);
	assert_string_equal(w.policy, "");
	assert_int_equal(w.known.until_ms, 0);
	sts_tell(&w.sts, &one, &bad);
	assert_int_equal(w.known.query, 10);
	assert_int_equal(w.looks, 1);
	assert_int_equal(w.fetches, 1);
}

static void without(void **state)
{
	static const struct {
		enum dns_state state;
		const char *txt;
		bool again; /* the next message asks anew */
	} rows[] = {
		{ DNS_NO_NAME, NULL, false }, { DNS_NO_DATA, NULL, false },
		{ DNS_FOUND, "v=spf1 -all", false }, { DNS_FAILED, NULL, true },
		{ DNS_LATE, NULL, true }, { DNS_BOGUS, NULL, true },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		char domain[32];
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		w.state = rows[i].state;
		w.txt = rows[i].txt;
		w.looks = 0;
		for (unsigned n = 0; n < 2; n++) ask(domain, 1);
		assert_string_equal(w.policy, "");
		assert_int_equal(w.failure, TRANSPORT_GOOD);
		assert_int_equal(w.looks, rows[i].again ? 2 : 1);
	}
	assert_int_equal(w.fetches, 0);
	assert_int_equal(files(), 0);
	w.dns_full = true;
	ask("full.example", 1);
	assert_string_equal(w.policy, "");
	/* what is no domain is asked of nobody */
	ask("[192.0.2.1]", 77);
	assert_int_equal(w.query, 77);
	assert_int_equal(w.answers, 14);
}

/* What speaks against a policy is said once; five minutes later it is tried again. */
static void bad_ones(void **state)
{
	static const struct {
		const char *file, *type, *why;
		bool untrusted;
		enum transport_failure failure;
	} rows[] = {
		{ ONE, "text/plain", "the server says 404", false, TRANSPORT_STS_FETCH_ERROR },
		{ ONE, "text/plain", "certificate", true, TRANSPORT_STS_WEBPKI_INVALID },
		{ ONE, "text/html", "", false, TRANSPORT_STS_POLICY_INVALID },
		{ ONE, "", "", false, TRANSPORT_STS_POLICY_INVALID },
		{ ONE, "text/plainer", "", false, TRANSPORT_STS_POLICY_INVALID },
		{ "junk", "text/plain", "", false, TRANSPORT_STS_POLICY_INVALID },
		{ ONE, "TEXT/Plain ;charset=x", "", false, TRANSPORT_GOOD },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		w.file = rows[i].file;
		w.type = rows[i].type;
		w.why = str_of(rows[i].why);
		w.untrusted = rows[i].untrusted;
		expect(rows[i].failure ? NULL : ONE, 2 * i + 1, i + 1);
		assert_int_equal(w.failure, rows[i].failure);
		if (!rows[i].failure) break;
		expect(NULL, 2 * i + 1, i + 1);
		w.looks++;
		assert_int_equal(w.failure, rows[i].failure);
		w.now_ms += STS_LOOK_MS;
	}
	assert_int_equal(w.events[EVENT_sts_error], 6);
	w.now_ms += 8 * DAY;
	w.web_full = true;
	expect(NULL, 14, 7);
	assert_int_equal(w.failure, TRANSPORT_STS_FETCH_ERROR);
}

/* RFC 8461 3.3: what was promised counts to its end, whatever is announced and served. */
static void promises(void **state)
{
	(void)state;
	expect(ONE, 1, 1);
	w.why = STR("the server says 503");
	w.txt = "v=STSv1; id=2;";
	w.now_ms += HOUR;
	expect(ONE, 2, 2);
	w.txt = NULL;
	w.state = DNS_NO_NAME;
	w.now_ms += HOUR;
	expect(ONE, 3, 2);
	w.dns_full = true;
	w.now_ms += HOUR;
	expect(ONE, 3, 2);
	w.dns_full = false;
	restart();
	expect(ONE, 4, 2);
	w.now_ms += 7 * DAY - 3 * HOUR - 1;
	expect(ONE, 5, 2);
	w.now_ms += 1;
	expect(NULL, 6, 2);
	assert_int_equal(files(), 0);
}

static void short_promise(void **state)
{
	(void)state;
	w.file = HEAD "mx: a.example\nmax_age: 0\n";
	expect(w.file, 1, 1);
	w.now_ms += STS_KEEP_MIN_MS - 1;
	expect(w.file, 1, 1);
	w.now_ms += 1;
	expect(w.file, 2, 2);
}

/* Once a day, while mail goes there. */
static void rounds(void **state)
{
	(void)state;
	expect(ONE, 1, 1);
	expect(ONE, 1, 1);
	w.now_ms += DAY - 1;
	sts_round(&w.sts);
	assert_int_equal(w.looks, 1);
	w.now_ms += 1;
	w.file = TWO;
	sts_round(&w.sts);
	assert_int_equal(w.looks, 2);
	sts_round(&w.sts); /* it is being asked */
	assert_int_equal(w.looks, 2);
	/* who asks meanwhile waits for what comes of it */
	w.silent = true;
	ask("far.example", 5);
	assert_int_equal(w.answers, 2);
	w.silent = false;
	dns_say();
	web_say(); /* the same id, and it is read all the same */
	assert_int_equal(w.answers, 3);
	assert_string_equal(w.policy, TWO);
	assert_int_equal(w.fetches, 2);
	w.now_ms += DAY;
	sts_round(&w.sts); /* somebody had asked */
	dns_say();
	web_say();
	assert_int_equal(w.fetches, 3);
	w.now_ms += DAY;
	sts_round(&w.sts); /* nobody has */
	assert_int_equal(w.looks, 3);
	w.now_ms += 7 * DAY;
	sts_round(&w.sts);
	assert_int_equal(files(), 0);
	assert_true(list_empty(&w.sts.kept));
	assert_int_equal(w.sts.round->delay_ms, STS_ROUND_MS);
}

static void waiting(void **state)
{
	(void)state;
	w.silent = true;
	ask("far.example", 1);
	ask("far.example", 2);
	sts_ask(&w.sts, &two, &(struct msg_sts_want){ 3, STR("far.example") });
	assert_int_equal(w.looks, 1);
	assert_int_equal(w.sts.waiters, 3);
	sts_forget(&w.sts, &one);
	assert_int_equal(w.sts.waiters, 1);
	dns_say();
	web_say();
	assert_int_equal(w.answers, 1);
	assert_int_equal(w.query, 3);
	/* more than may wait are told what is known */
	w.now_ms += HOUR;
	ask("far.example", 4);
	w.sts.waiters = STS_WAITERS_MAX;
	ask("far.example", 5);
	assert_int_equal(w.query, 5);
	assert_string_equal(w.policy, ONE);
	w.sts.waiters = 1;
}

/* What is on disk and cannot be used goes away; what can be is the same as before. */
static void on_disk(void **state)
{
	static const char *const names[] = { "junk.example", "=fresh", "UPPER_is.not..a.name" };
	(void)state;
	expect(ONE, 1, 1);
	for (unsigned i = 0; i < 3; i++) {
		int fd = openat(w.sts.folder, names[i], O_WRONLY | O_CREAT, 0600);
		assert_int_equal(write(fd, "\1junk", 5), 5);
		(void)close(fd);
	}
	/* cut anywhere it is none */
	char bytes[512];
	int fd = openat(w.sts.folder, "far.example", O_RDONLY);
	ssize_t len = read(fd, bytes, sizeof bytes);
	(void)close(fd);
	assert_true(len > 80);
	for (ssize_t n = 0; n < len; n++) {
		char name[32];
		(void)snprintf(name, sizeof name, "cut%d.example", (int)n);
		fd = openat(w.sts.folder, name, O_WRONLY | O_CREAT, 0600);
		assert_int_equal(write(fd, bytes, (size_t)n), n);
		(void)close(fd);
	}
	restart();
	assert_int_equal(files(), 1);
	assert_int_equal(w.sts.domains.count, 1);
	expect(ONE, 2, 1);
	w.now_ms += 8 * DAY;
	restart();
	assert_int_equal(files(), 0);
	/* a folder that cannot be written is told, and costs no mail */
	(void)close(w.sts.folder);
	w.sts.folder = -EACCES;
	expect(ONE, 3, 2);
	assert_int_equal(w.events[EVENT_sts_error], 1);
	w.sts.folder = open(w.folder, O_RDONLY | O_DIRECTORY);
}

/* As many as there is room for; the one that was not asked for longest goes, those without a
 * policy first. */
static void many(void **state)
{
	(void)state;
	expect(ONE, 1, 1);
	w.state = DNS_NO_NAME;
	for (unsigned i = 1; i < STS_DOMAINS_MAX + 10; i++) {
		char domain[32];
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		ask(domain, i);
	}
	assert_int_equal(w.sts.domains.count, STS_DOMAINS_MAX);
	assert_int_equal(files(), 1);
	unsigned looks = w.looks;
	expect(ONE, looks, 1);
	ask("d1.example", 1); /* has gone */
	assert_int_equal(w.looks, looks + 1);
	ask("d4000.example", 1); /* has not */
	assert_int_equal(w.looks, looks + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = { TEST(first_contact), TEST(of_this_network), TEST(looked_at), TEST(without), TEST(bad_ones),
					    TEST(promises), TEST(short_promise), TEST(rounds),
					    TEST(waiting), TEST(on_disk), TEST(many) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
