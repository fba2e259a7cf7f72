/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in by tokens that http gives: which one is said, what happens to mail without one,
 * and what http is told. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "lib/os/memfile.h"

#define CONF(words) "hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n" \
	"timeout { connect 10s; greeting 10s; command 10s }\n" \
	"oauth m { token-url https://t.example/; client app; secret s }\n" \
	"route out { via 127.0.0.1; tls require; login ann; oauth m; " words " }\n"

static const struct bench_job job = { .to = "x@far.example", .hops = "127.0.0.1", .key = "route:out" };

static void files(struct bench *b)
{
	struct buf text, record;
	buf_init(&text, 4096);
	buf_init(&record, 4096);
	for (int i = 0; i < 4; i++) buf_put_str(&text, STR(""));
	int fd = memfile_write("test", buf_view(&text));
	assert_true(fd >= 0);
	msg_route_files_put(&record, &(struct msg_route_files){ STR("out"), TLS_MODERN });
	deliver_role.message(&b->frame, b->spool, MSG_route_files, buf_view(&record), fd);
	buf_free(&text);
	buf_free(&record);
}

static void give(struct bench *b, struct str token, int64_t life_s, const char *why)
{
	struct buf record;
	int64_t until_ms = loop_wall_ms(b->frame.loop) + life_s * 1000;
	buf_init(&record, 16 * 1024);
	msg_token_put(&record, &(struct msg_token){ .name = STR("m"), .token = token,
		.until_ms = (uint64_t)until_ms, .why = str_of(why) });
	deliver_role.message(&b->frame, b->spool, MSG_token, buf_view(&record), -1);
	buf_free(&record);
	bench_turn(b);
}

static struct bench *begin(const char *conf)
{
	struct bench *b = bench_new(conf);
	files(b);
	return b;
}

static struct pem pem;

static struct peer *host(const char *auth)
{
	return peer_new(1, &(struct peer_script){ .caps = "STARTTLS AUTH~PLAIN~XOAUTH2", .auth = auth, .pem = &pem });
}

static int setup(void **state)
{
	(void)state;
	pem_make(&pem, "IP:127.0.0.1", PEM_EC, 30);
	return 0;
}

static bool heard(const struct peer *p, const char *text)
{
	return p->heard.len && memmem(p->heard.at, p->heard.len, text, strlen(text)) != NULL;
}

static void good(void **state)
{
	(void)state;
	struct bench *b = begin(CONF(""));
	struct peer *p = host("235 ok");
	give(b, STR("t0ken"), 3600, "");
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	/* user=ann ^A auth=Bearer t0ken ^A ^A */
	assert_true(heard(p, "AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdDBrZW4BAQ=="));
	assert_false(heard(p, "AUTH PLAIN"));
	struct connection *c = CONTAINER(b->d->idle.next, struct connection, idle_all);
	for (size_t i = 0; i < sizeof c->login.secret; i++) assert_int_equal(c->login.secret[i], 0);
	assert_int_equal(b->tokens_refused, 0);
	bench_free(b);
}

/* Mail that is there before the first token waits for it; not for ever. */
static void awaited(void **state)
{
	(void)state;
	struct bench *b = begin(CONF(""));
	struct peer *p = host("235 ok");
	(void)bench_relay(b, &job);
	assert_int_equal(b->dones, 0);
	assert_int_equal(p->connections, 0);
	give(b, STR("t0ken"), 3600, "");
	assert_int_equal(b->dones, 1);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	bench_free(b);
	b = begin(CONF(""));
	p = host("235 ok");
	(void)bench_relay(b, &job);
	bench_wait(b, DELIVER_TOKEN_MS + 1000);
	assert_int_equal(b->dones, 1);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->dsn, "4.7.0");
	assert_string_equal(bench_result(b)->text,
		"there is no token to log in with (oauth m): none has come so far");
	assert_int_equal(p->connections, 0);
	bench_free(b);
}

static void none(void **state)
{
	(void)state;
	static const struct { const char *token, *why, *text; int64_t life_s; } rows[] = {
		{ "", "invalid_client: no", "there is no token to log in with (oauth m): invalid_client: no", 0 },
		{ "t0ken", "", "there is no token to log in with (oauth m): the last one has ended", 0 },
		{ "t0ken", "", "there is no token to log in with (oauth m): the last one has ended", -5 },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = begin(CONF(""));
		struct peer *p = host("235 ok");
		give(b, str_of(rows[i].token), rows[i].life_s, rows[i].why);
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
		assert_string_equal(bench_result(b)->dsn, "4.7.0");
		assert_string_equal(bench_result(b)->text, rows[i].text);
		assert_int_equal(p->connections, 0);
		give(b, STR("another"), 60, "");
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		bench_free(b);
	}
}

static void refused(void **state)
{
	(void)state;
	struct bench *b = begin(CONF(""));
	(void)host("535 5.7.3 no");
	give(b, STR("t0ken"), 3600, "");
	bench_down(b, ROLE_HTTP);
	(void)bench_relay(b, &job);
	assert_string_equal(bench_result(b)->dsn, "4.7.8");
	assert_int_equal(b->tokens_refused, 0); /* nobody was there to be told */
	bench_up(b, ROLE_HTTP);
	(void)bench_relay(b, &job);
	assert_int_equal(b->tokens_refused, 1);
	assert_true(b->refused.digest == hash_str(STR("t0ken"), 0));
	assert_null(strstr(bench_result(b)->text, "t0ken"));
	bench_down(b, ROLE_HTTP);
	(void)bench_relay(b, &job); /* what there is stays in use without http */
	assert_int_equal(b->tokens_refused, 1);
	bench_free(b);
}

/* Blocks that have gone give their places away; what is too long is nothing. */
static void places(void **state)
{
	(void)state;
	struct bench *b = begin(CONF(""));
	static char big[SMTP_CLIENT_SECRET_MAX + 1];
	for (int i = 0; i < 40; i++) {
		char name[16];
		struct buf record;
		(void)snprintf(name, sizeof name, "gone%d", i);
		buf_init(&record, 16 * 1024);
		msg_token_put(&record, &(struct msg_token){ .name = str_of(name), .token = STR("x"), .until_ms = UINT64_MAX });
		deliver_role.message(&b->frame, b->spool, MSG_token, buf_view(&record), -1);
		buf_free(&record);
	}
	assert_in_range(b->d->token_count, 1, DELIVER_TOKENS_MAX);
	memset(big, 'x', sizeof big);
	give(b, (struct str){ big, sizeof big }, 60, "");
	give(b, STR("t0ken"), 60, "");
	(void)host("235 ok");
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),    cmocka_unit_test(awaited), cmocka_unit_test(none),
		cmocka_unit_test(refused), cmocka_unit_test(places),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
