/* SPDX-License-Identifier: Apache-2.0 */
/* Rates, greylisting, VRFY and EXPN, and guessed recipients, as a client meets them; and what
 * spool is told. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char conf_text[] =
	"hostname mx.us.example\n"
	"postmaster ann@us.example\n"
	"submission { homed off; match off }\n"
	"limit { unknown-recipients 3 }\n"
	"listener in { address 0.0.0.0:25; vrfy on; expn authenticated }\n"
	"domain us.example { users people; deliver maildir /m/%n }\n"
	"domain any.example { users any; deliver maildir /m/%n }\n"
	"directory people { sqlite /d }\n";

static int hello(struct bench *b, const char *from, const char *user)
{
	int client = bench_connect(b, from);
	bench_say(b, client, "EHLO c.example\r\n");
	(void)bench_heard(client);
	struct session *s = bench_session(b, client);
	char *owned = user[0] ? strdup(user) : NULL;
	if (s) s->user = (struct str){ owned, owned ? strlen(owned) : 0 };
	if (s) verify_offer(s);
	return client;
}

static void says(int client, const char *beginning)
{
	const char *heard = bench_heard(client);
	if (strncmp(heard, beginning, strlen(beginning)) != 0) fail_msg("%s, not %s", heard, beginning);
}

static uint64_t asked(const char *address)
{
	struct str payload;
	struct msg_lookup m;
	assert_true(bench_sent(MSG_lookup, &payload));
	assert_true(msg_lookup_get(payload, &m));
	if (!str_eq(m.address, str_of(address))) fail_msg("%.*s", STR_ARG(m.address));
	return m.query;
}

static struct bench *bench_with(const char *more)
{
	char text[2048];
	(void)snprintf(text, sizeof text, "%s%s", conf_text, more);
	return bench_new(text, 64);
}

/* The note to spool; its texts live until the next bench_sent. */
static bool noted(struct msg_refused_note *m)
{
	struct str payload;
	return bench_sent(MSG_refused_note, &payload) && msg_refused_note_get(payload, m);
}

static void connections(void **state)
{
	(void)state;
	struct bench *b = bench_with("rate doors { connections 2/1h }\n");
	int first = bench_connect(b, "192.0.2.1"), second = bench_connect(b, "192.0.2.1");
	says(first, "220 ");
	says(second, "220 ");
	int third = bench_connect(b, "192.0.2.1");
	says(third, "421 4.7.0 mx.us.example Too many connections from your address (2 per hour); come again in 1800 ");
	assert_true(bench_is_closed(third));
	assert_int_equal(b->events[EVENT_refuse], 1);
	bench_wait(b, 1800 * 1000);
	says(bench_connect(b, "192.0.2.1"), "220 ");
	bench_free(b);
}

static void defer_and_reject(void **state)
{
	(void)state;
	struct bench *b = bench_with("rate a { messages 2/1h }\nrate b { recipients 2/1h; action reject }\n");
	int client = hello(b, "192.0.2.1", "");
	bench_say(b, client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@any.example>\r\nRCPT TO:<x@any.example>\r\n"
		"RCPT TO:<y@any.example>\r\nRCPT TO:<z@any.example>\r\n");
	says(client, "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n250 2.1.5 Recipient OK\r\n"
		"250 2.1.5 Recipient OK\r\n550 5.7.1 Too many recipients");
	bench_say(b, client, "RSET\r\nMAIL FROM:<a@b.example>\r\nRSET\r\nMAIL FROM:<a@b.example>\r\n");
	says(client, "250 2.0.0 OK\r\n250 2.1.0 Sender OK\r\n250 2.0.0 OK\r\n450 4.7.1 Too many messages from your "
		"address (2 per hour); come again in 1800 seconds");
	struct msg_refused_note m;
	assert_false(noted(&m));
	bench_free(b);
}

