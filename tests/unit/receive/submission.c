/* SPDX-License-Identifier: Apache-2.0 */
/* Senders and authors that directory is asked about, senders that are filtered, and what
 * spool is told of refusals. */
#include "bench.h"

#include <string.h>

#include "lib/mail/authors.h"

static const char conf_text[] =
	"hostname mx.us.example\n"
	"postmaster ann@us.example\n"
	"submission { homed required; match required }\n"
	"filter senders { action quarantine; @held.example }\n"
	"filter senders { x@spam.example }\n"
	"listener in { address 0.0.0.0:25 }\n"
	"limit { command-timeout 20s; data-timeout 60s; recipients 100 }\n"
	"host 192.0.2.1 accept auth exempt\n"
	"domain us.example { users people; deliver maildir /m/%n }\n"
	"domain any.example { users any; deliver maildir /m/%n }\n"
	"directory people { sqlite /d }\n";

enum { YES = 1, NO = 0, LATER = 2, OWN = 3, ELSEWHERE = 4 };

/* The one question that waits; it must be about `address`. */
static uint64_t asked(const char *address)
{
	struct str payload;
	struct msg_lookup m;
	assert_true(bench_sent(MSG_lookup, &payload));
	assert_true(msg_lookup_get(payload, &m));
	assert_true(str_eq(m.directory, STR("people")));
	if (!str_eq(m.address, str_of(address))) fail_msg("%.*s", STR_ARG(m.address));
	return m.query;
}

static bool asks(void)
{
	struct str payload;
	return bench_sent(MSG_lookup, &payload);
}

static int hello(struct bench *b, const char *from, const char *user)
{
	int client = bench_connect(b, from);
	bench_say(b, client, "EHLO c.example\r\n");
	(void)bench_heard(client);
	char *owned = user[0] ? strdup(user) : NULL;
	bench_session(b, client)->user = (struct str){ owned, owned ? strlen(owned) : 0 };
	return client;
}

static void says(int client, const char *beginning)
{
	const char *heard = bench_heard(client);
	if (strncmp(heard, beginning, strlen(beginning)) != 0) fail_msg("%s", heard);
}

static void found(struct bench *b, uint64_t query, int result)
{
	if (result == OWN) bench_found_owner(b, query, "ann@us.example", "mx.us.example");
	else if (result == YES) bench_found_owner(b, query, "bob@us.example", "mx.us.example");
	else if (result == ELSEWHERE) bench_found_owner(b, query, "bob@us.example", "mx2.us.example");
	else bench_found(b, query, (unsigned)result);
}

static void senders(void **state)
{
	(void)state;
	static const struct {
		const char *user;
		int result;
		const char *answer;
		bool told;
	} rows[] = {
		{ "", YES, "250 2.1.0", false },
		{ "", ELSEWHERE, "550 5.7.1", true },
		{ "", NO, "550 5.7.1", true },
		{ "", LATER, "451 4.3.0", false },
		{ "ann@us.example", OWN, "250 2.1.0", false },
		{ "ann@us.example", YES, "550 5.7.1", true },
		{ "ann@us.example", LATER, "451 4.3.0", false },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(conf_text, 64);
		struct str payload;
		struct msg_refused_note m;
		int client = hello(b, "192.0.2.1", rows[i].user);
		bench_say(b, client, "MAIL FROM:<list@us.example>\r\nNOOP\r\n");
		assert_string_equal(bench_heard(client), ""); /* it waits, and what comes behind it */
		found(b, asked("list@us.example"), rows[i].result);
		says(client, rows[i].answer);
		assert_false(asks());
		assert_int_equal(bench_sent(MSG_refused_note, &payload), rows[i].told);
		if (rows[i].told) {
			assert_true(msg_refused_note_get(payload, &m));
			assert_true(str_eq(m.user, rows[i].user[0] ? str_of(rows[i].user) : STR("-")));
			assert_true(str_eq(m.from, STR("list@us.example")));
			assert_true(str_eq(m.rule, STR("t.conf:3")));
			assert_true(str_eq(m.helo, STR("c.example")));
			assert_int_equal(m.code, 550);
			assert_int_equal(m.client.len, 16);
		}
		assert_int_equal(b->events[EVENT_refuse], rows[i].answer[0] != '2');
		bench_free(b);
	}
}

