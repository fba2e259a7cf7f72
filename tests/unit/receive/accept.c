/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void shun(struct bench *b, const char *client, int64_t until_ms)
{
	struct ip ip = bench_ip(client);
	struct buf record;
	buf_init(&record, 1024);
	msg_shun_put(&record, &(struct msg_shun){
		{ (const char *)ip.octets, sizeof ip.octets }, (uint64_t)until_ms });
	bench_message(b, NULL, MSG_shun, &record);
}

static void greeted(struct bench *b, const char *client, const char *code)
{
	int fd = bench_connect(b, client);
	const char *text = bench_heard(fd);
	if (strncmp(text, code, strlen(code)) != 0) fail_msg("%s got %s", client, text);
	assert_int_equal(bench_is_closed(fd), strncmp(code, "220", 3) != 0);
}

static void shun_for_a_while(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 32);
	shun(b, "192.0.2.1", b->wall_ms + 5000);
	shun(b, "192.0.2.2", b->wall_ms + 2000);
	shun(b, "192.0.2.3", b->wall_ms + 9000);
	greeted(b, "192.0.2.1", "421 4.7.0 mx.us.example Your last sessions ended in a fault");
	greeted(b, "192.0.2.2", "421");
	greeted(b, "192.0.2.4", "220");
	bench_wait(b, 2000);
	greeted(b, "192.0.2.2", "220");
	greeted(b, "192.0.2.3", "421");
	greeted(b, "192.0.2.1", "421");
	bench_wait(b, 3000);
	greeted(b, "192.0.2.1", "220");
	greeted(b, "192.0.2.3", "421");
	assert_int_equal(b->rx->shunned_count, 1);
	bench_wait(b, 4000);
	greeted(b, "192.0.2.3", "220");
	assert_int_equal(b->rx->shunned_count, 0);
	shun(b, "192.0.2.3", b->wall_ms); /* over already */
	greeted(b, "192.0.2.3", "220");
	/* A record of another length is nobody's address. */
	struct buf record;
	buf_init(&record, 1024);
	msg_shun_put(&record, &(struct msg_shun){ STR("1234"), UINT64_MAX });
	bench_message(b, NULL, MSG_shun, &record);
	assert_int_equal(b->rx->shunned_count, 0);
	bench_free(b);
}

/* The same client again moves its end; it does not fill the table. */
static void shun_again(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 32);
	for (int i = 0; i < 3 * RECEIVE_SHUN_MAX; i++) shun(b, "192.0.2.1", b->wall_ms + 1000 + i);
	assert_int_equal(b->rx->shunned_count, 1);
	bench_wait(b, 4000);
	greeted(b, "192.0.2.1", "421");
	bench_wait(b, 1000);
	greeted(b, "192.0.2.1", "220");
	bench_free(b);
}

/* A full table gives up the entry that would end first. */
static void shun_full(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 32);
	for (unsigned i = 0; i < RECEIVE_SHUN_MAX; i++) {
		struct ip ip = ip_of_v4(0xc6336400u + i);
		accept_shun(b->rx, ip, b->wall_ms + 10000 + (i == 700 ? -5000 : (int64_t)i));
	}
	assert_int_equal(b->rx->shunned_count, RECEIVE_SHUN_MAX);
	shun(b, "192.0.2.1", b->wall_ms + 20000);
	assert_int_equal(b->rx->shunned_count, RECEIVE_SHUN_MAX);
	greeted(b, "192.0.2.1", "421");
	greeted(b, "198.51.100.0", "421"); /* the first that came */
	greeted(b, "198.51.102.188", "220"); /* number 700 */
	/* Entries that are over make room before any that is not. */
	bench_wait(b, 11001);
	greeted(b, "203.0.113.1", "220");
	shun(b, "192.0.2.2", b->wall_ms + 20000);
	greeted(b, "192.0.2.1", "421");
	bench_free(b);
}

