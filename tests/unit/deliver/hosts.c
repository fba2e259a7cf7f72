/* SPDX-License-Identifier: Apache-2.0 */
/* Where a job goes: DNS, smart hosts, sockets of LMTP servers; and what follows when that
 * cannot be told, or nobody is there. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct bench_job to_mx = { .to = "x@far.example", .mx = "far.example" };

static void refused_then_good(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *good = peer_new(2, NULL);
	b->dns_answer = "127.0.0.1 127.0.0.2";
	(void)bench_relay(b, &to_mx);
	const struct bench_result *r = bench_result(b);
	assert_int_equal(r->outcome, JOB_RELAYED);
	assert_string_equal(r->text, "250 2.0.0 taken");
	assert_string_equal(r->dsn, "2.0.0");
	char host[64];
	(void)snprintf(host, sizeof host, "mx2.example[127.0.0.2]:%u", good->port);
	assert_string_equal(r->host, host);
	assert_string_equal(b->done.host, host);
	assert_false(b->done.host_failed);
	assert_int_equal(b->events[EVENT_attempt], 2);
	bench_free(b);
}

static void all_refused(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *elsewhere = peer_new(9, NULL);
	b->dns_answer = "127.0.0.1 127.0.0.2 127.0.0.3";
	(void)bench_relay(b, &to_mx);
	char text[128];
	(void)snprintf(text, sizeof text,
		       "connect to mx3.example[127.0.0.3]:%u: Connection refused",
		       elsewhere->port);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->text, text);
	assert_string_equal(bench_result(b)->dsn, "4.4.1");
	assert_true(b->done.host_failed);
	assert_int_equal(b->events[EVENT_attempt], 3);
	assert_true(bench_said(b, "Connection refused"));
	bench_free(b);
}

/* Our own trouble is no host's fault, and no other host is asked. */
static void no_socket(void **state)
{
	(void)state;
	struct rlimit old, none;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	b->dns_answer = "127.0.0.1 127.0.0.2";
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 3, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	(void)bench_relay(b, &to_mx);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_non_null(strstr(bench_result(b)->text, "Too many open files"));
	assert_false(b->done.host_failed);
	assert_int_equal(b->events[EVENT_attempt], 1);
	assert_int_equal(p->connections, 0);
	bench_free(b);
}

static void dns_says(void **state)
{
	static const struct {
		const char *answer;
		enum job_outcome outcome;
		const char *dsn, *text;
		bool host_failed;
	} rows[] = {
		{ "never", JOB_FAILED, "5.1.2", "no such domain", false },
		{ "later", JOB_DEFERRED, "4.4.3", "the DNS fails", true },
		{ "junk", JOB_DEFERRED, "4.4.3", "the answer of the resolver is damaged",
		  true },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		b->dns_answer = rows[i].answer;
		(void)bench_relay(b, &to_mx);
		assert_int_equal(bench_result(b)->outcome, rows[i].outcome);
		assert_string_equal(bench_result(b)->dsn, rows[i].dsn);
		assert_string_equal(bench_result(b)->text, rows[i].text);
		assert_int_equal(b->done.host_failed, rows[i].host_failed);
		assert_int_equal(b->asked, 1);
		bench_free(b);
	}
}

/* No answer: silence, or nobody there, or back in time. */
static void dns_silent(void **state)
{
	(void)state;
	for (int away = 0; away < 2; away++) {
		struct bench *b = bench_new(bench_conf);
		b->dns_silent = true;
		if (away) bench_down(b, ROLE_DNS);
		(void)bench_relay(b, &to_mx);
		bench_wait(b, 29000);
		assert_int_equal(b->dones, 0);
		bench_wait(b, 1000);
		assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
		assert_string_equal(bench_result(b)->dsn, "4.4.3");
		assert_string_equal(bench_result(b)->text,
				    away ? "there is no resolver at present"
					 : "the resolver did not answer in time");
		assert_true(b->done.host_failed);
		bench_free(b);
	}
}