/* Nobody has to be asked, or nobody is there to be asked. */
static void without_asking(void **state)
{
	(void)state;
	struct bench *b = bench_new(conf_text, 64);
	int client = hello(b, "192.0.2.1", "");
	bench_say(b, client, "MAIL FROM:<x@elsewhere.example>\r\n");
	says(client, "550 5.7.1");
	bench_say(b, client, "MAIL FROM:<x@any.example>\r\n");
	says(client, "250");
	bench_say(b, client, "RSET\r\n");
	(void)bench_heard(client);
	bench_down(b, b->directory);
	bench_say(b, client, "MAIL FROM:<bob@us.example>\r\n");
	says(client, "451 4.3.0");
	assert_false(asks());
	bench_free(b);
}

static void the_answer_does_not_come(void **state)
{
	(void)state;
	struct bench *b = bench_new(conf_text, 64);
	int client = hello(b, "192.0.2.1", "");
	bench_say(b, client, "MAIL FROM:<bob@us.example>\r\n");
	uint64_t query = asked("bob@us.example");
	bench_wait(b, RECEIVE_LOOKUP_MS + 2000);
	says(client, "451 4.3.0");
	found(b, query, YES); /* too late */
	bench_say(b, client, "MAIL FROM:<bob@us.example>\r\n");
	bench_down(b, b->directory); /* dies with the question */
	says(client, "451 4.3.0");
	bench_up(b, bench_channel(ROLE_DIRECTORY));
	bench_say(b, client, "MAIL FROM:<bob@us.example>\r\n");
	(void)asks();
	query = asks() ? 0 : bench_session(b, client)->query;
	bench_vanish(client); /* the client goes while it waits */
	bench_turn(b);
	found(b, query, YES);
	bench_free(b);
}

/* To the end of the text; the session of ann, on a listener where she has a right. */
static int text_of(struct bench *b, const char *text)
{
	int client = hello(b, "203.0.113.1", "ann@us.example");
	bench_say(b, client, "MAIL FROM:<ann@us.example>\r\n");
	found(b, asked("ann@us.example"), OWN);
	bench_say(b, client, "RCPT TO:<x@any.example>\r\nDATA\r\n");
	(void)bench_heard(client);
	bench_say(b, client, text);
	bench_say(b, client, "\r\n.\r\n");
	return client;
}