/* An alias counts as what the client named, however many it stands for, and however often. */
static void counted_as_named(void **state)
{
	(void)state;
	struct bench *b = bench_with("rate a { recipients 2/1h }\n");
	int client = hello(b, "192.0.2.1", "");
	bench_say(b, client, "MAIL FROM:<a@b.example>\r\n");
	for (int i = 0; i < 3; i++) {
		bench_say(b, client, "RCPT TO:<all@us.example>\r\n");
		bench_found_targets(b, asked("all@us.example"), STANDS_FOR_ALIAS,
			STR("+ann@us.example\n+bob@us.example\n+eve@us.example\n"));
	}
	/* He has it already, and is named for the first time. */
	bench_say(b, client, "RCPT TO:<bob@us.example>\r\n");
	bench_found(b, asked("bob@us.example"), 1);
	says(client, "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n250 2.1.5 Recipient OK\r\n"
		"250 2.1.5 Recipient OK\r\n250 2.1.5 Recipient OK\r\n");
	assert_int_equal(bench_session(b, client)->tx->envelope.rcpt_count, 3);
	bench_say(b, client, "RCPT TO:<eve@us.example>\r\n");
	bench_found(b, asked("eve@us.example"), 1);
	says(client, "450 4.7.1 Too many recipients");
	bench_free(b);
}

/* Many are told whom it stands for; VRFY says what RCPT would. */
static void expanded_to_many(void **state)
{
	(void)state;
	struct bench *b = bench_with("");
	int client = hello(b, "192.0.2.1", "ann@us.example");
	struct str payload;
	struct msg_lookup m;
	static const char *const verbs[] = { "EXPN", "VRFY" };
	for (size_t i = 0; i < ROWS(verbs); i++) {
		bench_say(b, client, verbs[i]);
		bench_say(b, client, " all@us.example\r\n");
		assert_true(bench_sent(MSG_lookup, &payload) && msg_lookup_get(payload, &m));
		assert_false(m.owner);
		bench_found_targets(b, m.query, STANDS_FOR_ALIAS, STR("+ann@us.example\n-x@far.example\n"));
	}
	says(client, "250 2.1.5 <ann@us.example> <x@far.example>\r\n250 2.1.5 <all@us.example>\r\n");
	bench_free(b);
}

