/* SPDX-License-Identifier: Apache-2.0 */
/* What directory says that an address stands for goes into the envelope: once each, with
 * what the client asked for, and as far as there is room. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t asked(void)
{
	struct str payload;
	struct msg_lookup m;
	assert_true(bench_sent(MSG_lookup, &payload));
	assert_true(msg_lookup_get(payload, &m));
	assert_int_equal(m.owner, 0);
	return m.query;
}

static void hello(struct bench *b, int client)
{
	bench_say(b, client, "EHLO c\r\nMAIL FROM:<a@c.example>\r\n");
	(void)bench_heard(client);
}

/* RCPT, directory's answer, and what the client hears. */
static void rcpt(struct bench *b, int client, const char *argument, unsigned how,
                 const char *targets, const char *want)
{
	char line[256];
	(void)snprintf(line, sizeof line, "RCPT TO:%s\r\n", argument);
	bench_say(b, client, line);
	bench_found_targets(b, asked(), how, str_of(targets));
	const char *heard = bench_heard(client);
	if (strncmp(heard, want, strlen(want)) != 0) fail_msg("%s: %s", argument, heard);
}

/* The envelope so far: "address route notify orcpt" a line. */
static void envelope_is(struct bench *b, int client, const char *want)
{
	const struct envelope *e = &bench_session(b, client)->tx->envelope;
	char memory[4096];
	struct buf out;
	buf_init_fixed(&out, memory, sizeof memory - 1);
	for (uint32_t i = 0; i < e->rcpt_count; i++) {
		buf_str(&out, e->rcpts[i].address);
		buf_fmt(&out, " %s %u ", e->rcpts[i].route.len ? "mailbox" : "-", e->rcpts[i].notify);
		buf_str(&out, e->rcpts[i].orcpt);
		buf_byte(&out, '\n');
	}
	memory[out.len] = '\0';
	assert_string_equal(memory, want);
}

static void expands(void **state)
{
	(void)state;
	static const struct { const char *argument, *targets, *want; } rows[] = {
		{ "<x@asked.example>", "+x@asked.example\n", "x@asked.example mailbox 0 \n" },
		/* the postmaster whom no directory has: spool knows the way */
		{ "<postmaster@asked.example>", "-postmaster@asked.example\n",
			"postmaster@asked.example - 0 \n" },
		{ "<x@asked.example>", "+y@asked.example\n",
			"y@asked.example mailbox 0 rfc822;x@asked.example\n" },
		/* RFC 3461 5.2.7: of several, one alone reports success */
		{ "<x@asked.example> NOTIFY=SUCCESS,FAILURE", "+y@asked.example\n-z@far.example\n",
			"y@asked.example mailbox 6 rfc822;x@asked.example\n"
			"z@far.example - 4 rfc822;x@asked.example\n" },
		{ "<x@asked.example> NOTIFY=SUCCESS", "-y@far.example\n-z@far.example\n",
			"y@far.example - 2 rfc822;x@asked.example\nz@far.example - 1 rfc822;x@asked.example\n" },
		{ "<x@asked.example> NOTIFY=NEVER", "-y@far.example\n-z@far.example\n",
			"y@far.example - 1 rfc822;x@asked.example\nz@far.example - 1 rfc822;x@asked.example\n" },
		{ "<x@asked.example> ORCPT=rfc822;o@there.example", "-y@far.example\n",
			"y@far.example - 0 rfc822;o@there.example\n" },
		{ "<x+=y@asked.example>", "-y@far.example\n",
			"y@far.example - 0 rfc822;x+2B+3Dy@asked.example\n" },
		{ "<x@asked.example>", "-y@far.example\n-Y@FAR.example\n",
			"y@far.example - 0 rfc822;x@asked.example\n" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf, 24);
		int client = bench_connect(b, "192.0.2.1");
		hello(b, client);
		rcpt(b, client, rows[i].argument, STANDS_FOR_ALIAS, rows[i].targets, "250 2.1.5");
		envelope_is(b, client, rows[i].want);
		bench_vanish(client);
		bench_turn(b);
		bench_free(b);
	}
}

