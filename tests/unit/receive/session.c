/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that meet what clients, spool, directory and administrators do at the wrong
 * moment. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE = 400 * 1024 };

static char text[MESSAGE];

static void fill(void)
{
	for (size_t i = 0; i < sizeof text; i++) text[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
}

static struct str lines(size_t len)
{
	return (struct str){ text, len / 64 * 64 };
}

static bool is_stalled(struct bench *b, int client)
{
	return link_is_in(&bench_session(b, client)->stalled);
}

/* A session in the text of a message that waits for room in the window, which another
 * client's body fills; both have bytes that are not read yet. */
static int stall(struct bench *b, int *other)
{
	fill();
	*other = bench_connect(b, "192.0.2.8");
	bench_begin(b, *other);
	bench_say_bytes(b, *other, lines(60 * 1024));
	int client = bench_connect(b, "192.0.2.9");
	bench_begin(b, client);
	for (int i = 0; i < 40 && !is_stalled(b, client); i++) {
		(void)bench_push(client, lines(16 * 1024));
		bench_turn(b);
	}
	assert_true(is_stalled(b, client));
	return client;
}

static void whole_message(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 64);
	int client = bench_connect(b, "192.0.2.1");
	bench_begin(b, client);
	bench_say(b, client, "Subject: x\r\n\r\ntext\r\n.\r\nNOOP\r\n");
	assert_string_equal(bench_heard(client), ""); /* nothing before it is durable */
	uint64_t handle = bench_commit();
	bench_committed(b, handle);
	const char *said = bench_heard(client);
	assert_memory_equal(said, "250 2.0.0 queued as ", 20);
	assert_non_null(strstr(said, "\r\n250 2.0.0 OK\r\n"));
	bench_say(b, client, "QUIT\r\n");
	assert_memory_equal(bench_heard(client), "221", 3);
	assert_true(bench_is_closed(client));
	assert_int_equal(b->events[EVENT_receive], 1);
	bench_free(b);
}

static void big_message(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 64);
	struct str payload;
	fill();
	int client = bench_connect(b, "192.0.2.1");
	bench_begin(b, client);
	struct session *s = bench_session(b, client);
	uint64_t handle = s->tx->handle;
	for (struct str rest = lines(MESSAGE); rest.len > 0;) {
		rest = str_from(rest, bench_push(client, rest));
		bench_turn(b);
		while (bench_sent(MSG_big_piece, &payload)) bench_taken(b, handle, 1);
	}
	bench_say(b, client, ".\r\n");
	while (bench_sent(MSG_big_piece, &payload)) bench_taken(b, handle, 1);
	assert_true(bench_sent(MSG_commit, &payload));
	struct msg_commit m;
	assert_true(msg_commit_get(payload, &m));
	assert_int_equal(m.big, 1);
	assert_true(m.size > MESSAGE - 64);
	bench_committed(b, handle);
	assert_memory_equal(bench_heard(client), "250 2.0.0 queued as ", 20);
	bench_free(b);
}

/* Stalled, it is woken by what makes room, and loses nothing. */
static void both_go_on(struct bench *b, int client, int other)
{
	struct session *s = bench_session(b, client);
	uint64_t handle = s->tx->handle, others = bench_session(b, other)->tx->handle;
	struct str payload;
	struct msg_big_piece m;
	for (int i = 0; i < 100 && bench_sent(MSG_big_piece, &payload); i++) {
		assert_true(msg_big_piece_get(payload, &m));
		bench_taken(b, m.handle, 1);
	}
	assert_false(is_stalled(b, client));
	bench_say(b, client, "\r\n.\r\n");
	bench_say(b, other, "\r\n.\r\n");
	while (bench_sent(MSG_big_piece, &payload)) {
		assert_true(msg_big_piece_get(payload, &m));
		bench_taken(b, m.handle, 1);
	}
	bench_committed(b, handle);
	bench_committed(b, others);
	assert_memory_equal(bench_heard(client), "250 2.0.0 queued as ", 20);
	assert_memory_equal(bench_heard(other), "250 2.0.0 queued as ", 20);
}

