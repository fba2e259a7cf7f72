/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption on the way out, with real TLS: what each policy does with each host, and what
 * is kept bounded. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "lib/os/memfile.h"

static const struct bench_job job = { .to = "x@far.example", .mx = "far.example" };
static const struct bench_job by_hops = { .to = "x@far.example", .hops = "127.0.0.1",
					  .key = "route:out" };
static struct pem ca, other_ca, good, other;

static int make_all(void **state)
{
	(void)state;
	pem_sign(&ca, NULL, NULL, 30);
	pem_sign(&other_ca, NULL, NULL, 30);
	pem_sign(&good, &ca, "DNS:far.example,DNS:mx1.example,IP:127.0.0.1", 30);
	pem_sign(&other, &ca, "DNS:other.example", 30);
	return 0;
}

static void give_files(struct bench *b, struct str trust, struct str chain, struct str key)
{
	const struct conf_route *route = conf_route_find(b->frame.conf, STR("out"));
	bench_route_files(b, conf_route_files_name(route), trust, chain, key, STR(""));
}

static void give_ca(struct bench *b) { give_files(b, str_of(ca.cert), STR(""), STR("")); }

#define NOT_OFFERED { .caps = "PIPELINING" }
#define OFFERS(...) { .caps = "PIPELINING STARTTLS", __VA_ARGS__ }

/* --- what comes of it -------------------------------------------------------------------- */

static const struct {
	const char *words;
	struct peer_script script;
	enum job_outcome want;
	const char *dsn, *tls; /* tls: its end */
	const char *says;
	unsigned connections;
} rows[] = {
#define SENT JOB_RELAYED, "2.0.0"
#define LATER JOB_DEFERRED
	{ "mx; tls off", OFFERS(.pem = &good), SENT, "-", "taken", 1 },
	{ "mx; tls may", OFFERS(.pem = &other), SENT, " none", "taken", 1 },
	{ "mx; tls may", NOT_OFFERED, SENT, "-", "taken", 1 },
	{ "mx; tls may", OFFERS(.pem = &good, .step = AT_STARTTLS, .act = DO_SAY, .say = "454 no"),
	  SENT, "-", "taken", 2 },
	{ "mx; tls may", OFFERS(.pem = &good, .step = AT_STARTTLS, .act = DO_CLOSE), SENT, "-", "taken", 2 },
	{ "mx; tls may", OFFERS(.pem = &good, .step = AT_STARTTLS, .act = DO_RESET), SENT, "-", "taken", 2 },
	{ "mx; tls may", OFFERS(.pem = &good, .step = AT_HANDSHAKE, .act = DO_CLOSE), SENT, "-", "taken", 2 },
	{ "mx; tls may", OFFERS(.pem = &good, .step = AT_HANDSHAKE, .act = DO_RESET), SENT, "-", "taken", 2 },
	{ "mx; tls may", { .caps = "", .no_ehlo = true }, SENT, "-", "taken", 2 },
	{ "mx; tls require", OFFERS(.pem = &other), SENT, " none", "taken", 1 },
	{ "mx; tls require", NOT_OFFERED, LATER, "4.7.4", "-",
	  "mx1.example does not offer STARTTLS, and nothing may be sent to it in the clear", 1 },
	{ "mx; tls require", { .caps = "", .no_ehlo = true }, LATER, "4.7.4", "-",
	  "mx1.example does not know EHLO", 2 },
	{ "mx; tls require", OFFERS(.pem = &good, .step = AT_STARTTLS, .act = DO_SAY, .say = "454 no"),
	  LATER, "4.7.4", "-", "mx1.example offers STARTTLS and refuses it: 454 no", 1 },
	{ "mx; tls require", OFFERS(.pem = &good, .step = AT_STARTTLS, .act = DO_CLOSE), LATER, "4.4.2", "-",
	  "lost connection while sending STARTTLS", 1 },
	{ "mx; tls require", OFFERS(.pem = &good, .step = AT_HANDSHAKE, .act = DO_CLOSE), LATER, "4.7.5",
	  "-", "TLS with mx1.example failed: ", 1 },
	{ "mx; tls require",
	  OFFERS(.pem = &good, .step = AT_STARTTLS, .act = DO_SAY, .say = "220 go\r\n250 HELP"), LATER,
	  "4.7.5", "-", "mx1.example: clear text came behind the answer to STARTTLS", 1 },
	{ "mx; tls may",
	  OFFERS(.pem = &good, .step = AT_STARTTLS, .act = DO_SAY, .say = "220 go\r\n250 HELP"), LATER,
	  "4.7.5", "-", "mx1.example: clear text came behind the answer to STARTTLS", 1 },
	{ "mx; tls verify", OFFERS(.pem = &good), SENT, " verified", "taken", 1 },
	{ "mx; tls verify", OFFERS(.pem = &other), LATER, "4.7.5", "-",
	  "TLS with mx1.example failed: hostname mismatch; its certificate was to name far.example", 1 },
	{ "mx; tls verify", NOT_OFFERED, LATER, "4.7.4", "-", "does not offer STARTTLS", 1 },
	{ "mx; tls require; tls-start implicit", { .pem = &other, .implicit = true }, SENT, " none",
	  "taken", 1 },
	{ "mx; tls may; tls-start implicit", OFFERS(.pem = &good, .step = AT_HANDSHAKE, .act = DO_CLOSE,
						   .implicit = true),
	  LATER, "4.7.5", "-", "TLS with mx1.example failed: ", 1 },
	{ "mx; tls may; tls-start implicit", NOT_OFFERED, LATER, "4.7.5", "-", "failed: wrong version", 1 },
	{ "mx; tls verify; tls-start implicit", { .pem = &good, .implicit = true, .no_ehlo = true }, SENT,
	  " verified", "taken", 2 },
};