static void refused_by_policy(void **state)
{
	(void)state;
	struct bench *b = bench_new(
		"hostname mx.us.example\nlistener in { address 0.0.0.0:25; connections 3 }\n"
		"limit { connections { per-host 2 } }\nhost 192.0.2.9 reject\n", 32);
	greeted(b, "192.0.2.9", "554 5.7.1 mx.us.example ");
	greeted(b, "192.0.2.1", "220 mx.us.example ESMTP");
	int second = bench_connect(b, "192.0.2.1");
	greeted(b, "192.0.2.1", "421 4.7.0 mx.us.example Too many connections from your address");
	greeted(b, "192.0.2.2", "220");
	greeted(b, "192.0.2.3", "421 4.7.0 mx.us.example Too many connections to this address");
	assert_int_equal(b->events[EVENT_refuse], 3);
	/* The one that was refused does not count, and one that has gone makes room. */
	(void)close(second);
	bench_turn(b);
	greeted(b, "192.0.2.1", "220");
	assert_int_equal(b->rx->session_count, 3);
	bench_free(b);
}

/* Listeners come and go with every reload; their places do not run out, and a session
 * outlives its listener. */
static void listeners_come_and_go(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 32);
	int old = bench_connect(b, "192.0.2.1");
	(void)bench_heard(old);
	for (int i = 0; i < 2 * RECEIVE_LISTENERS_MAX; i++) {
		bench_listener_end(b, "in");
		bench_listener(b, "in");
	}
	greeted(b, "192.0.2.2", "220");
	assert_int_equal(b->rx->listener_count, 2);
	bench_say(b, old, "QUIT\r\n");
	assert_memory_equal(bench_heard(old), "221", 3);
	assert_int_equal(b->rx->listener_count, 1);
	bench_listener(b, "nobody"); /* no such block in this generation */
	assert_int_equal(b->rx->listener_count, 1);
	bench_free(b);
}

/* The census knows a listener by its place in the configuration. Another generation moves
 * it: who is counted stays counted where it was. */
static void reload_moves_a_listener(void **state)
{
	(void)state;
	static const char before[] =
		"hostname mx.us.example\nlistener a { address 0.0.0.0:26 }\n"
		"listener in { address 0.0.0.0:25; connections 2 }\n";
	static const char after[] =
		"hostname mx.us.example\nlistener in { address 0.0.0.0:25; connections 2 }\n"
		"listener new { address 0.0.0.0:27; connections 2 }\n";
	struct bench *b = bench_new(before, 32);
	greeted(b, "192.0.2.1", "220");
	greeted(b, "192.0.2.2", "220");
	greeted(b, "192.0.2.3", "421");
	bench_reload(b, after);
	bench_listener(b, "new");
	/* With these sessions under its own old number, the new neighbour has its place. */
	const struct census_region *region = &b->rx->census->regions[0];
	assert_int_equal(region->listeners[1], 2);
	bench_wait(b, 400000); /* they time out */
	assert_int_equal(b->rx->session_count, 0);
	for (size_t i = 0; i < CENSUS_LISTENERS; i++) assert_int_equal(region->listeners[i], 0);
	greeted(b, "192.0.2.1", "220");
	assert_int_equal(region->listeners[1], 1);
	bench_free(b);
}

/* A listener that the configuration no longer has keeps nothing of the old generation. */
static void reload_retires_a_listener(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 32);
	int client = bench_connect(b, "10.1.2.3");
	(void)bench_heard(client);
	bench_listener_end(b, "in");
	for (int i = 0; i < 3; i++)
		bench_reload(b, "hostname mx2.us.example\nlistener other { address 0.0.0.0:25 }\n"
			"host 10.0.0.0/8 accept relay yes\n");
	bench_say(b, client, "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@there.example>\r\nQUIT\r\n");
	assert_non_null(strstr(bench_heard(client), "250 2.1.5 Recipient OK\r\n221"));
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shun_for_a_while),      cmocka_unit_test(shun_again),
		cmocka_unit_test(shun_full),             cmocka_unit_test(refused_by_policy),
		cmocka_unit_test(listeners_come_and_go), cmocka_unit_test(reload_moves_a_listener),
		cmocka_unit_test(reload_retires_a_listener),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
