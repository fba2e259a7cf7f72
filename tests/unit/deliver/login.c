/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in, with a host that says what the table says: what is sent, what becomes of the
 * mail, what is told, and that no password stays. */
#include "bench.h"

#include <string.h>

#define HEAD "hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n" \
	     "timeout { connect 10s; greeting 10s; command 10s }\n"
#define CONF(words) HEAD "route out { via 127.0.0.1; tls off; login-cleartext yes; " \
			 "login ann; secret s; " words " }\n"

static const struct bench_job job = { .to = "x@far.example", .hops = "127.0.0.1",
				      .key = "route:out" };

static void give(struct bench *b, struct str secret)
{
	bench_route_files(b, STR("out"), STR(""), STR(""), STR(""), secret);
}

static const struct {
	const char *caps, *says; /* the answer to AUTH */
	const char *dsn, *text;
	unsigned told;
} rows[] = {
	{ "AUTH~PLAIN", "535 5.7.8 no", "4.7.8", "route 'out': 127.0.0.1 refuses the login of ann: 535 5.7.8 no", 1 },
	{ "AUTH~PLAIN", "454 4.7.0 busy", "4.7.0", "puts off the login of ann: 454 4.7.0 busy", 1 },
	{ "AUTH~PLAIN", "535 what is secret?", "4.7.8", "as they repeat the password", 1 },
	{ "AUTH~PLAIN", "421 down", "4.3.2", "down", 0 },
	{ "AUTH~PLAIN", "rubbish", "4.5.0", "logging in", 0 },
	{ "AUTH~SCRAM-SHA-256", "334 cj14", "4.7.8", "the host's challenge cannot be used", 1 },
	{ "AUTH~NTLM", "", "4.7.0", "it offers NTLM", 1 },
	{ "SIZE", "", "4.7.0", "does not offer to log in", 1 },
};

static void refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(CONF(""));
		struct peer *p = peer_new(1, &(struct peer_script){ .caps = rows[i].caps,
								  .auth = rows[i].says });
		give(b, STR("secret"));
		(void)bench_relay(b, &job);
		const struct bench_result *r = bench_result(b);
		print_message("row %zu: %s %s\n", i, r->dsn, r->text);
		assert_int_equal(r->outcome, JOB_DEFERRED);
		assert_string_equal(r->dsn, rows[i].dsn);
		assert_non_null(strstr(r->text, rows[i].text));
		assert_null(strstr(r->text, "secret"));
		assert_int_equal(b->events[EVENT_login_fail], rows[i].told);
		assert_int_equal(p->mails, 0);
		bench_free(b);
	}
}

/* Once an hour, and again with another password. */
static void told(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF(""));
	(void)peer_new(1, &(struct peer_script){ .caps = "AUTH~PLAIN", .auth = "535 no" });
	give(b, STR("secret"));
	for (int i = 0; i < 3; i++) (void)bench_relay(b, &job);
	assert_int_equal(b->events[EVENT_login_fail], 1);
	bench_wait(b, 61 * 60 * 1000);
	(void)bench_relay(b, &job);
	assert_int_equal(b->events[EVENT_login_fail], 2);
	give(b, STR("other"));
	(void)bench_relay(b, &job);
	assert_int_equal(b->events[EVENT_login_fail], 3);
	bench_free(b);
}

static void good(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF("mechanisms PLAIN"));
	struct peer *p = peer_new(1, &(struct peer_script){ .caps = "AUTH~PLAIN~SCRAM-SHA-256",
							  .auth = "235 ok" });
	(void)bench_relay(b, &job);
	assert_string_equal(bench_result(b)->dsn, "4.3.5"); /* no secret so far */
	assert_int_equal(p->connections, 0);
	give(b, STR("secret"));
	for (int i = 0; i < 2; i++) {
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	}
	assert_int_equal(p->connections, 1);
	assert_true(memmem(p->heard.at, p->heard.len, "AUTH PLAIN AGFubgBzZWNyZXQ=", 27) != NULL);
	struct connection *c = CONTAINER(b->d->idle.next, struct connection, idle_all);
	assert_true(c->smtp.logged_in);
	for (size_t i = 0; i < sizeof c->login.secret; i++) assert_int_equal(c->login.secret[i], 0);
	assert_null(memmem(c->out.at, c->out.cap, "AGFubgBzZWNyZXQ", 15));
	/* another password, another connection */
	give(b, STR("other"));
	(void)bench_relay(b, &job);
	assert_int_equal(p->connections, 2);
	bench_free(b);
}

/* With SCRAM the numbers of RFC 7677 3. */
static void numbers(void **state)
{
	char says[512], words[SCRAM_NONCE_MAX];
	struct buf out, why;
	struct proof p = { .step = 0 };
	struct proof_salted salted = { .iterations = 0 };
	(void)state;
	buf_init_fixed(&out, says, sizeof says);
	buf_init_fixed(&why, words, sizeof words);
	struct str user = STR("user"), secret = STR("pencil");
	assert_int_equal(proof_step(&p, &salted, user, secret, STR(""), &out, &why), PROOF_SAY);
	assert_int_equal(out.len, 12 + PROOF_NONCE);
	struct buf text;
	buf_init(&text, 512);
	buf_str(&text, STR("r="));
	buf_bytes(&text, p.nonce, sizeof p.nonce);
	buf_str(&text, STR("x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
	buf_reset(&out);
	assert_int_equal(proof_step(&p, &salted, user, secret, buf_view(&text), &out, &why), PROOF_SAY);
	/* SaltedPassword of the example */
	static const unsigned char want[4] = { 0xc4, 0xa4, 0x95, 0x10 };
	assert_memory_equal(salted.password, want, sizeof want);
	struct proof other = p;
	assert_int_equal(proof_step(&other, &salted, user, secret, STR("v=AAAA"), &out, &why), PROOF_FAILED);
	assert_true(str_eq(buf_view(&why), STR("the host does not know the password itself")));
	other = p;
	buf_reset(&why);
	assert_int_equal(proof_step(&other, &salted, user, secret, STR("e=no"), &out, &why), PROOF_FAILED);
	assert_true(str_eq(buf_view(&why), STR("no")));
	assert_int_equal(proof_step(&other, &salted, user, secret, STR("x"), &out, &why), PROOF_FAILED);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals), cmocka_unit_test(told), cmocka_unit_test(good),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
