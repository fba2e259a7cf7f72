/* SPDX-License-Identifier: Apache-2.0 */
/* ATRN as a client meets it: what spool is asked, what is answered, and what is carried then. */
#include "bench.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char text[] =
	"hostname mx.us.example\n"
	"listener in { address 0.0.0.0:366; role odmr }\n"
	"limit { command-timeout 20s; data-timeout 60s; recipients 100; errors 100 }\n"
	"host 0.0.0.0/0 accept auth cleartext\n"
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"
	"domain h.example sub.h.example { deliver hold-for-etrn; atrn-user ann@us.example }\n"
	"domain other.example { deliver hold-for-etrn; atrn-user bob@us.example }\n"
	"route default { via 127.0.0.1:26 }\n";

enum { NOTHING, GOES, NOT_NOW, BUSY };

static void says(int client, const char *want)
{
	const char *heard = bench_heard(client);
	if (strncmp(heard, want, strlen(want)) != 0) fail_msg("'%s' is not '%s'", heard, want);
}

static int logged_in(struct bench *b, const char *user)
{
	struct str payload;
	struct msg_auth_begin m;
	struct buf record;
	int c = bench_connect(b, "192.0.2.1");
	bench_say(b, c, "EHLO c\r\nAUTH PLAIN AGFubgBzZWNyZXQ=\r\n");
	assert_true(bench_sent(MSG_auth_begin, &payload));
	assert_true(msg_auth_begin_get(payload, &m));
	buf_init(&record, 4096);
	msg_auth_reply_put(&record, &(struct msg_auth_reply){ .query = m.query, .result = 1, .user = str_of(user) });
	bench_message(b, b->directory, MSG_auth_reply, &record);
	assert_non_null(strstr(bench_heard(c), "235 "));
	return c;
}

/* The domains that spool was asked for. */
static uint64_t asked(const char *want)
{
	static char memory[1024];
	struct str payload;
	struct msg_turn m;
	assert_true(bench_sent(MSG_turn, &payload));
	assert_true(msg_turn_get(payload, &m));
	assert_true(str_to_cstr(m.domains, memory, sizeof memory));
	assert_string_equal(memory, want);
	assert_int_equal(m.port, 40000);
	assert_int_equal(m.tls.len, 0);
	assert_int_equal(m.client.len, 16);
	return m.query;
}

static void turned(struct bench *b, uint64_t query, unsigned result)
{
	struct buf record;
	buf_init(&record, 256);
	msg_turned_put(&record, &(struct msg_turned){ query, (uint8_t)result, 3 });
	bench_message(b, b->spool, MSG_turned, &record);
}

static void hang_up(void)
{
	(void)close(bench_line);
	bench_line = -1;
}

static void line_says(struct bench *b, const char *octets)
{
	assert_int_equal(write(bench_line, octets, strlen(octets)), (ssize_t)strlen(octets));
	bench_turn(b);
}

static void line_hears(const char *want)
{
	char got[512] = "";
	ssize_t len = read(bench_line, got, sizeof got - 1);
	assert_int_equal(len, (ssize_t)strlen(want));
	assert_string_equal(got, want);
}

static bool line_is_over(void)
{
	char c;
	return read(bench_line, &c, 1) == 0;
}

static void refusals(void **state)
{
	static const struct { const char *argument, *want; } rows[] = {
		{ "other.example", "450 4.7.1" }, { "h.example,other.example", "450 4.7.1" },
		{ "us.example", "450 4.7.1" }, { "h.example,", "501 5.5.4" }, { "a b", "501 5.5.4" },
	};
	struct str payload;
	(void)state;
	struct bench *b = bench_new(text, 24);
	int client = logged_in(b, "ann@us.example");
	for (size_t i = 0; i < ROWS(rows); i++) {
		bench_say(b, client, "ATRN ");
		bench_say(b, client, rows[i].argument);
		bench_say(b, client, "\r\n");
		says(client, rows[i].want);
	}
	assert_false(bench_sent(MSG_turn, &payload));
	assert_int_equal(b->events[EVENT_refuse], ROWS(rows));
	int eve = logged_in(b, "eve@us.example");
	bench_say(b, eve, "ATRN\r\n");
	says(eve, "450 4.7.1");
	int stranger = bench_connect(b, "192.0.2.2");
	bench_say(b, stranger, "EHLO c\r\n");
	(void)bench_heard(stranger);
	bench_say(b, stranger, "ATRN h.example\r\n");
	says(stranger, "530 5.7.0");
	bench_free(b);
}

static void answers(void **state)
{
	static const struct { unsigned result; const char *want; } rows[] = {
		{ NOTHING, "453 " }, { NOT_NOW, "451 4.3.2" }, { BUSY, "451 4.7.0" }, { 9, "451 4.3.2" },
	};
	(void)state;
	struct bench *b = bench_new(text, 24);
	int client = logged_in(b, "ann@us.example");
	for (size_t i = 0; i < ROWS(rows); i++) {
		bench_say(b, client, "ATRN\r\nNOOP\r\n");
		assert_string_equal(bench_heard(client), ""); /* it waits, and what follows, too */
		assert_int_equal(b->rx->turned_count, 1);
		turned(b, asked("h.example\nsub.h.example\n"), rows[i].result);
		says(client, rows[i].want);
		assert_int_equal(b->rx->turned_count, 0);
		assert_true(line_is_over());
		hang_up();
	}
	assert_int_equal(b->events[EVENT_atrn], 0);
	bench_free(b);
}