/* Also when the service has stopped meanwhile: it is not they who are silent. */
static void stall_and_go_on(void **state)
{
	(void)state;
	for (int stops = 0; stops < 2; stops++) {
		struct bench *b = bench_new(bench_conf, 24);
		int other, client = stall(b, &other);
		while (stops && !is_stalled(b, other)) bench_say_bytes(b, other, lines(16 * 1024));
		if (stops) receive_role.drain(&b->frame, false);
		if (stops) bench_wait(b, RECEIVE_STOP_MS + 2000);
		both_go_on(b, client, other);
		bench_free(b);
	}
}

/* Stopped at once while it is stalled: its own transaction's end must not wake it. */
static void stop_while_stalled(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int other, client = stall(b, &other);
	(void)client;
	receive_role.drain(&b->frame, true);
	assert_int_equal(b->rx->session_count, 0);
	assert_int_equal(b->left, 1);
	bench_free(b);
}

/* The client vanishes while it is stalled and a reply waits to be sent. */
static void lost_while_stalled(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int other, client = stall(b, &other);
	struct session *s = bench_session(b, client);
	bench_vanish(client);
	buf_str(&s->out, STR("250 2.0.0 something\r\n"));
	bench_poke(s, LOOP_WRITE);
	assert_null(bench_session(b, client));
	assert_int_equal(b->rx->session_count, 1);
	bench_free(b);
}

/* A session that times out while it is stalled. */
static void timeout_while_stalled(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int other, client = stall(b, &other);
	bench_wait(b, 140 * 1000);
	assert_int_equal(b->rx->session_count, 0);
	assert_non_null(strstr(bench_heard(client), "421 4.4.2"));
	bench_free(b);
}

/* Woken, it finds no room and stalls again; a later one of the same round gives its blocks
 * back: the first is woken for those too. */
static void woken_for_the_last_block(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int other, holder = stall(b, &other), waiter = bench_connect(b, "192.0.2.1");
	bench_begin(b, waiter);
	(void)bench_push(waiter, lines(16 * 1024));
	bench_turn(b);
	assert_true(is_stalled(b, waiter));
	struct session *s = bench_session(b, holder);
	link_remove(&s->stalled);
	list_add_tail(&b->rx->stalled, &s->stalled);
	/* The last of the round ends when it is woken. */
	bench_vanish(holder);
	buf_str(&s->out, STR("250 2.0.0 something\r\n"));
	bench_taken(b, bench_session(b, other)->tx->handle, 0);
	assert_null(bench_session(b, holder));
	assert_false(is_stalled(b, waiter));
	bench_free(b);
}

/* The directory does not answer, and the client's patience ends before ours. */
static void timeout_while_asking(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	struct str payload;
	struct msg_lookup m;
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "HELO c\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<x@asked.example>\r\n");
	assert_true(bench_sent(MSG_lookup, &payload));
	assert_true(msg_lookup_get(payload, &m));
	uint64_t query = m.query;
	(void)bench_heard(client);
	/* command-timeout is 20 s, but it is our turn: 30 s later the client gets an answer. */
	bench_wait(b, 25 * 1000);
	assert_string_equal(bench_heard(client), "");
	bench_wait(b, 7 * 1000);
	assert_memory_equal(bench_heard(client), "451 4.3.0", 9);
	bench_found(b, query, 1); /* too late */
	assert_string_equal(bench_heard(client), "");
	/* From here it is the client's turn again. */
	bench_wait(b, 22 * 1000);
	assert_memory_equal(bench_heard(client), "421 4.4.2", 9);
	bench_free(b);
}