static void dns_comes_back(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	b->dns_silent = true;
	(void)bench_relay(b, &to_mx);
	bench_down(b, ROLE_DNS);
	bench_wait(b, 20000);
	assert_int_equal(b->dones, 0);
	b->dns_silent = false;
	bench_up(b, ROLE_DNS);
	bench_turn(b);
	assert_int_equal(b->asked, 2);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_int_equal(p->messages, 1);
	bench_free(b);
}

static void an_answer_to_nothing(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct buf record;
	buf_init(&record, 4096);
	msg_resolved_put(&record, &(struct msg_resolved){ .query = 77, .result = 1 });
	bench_message(b, b->dns, MSG_resolved, &record, -1);
	bench_turn(b);
	assert_int_equal(b->dones, 0);
	bench_free(b);
}

static void smart_hosts(void **state)
{
	static const struct {
		const char *hops, *answer;
		unsigned asked;
		enum job_outcome outcome;
		const char *text, *dsn;
	} rows[] = {
		{ "127.0.0.1", "never", 0, JOB_RELAYED, "250", "2.0.0" },
		{ "relay.example", "127.0.0.1", 1, JOB_RELAYED, "250", "2.0.0" },
		{ "127.0.0.5 relay.example", "127.0.0.1", 1, JOB_RELAYED, "250",
		  "2.0.0" },
		{ "relay.example 127.0.0.1", "never", 1, JOB_RELAYED, "250", "2.0.0" },
		{ "relay.example 127.0.0.1", "later", 1, JOB_RELAYED, "250", "2.0.0" },
		/* What the administrator wrote never returns mail. */
		{ "relay.example other.example", "never", 2, JOB_DEFERRED,
		  "no such domain", "4.1.2" },
		{ "127.0.0.5", "never", 0, JOB_DEFERRED,
		  "connect to 127.0.0.5[127.0.0.5]:", "4.4.1" },
		{ "::1", "never", 0, JOB_DEFERRED, "connect to ::1[::1]:", "4.4.1" },
		{ "", "never", 0, JOB_DEFERRED, "there is no host to send to", "4.4.4" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(1, NULL);
		b->dns_answer = rows[i].answer;
		(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example",
							  .hops = rows[i].hops });
		assert_int_equal(bench_result(b)->outcome, rows[i].outcome);
		assert_ptr_equal(strstr(bench_result(b)->text, rows[i].text),
				 bench_result(b)->text);
		assert_string_equal(bench_result(b)->dsn, rows[i].dsn);
		assert_int_equal(b->asked, rows[i].asked);
		assert_int_equal(b->done.host_failed, rows[i].outcome == JOB_DEFERRED);
		bench_free(b);
	}
}

/* More hops than addresses are tried. */
static void many_hops(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	(void)bench_relay(
		b, &(struct bench_job){
			   .to = "x@far.example",
			   .hops = "127.0.0.9 127.0.0.10 127.0.0.11 127.0.0.12 "
				   "127.0.0.13 127.0.0.14 127.0.0.15 127.0.0.16 "
				   "127.0.0.17 127.0.0.18 127.0.0.19 127.0.0.1" });
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_int_equal(b->events[EVENT_attempt], SMTP_ATTEMPT_TARGETS_MAX);
	bench_free(b);
}

/* One address under several names, or listed twice: once in an attempt. */
static void same_address(void **state)
{
	static const struct { const char *mx, *hops; unsigned connections; } rows[] = {
		{ "127.0.0.1 127.0.0.1 127.0.0.1", NULL, 1 },
		{ "127.0.0.1 127.0.0.9 127.0.0.1", NULL, 1 },
		{ "127.0.0.1", "127.0.0.1 relay.example 127.0.0.1", 1 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, &(struct peer_script){ .step = AT_BANNER,
								    .act = DO_SAY,
								    .say = "421 not now" });
		b->dns_answer = rows[i].mx;
		(void)bench_relay(b, &(struct bench_job){
					     .to = "x@far.example",
					     .mx = rows[i].hops ? NULL : "far.example",
					     .hops = rows[i].hops });
		assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
		assert_int_equal(p->connections, rows[i].connections);
		bench_free(b);
	}
}

