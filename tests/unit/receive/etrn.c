/* SPDX-License-Identifier: Apache-2.0 */
/* ETRN as a client meets it: who may, what spool is asked, what is answered. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static const char text[] =
	"domain h.example sub.h.example { deliver hold-for-etrn; etrn-from 192.0.2.0/24 }\n"
	"domain other.example { deliver hold-for-etrn; etrn-from 192.0.2.9 }\n"
	"route default { via 127.0.0.1:26 }\n";

static struct bench *bench_with(void)
{
	char memory[4096];
	struct buf all;
	buf_init_fixed(&all, memory, sizeof memory - 1);
	buf_str(&all, str_of(bench_conf));
	buf_str(&all, str_of(text));
	memory[all.len] = '\0';
	return bench_new(memory, 24);
}

static int hello(struct bench *b, const char *client, bool offered)
{
	int c = bench_connect(b, client);
	bench_say(b, c, "EHLO c\r\n");
	const char *heard = bench_heard(c);
	if (!strstr(heard, "250-ETRN\r\n") == offered) fail_msg("%s: %s", client, heard);
	return c;
}

static void says(int client, const char *want)
{
	const char *heard = bench_heard(client);
	if (strncmp(heard, want, strlen(want)) != 0) fail_msg("'%s' is not '%s'", heard, want);
}

/* The domains that spool was asked for. */
static uint64_t asked(const char *want)
{
	static char memory[1024];
	struct str payload;
	struct msg_release m;
	assert_true(bench_sent(MSG_release, &payload));
	assert_true(msg_release_get(payload, &m));
	assert_true(str_to_cstr(m.domains, memory, sizeof memory));
	assert_string_equal(memory, want);
	return m.query;
}

static void released(struct bench *b, uint64_t query, unsigned result, uint64_t count)
{
	struct buf record;
	buf_init(&record, 256);
	msg_released_put(&record, &(struct msg_released){ query, (uint8_t)result, count });
	bench_message(b, b->spool, MSG_released, &record);
	buf_free(&record);
}

static void end(struct bench *b, int client)
{
	bench_vanish(client);
	bench_turn(b);
	bench_free(b);
}

static void answers(void **state)
{
	static const struct { const char *argument, *domains; unsigned result; uint64_t count; const char *want; } rows[] = {
		{ "H.Example", "h.example\n", 0, 0, "250 2.0.0 " }, { "h.example", "h.example\n", 1, 0, "251 2.0.0 " },
		{ "h.example", "h.example\n", 1, 7, "253 2.0.0 OK, 7 pending" }, { "h.example", "h.example\n", 2, 0, "458 4.3.0" },
		{ "@h.example", "h.example\nsub.h.example\n", 0, 0, "250 " }, { "#default", "h.example\nsub.h.example\n", 0, 0, "250 " },
	};
	(void)state;
	struct bench *b = bench_with();
	int client = hello(b, "192.0.2.1", true);
	for (size_t i = 0; i < ROWS(rows); i++) {
		bench_say(b, client, "ETRN ");
		bench_say(b, client, rows[i].argument);
		bench_say(b, client, "\r\nNOOP\r\n");
		assert_string_equal(bench_heard(client), ""); /* it waits, and what follows, too */
		released(b, asked(rows[i].domains), rows[i].result, rows[i].count);
		says(client, rows[i].want);
	}
	assert_int_equal(b->events[EVENT_etrn], ROWS(rows) - 1);
	assert_int_equal(b->events[EVENT_refuse], 1);
	end(b, client);
}

static void refusals(void **state)
{
	static const struct { const char *argument, *want; } rows[] = {
		{ "other.example", "459 4.7.1" }, { "us.example", "459 4.7.1" }, { "nowhere.example", "459 4.7.1" },
		{ "#other", "459 4.7.1" }, { "@", "501 5.5.4" }, { "#", "501 5.5.4" }, { "a b", "501 5.5.4" },
		{ "@other.example", "459 4.7.1" }, { "xh.example", "459 4.7.1" },
	};
	struct str payload;
	(void)state;
	struct bench *b = bench_with();
	int client = hello(b, "192.0.2.1", true);
	for (size_t i = 0; i < ROWS(rows); i++) {
		bench_say(b, client, "ETRN ");
		bench_say(b, client, rows[i].argument);
		bench_say(b, client, "\r\n");
		says(client, rows[i].want);
	}
	assert_false(bench_sent(MSG_release, &payload));
	end(b, client);
}

static void strangers(void **state)
{
	(void)state;
	struct bench *b = bench_with();
	int client = hello(b, "198.51.100.1", false);
	bench_say(b, client, "ETRN h.example\r\n");
	says(client, "502 5.5.1");
	end(b, client);
}

/* A word of spool that does not come, or not to the question. */
static void spool_is_silent(void **state)
{
	(void)state;
	struct bench *b = bench_with();
	int client = hello(b, "192.0.2.1", true);
	bench_say(b, client, "ETRN h.example\r\n");
	uint64_t query = asked("h.example\n");
	bench_found(b, query, 1); /* of directory */
	released(b, query + 1, 1, 1);
	assert_string_equal(bench_heard(client), "");
	bench_wait(b, RECEIVE_LOOKUP_MS + 2000);
	says(client, "458 4.3.0");
	released(b, query, 1, 1); /* too late */
	assert_string_equal(bench_heard(client), "");
	bench_say(b, client, "ETRN h.example\r\n");
	(void)asked("h.example\n");
	bench_down(b, b->directory); /* nothing to it */
	assert_string_equal(bench_heard(client), "");
	bench_down(b, b->spool);
	says(client, "458 4.3.0");
	bench_say(b, client, "ETRN h.example\r\n");
	says(client, "458 4.3.0");
	end(b, client);
}

static void gone_meanwhile(void **state)
{
	(void)state;
	struct bench *b = bench_with();
	int client = hello(b, "192.0.2.1", true);
	bench_say(b, client, "ETRN h.example\r\n");
	uint64_t query = asked("h.example\n");
	bench_vanish(client);
	bench_turn(b);
	released(b, query, 1, 1);
	bench_free(b);
}

static void enough(void **state)
{
	(void)state;
	struct bench *b = bench_with();
	int client = hello(b, "192.0.2.1", true);
	for (int i = 0; i < RECEIVE_ETRN_MAX; i++) {
		bench_say(b, client, "ETRN h.example\r\n");
		released(b, asked("h.example\n"), 1, 0);
		says(client, "251");
	}
	bench_say(b, client, "ETRN h.example\r\n");
	says(client, "458 4.7.0");
	end(b, client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers), cmocka_unit_test(refusals), cmocka_unit_test(strangers),
		cmocka_unit_test(spool_is_silent), cmocka_unit_test(gone_meanwhile),
		cmocka_unit_test(enough),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