static void directory_answers(void **state)
{
	(void)state;
	static const struct { int result; const char *want; } rows[] = {
		{ 1, "250 2.1.5" }, { 0, "550 5.1.1" }, { 2, "451 4.3.0" }, { 77, "451 4.3.0" },
	};
	struct bench *b = bench_new(bench_conf, 24);
	struct str payload;
	struct msg_lookup m;
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "HELO c\r\nMAIL FROM:<a@c.example>\r\n");
	(void)bench_heard(client);
	for (size_t i = 0; i < ROWS(rows); i++) {
		bench_say(b, client, "RCPT TO:<x@Asked.example>\r\n");
		assert_true(bench_sent(MSG_lookup, &payload));
		assert_true(msg_lookup_get(payload, &m));
		assert_true(str_eq(m.directory, STR("staff")));
		assert_true(str_eq(m.address, STR("x@Asked.example")));
		uint64_t query = m.query;
		bench_found(b, query + 1, 1); /* nobody's */
		assert_string_equal(bench_heard(client), "");
		bench_found(b, query, (unsigned)rows[i].result);
		bench_found(b, query, 1); /* twice */
		assert_memory_equal(bench_heard(client), rows[i].want, 9);
	}
	/* It dies with a question open, and is away for the next one. */
	bench_say(b, client, "RCPT TO:<y@asked.example>\r\nRCPT TO:<z@asked.example>\r\n");
	bench_down(b, b->directory);
	assert_memory_equal(bench_heard(client), "451 4.3.0", 9);
	bench_free(b);
}

/* The client goes while the directory is asked. */
static void gone_while_asking(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	struct str payload;
	struct msg_lookup m;
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "HELO c\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<x@asked.example>\r\n");
	assert_true(bench_sent(MSG_lookup, &payload));
	assert_true(msg_lookup_get(payload, &m));
	uint64_t query = m.query;
	bench_vanish(client);
	bench_turn(b);
	assert_int_equal(b->rx->session_count, 0);
	bench_found(b, query, 1);
	bench_free(b);
}

/* Who is silent is told at once, with a transaction, too; a text that comes is taken, and one that
 * stops, or half a line, is waited for for five seconds. */
static void drain(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 64);
	int idle = bench_connect(b, "192.0.2.1");
	int one = bench_connect(b, "192.0.2.2"), two = bench_connect(b, "192.0.2.3");
	(void)bench_heard(idle);
	bench_say(b, one, "HELO c\r\nMAIL FROM:<>\r\n");
	bench_say(b, two, "HELO c\r\nMAIL FROM:<>\r\nRSE");
	(void)bench_heard(one);
	(void)bench_heard(two);
	int three = bench_connect(b, "192.0.2.4"), four = bench_connect(b, "192.0.2.5");
	bench_begin(b, three);
	bench_begin(b, four);
	receive_role.drain(&b->frame, false);
	bench_turn(b);
	assert_memory_equal(bench_heard(idle), "421 4.3.2", 9);
	assert_memory_equal(bench_heard(one), "421 4.3.2", 9);
	assert_string_equal(bench_heard(two), "");
	bench_say(b, three, "\r\n.\r\n");
	bench_committed(b, bench_commit());
	const char *said = bench_heard(three);
	assert_memory_equal(said, "250 2.0.0 queued", 16);
	assert_non_null(strstr(said, "421 4.3.2"));
	assert_int_equal(b->left, 0);
	bench_wait(b, RECEIVE_STOP_MS + 1000);
	assert_memory_equal(bench_heard(two), "421 4.3.2", 9);
	assert_non_null(strstr(bench_heard(four), "421 4.3.2"));
	assert_int_equal(b->events[EVENT_timeout], 0);
	bench_wait(b, RECEIVE_LINGER_MS + 1000);
	assert_int_equal(b->rx->session_count, 0);
	assert_int_equal(b->left, 1);
	bench_free(b);
}

/* Nothing in hand: leaves at once, and once. */
static void drain_idle(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 64);
	receive_role.drain(&b->frame, false);
	assert_int_equal(b->left, 1);
	bench_free(b);
	b = bench_new(bench_conf, 64);
	(void)bench_connect(b, "192.0.2.1");
	(void)bench_connect(b, "192.0.2.1");
	receive_role.drain(&b->frame, true);
	assert_int_equal(b->left, 1);
	bench_free(b);
}

