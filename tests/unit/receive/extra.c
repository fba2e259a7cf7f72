/* SPDX-License-Identifier: Apache-2.0 */
/* What a message wants of its transport, in MAIL or in its header, comes into the envelope. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
	struct envelope e;
	struct arena arena;
	struct msg_commit m;
};

/* The message that waits for spool's word; it is committed. */
static void take(struct bench *b, struct kept *kept)
{
	struct str payload;
	assert_true(bench_sent(MSG_commit, &payload));
	assert_true(msg_commit_get(payload, &kept->m));
	struct cur record = cur_of(kept->m.envelope);
	arena_init(&kept->arena, 64 * 1024);
	assert_int_equal(envelope_decode(&record, &kept->arena, &kept->e), ENVELOPE_OK);
	bench_committed(b, kept->m.handle);
}

/* EHLO, and as if TLS had begun and somebody had logged in, where wanted. */
static int hello(struct bench *b, const char *from, bool tls, const char *user)
{
	int client = bench_connect(b, from);
	struct session *s = bench_session(b, client);
	s->smtp.tls = tls;
	if (user) s->user = (struct str){ strdup(user), strlen(user) };
	extra_offer(s);
	bench_say(b, client, "EHLO c.example\r\n");
	return client;
}

static void send_as(struct bench *b, int client, const char *params, const char *header,
                    struct kept *kept)
{
	char text[2048];
	(void)snprintf(text, sizeof text,
		"MAIL FROM:<a@c.example>%s\r\nRCPT TO:<x@us.example>\r\nDATA\r\n", params);
	(void)bench_heard(client);
	bench_say(b, client, text);
	const char *heard = bench_heard(client);
	if (!strstr(heard, "354 ")) fail_msg("%s", heard);
	(void)snprintf(text, sizeof text, "%s\r\ntext\r\n.\r\n", header);
	bench_say(b, client, text);
	take(b, kept);
	(void)bench_heard(client);
}

static void tls(void **state)
{
	(void)state;
	static const struct { const char *params, *header; enum mail_tls_wish want; } rows[] = {
		{ "", "Subject: x\r\n", MAIL_TLS_AS_ROUTED },
		{ " REQUIRETLS", "Subject: x\r\n", MAIL_TLS_REQUIRED },
		{ "", "TLS-Required: No\r\n", MAIL_TLS_OPTIONAL },
		{ "", "TLS-Required: yes\r\n", MAIL_TLS_AS_ROUTED },
		{ " REQUIRETLS", "TLS-Required: No\r\n", MAIL_TLS_REQUIRED },
	};
	struct bench *b = bench_new(bench_conf, 64);
	int client = hello(b, "192.0.2.1", true, NULL);
	assert_non_null(strstr(bench_heard(client), "250-REQUIRETLS\r\n"));
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct kept kept;
		send_as(b, client, rows[i].params, rows[i].header, &kept);
		assert_int_equal(kept.e.tls_wish, rows[i].want);
		arena_free(&kept.arena);
	}
	int clear = hello(b, "192.0.2.2", false, NULL);
	assert_null(strstr(bench_heard(clear), "REQUIRETLS"));
	bench_say(b, clear, "MAIL FROM:<a@c.example> REQUIRETLS\r\n");
	assert_non_null(strstr(bench_heard(clear), "555 5.5.4"));
	bench_free(b);
}

static void bulk(void **state)
{
	(void)state;
	static const struct { const char *header; bool want; } rows[] = {
		{ "Subject: x\r\n", false }, { "List-Id: <l.example>\r\n", true },
		{ "Precedence: bulk\r\n", true }, { "Auto-Submitted: no\r\n", false },
		{ "Auto-Submitted: auto-generated\r\n", true },
	};
	struct bench *b = bench_new(bench_conf, 64);
	int client = hello(b, "192.0.2.1", false, NULL);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct kept kept;
		send_as(b, client, "", rows[i].header, &kept);
		assert_int_equal(kept.e.bulk, rows[i].want);
		arena_free(&kept.arena);
	}
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls),
		cmocka_unit_test(bulk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
