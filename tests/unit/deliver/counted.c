/* SPDX-License-Identifier: Apache-2.0 */
/* What http is told of encryption, for reports to other domains: each session once, where that is
 * wanted, and none of mail that carries such a report. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "lib/mail/envelope.h"
#include "lib/transport/failure.h"

static struct pem good;

static int make(void **state)
{
	(void)state;
	pem_sign(&good, NULL, "DNS:mx1.example", 30);
	return 0;
}

static struct bench *bench_with(const char *words)
{
	char text[1024];
	(void)snprintf(text, sizeof text, "%stlsrpt { %s }\n", bench_conf, words);
	return bench_new(text);
}

static void counted(void **state)
{
	static const struct {
		const char *words, *sender;
		enum mail_tls_wish tls_wish;
		bool tls, lmtp, listed;
		unsigned results, failure;
	} rows[] = {
		{ "send yes", "a@us.example", MAIL_TLS_AS_ROUTED, true, false, false, 1, TRANSPORT_GOOD },
		{ "send yes", "a@us.example", MAIL_TLS_AS_ROUTED, false, false, false, 1, TRANSPORT_STARTTLS_NOT_SUPPORTED },
		{ "send no", "a@us.example", MAIL_TLS_AS_ROUTED, true, false, false, 0, 0 },
		/* A report of somebody else that is sent on, and one of ours. */
		{ "send yes", "", MAIL_TLS_AS_ROUTED, true, false, false, 1, TRANSPORT_GOOD },
		{ "send yes", "a@us.example", MAIL_TLS_OPTIONAL, true, false, false, 1, TRANSPORT_GOOD },
		{ "send yes", "", MAIL_TLS_OPTIONAL, true, false, false, 0, 0 },
		/* Nobody publishes a policy for hosts that a route lists. */
		{ "send yes", "a@us.example", MAIL_TLS_AS_ROUTED, true, false, true, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_with(rows[i].words);
		struct peer_script script = { .caps = rows[i].tls ? "STARTTLS" : "PIPELINING",
					      .pem = rows[i].tls ? &good : NULL };
		(void)peer_new(1, &script);
		struct bench_job job = { .to = "x@far.example", .sender = rows[i].sender,
					 .tls_wish = rows[i].tls_wish, .lmtp = rows[i].lmtp };
		if (rows[i].listed) job.hops = "127.0.0.1";
		else job.mx = "far.example";
		(void)bench_relay(b, &job);
		if (bench_result(b)->outcome != JOB_RELAYED) fail_msg("row %zu: not sent", i);
		if (b->tls_results != rows[i].results) fail_msg("row %zu: %u results", i, b->tls_results);
		if (rows[i].results && (b->tls_failure != rows[i].failure || !b->tls_own))
			fail_msg("row %zu: failure %u", i, b->tls_failure);
		/* The same connection is the same session. */
		(void)bench_relay(b, &job);
		if (b->tls_results != rows[i].results) fail_msg("row %zu: told twice", i);
		bench_free(b);
	}
}

/* Without http nothing is counted, and nothing waits for it. */
static void http_is_away(void **state)
{
	(void)state;
	for (int away = 0; away < 2; away++) {
		struct bench *b = bench_new("hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n"
					    "route out { mx; tls may }\ntlsrpt { send yes }\n");
		(void)peer_new(1, &(struct peer_script){ .caps = "PIPELINING" });
		if (away) bench_down(b, ROLE_HTTP);
		(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .mx = "far.example" });
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		assert_int_equal(b->tls_results, away ? 0 : 1);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted),
		cmocka_unit_test(http_is_away),
	};
	return cmocka_run_group_tests(tests, make, NULL);
}