/* spool dies while some wait for its word, some send and some are stalled. */
static void spool_dies(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int waits = bench_connect(b, "192.0.2.1");
	bench_begin(b, waits);
	bench_say(b, waits, "\r\n.\r\n");
	int other, client = stall(b, &other);
	/* The stalled one has the end of its message in hand already. */
	struct session *s = bench_session(b, client);
	buf_str(&s->in, STR("\r\n.\r\n"));
	bench_down(b, b->spool);
	assert_memory_equal(bench_heard(waits), "451 4.3.0", 9);
	assert_memory_equal(bench_heard(client), "451 4.3.0", 9);
	bench_say(b, waits, "MAIL FROM:<>\r\n");
	assert_memory_equal(bench_heard(waits), "451 4.3.0", 9);
	bench_say(b, other, "\r\n.\r\n");
	assert_memory_equal(bench_heard(other), "451 4.3.0", 9);
	bench_up(b, bench_channel(ROLE_SPOOL));
	bench_begin(b, other);
	bench_free(b);
}

/* A new channel to spool before the old one is told to be dead. */
static void spool_changes(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int client = bench_connect(b, "192.0.2.1");
	bench_begin(b, client);
	bench_say(b, client, "\r\n.\r\n");
	uint64_t handle = bench_commit();
	struct channel *old = b->spool;
	bench_up(b, bench_channel(ROLE_SPOOL));
	assert_memory_equal(bench_heard(client), "451 4.3.0", 9);
	struct channel *now = b->spool;
	bench_down(b, old);
	b->spool = now;
	assert_ptr_equal(b->rx->spool, now);
	bench_committed(b, handle); /* of nobody now */
	assert_string_equal(bench_heard(client), "");
	bench_begin(b, client);
	bench_free(b);
}

static void pressure(struct bench *b, uint8_t low)
{
	struct buf record;
	buf_init(&record, 64);
	msg_pressure_put(&record, &(struct msg_pressure){ low });
	bench_message(b, b->spool, MSG_pressure, &record);
}

/* A spool that starts says when its disk is low, not when it is not. */
static void pressure_ends_with_its_spool(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "HELO c\r\n");
	(void)bench_heard(client);
	pressure(b, 1);
	bench_say(b, client, "MAIL FROM:<>\r\n");
	assert_memory_equal(bench_heard(client), "452 4.3.1", 9);
	bench_down(b, b->spool);
	bench_up(b, bench_channel(ROLE_SPOOL));
	bench_say(b, client, "MAIL FROM:<>\r\n");
	assert_memory_equal(bench_heard(client), "250 2.1.0", 9);
	pressure(b, 1);
	/* MAIL was taken, but the text is not: nothing is sent in vain. */
	bench_say(b, client, "RCPT TO:<x@us.example>\r\nDATA\r\n");
	assert_non_null(strstr(bench_heard(client), "452 4.3.1"));
	pressure(b, 0);
	bench_say(b, client, "DATA\r\n");
	assert_memory_equal(bench_heard(client), "354", 3);
	bench_free(b);
}