static void authors(void **state)
{
	(void)state;
	/* who is asked about, in turn, and what the answer is then; text: what is said at once */
	static const struct {
		const char *text;
		struct { const char *address; int result; } ask[3];
		const char *answer; /* NULL: it goes to spool */
	} rows[] = {
		{ "Subject: x\r\n", { { 0 } }, NULL },
		{ "From: Ann <ann@us.example>\r\n\r\nFrom: x@y\r\n", { { "ann@us.example", OWN } }, NULL },
		{ "From: Ann <Ann+x@US.example>\r\n", { { "Ann+x@US.example", OWN } }, NULL },
		{ "From: eve@elsewhere.example\r\n", { { 0 } }, "550 5.7.1" },
		{ "From: bob@us.example\r\n", { { "bob@us.example", YES } }, "550 5.7.1" },
		{ "From: nobody@us.example\r\n", { { "nobody@us.example", NO } }, "550 5.7.1" },
		{ "From: ann@us.example\r\n", { { "ann@us.example", LATER } }, "451 4.3.0" },
		{ "From: ann@us.example, b@us.example\r\nSender: c@us.example\r\n",
		  { { "ann@us.example", OWN }, { "b@us.example", OWN }, { "c@us.example", OWN } }, NULL },
		{ "From: ann@us.example\r\nSender: bob@us.example\r\n",
		  { { "ann@us.example", OWN }, { "bob@us.example", YES } }, "550 5.7.1" },
		{ "From: ann@us.example\r\nFrom: eve@elsewhere.example\r\n",
		  { { "ann@us.example", OWN } }, "550 5.7.1" },
		{ "From: undisclosed:;\r\n", { { 0 } }, NULL },
		/* what other programs may read in another way */
		{ "From: ann@us.example eve@elsewhere.example\r\n", { { 0 } }, "550 5.7.1" },
		{ "From: <ann@us..example>\r\n", { { 0 } }, "550 5.7.1" },
		{ "Subject: x\r\nno field\r\nFrom: eve@elsewhere.example\r\n", { { 0 } }, "550 5.7.1" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(conf_text, 64);
		struct str payload;
		int client = text_of(b, rows[i].text);
		for (size_t k = 0; k < 3 && rows[i].ask[k].address; k++) {
			assert_string_equal(bench_heard(client), "");
			found(b, asked(rows[i].ask[k].address), rows[i].ask[k].result);
		}
		assert_false(asks());
		if (rows[i].answer) {
			says(client, rows[i].answer);
			assert_int_equal(bench_sent(MSG_refused_note, &payload), rows[i].answer[0] == '5');
			assert_null(bench_session(b, client)->tx);
			bench_say(b, client, "NOOP\r\n");
			says(client, "250");
		} else {
			bench_committed(b, bench_commit());
			says(client, "250 2.0.0 queued");
		}
		bench_free(b);
	}
}

/* More than is read, and a field that is too long. */
static void too_many_authors(void **state)
{
	(void)state;
	static char text[2 * MAIL_AUTHORS_TEXT_MAX];
	for (int shape = 0; shape < 2; shape++) {
		struct bench *b = bench_new(conf_text, 64);
		struct buf fields;
		buf_init_fixed(&fields, text, sizeof text - 1);
		if (shape == 0)
			for (int n = 0; n <= MAIL_AUTHORS_MAX; n++) buf_str(&fields, STR("From: ann@us.example\r\n"));
		else
			while (fields.len < sizeof text - 100) buf_str(&fields, STR("From: (comment)\r\n (comment)\r\n"));
		text[fields.len] = '\0';
		int client = text_of(b, text);
		says(client, "550 5.7.1");
		assert_false(asks());
		bench_free(b);
	}
}

/* Spool dies, or the client goes, while an author is asked about. */
static void ends_while_asking(void **state)
{
	(void)state;
	struct bench *b = bench_new(conf_text, 64);
	int client = text_of(b, "From: bob@us.example\r\n");
	uint64_t query = asked("bob@us.example");
	bench_down(b, b->spool);
	found(b, query, OWN);
	says(client, "451 4.3.0");
	bench_up(b, bench_channel(ROLE_SPOOL));
	client = text_of(b, "From: bob@us.example\r\n");
	query = asked("bob@us.example");
	bench_vanish(client);
	bench_turn(b);
	found(b, query, OWN);
	client = text_of(b, "From: bob@us.example\r\n");
	query = asked("bob@us.example");
	bench_wait(b, RECEIVE_LOOKUP_MS + 2000);
	says(client, "451 4.3.0");
	bench_free(b);
}

static void filtered(void **state)
{
	(void)state;
	struct bench *b = bench_new(conf_text, 64);
	struct str payload;
	struct msg_commit m;
	static const char *const senders_of[] = { "x@held.example", "x@good.example" };
	int client = hello(b, "203.0.113.1", "");
	bench_say(b, client, "MAIL FROM:<x@spam.example>\r\n");
	says(client, "550 5.7.1 Mail from that sender");
	assert_false(bench_sent(MSG_refused_note, &payload));
	for (size_t i = 0; i < ROWS(senders_of); i++) {
		bench_say(b, client, "MAIL FROM:<");
		bench_say(b, client, senders_of[i]);
		bench_say(b, client, ">\r\nRCPT TO:<x@any.example>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n");
		assert_true(bench_sent(MSG_commit, &payload));
		assert_true(msg_commit_get(payload, &m));
		assert_true(str_eq(m.hold, i == 0 ? STR("the sender is filtered: t.conf:4") : STR("")));
		bench_committed(b, m.handle);
	}
	bench_free(b);
}

/* A flood of refusals is in the log; spool hears a bounded number a second. */
static void notes_are_bounded(void **state)
{
	(void)state;
	struct bench *b = bench_new(conf_text, 64);
	struct str payload;
	int client = hello(b, "192.0.2.1", "");
	unsigned told = 0;
	for (int i = 0; i < RECEIVE_NOTES_MAX + 20; i++) {
		bench_say(b, client, "MAIL FROM:<x@elsewhere.example>\r\n");
		says(client, "550");
	}
	while (bench_sent(MSG_refused_note, &payload)) told++;
	assert_int_equal(told, RECEIVE_NOTES_MAX);
	assert_int_equal(b->events[EVENT_refuse], RECEIVE_NOTES_MAX + 20);
	bench_wait(b, 2000);
	bench_say(b, client, "MAIL FROM:<x@elsewhere.example>\r\n");
	assert_true(bench_sent(MSG_refused_note, &payload));
	b->backlog = RECEIVE_BACKLOG_MAX + 1;
	bench_say(b, client, "MAIL FROM:<x@elsewhere.example>\r\n");
	assert_false(bench_sent(MSG_refused_note, &payload));
	bench_down(b, b->spool); /* nobody to tell: the client has its answer all the same */
	(void)bench_heard(client);
	bench_say(b, client, "MAIL FROM:<x@elsewhere.example>\r\n");
	says(client, "550");
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(senders),
		cmocka_unit_test(without_asking),
		cmocka_unit_test(the_answer_does_not_come),
		cmocka_unit_test(authors),
		cmocka_unit_test(too_many_authors),
		cmocka_unit_test(ends_while_asking),
		cmocka_unit_test(filtered),
		cmocka_unit_test(notes_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
