/* SPDX-License-Identifier: Apache-2.0 */
/* MTA-STS on the way out: what each policy does with each host, with real TLS. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

static const struct bench_job job = { .to = "x@far.example", .mx = "far.example" };
static struct pem ca, other_ca, good, other, foreign, over, of_domain;

static int make_all(void **state)
{
	(void)state;
	pem_sign(&ca, NULL, NULL, 30);
	pem_sign(&other_ca, NULL, NULL, 30);
	pem_sign(&good, &ca, "DNS:mx1.example", 30);
	pem_sign(&other, &ca, "DNS:other.example", 30);
	pem_sign(&foreign, &other_ca, "DNS:mx1.example", 30);
	pem_sign(&over, &ca, "DNS:mx1.example", -3);
	pem_sign(&of_domain, &ca, "DNS:far.example", 30);
	return 0;
}

/* What master hands over for all routes that say nothing about files. */
static void give_ca(struct bench *b)
{
	bench_route_files(b, STR(""), str_of(ca.cert), STR(""), STR(""), STR(""));
}

#define NOT_OFFERED { .caps = "PIPELINING" }
#define OFFERS(...) { .caps = "PIPELINING STARTTLS", __VA_ARGS__ }
#define HEAD(mode)  "version: STSv1\nmode: " mode "\n"
#define ENFORCE     HEAD("enforce") "mx: mx1.example\nmax_age: 86400\n"
#define TESTING     HEAD("testing") "mx: mx1.example\nmax_age: 86400\n"
#define ELSEWHERE   HEAD("enforce") "mx: *.mx1.example\nmax_age: 86400\n"
#define ELSE_TEST   HEAD("testing") "mx: mx2.example\nmax_age: 86400\n"
#define NO_MODE     HEAD("none") "max_age: 86400\n"

static const struct {
	const char *words, *sts;
	struct peer_script script;
	enum job_outcome want;
	const char *dsn, *tls; /* tls: its end */
	const char *says, *failure;
	unsigned connections;
} rows[] = {
#define SENT  JOB_RELAYED, "2.0.0"
#define LATER JOB_DEFERRED
	{ "mx", NULL, OFFERS(.pem = &other), SENT, " none", "taken", NULL, 1 },
	{ "mx", NULL, NOT_OFFERED, SENT, "-", "taken", NULL, 1 },
	{ "mx", NO_MODE, OFFERS(.pem = &other), SENT, " none", "taken", NULL, 1 },
	{ "mx", ENFORCE, OFFERS(.pem = &good), SENT, " verified", "taken", NULL, 1 },
	{ "mx", ENFORCE, OFFERS(.pem = &other), LATER, "4.7.5", "-",
	  "TLS with mx1.example failed: hostname mismatch; its certificate was to name mx1.example, as the "
	  "policy of far.example (MTA-STS) demands",
	  "certificate-host-mismatch", 1 },
	/* RFC 8461 4.1: the host's name, not the domain's */
	{ "mx", ENFORCE, OFFERS(.pem = &of_domain), LATER, "4.7.5", "-", "hostname mismatch",
	  "certificate-host-mismatch", 1 },
	{ "mx", ENFORCE, OFFERS(.pem = &foreign), LATER, "4.7.5", "-", "TLS with mx1.example failed: ",
	  "certificate-not-trusted", 1 },
	{ "mx", ENFORCE, OFFERS(.pem = &over), LATER, "4.7.5", "-", "certificate has expired",
	  "certificate-expired", 1 },
	{ "mx", ENFORCE, NOT_OFFERED, LATER, "4.7.4", "-", "does not offer STARTTLS",
	  "starttls-not-supported", 1 },
	{ "mx", ENFORCE, OFFERS(.pem = &good, .step = AT_STARTTLS, .act = DO_SAY, .say = "454 no"), LATER,
	  "4.7.4", "-", "refuses it: 454 no", "starttls-not-supported", 1 },
	{ "mx", ENFORCE, OFFERS(.pem = &good, .step = AT_HANDSHAKE, .act = DO_CLOSE), LATER, "4.7.5", "-",
	  "TLS with mx1.example failed: ", "validation-failure", 1 },
	{ "mx", ELSEWHERE, OFFERS(.pem = &good), LATER, "4.7.5", "-",
	  "the policy of far.example (MTA-STS) does not list mx1.example", "validation-failure", 0 },
	/* what is only tested is told and does not hold up anything */
	{ "mx", TESTING, OFFERS(.pem = &good), SENT, " verified", "taken", NULL, 1 },
	{ "mx", TESTING, OFFERS(.pem = &other), SENT, " none", "taken", "certificate-host-mismatch", 1 },
	{ "mx", TESTING, OFFERS(.pem = &over), SENT, " none", "taken", "certificate-expired", 1 },
	{ "mx", TESTING, NOT_OFFERED, SENT, "-", "taken", "starttls-not-supported", 1 },
	{ "mx", TESTING, OFFERS(.pem = &good, .step = AT_HANDSHAKE, .act = DO_CLOSE), SENT, "-", "taken",
	  "validation-failure", 2 },
	{ "mx", ELSE_TEST, OFFERS(.pem = &good), SENT, " none", "taken", "validation-failure", 1 },
	/* who does not say `auto` is not asked */
	{ "mx; tls may", ENFORCE, OFFERS(.pem = &other), SENT, " none", "taken", NULL, 1 },
	{ "mx; tls require", ELSEWHERE, OFFERS(.pem = &other), SENT, " none", "taken", NULL, 1 },
	{ "mx; tls off", ENFORCE, OFFERS(.pem = &good), SENT, "-", "taken", NULL, 1 },
	{ "mx; tls auto; tls-start implicit", ENFORCE, { .pem = &good, .implicit = true }, SENT,
	  " verified", "taken", NULL, 1 },
};