static void each_policy(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf_with(rows[i].words));
		struct peer *p = peer_new(1, &rows[i].script);
		give_ca(b);
		(void)bench_relay(b, &job);
		const struct bench_result *r = bench_result(b);
		print_message("row %zu: %s: %s %s %s\n", i, rows[i].words, r->dsn, r->tls, r->text);
		assert_int_equal(r->outcome, rows[i].want);
		assert_string_equal(r->dsn, rows[i].dsn);
		assert_true(str_ends_nocase(str_of(r->tls), str_of(rows[i].tls)));
		assert_non_null(strstr(r->text, rows[i].says));
		assert_int_equal(p->connections, rows[i].connections);
		bool secured = rows[i].tls[0] == ' ';
		assert_int_equal(p->secured > 0, secured);
		assert_int_equal(p->messages, rows[i].want == JOB_RELAYED);
		assert_int_equal(p->mails, p->messages);
		assert_true(bench_said(b, secured ? "TLSv1.3" : "-"));
		assert_int_equal(b->d->handshakes, 0);
		bench_free(b);
	}
}

/* An address wants a certificate for the address, whoever recommends the host. */
static void smart_host(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench *b = bench_new(bench_conf_with("via 127.0.0.1; tls verify"));
		(void)peer_new(1, &(struct peer_script)OFFERS(.pem = i ? &other : &good));
		give_ca(b);
		(void)bench_relay(b, &by_hops);
		assert_int_equal(bench_result(b)->outcome, i ? JOB_DEFERRED : JOB_RELAYED);
		bench_free(b);
	}
}

/* --- DANE --------------------------------------------------------------------------------- */