/* Whatever spool says when it refuses, the client gets one answer, and it is no 250. */
static void refused_oddly(void **state)
{
	(void)state;
	static const struct { unsigned code; const char *dsn, *want; } rows[] = {
		{ 452, "4.3.1", "452 4.3.1 The store says no\r\n" },
		{ 554, "5.6.0", "554 5.6.0 The store says no\r\n" },
		{ 451, "4.3.0.0.0.0.0.0.0.0.0.0", "451 4.3.0 The store says no\r\n" },
		{ 451, "", "451 4.3.0 The store says no\r\n" },
		{ 0, "4.3.0", "451 4.3.0 The store says no\r\n" },
		{ 250, "2.0.0", "451 4.3.0 The store says no\r\n" },
		{ 65535, "4.3.0", "451 4.3.0 The store says no\r\n" },
	};
	struct bench *b = bench_new(bench_conf, 24);
	int client = bench_connect(b, "192.0.2.1");
	for (size_t i = 0; i < ROWS(rows); i++) {
		bench_begin(b, client);
		bench_say(b, client, "\r\n.\r\n");
		uint64_t handle = bench_commit();
		bench_refused(b, handle, rows[i].code, rows[i].dsn);
		bench_refused(b, handle, 451, "4.3.0"); /* twice */
		bench_committed(b, handle);
		assert_string_equal(bench_heard(client), rows[i].want);
	}
	/* While its pieces still come: the answer follows the end of the text. */
	fill();
	bench_begin(b, client);
	struct session *s = bench_session(b, client);
	uint64_t handle = s->tx->handle;
	bench_say_bytes(b, client, lines(20000));
	bench_refused(b, handle, 452, "4.3.1");
	bench_refused(b, handle, 452, "4.3.1");
	assert_string_equal(bench_heard(client), "");
	bench_say_bytes(b, client, lines(MESSAGE));
	bench_say(b, client, ".\r\n");
	assert_string_equal(bench_heard(client), "452 4.3.1 The store says no\r\n");
	struct str payload;
	assert_false(bench_sent(MSG_commit, &payload));
	bench_free(b);
}

/* No block is left for so much as the Received field: said before the text comes. */
static void data_without_a_block(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int64_t taken[24];
	int client = bench_connect(b, "192.0.2.1");
	for (int i = 0; i < 24; i++) taken[i] = window_take(b->rx->window);
	bench_say(b, client, "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<x@us.example>\r\n");
	(void)bench_heard(client);
	bench_say(b, client, "DATA\r\n");
	assert_memory_equal(bench_heard(client), "452 4.3.1", 9);
	bench_say(b, client, "BDAT 5 LAST\r\nabcde");
	assert_memory_equal(bench_heard(client), "452 4.3.1", 9);
	bench_say(b, client, "MAIL FROM:<>\r\nRCPT TO:<x@us.example>\r\n");
	(void)bench_heard(client);
	for (int i = 0; i < 24; i++) window_give(b->rx->window, (uint32_t)taken[i]);
	bench_say(b, client, "DATA\r\n");
	assert_memory_equal(bench_heard(client), "354", 3);
	bench_say(b, client, "text\r\n.\r\n");
	bench_committed(b, bench_commit());
	assert_memory_equal(bench_heard(client), "250 2.0.0 queued", 16);
	bench_free(b);
}

/* As many recipients as the store keeps with a message; the others are put off one by one,
 * and the message goes to the first ones. */
static void envelope_full(void **state)
{
	(void)state;
	enum { TRIED = 2000 };
	struct bench *b = bench_new(
		"hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\nlimit { recipients 5000 }\n"
		"domain us.example { users any; deliver maildir /m/%d/%n }\n", 24);
	int client = bench_connect(b, "192.0.2.1"), accepted = 0, put_off = 0;
	struct str payload;
	struct msg_commit m;
	bench_say(b, client, "EHLO c\r\nMAIL FROM:<>\r\n");
	for (int i = 0; i < TRIED; i++) {
		char line[512];
		(void)bench_heard(client);
		(void)snprintf(line, sizeof line, "RCPT TO:<%060d@us.example> ORCPT=rfc822;%0150d\r\n", i, i);
		bench_say(b, client, line);
		const char *said = bench_heard(client);
		if (strncmp(said, "250 2.1.5", 9) == 0) accepted++;
		else if (strncmp(said, "452 4.5.3", 9) == 0) put_off++;
		else fail_msg("%s", said);
	}
	assert_int_equal(accepted + put_off, TRIED);
	assert_in_range(accepted, 1000, 1200);
	/* One that is there already takes no room. */
	char again[128];
	(void)snprintf(again, sizeof again, "RCPT TO:<%060d@US.example>\r\nDATA\r\n", 7);
	bench_say(b, client, again);
	assert_memory_equal(bench_heard(client), "250 2.1.5", 9);
	bench_say(b, client, "\r\n.\r\n");
	assert_true(bench_sent(MSG_commit, &payload));
	assert_true(msg_commit_get(payload, &m));
	assert_in_range(m.envelope.len, RECEIVE_ENVELOPE_MAX - 500, RECEIVE_ENVELOPE_MAX);
	uint64_t handle = m.handle;
	bench_committed(b, handle);
	assert_memory_equal(bench_heard(client), "250 2.0.0 queued", 16);
	bench_free(b);
}