/* One who waits for directory is counted once, when he is answered. */
static void counted_once(void **state)
{
	(void)state;
	struct bench *b = bench_with("rate a { recipients 1/1h }\n");
	int client = hello(b, "192.0.2.1", "");
	bench_say(b, client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@us.example>\r\n");
	bench_found(b, asked("nobody@us.example"), 0);
	bench_say(b, client, "RCPT TO:<ann@us.example>\r\n");
	bench_found(b, asked("ann@us.example"), 1);
	says(client, "250 2.1.0 Sender OK\r\n550 5.1.1");
	bench_say(b, client, "RCPT TO:<bob@us.example>\r\n");
	bench_found(b, asked("bob@us.example"), 1);
	says(client, "450 4.7.1");
	bench_free(b);
}

static struct str commit_hold(void)
{
	struct str payload;
	struct msg_commit m;
	assert_true(bench_sent(MSG_commit, &payload));
	assert_true(msg_commit_get(payload, &m));
	return m.hold;
}

static void held(void **state)
{
	static const struct { const char *more, *hold; unsigned class; } rows[] = {
		{ "rate a { messages 1/1h; action hold }\n",
		  "rate a: more than 1 messages per hour: t.conf:9", VERDICT_RATE },
		{ "rate a { recipients 2/1h; action hold }\n",
		  "rate a: more than 2 recipients per hour; t.conf:9", VERDICT_RATE },
		{ "baseline { on; floor 2 }\n",
		  "baseline: 3 recipients in this hour, usually 0; t.conf:9", VERDICT_BASELINE },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_with(rows[i].more);
		struct msg_refused_note note;
		int client = hello(b, "192.0.2.1", "ann@us.example");
		bench_say(b, client, "MAIL FROM:<ann@us.example>\r\nRSET\r\nMAIL FROM:<ann@us.example>\r\n"
			"RCPT TO:<x@any.example>\r\nRCPT TO:<y@any.example>\r\nRCPT TO:<z@any.example>\r\n"
			"RCPT TO:<w@any.example>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n");
		assert_int_equal(b->events[EVENT_over_limit], 1);
		assert_int_equal(b->events[EVENT_refuse], 0);
		assert_true(noted(&note));
		assert_int_equal(note.class, rows[i].class);
		assert_int_equal(note.code, 0);
		assert_true(str_eq(note.user, STR("ann@us.example")) && str_eq(note.rule, STR("t.conf:9")));
		assert_false(noted(&note));
		struct str hold = commit_hold();
		if (!str_eq(hold, str_of(rows[i].hold))) fail_msg("row %zu: %.*s", i, STR_ARG(hold));
		bench_vanish(client);
		bench_turn(b);
		bench_free(b);
	}
}

static void a_user_is_put_off(void **state)
{
	(void)state;
	struct msg_refused_note note;
	struct bench *b = bench_with("baseline { on; floor 1; action defer }\n");
	int client = hello(b, "192.0.2.1", "ann@us.example");
	bench_say(b, client, "MAIL FROM:<ann@us.example>\r\nRCPT TO:<x@any.example>\r\nRCPT TO:<y@any.example>\r\n");
	says(client, "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n450 4.7.1 Too many recipients from you");
	assert_true(noted(&note) && note.code == 450 && note.class == VERDICT_BASELINE);
	assert_int_equal(b->events[EVENT_over_limit], 0);
	bench_free(b);
}

static void greylisted(void **state)
{
	(void)state;
	struct bench *b = bench_with("greylist { on; delay 10s }\n");
	int client = hello(b, "192.0.2.1", "");
	bench_say(b, client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@any.example>\r\n");
	says(client, "250 2.1.0 Sender OK\r\n451 4.7.1 Your server is not known here yet; come again in 10 seconds");
	b->wall_ms += 10000;
	bench_wait(b, 1000);
	bench_say(b, client, "RCPT TO:<x@any.example>\r\nRCPT TO:<x@any.example>\r\n");
	says(client, "250 2.1.5 Recipient OK\r\n250 2.1.5 Recipient OK");
	assert_int_equal(b->events[EVENT_grey_pass], 1);
	/* With its directory gone it goes on as before. */
	bench_down(b, b->directory);
	bench_say(b, client, "RCPT TO:<y@any.example>\r\n");
	says(client, "451 4.7.1");
	bench_free(b);
}

static void verified(void **state)
{
	(void)state;
	struct bench *b = bench_with("");
	int client = hello(b, "192.0.2.1", "");
	bench_say(b, client, "VRFY Ann <ann+x@us.example>\r\n");
	bench_found_owner(b, asked("ann+x@us.example"), "ann@us.example", "mx.us.example");
	says(client, "250 2.1.5 <ann+x@us.example>\r\n"); /* whose it is, is not said */
	bench_say(b, client, "VRFY ann@us.example\r\n");
	bench_found(b, asked("ann@us.example"), 2);
	says(client, "451 4.3.0");
	bench_say(b, client, "VRFY x@any.example\r\nVRFY ann\r\nVRFY a b\r\nVRFY x@far.example\r\nVRFY a@b@\r\n"
		"EXPN ann@us.example\r\n");
	says(client, "252 2.0.0 Cannot verify the address, but will take mail for it\r\n553 5.1.4 There are several "
		"domains here; say user@domain\r\n553 5.1.4 There are several domains here; say user@domain\r\n"
		"550 5.7.1 Relaying to that domain is denied for you; log in or use your own mail server\r\n"
		"501 5.1.3 That is not an address\r\n502 5.5.1");
	/* In a transaction, whose sender and recipients stay. */
	bench_say(b, client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@any.example>\r\nVRFY bob@us.example\r\n");
	bench_found(b, asked("bob@us.example"), 1);
	bench_say(b, client, "DATA\r\n");
	says(client, "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n250 2.1.5 <bob@us.example>\r\n354 ");
	bench_free(b);
}

static void expanded(void **state)
{
	(void)state;
	struct bench *b = bench_with("");
	int client = hello(b, "192.0.2.1", "ann@us.example");
	bench_say(b, client, "EXPN list@us.example\r\n");
	bench_found_owner(b, asked("list@us.example"), "bob@us.example", "mx.us.example");
	bench_say(b, client, "EXPN nobody@us.example\r\n");
	bench_found(b, asked("nobody@us.example"), 0);
	says(client, "250 2.1.5 <bob@us.example>\r\n550 5.1.1 There is no such user here");
	/* The client goes while directory is asked. */
	bench_say(b, client, "EXPN list@us.example\r\n");
	uint64_t query = asked("list@us.example");
	bench_vanish(client);
	bench_turn(b);
	bench_found(b, query, 1);
	/* Directory dies: cannot be told now. */
	client = hello(b, "192.0.2.1", "ann@us.example");
	bench_say(b, client, "EXPN list@us.example\r\n");
	(void)asked("list@us.example");
	bench_down(b, b->directory);
	says(client, "451 4.3.0");
	bench_free(b);
}

/* RCPT and VRFY together; the third is the last. */
static void guessed(void **state)
{
	(void)state;
	struct bench *b = bench_with("");
	int client = hello(b, "192.0.2.1", "");
	bench_say(b, client, "VRFY a@us.example\r\n");
	bench_found(b, asked("a@us.example"), 0);
	bench_say(b, client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<b@us.example>\r\n");
	bench_found(b, asked("b@us.example"), 0);
	bench_say(b, client, "RCPT TO:<c@far.example>\r\nRCPT TO:<d@us.example>\r\n");
	bench_found(b, asked("d@us.example"), 0);
	says(client, "550 5.1.1 There is no such user here; check the address\r\n250 2.1.0 Sender OK\r\n"
		"550 5.1.1 There is no such user here; check the address\r\n550 5.7.1 Relaying to that domain is denied "
		"for you; log in or use your own mail server\r\n421 4.7.0 Too many recipients that do not exist, closing\r\n");
	assert_true(bench_is_closed(client));
	client = hello(b, "192.0.2.1", "ann@us.example");
	for (int i = 0; i < 5; i++) {
		bench_say(b, client, "VRFY a@us.example\r\n");
		bench_found(b, asked("a@us.example"), 0);
		says(client, "550 5.1.1");
	}
	bench_free(b);
}

/* What is offered follows a reload. */
static void offered(void **state)
{
	(void)state;
	struct bench *b = bench_with("");
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "EHLO c.example\r\n");
	const char *heard = bench_heard(client);
	assert_non_null(strstr(heard, "250-VRFY\r\n"));
	assert_null(strstr(heard, "EXPN"));
	bench_reload(b, "hostname mx.us.example\nexpn on\nlistener in { address 0.0.0.0:25 }\n");
	bench_say(b, client, "EHLO c.example\r\nVRFY x@us.example\r\n");
	heard = bench_heard(client);
	assert_non_null(strstr(heard, "250-EXPN\r\n"));
	assert_null(strstr(heard, "250-VRFY"));
	assert_non_null(strstr(heard, "\r\n252 "));
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_as_named),
		cmocka_unit_test(expanded_to_many),
		cmocka_unit_test(connections), cmocka_unit_test(defer_and_reject), cmocka_unit_test(counted_once),
		cmocka_unit_test(held), cmocka_unit_test(a_user_is_put_off), cmocka_unit_test(greylisted),
		cmocka_unit_test(verified), cmocka_unit_test(expanded), cmocka_unit_test(guessed),
		cmocka_unit_test(offered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
