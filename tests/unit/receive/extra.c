/* SPDX-License-Identifier: Apache-2.0 */
/* What a message wants of its transport, in MAIL or in its header, comes into the envelope. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/units.h"

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

static void priority(void **state)
{
	(void)state;
	enum { U = MAIL_PRIORITY_URGENT, N = MAIL_PRIORITY_NORMAL, L = MAIL_PRIORITY_NON_URGENT };
	static const struct {
		const char *client, *user, *params, *header;
		int value, class;
		const char *said;
	} rows[] = {
		{ "192.0.2.1", "ann@us.example", " MT-PRIORITY=9", "", 9, U, "250 2.1.0" },
		{ "192.0.2.1", "ann@us.example", " MT-PRIORITY=0", "Priority: urgent\r\n", 0, N, "250 2.1.0" },
		{ "192.0.2.1", "ann@us.example", "", "Priority: urgent\r\n", 4, U, "250 2.1.0" },
		{ "192.0.2.1", "ann@us.example", "", "X-Priority: 5\r\n", -4, L, "250 2.1.0" },
		{ "10.0.0.1", NULL, " MT-PRIORITY=5", "", 5, U, "250 2.1.0" },
		{ "192.0.2.1", NULL, "", "Priority: urgent\r\n", 0, N, "250 2.1.0" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf, 64);
		struct kept kept;
		int client = hello(b, rows[i].client, true, rows[i].user);
		send_as(b, client, rows[i].params, rows[i].header, &kept);
		assert_int_equal(kept.e.mt_priority, rows[i].value);
		assert_int_equal(kept.e.priority, rows[i].class);
		arena_free(&kept.arena);
		bench_free(b);
	}
}

/* On a listener of the role submission one who has not logged in, where no rule asks him to. */
static void a_priority_that_is_lowered_is_told(void **state)
{
	(void)state;
	struct bench *b = bench_new("hostname mx.us.example\n"
		"listener in { address 0.0.0.0:25; role relay }\n"
		"domain us.example { users any; deliver maildir /m/%n }\n", 64);
	int client = hello(b, "192.0.2.1", false, NULL);
	assert_non_null(strstr(bench_heard(client), "250-MT-PRIORITY MIXER\r\n"));
	bench_say(b, client, "MAIL FROM:<a@us.example> MT-PRIORITY=4\r\n");
	assert_non_null(strstr(bench_heard(client), "250 2.3.6 0 is the priority"));
	bench_say(b, client, "RSET\r\nMAIL FROM:<a@us.example> MT-PRIORITY=-4\r\n");
	assert_non_null(strstr(bench_heard(client), "250 2.1.0"));
	bench_free(b);
}

static void future(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 64);
	struct kept kept;
	int64_t now_ms = b->wall_ms;
	int client = hello(b, "192.0.2.1", true, "ann@us.example");
	assert_non_null(strstr(bench_heard(client), "250-FUTURERELEASE 604800 "));
	send_as(b, client, " HOLDFOR=60", "", &kept);
	assert_true(kept.e.hold_until_ms >= now_ms + 60 * 1000);
	assert_true(kept.e.hold_until_ms <= b->wall_ms + 60 * 1000);
	arena_free(&kept.arena);
	send_as(b, client, "", "", &kept);
	assert_int_equal(kept.e.hold_until_ms, 0);
	arena_free(&kept.arena);
	bench_say(b, client, "MAIL FROM:<ann@us.example> HOLDUNTIL=1999-12-31T00:00:00Z\r\n");
	assert_non_null(strstr(bench_heard(client), "501 5.5.4 The time behind HOLDUNTIL is over"));
	bench_say(b, client, "MAIL FROM:<ann@us.example> HOLDFOR=604801\r\n");
	assert_non_null(strstr(bench_heard(client), "501 5.5.4 That is longer than"));
	bench_say(b, client, "MAIL FROM:<ann@us.example> HOLDFOR=60 BY=59;N\r\n");
	assert_non_null(strstr(bench_heard(client), "501 5.5.4 The time behind BY is over before"));
	assert_int_equal(b->events[EVENT_refuse], 3);
	send_as(b, client, " HOLDFOR=60 BY=61;N", "", &kept);
	assert_true(kept.e.by_ms - kept.e.hold_until_ms == 1000);
	arena_free(&kept.arena);
	assert_null(bench_session(b, client)->tx);
	int other = hello(b, "10.0.0.1", true, NULL);
	assert_null(strstr(bench_heard(other), "FUTURERELEASE"));
	bench_say(b, other, "MAIL FROM:<a@c.example> HOLDFOR=60\r\n");
	assert_non_null(strstr(bench_heard(other), "555 5.5.4"));
	bench_free(b);
}

/* The latest time moves with the clock. */
static void what_is_offered_stays_true(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 64);
	char before[64], text[40];
	struct buf until;
	(void)snprintf(before, sizeof before, "%s", b->rx->future);
	bench_wait(b, 5000);
	assert_string_not_equal(b->rx->future, before);
	buf_init_fixed(&until, text, sizeof text);
	units_time_write(&until, (b->wall_ms / 1000 + 604800) * 1000);
	assert_true(str_starts(str_from(str_of(b->rx->future), 7), str_sub(buf_view(&until), 0, 17)));
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
		cmocka_unit_test(priority),
		cmocka_unit_test(a_priority_that_is_lowered_is_told),
		cmocka_unit_test(future),
		cmocka_unit_test(what_is_offered_stays_true),
		cmocka_unit_test(bulk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
