/* SPDX-License-Identifier: Apache-2.0 */
/* The wait for the greeting. */
#include "bench.h"

#include <string.h>

#define CONF(early) \
	"hostname mx.us.example\n" \
	"listener in { address 0.0.0.0:25; pregreet 3s }\n" \
	"check { client-name no; early-talker " early " }\n" \
	"host 192.0.2.9 accept\n" \
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"

static void greeted_when_it_is_time(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF("reject"), 32);
	int known = bench_connect(b, "192.0.2.9"), near = bench_connect(b, "192.168.1.1");
	assert_memory_equal(bench_heard(known), "220", 3);
	assert_memory_equal(bench_heard(near), "220", 3);
	int first = bench_connect(b, "192.0.2.1");
	bench_wait(b, 1000);
	int second = bench_connect(b, "192.0.2.2");
	assert_null(bench_session(b, first)->in.at);
	bench_wait(b, 1000);
	assert_string_equal(bench_heard(first), "");
	bench_wait(b, 1000);
	assert_memory_equal(bench_heard(first), "220", 3);
	assert_string_equal(bench_heard(second), "");
	bench_wait(b, 1000);
	assert_memory_equal(bench_heard(second), "220", 3);
	assert_int_equal(b->events[EVENT_connect], 4);
	bench_free(b);
}

/* Who comes when the wait of another is over does not make it longer. */
static void comers_do_not_hold_up_others(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF("reject"), 32);
	int first = bench_connect(b, "192.0.2.1");
	bench_wait(b, 2000);
	b->now_ms += 1000; /* it is due; the loop has not come to its timer yet */
	(void)bench_connect(b, "192.0.2.2");
	bench_wait(b, 1);
	assert_memory_equal(bench_heard(first), "220", 3);
	bench_free(b);
}

static void early_talker_is_refused(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF("reject"), 32);
	int client = bench_connect(b, "192.0.2.1"), gone = bench_connect(b, "192.0.2.2");
	bench_say(b, client, "EHLO c.example\r\n");
	assert_memory_equal(bench_heard(client), "554 5.5.1", 9);
	assert_true(bench_is_closed(client));
	bench_vanish(gone);
	bench_turn(b);
	assert_null(bench_session(b, gone));
	assert_int_equal(b->events[EVENT_refuse], 1);
	assert_int_equal(b->events[EVENT_connect], 0);
	bench_wait(b, 4000);
	bench_free(b);
}

static void early_talker_can_be_points(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF("7"), 32);
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "EHLO c.example\r\n");
	(void)bench_push(client, STR("MAIL FROM:<a@c.example>\r\nRCPT TO:<b@us.example>\r\n"));
	bench_turn(b);
	assert_string_equal(bench_heard(client), "");
	bench_wait(b, 3000);
	const char *heard = bench_heard(client);
	assert_memory_equal(heard, "220", 3);
	assert_non_null(strstr(heard, "250 2.1.0"));
	assert_non_null(strstr(heard, "550 5.7.1 You spoke before"));
	bench_free(b);
}

static void stop_and_reload_during_the_wait(void **state)
{
	(void)state;
	struct bench *b = bench_new(CONF("reject"), 32);
	int client = bench_connect(b, "192.0.2.1");
	bench_reload(b, "hostname mx.us.example\nlistener other { address 0.0.0.0:26 }\n"
			"domain us.example { users any; deliver maildir /m/%d/%n }\n");
	bench_listener_end(b, "in");
	bench_wait(b, 3000);
	assert_memory_equal(bench_heard(client), "220", 3);
	bench_vanish(client);
	bench_turn(b);
	bench_free(b);
	b = bench_new(CONF("reject"), 32);
	client = bench_connect(b, "192.0.2.1");
	receive_role.drain(&b->frame, false);
	bench_turn(b);
	assert_memory_equal(bench_heard(client), "421", 3);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greeted_when_it_is_time),
		cmocka_unit_test(comers_do_not_hold_up_others),
		cmocka_unit_test(early_talker_is_refused),
		cmocka_unit_test(early_talker_can_be_points),
		cmocka_unit_test(stop_and_reload_during_the_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
