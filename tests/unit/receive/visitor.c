/* SPDX-License-Identifier: Apache-2.0 */
/* A host that sends mail over a connection that we have made (ATRN): a client like another. */
#include "bench.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As spool; the host's end. */
static int visit(struct bench *b, const char *client, const char *tls)
{
	int ends[2];
	struct buf record;
	struct ip ip = bench_ip(client);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	buf_init(&record, 256);
	msg_visitor_put(&record, &(struct msg_visitor){ .client = { (const char *)ip.octets, client[0] ? sizeof ip.octets : 3 },
		.port = 366, .tls = str_of(tls) });
	receive_role.message(&b->frame, b->spool, MSG_visitor, buf_view(&record), ends[1]);
	buf_free(&record);
	bench_turn(b);
	return ends[0];
}

static void says(int client, const char *want)
{
	const char *heard = bench_heard(client);
	if (!strstr(heard, want)) fail_msg("'%s' is not in '%s'", want, heard);
}

static void a_client_like_others(void **state)
{
	static const char *const rows[] = { "", "TLSv1.3 X" };
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf, 24);
		size_t listeners = b->rx->listener_count;
		int host = visit(b, "192.0.2.1", rows[i]);
		says(host, "220 mx.us.example");
		bench_say(b, host, "EHLO provider\r\n");
		const char *offer = bench_heard(host);
		assert_true(strstr(offer, "250-SIZE") && !strstr(offer, "STARTTLS") && !strstr(offer, "AUTH"));
		bench_say(b, host, "MAIL FROM:<a@c.example>\r\nRCPT TO:<x@us.example>\r\nRCPT TO:<x@away.example>\r\n");
		says(host, "550 5.7.1");
		assert_int_equal(b->rx->listener_count, listeners + 1);
		accept_reload(b->rx); /* it has no block, and needs none */
		bench_say(b, host, "DATA\r\n");
		says(host, "354");
		bench_say(b, host, "Subject: x\r\n\r\nx\r\n.\r\n");
		bench_committed(b, bench_commit());
		says(host, "250 2.0.0 queued");
		struct session *s = CONTAINER(b->rx->idle[IDLE_COMMAND].next, struct session, idle);
		char text[TLS_DESCRIPTION_MAX];
		struct buf tls;
		buf_init_fixed(&tls, text, sizeof text);
		session_tls(s, &tls); /* what the events and the header say */
		assert_true(str_eq(buf_view(&tls), str_of(rows[i])));
		bench_say(b, host, "QUIT\r\n");
		says(host, "221");
		assert_int_equal(b->rx->listener_count, listeners);
		(void)close(host);
		bench_free(b);
	}
}

static void refused(void **state)
{
	(void)state;
	struct bench *b = bench_new("hostname mx.us.example\nhost 192.0.2.0/24 reject\n"
		"domain us.example { users any; deliver maildir /m/%d/%n }\n", 24);
	size_t listeners = b->rx->listener_count;
	int host = visit(b, "192.0.2.1", "");
	says(host, "554 5.7.1");
	assert_true(bench_is_closed(host));
	assert_int_equal(b->events[EVENT_refuse], 1);
	assert_int_equal(b->rx->listener_count, listeners);
	(void)close(host);
	bench_free(b);
}

static void not_now(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 24);
	int hosts[3] = { visit(b, "192.0.2.1", ""), -1, -1 };
	b->rx->draining = true;
	hosts[1] = visit(b, "192.0.2.1", "");
	b->rx->draining = false;
	size_t listeners = b->rx->listener_count;
	b->rx->listener_count = RECEIVE_LISTENERS_MAX;
	hosts[2] = visit(b, "192.0.2.1", "");
	b->rx->listener_count = listeners;
	assert_false(bench_is_closed(hosts[0]));
	for (unsigned i = 1; i < 3; i++) says(hosts[i], "421 4.3.2 ");
	assert_true(bench_is_closed(hosts[1]));
	assert_true(bench_is_closed(hosts[2]));
	assert_int_equal(b->events[EVENT_fetch_fail], 2);
	b->rx->session_count += RECEIVE_SESSIONS_MAX;
	int more = visit(b, "192.0.2.1", "");
	b->rx->session_count -= RECEIVE_SESSIONS_MAX;
	says(more, "421 4.3.2 ");
	(void)close(more);
	assert_int_equal(b->events[EVENT_fetch_fail], 3);
	assert_int_equal(b->rx->listener_count, listeners);
	/* The host goes away in the middle, and its listener with it. */
	(void)close(hosts[0]);
	bench_turn(b);
	assert_int_equal(b->rx->listener_count, listeners - 1);
	(void)close(hosts[1]);
	(void)close(hosts[2]);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_like_others), cmocka_unit_test(refused), cmocka_unit_test(not_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