/* More waits to be sent to spool than is good for the channel. */
static void backlog(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int client = bench_connect(b, "192.0.2.1");
	bench_begin(b, client);
	b->backlog = RECEIVE_BACKLOG_MAX + 1;
	bench_say(b, client, "\r\n.\r\n");
	assert_memory_equal(bench_heard(client), "451 4.3.0", 9);
	b->backlog = RECEIVE_BACKLOG_MAX;
	bench_begin(b, client);
	bench_say(b, client, "\r\n.\r\n");
	bench_committed(b, bench_commit());
	assert_memory_equal(bench_heard(client), "250 2.0.0", 9);
	bench_free(b);
}

/* What has been here too often, or on the way too often, is not taken again. */
static void goes_round(void **state)
{
	static const char ours[] = "Received: from a.example by MX.us.example; x\r\n";
	static const char others[] = "Received: from a.example by b.example\r\n";
	static const struct {
		const char *limit;
		unsigned ours, others;
		const char *answer;
	} rows[] = {
		{ "", 4, 0, NULL },
		{ "", 5, 0, "554 5.4.6 The message goes round in a circle: 5 of its Received fields say by "
			    "mx.us.example; look at them" },
		{ "limit { own-hops 1 }\n", 1, 9, NULL },
		{ "limit { own-hops 1 }\n", 2, 0, "554 5.4.6 The message goes round in a circle: 2 of" },
		{ "limit { hops 10; own-hops 1000 }\n", 5, 5, NULL },
		{ "limit { hops 10; own-hops 1000 }\n", 5, 6, "554 5.4.6 The message goes round in a circle: 11 of "
			    "its Received fields are too many" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char conf[1024];
		(void)snprintf(conf, sizeof conf, "%s%s", bench_conf, rows[i].limit);
		struct bench *b = bench_new(conf, 64);
		int client = bench_connect(b, "192.0.2.1");
		bench_begin(b, client);
		for (unsigned k = 0; k < rows[i].ours; k++) bench_say(b, client, ours);
		for (unsigned k = 0; k < rows[i].others; k++) bench_say(b, client, others);
		bench_say(b, client, "\r\ntext\r\n.\r\n");
		if (!rows[i].answer) bench_committed(b, bench_commit());
		const char *want = rows[i].answer ? rows[i].answer : "250 2.0.0 queued";
		const char *said = bench_heard(client);
		if (strncmp(said, want, strlen(want)) != 0) fail_msg("row %zu: %s", i, said);
		assert_int_equal(b->events[EVENT_mail_loop], rows[i].answer != NULL);
		assert_int_equal(b->events[EVENT_refuse], rows[i].answer != NULL);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_message),
		cmocka_unit_test(big_message),
		cmocka_unit_test(stall_and_go_on),
		cmocka_unit_test(stop_while_stalled),
		cmocka_unit_test(lost_while_stalled),
		cmocka_unit_test(timeout_while_stalled),
		cmocka_unit_test(woken_for_the_last_block),
		cmocka_unit_test(timeout_while_asking),
		cmocka_unit_test(directory_answers),
		cmocka_unit_test(gone_while_asking),
		cmocka_unit_test(drain),
		cmocka_unit_test(drain_idle),
		cmocka_unit_test(spool_dies),
		cmocka_unit_test(spool_changes),
		cmocka_unit_test(pressure_ends_with_its_spool),
		cmocka_unit_test(refused_oddly),
		cmocka_unit_test(data_without_a_block),
		cmocka_unit_test(backlog),
		cmocka_unit_test(envelope_full),
		cmocka_unit_test(goes_round),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