static void dane(void **state)
{
	static const struct {
		enum mx_dane dane;
		const struct pem *of; /* what the record speaks of */
		uint8_t usage;
		struct peer_script script;
		enum job_outcome want;
		const char *dsn, *tls, *says, *failure;
	} cases[] = {
		{ MX_DANE_NONE, NULL, 0, OFFERS(.pem = &other), SENT, " none", "taken", NULL },
		{ MX_DANE_NONE, NULL, 0, NOT_OFFERED, SENT, "-", "taken", NULL },
		{ MX_DANE_FOUND, &good, 3, OFFERS(.pem = &good), SENT, " dane", "taken", NULL },
		{ MX_DANE_FOUND, &other, 3, OFFERS(.pem = &other), SENT, " dane", "taken", NULL },
		{ MX_DANE_FOUND, &good, 3, OFFERS(.pem = &other), LATER, "4.7.5", "-", "TLSA", "validation-failure" },
		{ MX_DANE_FOUND, &good, 3, NOT_OFFERED, LATER, "4.7.4", "-", "STARTTLS",
		  "starttls-not-supported" },
		/* what cannot be used wants encryption and nothing else */
		{ MX_DANE_FOUND, &good, 1, OFFERS(.pem = &other), SENT, " none", "taken", NULL },
		{ MX_DANE_FOUND, &good, 1, NOT_OFFERED, LATER, "4.7.4", "-", "STARTTLS",
		  "starttls-not-supported" },
		{ MX_DANE_UNKNOWN, NULL, 0, OFFERS(.pem = &good), LATER, "4.7.5", "-",
		  "the DNS cannot say for sure how mx1.example has to show who it is", "dnssec-invalid" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct bench *b = bench_new(bench_conf_with("mx; tls dane"));
		struct peer *p = peer_new(1, &cases[i].script);
		unsigned char digest[32];
		struct buf record;
		buf_init(&record, 100);
		if (cases[i].of) {
			pem_tlsa(cases[i].of, 0, 1, digest);
			buf_put_u8(&record, cases[i].usage);
			buf_put_u8(&record, 1);
			buf_put_u8(&record, 1);
			buf_put_str(&record, (struct str){ (const char *)digest, 32 });
		}
		b->dns_secure = true;
		b->dane = cases[i].dane;
		b->tlsa = buf_view(&record);
		(void)bench_relay(b, &job);
		const struct bench_result *r = bench_result(b);
		print_message("row %zu: %s %s %s\n", i, r->dsn, r->tls, r->text);
		assert_int_equal(r->outcome, cases[i].want);
		assert_string_equal(r->dsn, cases[i].dsn);
		assert_true(str_ends_nocase(str_of(r->tls), str_of(cases[i].tls)));
		assert_non_null(strstr(r->text, cases[i].says));
		if (cases[i].dane == MX_DANE_UNKNOWN) assert_int_equal(p->connections, 0);
		assert_int_equal(b->events[EVENT_tls_policy_fail], cases[i].failure != NULL);
		if (cases[i].failure) assert_true(bench_told(b, EVENT_tls_policy_fail, cases[i].failure));
		bench_free(b);
		buf_free(&record);
	}
}

/* --- sockets ------------------------------------------------------------------------------ */

/* One handshake for several messages, and a text that needs many records. */
static void many_messages(void **state)
{
	(void)state;
	static char text[900 * 1000];
	for (int bdat = 0; bdat < 2; bdat++) {
		struct bench *b = bench_new(bench_conf_with("mx; tls require"));
		struct peer *p = peer_new(
			1, &(struct peer_script){ .pem = &good,
						  .caps = bdat ? "STARTTLS CHUNKING" : "STARTTLS" });
		for (size_t i = 0; i + 1 < sizeof text; i++) text[i] = i % 100 == 98 ? '\r' : i % 100 == 99 ? '\n' : 'x';
		bench_text(b, text);
		for (int i = 0; i < 5; i++) {
			(void)bench_relay(b, &job);
			assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
			assert_true(str_ends_nocase(str_of(bench_result(b)->tls), STR(" none")));
		}
		assert_int_equal(p->messages, 5);
		assert_int_equal(p->secured, 1);
		assert_true(str_starts(buf_view(&p->text), str_sub(b->text, 0, b->text.len - 2)));
		bench_wait(b, 10000);
		assert_int_equal(p->quits, 1); /* said through TLS */
		assert_int_equal(p->open, 0);
		bench_free(b);
	}
}

/* The peer closes while the connection is idle: nobody notices. */
static void stale(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx; tls require"));
	struct peer *p = peer_new(1, &(struct peer_script)OFFERS(.pem = &good));
	(void)bench_relay(b, &job);
	peer_close_all(p);
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_int_equal(p->secured, 2);
	bench_free(b);
}

/* A silent handshake has its time; then clear text, or later. */
static void silence(void **state)
{
	static const enum peer_step steps[] = { AT_STARTTLS, AT_HANDSHAKE };
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool may = i % 2;
		struct bench *b = bench_new(bench_conf_with(may ? "mx; tls may" : "mx; tls require"));
		struct peer *p = peer_new(1, &(struct peer_script)OFFERS(
						     .pem = &good, .step = steps[i / 2],
						     .act = DO_SILENCE, .times = 1));
		(void)bench_relay(b, &job);
		bench_wait(b, i / 2 ? 14000 : 29000);
		assert_int_equal(b->dones, 0);
		bench_wait(b, 2000);
		assert_int_equal(b->dones, 1);
		assert_int_equal(bench_result(b)->outcome, may ? JOB_RELAYED : JOB_DEFERRED);
		if (!may) assert_non_null(strstr(bench_result(b)->text, "timed out while "));
		assert_int_equal(p->secured, 0);
		bench_free(b);
	}
}