/* One copy for each, whatever led to it; an event for each name, when it is kept. */
static void each_once(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int client = bench_connect(b, "192.0.2.1");
	hello(b, client);
	rcpt(b, client, "<one@asked.example>", 1, "+a@asked.example\n+b@asked.example\n", "250");
	rcpt(b, client, "<b@asked.example>", 0, "", "250");
	rcpt(b, client, "<two@asked.example>", 1, "+b@asked.example\n+c@asked.example\n", "250");
	rcpt(b, client, "<ONE@asked.example>", 1, "+a@asked.example\n+b@asked.example\n", "250");
	const struct transaction *tx = bench_session(b, client)->tx;
	assert_int_equal(tx->envelope.rcpt_count, 3);
	assert_int_equal(tx->named_count, 3);
	assert_true(str_eq(tx->first, STR("one@asked.example")));
	assert_int_equal(tx->named->count, 2);
	assert_true(str_eq(tx->named->targets, STR("a@asked.example,b@asked.example")));
	assert_true(str_eq(tx->named->rule, STR("/aliases:7")));
	assert_true(str_eq(tx->named->next->address, STR("two@asked.example")));
	assert_null(tx->named->next->next);
	bench_say(b, client, "DATA\r\n");
	bench_say(b, client, "Subject: x\r\n\r\nx\r\n.\r\n");
	assert_int_equal(b->events[EVENT_alias], 0);
	bench_committed(b, bench_commit());
	assert_int_equal(b->events[EVENT_alias], 2);
	assert_int_equal(b->events[EVENT_receive], 1);
	bench_vanish(client);
	bench_turn(b);
	bench_free(b);
}

static void list_of(struct buf *out, size_t count, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		buf_fmt(out, "-%06zu@", i);
		for (size_t k = 0; k < len; k++) buf_byte(out, k % 50 == 49 ? '.' : 'd');
		buf_str(out, STR(".example\n"));
	}
	buf_byte(out, '\0');
}

/* All of them or none. */
static void has_room(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	struct buf list;
	buf_init(&list, 1024 * 1024);
	int client = bench_connect(b, "192.0.2.1");
	hello(b, client);
	list_of(&list, 1000, 230);
	rcpt(b, client, "<big@asked.example>", 1, list.at, "452 4.5.3");
	assert_int_equal(bench_session(b, client)->tx->envelope.rcpt_count, 0);
	assert_int_equal(bench_session(b, client)->tx->named_count, 0);
	buf_reset(&list);
	list_of(&list, 1000, 100);
	rcpt(b, client, "<big@asked.example>", 1, list.at, "250 2.1.5");
	const struct transaction *tx = bench_session(b, client)->tx;
	assert_int_equal(tx->envelope.rcpt_count, 1000);
	assert_int_equal(tx->named->count, 1000);
	assert_true(tx->named->targets.len <= 1000);
	assert_true(str_eq(str_from(tx->named->targets, tx->named->targets.len - 4), STR(",...")));
	/* What is there already takes no room. */
	rcpt(b, client, "<again@asked.example>", 1, list.at, "250 2.1.5");
	assert_int_equal(tx->envelope.rcpt_count, 1000);
	buf_free(&list);
	bench_vanish(client);
	bench_turn(b);
	bench_free(b);
}

static void is_put_off(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int client = bench_connect(b, "192.0.2.1");
	hello(b, client);
	bench_say(b, client, "RCPT TO:<x@asked.example>\r\n");
	bench_found(b, asked(), 3);
	assert_memory_equal(bench_heard(client), "451 4.3.5", 9);
	/* The postmaster's mail is taken, whatever is wrong. */
	bench_say(b, client, "RCPT TO:<postmaster@asked.example>\r\n");
	bench_found(b, asked(), 3);
	assert_memory_equal(bench_heard(client), "250 2.1.5", 9);
	envelope_is(b, client, "postmaster@asked.example - 0 \n");
	bench_vanish(client);
	bench_turn(b);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expands),
		cmocka_unit_test(each_once),
		cmocka_unit_test(has_room),
		cmocka_unit_test(is_put_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