static void each_policy(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf_with(rows[i].words));
		struct peer *p = peer_new(1, &rows[i].script);
		give_ca(b);
		b->sts = rows[i].sts;
		(void)bench_relay(b, &job);
		const struct bench_result *r = bench_result(b);
		print_message("row %zu: %s: %s %s %s\n", i, rows[i].words, r->dsn, r->tls, r->text);
		assert_int_equal(r->outcome, rows[i].want);
		assert_string_equal(r->dsn, rows[i].dsn);
		assert_true(str_ends_nocase(str_of(r->tls), str_of(rows[i].tls)));
		assert_non_null(strstr(r->text, rows[i].says));
		assert_int_equal(p->connections, rows[i].connections);
		assert_int_equal(p->messages, rows[i].want == JOB_RELAYED);
		assert_int_equal(b->events[EVENT_tls_policy_fail], rows[i].failure != NULL);
		if (rows[i].failure)
			assert_true(bench_told(b, EVENT_tls_policy_fail, rows[i].failure) &&
				    bench_told(b, EVENT_tls_policy_fail, "far.example"));
		bool asks = strcmp(rows[i].words, "mx") == 0 || strstr(rows[i].words, "auto");
		assert_int_equal(b->sts_asked, asks);
		bench_free(b);
	}
}

/* A host that the policy does not list, or that fails, makes room for the next one. */
static void next_host(void **state)
{
	static const char *const policies[] = {
		HEAD("enforce") "mx: mx2.example\nmax_age: 1\n",
		HEAD("enforce") "mx: *.example\nmax_age: 1\n",
	};
	struct pem second;
	(void)state;
	pem_sign(&second, &ca, "DNS:mx2.example", 30);
	for (size_t i = 0; i < 2; i++) {
		struct bench *b = bench_new(bench_conf_with("mx"));
		struct peer *p1 = peer_new(1, &(struct peer_script)OFFERS(.pem = &other));
		struct peer *p2 = peer_new(2, &(struct peer_script)OFFERS(.pem = &second));
		give_ca(b);
		b->dns_answer = "127.0.0.1 127.0.0.2";
		b->sts = policies[i];
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		assert_true(str_ends_nocase(str_of(bench_result(b)->tls), STR(" verified")));
		assert_int_equal(p1->connections, i);
		assert_int_equal(p1->messages, 0);
		assert_int_equal(p2->messages, 1);
		bench_free(b);
	}
}

