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

/* --- SCRAM -------------------------------------------------------------------------------- */

/* The messages of RFC 7677 3, which have this nonce; what differs was computed apart. */
#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define BOTH  NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define CHALLENGE "r=" BOTH ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

static const struct {
	const char *user, *secret;
	enum scram_flag flag; /* BOUND: to the octets 0 to 31 */
	const char *first, *last, *server;
} examples[] = {
	{ "user", "pencil", SCRAM_FLAG_NONE, "n,,n=user,r=",
	  "c=biws,r=" BOTH ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
	{ "user", "pencil", SCRAM_FLAG_UNOFFERED, "y,,n=user,r=",
	  "c=eSws,r=" BOTH ",p=FoqiHTtQEDE8lz1CdaEe3tK4mS+iMDTl77SPyDS53DY=", "v=dI4KpiQJwBr1+V+K6U1dA6l6I4I9DUNXWND4pcpRU3U=" },
	{ "user", "pencil", SCRAM_FLAG_BOUND, "p=tls-exporter,,n=user,r=",
	  "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,r=" BOTH
	  ",p=QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M=", "v=2GiAgapEppLVlUXbxUDksL3VgYHzuqiK5tR4mhJGgvs=" },
	/* RFC 4013: a mark of its own, a soft hyphen; a blank of another kind, a Roman nine */
	{ "Ju\314\210r\302\255gen", "pa\314\210ss\302\240\342\205\250", SCRAM_FLAG_NONE, "n,,n=J\303\274rgen,r=",
	  "c=biws,r=" BOTH ",p=7Gdv7GQk0xadcCFqyXOs9Ak7ZeYfu4DLpb0vSJFqsUA=", "v=LNAHfpEnUZqg2GOhmeRNKZGwWW1aXHfNLGDJ5hR5Rqs=" },
};

struct steps {
	char says[512], words[PROOF_WHY_MAX];
	struct buf out, why;
	struct proof p;
	struct proof_salted salted;
};

static enum proof_result step(struct steps *s, const char *user, const char *secret, const char *challenge)
{
	buf_init_fixed(&s->out, s->says, sizeof s->says);
	buf_init_fixed(&s->why, s->words, sizeof s->words);
	return proof_step(&s->p, &s->salted, str_of(user), str_of(secret), str_of(challenge),
			  &s->out, &s->why);
}

/* The first word, and then that of the example in place of it. */
static void begin(struct steps *s, const char *user, const char *secret, enum scram_flag flag)
{
	*s = (struct steps){ .p.flag = flag, .p.binding_len = flag == SCRAM_FLAG_BOUND ? 32 : 0 };
	for (unsigned char i = 0; i < 32; i++) s->p.binding[i] = i;
	assert_int_equal(step(s, user, secret, ""), PROOF_SAY);
	assert_int_equal(s->p.nonce_len, PROOF_NONCE);
	(void)str_to_cstr(STR(NONCE), s->p.nonce, sizeof s->p.nonce);
	s->p.nonce_len = strlen(NONCE);
}

static void numbers(void **state)
{
	static struct steps s;
	(void)state;
	for (size_t i = 0; i < ROWS(examples); i++) {
		const char *user = examples[i].user, *secret = examples[i].secret;
		print_message("%zu\n", i);
		begin(&s, user, secret, examples[i].flag);
		assert_int_equal(s.out.len, strlen(examples[i].first) + PROOF_NONCE);
		assert_true(str_starts(buf_view(&s.out), str_of(examples[i].first)));
		assert_int_equal(step(&s, user, secret, CHALLENGE), PROOF_SAY);
		assert_true(str_eq(buf_view(&s.out), str_of(examples[i].last)));
		assert_int_equal(step(&s, user, secret, examples[i].server), PROOF_LAST);
		assert_int_equal(step(&s, user, secret, ""), PROOF_FAILED);
	}
}

static const struct { const char *second, *third, *why; } faults[] = {
	{ CHALLENGE, "v=AAAA", "the host does not know the password itself" },
	{ CHALLENGE, "v=dI4KpiQJwBr1+V+K6U1dA6l6I4I9DUNXWND4pcpRU3U=", "the host does not know the password itself" },
	{ CHALLENGE, "x", "the host's last word cannot be used" },
	{ CHALLENGE, "e=no", "no" },
	{ CHALLENGE, "e=channel-bindings-dont-match",
	  "channel-bindings-dont-match: the host sees another TLS connection than this one: somebody stands between" },
	{ CHALLENGE, "e=server-does-support-channel-binding",
	  "server-does-support-channel-binding: the host's offer of SCRAM-SHA-256-PLUS did not arrive: somebody stands between" },
	{ "e=unsupported-channel-binding-type", NULL, "unsupported-channel-binding-type: the host does not know "
	  "tls-exporter; 'mechanisms' can leave SCRAM-SHA-256-PLUS out" },
	{ "e=server-does-support-channel-binding", NULL, "server-does-support-channel-binding: the host's offer of "
	  "SCRAM-SHA-256-PLUS did not arrive: somebody stands between" },
	{ "r=x", NULL, "the host's challenge cannot be used" },
};

static void denials(void **state)
{
	static struct steps s;
	(void)state;
	for (size_t i = 0; i < ROWS(faults); i++) {
		begin(&s, "user", "pencil", SCRAM_FLAG_NONE);
		enum proof_result result = step(&s, "user", "pencil", faults[i].second);
		assert_int_equal(result, faults[i].third ? PROOF_SAY : PROOF_FAILED);
		if (faults[i].third)
			assert_int_equal(step(&s, "user", "pencil", faults[i].third), PROOF_FAILED);
		print_message("%s\n", faults[i].why);
		assert_true(str_eq(buf_view(&s.why), str_of(faults[i].why)));
	}
}

/* What SASLprep does not let through never leaves. */
static void unfit(void **state)
{
	static struct steps s = { .p.step = 0 };
	static const char *const names[] = { "a\001b", "\302\255", "\377", "\330\247a" };
	(void)state;
	for (size_t i = 0; i < ROWS(names); i++) {
		s = (struct steps){ .p.step = 0 };
		assert_int_equal(step(&s, names[i], "pencil", ""), PROOF_FAILED);
		assert_true(str_eq(buf_view(&s.why), STR("the user name has characters that no name may have (SASLprep)")));
		assert_int_equal(s.out.len, 0);
		begin(&s, "user", names[i], SCRAM_FLAG_NONE);
		assert_int_equal(step(&s, "user", names[i], CHALLENGE), PROOF_FAILED);
		assert_true(str_starts(buf_view(&s.why), STR("the password cannot be used")));
		assert_int_equal(s.out.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals), cmocka_unit_test(told), cmocka_unit_test(good),
		cmocka_unit_test(numbers), cmocka_unit_test(denials), cmocka_unit_test(unfit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