/* A host that did not get over TLS is not asked again for ten minutes. */
static void remembered(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx; tls may"));
	struct peer *p = peer_new(1, &(struct peer_script)OFFERS(.pem = &good, .step = AT_STARTTLS,
								.act = DO_SAY, .say = "454 no",
								.times = 1));
	(void)bench_relay(b, &job);
	assert_int_equal(p->starttls, 1);
	bench_wait(b, 9 * 60 * 1000);
	(void)bench_relay(b, &job);
	assert_int_equal(p->starttls, 1);
	assert_string_equal(bench_result(b)->tls, "-");
	bench_wait(b, 2 * 60 * 1000);
	(void)bench_relay(b, &job);
	assert_int_equal(p->starttls, 2);
	assert_true(str_ends_nocase(str_of(bench_result(b)->tls), STR(" none")));
	bench_free(b);
}

/* Only so many shake hands at a time; the others wait, and all come to their end. */
static void many_handshakes(void **state)
{
	enum { MANY = DELIVER_HANDSHAKES_MAX + 20 };
	(void)state;
	for (int silent = 0; silent < 2; silent++) {
		struct bench *b = bench_new(
			"hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n"
			"limit { connections { out 500; per-destination 500 } }\n"
			"timeout { tls 15s }\nroute out { mx; tls require }\n");
		struct peer *p = peer_new(
			1, &(struct peer_script)OFFERS(.pem = &good,
						       .step = silent ? AT_HANDSHAKE : AT_NONE,
						       .act = silent ? DO_SILENCE : DO_WELL));
		for (int i = 0; i < MANY; i++) (void)bench_give(b, &job);
		bench_turn(b);
		if (silent) {
			assert_int_equal(b->d->handshakes, DELIVER_HANDSHAKES_MAX);
			assert_false(list_empty(&b->d->unshaken));
			bench_wait(b, 40000);
		}
		assert_int_equal(b->dones, MANY);
		assert_int_equal(b->d->handshakes, 0);
		assert_true(list_empty(&b->d->unshaken));
		assert_int_equal(p->messages, silent ? 0 : MANY);
		bench_free(b);
	}
}

/* The service stops while a handshake is under way, or waits. */
static void stops(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx; tls require"));
	(void)peer_new(1, &(struct peer_script)OFFERS(.pem = &good, .step = AT_HANDSHAKE,
						      .act = DO_SILENCE));
	(void)bench_relay(b, &job);
	assert_int_equal(b->d->handshakes, 1);
	deliver_role.drain(&b->frame, false);
	bench_turn(b);
	assert_int_equal(bench_result(b)->outcome, JOB_UNTRIED);
	assert_int_equal(b->left, 1);
	bench_free(b);
}

/* --- settings ----------------------------------------------------------------------------- */