/* What comes behind ATRN belongs to the turned session; QUIT of deliver ends it. */
static void octets_are_carried(void **state)
{
	(void)state;
	struct bench *b = bench_new(text, 24);
	int client = logged_in(b, "ann@us.example");
	bench_say(b, client, "ATRN sub.h.example\r\n220 home\r\n");
	uint64_t query = asked("sub.h.example\n");
	turned(b, query, GOES);
	says(client, "250 2.0.0 OK, now reversing the connection\r\n");
	line_hears("220 home\r\n");
	line_says(b, "EHLO mx\r\n");
	says(client, "EHLO mx\r\n");
	bench_say(b, client, "250 home\r\n");
	line_hears("250 home\r\n");
	assert_int_equal(b->rx->turned_count, 1);
	bench_wait(b, 10 * 60 * 1000); /* no time-out of a server's */
	assert_false(bench_is_closed(client));
	turned(b, query, NOTHING); /* too late, and not for it */
	line_says(b, "QUIT\r\n");
	hang_up();
	bench_turn(b);
	says(client, "QUIT\r\n");
	assert_true(bench_is_closed(client));
	assert_int_equal(b->events[EVENT_atrn], 1);
	assert_int_equal(b->events[EVENT_atrn_end], 1);
	assert_int_equal(b->rx->turned_count, 0);
	bench_wait(b, RECEIVE_LINGER_MS + 1000);
	assert_null(bench_session(b, client));
	bench_free(b);
}

static void ends(void **state)
{
	enum { CLIENT, SILENCE, DRAIN, NOW, ENDS };
	(void)state;
	for (int how = 0; how < ENDS; how++) {
		struct bench *b = bench_new(text, 24);
		int client = logged_in(b, "ann@us.example");
		bench_say(b, client, "ATRN\r\n");
		turned(b, asked("h.example\nsub.h.example\n"), GOES);
		says(client, "250 ");
		if (how == CLIENT) bench_vanish(client);
		if (how == SILENCE) bench_wait(b, RECEIVE_TURNED_MS + 1000);
		if (how == DRAIN) {
			receive_role.drain(&b->frame, false);
			bench_turn(b);
			assert_int_equal(b->left, 0);
			line_says(b, "MAIL\r\n"); /* it goes on */
			says(client, "MAIL\r\n");
			bench_wait(b, RECEIVE_STOP_MS + 2000); /* a server takes its time for its answer */
			bench_say(b, client, "250 ok\r\n");
			line_hears("250 ok\r\n");
			hang_up();
			bench_wait(b, RECEIVE_LINGER_MS + 2000);
			assert_int_equal(b->left, 1);
		}
		if (how == NOW) receive_role.drain(&b->frame, true);
		bench_turn(b);
		assert_int_equal(b->rx->turned_count, 0);
		assert_int_equal(b->events[EVENT_atrn_end], how == NOW ? 0 : 1);
		if (how != DRAIN) assert_true(line_is_over());
		if (how != DRAIN) hang_up();
		bench_free(b);
	}
}

static void spool_is_silent(void **state)
{
	(void)state;
	struct bench *b = bench_new(text, 24);
	int client = logged_in(b, "ann@us.example");
	bench_say(b, client, "ATRN\r\n");
	uint64_t query = asked("h.example\nsub.h.example\n");
	bench_found(b, query, 1); /* of directory */
	turned(b, query + 1, GOES);
	assert_string_equal(bench_heard(client), "");
	bench_wait(b, RECEIVE_LOOKUP_MS + 2000);
	says(client, "451 4.3.2");
	turned(b, query, GOES); /* too late */
	assert_string_equal(bench_heard(client), "");
	assert_true(line_is_over());
	bench_say(b, client, "ATRN\r\n");
	(void)asked("h.example\nsub.h.example\n");
	bench_down(b, b->spool);
	says(client, "451 4.3.2");
	bench_say(b, client, "ATRN\r\n");
	says(client, "451 4.3.2");
	hang_up();
	bench_free(b);
}

static void gone_meanwhile(void **state)
{
	(void)state;
	struct bench *b = bench_new(text, 24);
	int client = logged_in(b, "ann@us.example");
	bench_say(b, client, "ATRN\r\n");
	uint64_t query = asked("h.example\nsub.h.example\n");
	bench_vanish(client);
	bench_turn(b);
	assert_true(line_is_over());
	turned(b, query, GOES);
	hang_up();
	bench_free(b);
}

static void enough(void **state)
{
	(void)state;
	struct bench *b = bench_new(text, 24);
	int client = logged_in(b, "ann@us.example");
	for (int i = 0; i < RECEIVE_ATRN_MAX; i++) {
		bench_say(b, client, "ATRN\r\n");
		turned(b, asked("h.example\nsub.h.example\n"), NOTHING);
		says(client, "453");
	}
	bench_say(b, client, "ATRN\r\n");
	says(client, "451 4.3.2");
	int other = logged_in(b, "ann@us.example");
	b->rx->turned_count = RECEIVE_TURNED_MAX;
	bench_say(b, other, "ATRN\r\n");
	says(other, "451 4.3.2");
	b->rx->turned_count = 0;
	hang_up();
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals), cmocka_unit_test(answers), cmocka_unit_test(octets_are_carried),
		cmocka_unit_test(ends), cmocka_unit_test(spool_is_silent), cmocka_unit_test(gone_meanwhile),
		cmocka_unit_test(enough),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
