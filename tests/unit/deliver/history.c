/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of each attempt: every answer of every host, for each recipient. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "lib/event/view.h"

static const struct bench_job job = { .to = "x@far.example", .mx = "far.example" };

/* The value of a field of the last event, as text. */
static const char *last(struct bench *b, enum event_field field)
{
	static struct event_view view;
	static char text[512];
	assert_true(event_view_read(&view, buf_view(&b->records[b->last])));
	assert_true(str_to_cstr(event_view_get(&view, field, NULL), text, sizeof text));
	return text;
}

static void connections_used_again(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	(void)bench_relay(b, &job);
	assert_string_equal(last(b, FIELD_reason), "connected");
	(void)bench_relay(b, &job);
	assert_string_equal(last(b, FIELD_reason), "used again");
	assert_int_equal(b->events[EVENT_attempt], 2);
	assert_int_equal(b->events[EVENT_answer], 0);
	/* Taken from the line by a connection that has just done another job. */
	for (int i = 0; i < 9; i++) (void)bench_give(b, &job);
	bench_turn(b);
	assert_int_equal(b->dones, 11);
	assert_int_equal(b->events[EVENT_attempt], 11);
	bench_free(b);
}

/* Of three recipients one is taken, one refused, one put off by both hosts: only what the
 * first host said to the last of them is not told by the outcome. */
static void answers_of_a_host_that_is_left(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *first = peer_new(1, NULL), *second = peer_new(2, NULL);
	b->dns_answer = "127.0.0.1 127.0.0.2";
	(void)bench_relay(b, &(struct bench_job){
				  .to = "x@far.example no@far.example later@far.example",
				  .mx = "far.example" });
	assert_int_equal(first->messages, 1);
	assert_int_equal(second->messages, 0);
	assert_int_equal(b->done.results[2].outcome, JOB_DEFERRED);
	assert_int_equal(b->events[EVENT_answer], 1);
	assert_int_equal(b->events[EVENT_attempt], 2);
	bench_free(b);
}

/* The words of an answer, while its event is the last one. */
static void words_of_an_answer(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	/* Nobody listens at the second; so its attempt's event comes last. */
	struct peer_script shut = { .step = AT_BANNER, .act = DO_SILENCE };
	(void)peer_new(2, &shut);
	b->dns_answer = "127.0.0.1 127.0.0.2";
	(void)bench_relay(b, &(struct bench_job){ .to = "later@far.example",
						  .mx = "far.example" });
	assert_string_equal(last(b, FIELD_to), "later@far.example");
	assert_string_equal(last(b, FIELD_step), "sending RCPT TO");
	assert_string_equal(last(b, FIELD_code), "450");
	assert_string_equal(last(b, FIELD_dsn), "4.2.1");
	assert_string_equal(last(b, FIELD_reply), "4.2.1 Come again");
	assert_string_equal(last(b, FIELD_tls), "-");
	assert_string_equal(last(b, FIELD_count), "");
	char host[64];
	(void)snprintf(host, sizeof host, "mx1.example[127.0.0.1]:%u", peers_port());
	assert_string_equal(last(b, FIELD_host), host);
	assert_int_equal(b->events[EVENT_answer], 1);
	bench_wait(b, 600000);
	/* The greeting did not come: the outcome is what was said to the recipient. */
	assert_string_equal(bench_result(b)->text, "450 4.2.1 Come again");
	assert_int_equal(b->events[EVENT_answer], 1);
	bench_free(b);
}

/* One host lacks something, for good; the outcome is what the other one said. */
static void the_answer_that_is_not_kept(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	(void)peer_new(2, &(struct peer_script){ .caps = "SIZE~1" });
	b->dns_answer = "127.0.0.1 127.0.0.2";
	(void)bench_relay(b, &(struct bench_job){ .to = "later@far.example",
						  .mx = "far.example" });
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->text, "450 4.2.1 Come again");
	assert_int_equal(b->events[EVENT_answer], 2);
	assert_string_equal(last(b, FIELD_dsn), "5.3.4");
	assert_string_equal(last(b, FIELD_code), "");
	bench_free(b);
}

/* More than are told one by one. */
static void answers_are_bounded(void **state)
{
	(void)state;
	enum { MANY = DELIVER_ANSWERS_MAX + 44 };
	static char to[MANY * 32];
	size_t len = 0;
	for (int i = 0; i < MANY; i++)
		len += (size_t)snprintf(to + len, sizeof to - len, "later%d@far.example ", i);
	to[len - 1] = '\0';
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	(void)peer_new(2, &(struct peer_script){ .step = AT_BANNER, .act = DO_SILENCE });
	b->dns_answer = "127.0.0.1 127.0.0.2";
	(void)bench_relay(b, &(struct bench_job){ .to = to, .mx = "far.example" });
	assert_int_equal(b->events[EVENT_answer], DELIVER_ANSWERS_MAX);
	assert_string_equal(last(b, FIELD_count), "44");
	bench_wait(b, 600000);
	assert_int_equal(b->done.count, MANY);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_used_again),
		cmocka_unit_test(answers_of_a_host_that_is_left),
		cmocka_unit_test(words_of_an_answer),
		cmocka_unit_test(the_answer_that_is_not_kept),
		cmocka_unit_test(answers_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