/* DANE stands before it: nobody is asked for a policy where every host has records. */
static void dane_first(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx"));
	(void)peer_new(1, &(struct peer_script)OFFERS(.pem = &other));
	unsigned char digest[32];
	struct buf record;
	buf_init(&record, 100);
	pem_tlsa(&other, 0, 1, digest);
	for (int i = 0; i < 3; i++) buf_put_u8(&record, i == 0 ? 3 : 1);
	buf_put_str(&record, (struct str){ (const char *)digest, 32 });
	give_ca(b);
	b->dns_secure = true;
	b->dane = MX_DANE_FOUND;
	b->tlsa = buf_view(&record);
	b->sts = ELSEWHERE;
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_true(str_ends_nocase(str_of(bench_result(b)->tls), STR(" dane")));
	assert_int_equal(b->sts_asked, 0);
	buf_free(&record);
	bench_free(b);
}

/* A policy that could not be had is told, and mail goes on. */
static void no_policy(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx"));
	struct peer *p = peer_new(1, &(struct peer_script)NOT_OFFERED);
	b->sts_failure = TRANSPORT_STS_WEBPKI_INVALID;
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_int_equal(p->messages, 1);
	assert_true(bench_told(b, EVENT_tls_policy_fail, "sts-webpki-invalid"));
	bench_free(b);
}

/* Without an answer of http the mail waits; one that replaces it is asked again. */
static void http_away(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx"));
	struct peer *p = peer_new(1, &(struct peer_script)OFFERS(.pem = &good));
	give_ca(b);
	b->sts_silent = true;
	(void)bench_relay(b, &job);
	bench_wait(b, 44000);
	assert_int_equal(b->dones, 0);
	bench_wait(b, 2000);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->dsn, "4.7.5");
	assert_non_null(strstr(bench_result(b)->text, "whether far.example has a policy"));
	assert_int_equal(p->connections, 0);
	b->sts_silent = false;
	b->sts = ENFORCE;
	bench_down(b, ROLE_HTTP);
	(void)bench_relay(b, &job);
	assert_int_equal(b->dones, 1);
	bench_up(b, ROLE_HTTP);
	bench_turn(b);
	assert_int_equal(b->dones, 2);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	/* what it says must be a policy */
	b->sts = "junk";
	bench_wait(b, 60000);
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	/* an answer that nobody waits for */
	struct buf record;
	buf_init(&record, 4096);
	msg_sts_put(&record, &(struct msg_sts){ 999, 0, STR(ENFORCE) });
	bench_message(b, b->http, MSG_sts, &record, -1);
	bench_free(b);
}

/* A connection goes while its question is open. */
static void stops(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx"));
	b->sts_silent = true;
	(void)bench_relay(b, &job);
	assert_int_equal(b->d->policies.count, 1);
	deliver_role.drain(&b->frame, false);
	bench_turn(b);
	assert_int_equal(bench_result(b)->outcome, JOB_UNTRIED);
	assert_int_equal(b->d->policies.count, 0);
	bench_free(b);
}

/* Without the authorities of the system nobody can show who he is; others get their mail. */
static void no_authorities(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench *b = bench_new(bench_conf_with("mx"));
		(void)peer_new(1, &(struct peer_script)OFFERS(.pem = &good));
		b->sts = i ? ENFORCE : NULL;
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, i ? JOB_DEFERRED : JOB_RELAYED);
		bench_free(b);
	}
}