/* A listener of our own is passed over; without another host the mail fails. */
static void own_listener(void **state)
{
	static const struct {
		const char *hops, *answer;
		enum job_outcome outcome;
		const char *dsn, *text;
		unsigned told;
	} rows[] = {
		{ "127.0.0.2", "never", JOB_FAILED, "5.4.6", "mail loops back: the next hop [127.0.0.2]:", 1 },
		{ "127.0.0.2 127.0.0.2", "never", JOB_FAILED, "5.4.6", "mail loops back", 1 },
		{ "127.0.0.2 127.0.0.1", "never", JOB_RELAYED, "2.0.0", "250", 1 },
		/* The other host may come back: it is what the mail waits for. */
		{ "relay.example 127.0.0.2", "never", JOB_DEFERRED, "4.1.2", "no such domain", 1 },
		{ "127.0.0.2 relay.example", "never", JOB_DEFERRED, "4.1.2", "no such domain", 1 },
		{ "127.0.0.2 relay.example 127.0.0.2", "later", JOB_DEFERRED, "4.4.3", "the DNS fails", 1 },
		{ "127.0.0.1 127.0.0.2", "never", JOB_RELAYED, "2.0.0", "250", 1 },
		{ "127.0.0.2 relay.example", "later", JOB_DEFERRED, "4.4.3", "the DNS fails", 1 },
		{ "127.0.0.2 relay.example", "loop", JOB_FAILED, "5.4.6", "mail for it loops", 2 },
		{ "mx:relay.example", "loop", JOB_FAILED, "5.4.6", "mail for it loops", 1 },
		{ "relay.example 127.0.0.1", "loop", JOB_RELAYED, "2.0.0", "250", 1 },
		{ NULL, "loop", JOB_FAILED, "5.4.6", "mail for it loops", 1 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char conf[512];
		struct bench *b = bench_new(bench_conf);
		struct peer *good = peer_new(1, NULL), *own = peer_new(2, NULL);
		(void)snprintf(conf, sizeof conf, "%slistener own { address 127.0.0.2:%u }\n",
			       bench_conf, own->port);
		bench_reload(b, conf);
		b->dns_answer = rows[i].answer;
		(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .hops = rows[i].hops,
			.mx = rows[i].hops ? NULL : "far.example" });
		const struct bench_result *r = bench_result(b);
		if (r->outcome != rows[i].outcome || strstr(r->text, rows[i].text) != r->text)
			fail_msg("row %zu: %s", i, r->text);
		assert_string_equal(r->dsn, rows[i].dsn);
		assert_int_equal(own->connections, 0);
		assert_int_equal(good->messages, r->outcome == JOB_RELAYED);
		assert_int_equal(b->events[EVENT_next_hop_own], rows[i].told);
		assert_int_equal(b->done.host_failed, r->outcome == JOB_DEFERRED);
		bench_free(b);
	}
}

static char folder[64], path[96], conf_lmtp[512];

static void make_folder(const char *sub)
{
	(void)snprintf(folder, sizeof folder, "/tmp/ims-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s%s/lmtp", folder, sub);
	(void)snprintf(conf_lmtp, sizeof conf_lmtp,
		       "%sdomain us.example { users any; deliver lmtp %s }\n", bench_conf,
		       path);
}

