/* SPDX-License-Identifier: Apache-2.0 */
/* Mail of devices on its way to spool: what is mended, who it is from, what is told. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF(listener) \
	"hostname mx.us.example\n" \
	"listener in { address 0.0.0.0:25; role relay; " listener " }\n" \
	"host 10.0.0.0/8 accept relay yes\n" \
	"map-sender out@us.example { from @printers.local }\n" \
	"domain us.example { users any; deliver maildir /m/%n }\n"
#define ALL "repair yes"

static char text[2 * RECEIVE_BODY_INLINE];

/* The text that the first commit that waits has in the window, without our Received. */
static const char *committed(struct bench *b, struct msg_commit *m, struct envelope *e, struct arena *arena)
{
	static char got[4 * RECEIVE_BODY_INLINE];
	struct window_range ranges[64];
	struct str payload;
	size_t len = 0;
	assert_true(bench_sent(MSG_commit, &payload));
	assert_true(msg_commit_get(payload, m));
	struct cur record = cur_of(m->envelope);
	assert_int_equal(envelope_decode(&record, arena, e), ENVELOPE_OK);
	int count = window_ranges_get(b->rx->window, m->ranges, ranges, ROWS(ranges));
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		memcpy(got + len, window_at(b->rx->window, ranges[i]), ranges[i].len);
		len += ranges[i].len;
	}
	assert_int_equal(len, e->size);
	got[len] = '\0';
	const char *end = strstr(got, "+0000\r\n");
	assert_non_null(end);
	return end + 7;
}

static int hello(struct bench *b)
{
	int client = bench_connect(b, "10.0.0.1");
	bench_say(b, client, "HELO printer\r\n");
	return client;
}

static void messages(void **state)
{
	static const char whole[] = "Date: d\r\nFrom: a@b.example\r\nTo: x@y\r\nMessage-ID: <i@j>\r\n\r\nbody\r\n";
	static const struct {
		const char *conf, *from, *in, *sender, *out;
		size_t told;
	} rows[] = {
		{ CONF("repair no"), "a@printers.local", "From:\r\n\r\nbody\r\n", "a@printers.local", "From:\r\n\r\nbody\r\n", 0 },
		{ CONF("repair missing"), "a@printers.local", "From:\r\n\r\nbody\r\n", "a@printers.local",
		  "From:\r\nDate: DATE\r\nMessage-ID: ID\r\n\r\nbody\r\n", 1 },
		{ CONF(ALL), "a@printers.local", "Subject: x\r\nFrom: Scanner <a@printers.local>\r\nCc: x@y\r\n\r\nbody\r\n",
		  "out@us.example", "Subject: x\r\nFrom: Scanner <out@us.example>\r\nCc: x@y\r\nDate: DATE\r\n"
		  "Message-ID: ID\r\n\r\nbody\r\n", 1 },
		{ CONF(ALL), "a@b.example", whole, "a@b.example", whole, 0 },
		{ CONF(ALL), "a@printers.local", whole, "out@us.example", whole, 1 },
		{ CONF(ALL), "", "Date: d\r\nTo: x@y\r\nMessage-ID: <i@j>\r\n", "",
		  "Date: d\r\nTo: x@y\r\nMessage-ID: <i@j>\r\nFrom: <MAILER-DAEMON@mx.us.example>\r\n", 1 },
		{ CONF(ALL), "a@printers.local", "no header\r\n", "out@us.example",
		  "Date: DATE\r\nMessage-ID: ID\r\nFrom: <out@us.example>\r\nTo: undisclosed-recipients:;\r\n\r\nno header\r\n", 1 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(rows[i].conf, 64);
		struct envelope e;
		struct msg_commit m;
		struct arena arena;
		char line[256], want[1024] = "", id[64];
		arena_init(&arena, 64 * 1024);
		int client = hello(b);
		(void)snprintf(line, sizeof line, "MAIL FROM:<%s>\r\nRCPT TO:<x@us.example>\r\nDATA\r\n", rows[i].from);
		bench_say(b, client, line);
		bench_say(b, client, rows[i].in);
		bench_say(b, client, ".\r\n");
		const char *got = committed(b, &m, &e, &arena);
		(void)snprintf(id, sizeof id, "<%016llx@mx.us.example>", (unsigned long long)m.id);
		for (const char *at = rows[i].out; *at;) {
			bool is_id = strncmp(at, "ID\r", 3) == 0, is_date = strncmp(at, "DATE\r", 5) == 0;
			if (is_id) strcat(want, id);
			else if (is_date) strncat(want, strstr(got, "Date: ") + 6, 31);
			else strncat(want, at, 1);
			at += is_id ? 2 : is_date ? 4 : 1;
		}
		print_message("%zu\n", i);
		assert_string_equal(got, want);
		assert_true(str_eq(e.sender, str_of(rows[i].sender)));
		assert_int_equal(b->events[EVENT_repair], rows[i].told);
		bench_committed(b, m.handle);
		assert_int_equal(strncmp(strrchr(bench_heard(client), '\n') - 8, "250", 0), 0);
		assert_int_equal(b->events[EVENT_receive], 1);
		arena_free(&arena);
		bench_free(b);
	}
}

/* More than one message in a session: nothing of the one is in the other. */
static void one_after_the_other(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF(ALL), 64);
	int client = hello(b);
	for (int i = 0; i < 3; i++) {
		struct envelope e;
		struct msg_commit m;
		struct arena arena;
		arena_init(&arena, 64 * 1024);
		bench_say(b, client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@us.example>\r\nDATA\r\n");
		bench_say(b, client, i == 1 ? "Date: d\r\nTo: x\r\nFrom: a@b\r\nMessage-ID: i\r\n\r\nb\r\n.\r\n" : "\r\nb\r\n.\r\n");
		const char *got = committed(b, &m, &e, &arena);
		assert_int_equal(strncmp(got, "Date: d\r\n", 9) == 0, i == 1);
		assert_non_null(strstr(got, "From: "));
		bench_committed(b, m.handle);
		arena_free(&arena);
	}
	assert_int_equal(b->events[EVENT_repair], 2);
	bench_free(b);
}

/* A header without end is refused as ever, and costs no more room than there is. */
static void large_headers(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF(ALL), 19);
	int client = hello(b);
	bench_say(b, client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@us.example>\r\nDATA\r\n");
	for (size_t i = 0; i + 80 < sizeof text; i += 40)
		memcpy(text + i, "From: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", 40);
	size_t len = sizeof text / 40 * 40 - 40;
	for (size_t at = 0; at < len;) {
		struct str payload;
		struct msg_big_piece m;
		at += bench_push(client, (struct str){ text + at, len - at });
		bench_turn(b);
		while (bench_sent(MSG_big_piece, &payload))
			if (msg_big_piece_get(payload, &m)) bench_taken(b, m.handle, 1);
	}
	(void)bench_heard(client);
	bench_say(b, client, "\r\n.\r\n");
	assert_int_equal(strncmp(bench_heard(client), "552 5.3.4", 9), 0);
	assert_int_equal(b->events[EVENT_repair], 0);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(large_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