/* What was opened under other settings carries nothing more. */
static void other_settings(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx; tls off"));
	struct peer *p = peer_new(1, &(struct peer_script)OFFERS(.pem = &good, .step = AT_DOT,
								.act = DO_SILENCE, .times = 1));
	struct bench_job jobs[2] = { job, job };
	(void)bench_relay(b, &jobs[0]);
	assert_int_equal(p->texts_begun, 1);
	/* It is busy while the settings change, and then has its answer. */
	bench_reload(b, bench_conf_with("mx; tls verify"));
	give_ca(b);
	(void)bench_relay(b, &jobs[1]);
	assert_int_equal(b->dones, 1);
	assert_int_equal(b->done.job, 2);
	assert_true(str_ends_nocase(str_of(bench_result(b)->tls), STR(" verified")));
	assert_int_equal(p->connections, 2);
	/* Other authorities, other connections. */
	(void)bench_relay(b, &job);
	assert_int_equal(p->connections, 2);
	give_files(b, str_of(other_ca.cert), STR(""), STR(""));
	(void)bench_relay(b, &job);
	assert_int_equal(p->connections, 3);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	bench_free(b);
}

static void no_files(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx; tls verify"));
	struct peer *p = peer_new(1, &(struct peer_script)OFFERS(.pem = &good));
	(void)bench_relay(b, &job);
	assert_string_equal(bench_result(b)->dsn, "4.3.5");
	assert_int_equal(p->connections, 0);
	assert_false(b->done.host_failed);
	/* what cannot be used is told, and what there was stays */
	give_files(b, STR("nothing"), STR(""), STR(""));
	assert_int_equal(b->events[EVENT_certificate_error], 1);
	(void)bench_relay(b, &job);
	assert_string_equal(bench_result(b)->dsn, "4.3.5");
	give_ca(b);
	give_files(b, str_of(ca.cert), str_of(good.cert), str_of(other.key));
	assert_int_equal(b->events[EVENT_certificate_error], 2);
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	/* another configuration forgets them */
	assert_int_equal(b->d->route_count, 1);
	bench_reload(b, bench_conf_with("mx; tls off"));
	assert_int_equal(b->d->route_count, 0);
	bench_free(b);
}

static void bad_messages(void **state)
{
	static const struct { uint8_t profile; const char *bytes; size_t len; } bad[] = {
		{ TLS_LEGACY + 1, "\0\0\0\0\0\0\0\0\0\0\0\0", 12 },
		{ TLS_MODERN, "\0\0\0\0\0\0\0\0", 8 },
		{ TLS_MODERN, "\0\0\0\0\0\0\0\0\0\0\0\0x", 13 },
	};
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx; tls verify"));
	for (size_t i = 0; i < ROWS(bad); i++) {
		struct buf record;
		buf_init(&record, 256);
		int fd = memfile_write("test", (struct str){ bad[i].bytes, bad[i].len });
		msg_route_files_put(&record, &(struct msg_route_files){ STR("out"), bad[i].profile });
		deliver_role.message(&b->frame, b->spool, MSG_route_files, buf_view(&record), fd);
		buf_free(&record);
		assert_int_equal(b->events[EVENT_certificate_error], i + 1);
	}
	assert_int_equal(b->d->route_count, 0);
	bench_free(b);
}

/* The configuration leads elsewhere by now, and spool has not read it yet. */
static void route_gone(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx; tls require"));
	struct peer *p = peer_new(1, NULL);
	bench_reload(b, "hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n");
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->dsn, "4.3.5");
	assert_int_equal(p->connections, 0);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_policy),
		cmocka_unit_test(smart_host),
		cmocka_unit_test(dane),
		cmocka_unit_test(many_messages),
		cmocka_unit_test(stale),
		cmocka_unit_test(silence),
		cmocka_unit_test(remembered),
		cmocka_unit_test(many_handshakes),
		cmocka_unit_test(stops),
		cmocka_unit_test(other_settings),
		cmocka_unit_test(no_files),
		cmocka_unit_test(bad_messages),
		cmocka_unit_test(route_gone),
	};
	return cmocka_run_group_tests(tests, make_all, NULL);
}