/* RFC 8689: what the sender demands, or does without. */
static const struct {
	const char *words, *sts;
	enum mail_tls_wish wish;
	struct peer_script script;
	enum job_outcome want;
	const char *dsn, *tls, *says;
} wishes[] = {
#define NO     JOB_FAILED
#define CAPS   "PIPELINING STARTTLS REQUIRETLS"
#define DEMAND MAIL_TLS_REQUIRED
#define WAIVE  MAIL_TLS_OPTIONAL
	{ "mx", ENFORCE, DEMAND, { .caps = CAPS, .pem = &good }, SENT, " verified", "taken" },
	{ "mx", TESTING, DEMAND, { .caps = CAPS, .pem = &good }, SENT, " verified", "taken" },
	{ "mx", NULL, DEMAND, { .caps = CAPS, .pem = &of_domain }, SENT, " verified", "taken" },
	{ "mx; tls may", ENFORCE, DEMAND, { .caps = CAPS, .pem = &good }, SENT, " verified", "taken" },
	{ "mx; tls require", NULL, DEMAND, { .caps = CAPS, .pem = &of_domain }, SENT, " verified", "taken" },
	/* the host has to do the same */
	{ "mx", ENFORCE, DEMAND, OFFERS(.pem = &good), NO, "5.7.30", " verified", "demands REQUIRETLS" },
	/* whose name proves nothing */
	{ "mx", NULL, DEMAND, { .caps = CAPS, .pem = &good }, NO, "5.7.10", "-", "hostname mismatch" },
	{ "mx", TESTING, DEMAND, { .caps = CAPS, .pem = &other }, NO, "5.7.10", "-", "hostname mismatch" },
	{ "mx", ENFORCE, DEMAND, { .caps = CAPS, .pem = &over }, NO, "5.7.10", "-", "has expired" },
	{ "mx", ELSEWHERE, DEMAND, { .caps = CAPS, .pem = &good }, NO, "5.7.10", "-", "does not list" },
	{ "mx", NULL, DEMAND, NOT_OFFERED, NO, "5.7.10", "-", "does not offer STARTTLS" },
	{ "mx", NULL, DEMAND, { .caps = "REQUIRETLS", .no_ehlo = true }, NO, "5.7.10", "-", "EHLO" },
	{ "mx; tls off", NULL, DEMAND, { .caps = CAPS, .pem = &good }, NO, "5.7.30", "-", "REQUIRETLS" },
	/* what broke off may do better another time */
	{ "mx", ENFORCE, DEMAND, { .caps = CAPS, .pem = &good, .step = AT_HANDSHAKE, .act = DO_CLOSE },
	  LATER, "4.7.5", "-", "TLS with mx1.example failed" },
	{ "mx", ENFORCE, DEMAND, { .caps = CAPS, .pem = &good, .step = AT_STARTTLS, .act = DO_CLOSE },
	  LATER, "4.4.2", "-", "lost connection" },
	/* TLS-Required: no */
	{ "mx", ELSEWHERE, WAIVE, OFFERS(.pem = &other), SENT, " none", "taken" },
	{ "mx", ENFORCE, WAIVE, NOT_OFFERED, SENT, "-", "taken" },
	{ "mx; tls require", NULL, WAIVE, NOT_OFFERED, LATER, "4.7.4", "-", "STARTTLS" },
};

static void senders_wishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(wishes); i++) {
		struct bench *b = bench_new(bench_conf_with(wishes[i].words));
		struct peer *p = peer_new(1, &wishes[i].script);
		struct bench_job j = job;
		j.tls_wish = wishes[i].wish;
		give_ca(b);
		b->sts = wishes[i].sts;
		(void)bench_relay(b, &j);
		const struct bench_result *r = bench_result(b);
		print_message("wish %zu: %s: %s %s %s\n", i, wishes[i].words, r->dsn, r->tls, r->text);
		assert_int_equal(r->outcome, wishes[i].want);
		assert_string_equal(r->dsn, wishes[i].dsn);
		assert_true(str_ends_nocase(str_of(r->tls), str_of(wishes[i].tls)));
		assert_non_null(strstr(r->text, wishes[i].says));
		assert_int_equal(p->messages, wishes[i].want == JOB_RELAYED);
		bool demands = p->heard.len && memmem(p->heard.at, p->heard.len, " REQUIRETLS", 11) != NULL;
		assert_int_equal(demands, wishes[i].wish == MAIL_TLS_REQUIRED && p->messages);
		if (wishes[i].wish == MAIL_TLS_OPTIONAL) assert_int_equal(b->sts_asked, 0);
		bench_free(b);
	}
}

/* One host lacks it, another was only out of reach: it is tried again. */
static void lacking_and_down(void **state)
{
	(void)state;
	struct bench_job j = job;
	struct bench *b = bench_new(bench_conf_with("mx"));
	(void)peer_new(1, &(struct peer_script)NOT_OFFERED);
	j.tls_wish = MAIL_TLS_REQUIRED;
	b->dns_answer = "127.0.0.1 127.0.0.2";
	(void)bench_relay(b, &j);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	bench_free(b);
}

/* A connection carries mail of one wish. */
static void not_shared(void **state)
{
	(void)state;
	static const enum mail_tls_wish order[] = { MAIL_TLS_AS_ROUTED, MAIL_TLS_OPTIONAL,
						    MAIL_TLS_REQUIRED, MAIL_TLS_REQUIRED };
	struct bench *b = bench_new(bench_conf_with("mx"));
	struct peer *p = peer_new(1, &(struct peer_script){ .caps = CAPS, .pem = &of_domain });
	give_ca(b);
	for (size_t i = 0; i < ROWS(order); i++) {
		struct bench_job j = job;
		j.tls_wish = order[i];
		(void)bench_relay(b, &j);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		assert_int_equal(p->connections, i < 3 ? i + 1 : 3);
	}
	bench_free(b);
}