static void remove_folder(void)
{
	(void)unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

static void lmtp(void **state)
{
	(void)state;
	make_folder("");
	struct bench *b = bench_new(conf_lmtp);
	struct bench_job job = { .to = "x@us.example no@us.example y@us.example",
				 .hops = path,
				 .lmtp = true };
	/* Nobody is there yet. */
	(void)bench_relay(b, &job);
	assert_int_equal(b->done.count, 3);
	assert_int_equal(b->done.results[0].outcome, JOB_DEFERRED);
	assert_non_null(strstr(b->done.results[0].text, "No such file"));
	assert_true(b->done.host_failed);
	struct peer *p = peer_new_unix(
		path, &(struct peer_script){ .caps = "PIPELINING DSN", .lmtp = true });
	(void)bench_relay(b, &job);
	assert_int_equal(b->done.results[0].outcome, JOB_DELIVERED);
	assert_int_equal(b->done.results[1].outcome, JOB_FAILED);
	assert_int_equal(b->done.results[2].outcome, JOB_DELIVERED);
	assert_string_equal(b->done.results[0].host, path);
	assert_string_equal(b->done.host, path);
	assert_int_equal(p->rcpts, 2);
	assert_non_null(memmem(p->heard.at, p->heard.len, "LHLO mx.us.example\n", 19));
	bench_free(b);
	remove_folder();
}

/* A folder that was not there, or not configured, when the service started. */
static void lmtp_not_allowed(void **state)
{
	(void)state;
	make_folder("");
	struct bench *b = bench_new(bench_conf);
	(void)peer_new_unix(path, &(struct peer_script){ .lmtp = true });
	bench_reload(b, conf_lmtp);
	assert_int_equal(b->events[EVENT_config_notice], 1);
	assert_true(bench_said(b, "until the service is restarted"));
	assert_true(bench_said(b, path));
	struct bench_job job = { .to = "x@us.example", .hops = path, .lmtp = true };
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->dsn, "4.3.5");
	assert_int_equal(b->events[EVENT_relay_error], 1);
	bench_free(b);
	b = bench_new(conf_lmtp);
	(void)peer_new_unix(path, &(struct peer_script){ .lmtp = true });
	bench_reload(b, conf_lmtp);
	assert_int_equal(b->events[EVENT_config_notice], 0);
	char up[160];
	(void)snprintf(up, sizeof up, "%s/../%s/lmtp", folder, folder + 5);
	job.hops = up;
	(void)bench_relay(b, &job);
	assert_string_equal(bench_result(b)->dsn, "4.3.5");
	bench_free(b);
	remove_folder();
	make_folder("/missing");
	b = bench_new(conf_lmtp);
	assert_int_equal(b->events[EVENT_relay_error], 1);
	assert_true(bench_said(b, "No such file"));
	bench_free(b);
	remove_folder();
}

/* What one host lacks another may have. */
static void utf8_at_the_next(void **state)
{
	(void)state;
	for (int both = 0; both < 2; both++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(1, NULL);
		struct peer *p = peer_new(
			2,
			&(struct peer_script){ .caps = both ? "" : "8BITMIME SMTPUTF8" });
		b->dns_answer = "127.0.0.1 127.0.0.2";
		(void)bench_relay(b, &(struct bench_job){ .to = "\xc3\xb6@far.example",
							  .mx = "far.example",
							  .flags = 3 });
		assert_int_equal(bench_result(b)->outcome,
				 both ? JOB_FAILED : JOB_RELAYED);
		if (both) assert_string_equal(bench_result(b)->dsn, "5.6.7");
		else
			assert_non_null(memmem(p->heard.at, p->heard.len,
					       "BODY=8BITMIME SMTPUTF8", 22));
		bench_free(b);
	}
}

static void dsn_is_passed(void **state)
{
	(void)state;
	for (int dsn = 0; dsn < 2; dsn++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(1, &(struct peer_script){ .caps = dsn ? "DSN" : "" });
		(void)bench_relay(b, &to_mx);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		assert_int_equal(bench_result(b)->dsn_passed, dsn);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_then_good),
		cmocka_unit_test(all_refused),
		cmocka_unit_test(no_socket),
		cmocka_unit_test(dns_says),
		cmocka_unit_test(dns_silent),
		cmocka_unit_test(dns_comes_back),
		cmocka_unit_test(an_answer_to_nothing),
		cmocka_unit_test(smart_hosts),
		cmocka_unit_test(many_hops),
		cmocka_unit_test(same_address),
		cmocka_unit_test(own_listener),
		cmocka_unit_test(lmtp),
		cmocka_unit_test(lmtp_not_allowed),
		cmocka_unit_test(utf8_at_the_next),
		cmocka_unit_test(dsn_is_passed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