/* `tls-policy`: what the administrator says of a domain stands before its own wishes and the
 * route's word, as long as it counts. The clock says 2027-01-15. */
static const struct {
	const char *words, *sts;
	struct peer_script script;
	enum job_outcome want;
	const char *tls;
} exceptions[] = {
	{ "mx }\ntls-policy far.example { may", ELSEWHERE, OFFERS(.pem = &other), JOB_RELAYED, " none" },
	{ "mx }\ntls-policy example { may", ELSEWHERE, OFFERS(.pem = &other), JOB_RELAYED, " none" },
	{ "mx }\ntls-policy r.example { may", ELSEWHERE, OFFERS(.pem = &other), JOB_DEFERRED, "-" },
	{ "mx }\ntls-policy a.far.example { may", ELSEWHERE, OFFERS(.pem = &other), JOB_DEFERRED, "-" },
	{ "mx }\ntls-policy example { may }\ntls-policy FAR.example { auto", ELSEWHERE,
	  OFFERS(.pem = &other), JOB_DEFERRED, "-" },
	{ "mx }\ntls-policy far.example { may; until 2027-01-15", ELSEWHERE, OFFERS(.pem = &other),
	  JOB_RELAYED, " none" },
	{ "mx }\ntls-policy far.example { may; until 2027-01-14", ELSEWHERE, OFFERS(.pem = &other),
	  JOB_DEFERRED, "-" },
	{ "mx }\ntls-policy example { may }\ntls-policy far.example { auto; until 2027-01-14", ELSEWHERE,
	  OFFERS(.pem = &other), JOB_RELAYED, " none" },
	{ "mx; tls may }\ntls-policy far.example { require", NULL, NOT_OFFERED, JOB_DEFERRED, "-" },
	{ "mx; tls may }\ntls-policy far.example { verify", NULL, OFFERS(.pem = &other), JOB_DEFERRED, "-" },
	{ "mx; tls may }\ntls-policy far.example { verify", NULL, OFFERS(.pem = &of_domain), JOB_RELAYED,
	  " verified" },
	{ "mx; tls may }\ntls-policy far.example { auto", ENFORCE, OFFERS(.pem = &good), JOB_RELAYED,
	  " verified" },
	{ "mx; tls verify }\ntls-policy far.example { off", NULL, OFFERS(.pem = &good), JOB_RELAYED, "-" },
};

static void own_exceptions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(exceptions); i++) {
		struct bench *b = bench_new(bench_conf_with(exceptions[i].words));
		(void)peer_new(1, &exceptions[i].script);
		give_ca(b);
		b->sts = exceptions[i].sts;
		(void)bench_relay(b, &job);
		const struct bench_result *r = bench_result(b);
		print_message("exception %zu: %s: %s\n", i, exceptions[i].words, r->text);
		assert_int_equal(r->outcome, exceptions[i].want);
		assert_true(str_ends_nocase(str_of(r->tls), str_of(exceptions[i].tls)));
		bench_free(b);
	}
}

/* By LMTP the mail has arrived: nobody is asked for anything. */
static void lmtp(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf_with("mx"));
	struct peer *p = peer_new(1, &(struct peer_script){ .caps = "", .lmtp = true });
	(void)bench_relay(b, &(struct bench_job){ .to = "x@us.example", .hops = "127.0.0.1", .lmtp = true,
						  .tls_wish = MAIL_TLS_REQUIRED });
	assert_int_equal(bench_result(b)->outcome, JOB_DELIVERED);
	assert_int_equal(p->messages, 1);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_policy),   cmocka_unit_test(next_host),
		cmocka_unit_test(dane_first),    cmocka_unit_test(no_policy),
		cmocka_unit_test(http_away),     cmocka_unit_test(stops),
		cmocka_unit_test(no_authorities), cmocka_unit_test(senders_wishes),
		cmocka_unit_test(lacking_and_down), cmocka_unit_test(not_shared),
		cmocka_unit_test(lmtp), cmocka_unit_test(own_exceptions),
	};
	return cmocka_run_group_tests(tests, make_all, NULL);
}
