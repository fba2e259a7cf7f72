/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to web servers: the name is asked of dns, who is played here; servers are children
 * that give one answer each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "services/http/web.h"

enum { PATIENCE_MS = 20 * 1000, QUESTIONS_MAX = 8 };

struct world {
	struct loop *loop;
	struct names names;
	struct web web;
	struct channel *near, *far;
	struct loop_timer *late;
	/* what dns was asked */
	struct { uint64_t query; uint16_t type; char name[64]; } asked[QUESTIONS_MAX];
	unsigned asked_count, wanted;
	/* what web_ask was answered */
	unsigned answers;
	long code;
	char text[128], type[64], why[128];
};

static void keep(char *out, size_t size, struct str text)
{
	assert_true(text.len < size);
	(void)snprintf(out, size, "%.*s", STR_ARG(text));
}

static void on_dns(void *arg, struct channel *ch, enum msg_type type, struct str payload, int fd)
{
	struct world *w = arg;
	struct msg_dns_ask m;
	(void)ch, (void)fd;
	assert_int_equal(type, MSG_dns_ask);
	assert_true(msg_dns_ask_get(payload, &m));
	assert_true(w->asked_count < QUESTIONS_MAX);
	w->asked[w->asked_count].query = m.query;
	w->asked[w->asked_count].type = m.type;
	keep(w->asked[w->asked_count].name, sizeof w->asked->name, m.name);
	if (++w->asked_count == w->wanted) loop_stop(w->loop);
}

static void on_found(void *arg, struct channel *ch, enum msg_type type, struct str payload, int fd)
{
	struct world *w = arg;
	struct msg_dns_found m;
	(void)ch, (void)fd;
	if (type == MSG_dns_found && msg_dns_found_get(payload, &m)) names_found(&w->names, &m);
}

static void on_closed(void *arg, struct channel *ch) { (void)arg, (void)ch; }

static void on_late(void *arg)
{
	(void)arg;
	fail_msg("nothing came");
}

static void answered(void *arg, const struct fetched *result)
{
	struct world *w = arg;
	w->answers++;
	w->code = result->code;
	keep(w->text, sizeof w->text, result->text);
	keep(w->type, sizeof w->type, result->type);
	keep(w->why, sizeof w->why, result->why);
	loop_stop(w->loop);
}

static int setup(void **state)
{
	static const struct channel_handler near = { on_found, on_closed }, far = { on_dns, on_closed };
	static struct world w;
	int ends[2];
	assert_true(web_prepare());
	w = (struct world){ .loop = loop_new() };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	w.near = channel_new(w.loop, ends[0], ROLE_HTTP, ROLE_DNS, 0, &near, &w);
	w.far = channel_new(w.loop, ends[1], ROLE_DNS, ROLE_HTTP, 0, &far, &w);
	names_init(&w.names);
	names_up(&w.names, w.near);
	assert_true(web_init(&w.web, w.loop, &w.names));
	w.late = loop_timer_new(w.loop, on_late, &w);
	loop_timer_set(w.late, PATIENCE_MS);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	web_free(&w->web);
	names_free(&w->names);
	loop_timer_free(w->late);
	channel_free(w->near);
	channel_free(w->far);
	loop_free(w->loop);
	return 0;
}

static bool ask(struct world *w, const char *url)
{
	return web_ask(&w->web, &(struct fetch){ .url = str_of(url) }, answered, w);
}

/* Until dns was asked both families. */
static void ask_by_name(struct world *w, const char *url)
{
	w->wanted = w->asked_count + 2;
	assert_true(ask(w, url));
	loop_run(w->loop);
}

static void found(struct world *w, unsigned question, enum dns_state state, struct str records)
{
	channel_send_dns_found(w->far, &(struct msg_dns_found){
		.query = w->asked[question].query, .state = (uint8_t)state, .records = records });
}

/* --- a web server ----------------------------------------------------------------------- */

struct server {
	pid_t pid;
	unsigned port;
	int heard; /* a pipe: what it was sent */
};

static void serve(int listener, int heard, const char *answer)
{
	char request[4096];
	int conn = accept(listener, NULL, NULL);
	ssize_t n = read(conn, request, sizeof request);
	if (n <= 0 || write(heard, request, (size_t)n) != n) _exit(1);
	if (write(conn, answer, strlen(answer)) < 0) _exit(1);
	_exit(0);
}

static struct server server_start(const char *answer)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int pipes[2], listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(pipe(pipes), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) serve(listener, pipes[1], answer);
	(void)close(listener);
	(void)close(pipes[1]);
	return (struct server){ pid, ntohs(at.sin_port), pipes[0] };
}

static void server_end(struct server *s, char *heard, size_t size)
{
	int status = 0;
	ssize_t n = read(s->heard, heard, size - 1);
	assert_true(n > 0);
	heard[n] = '\0';
	(void)close(s->heard);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
}

/* --- tests ------------------------------------------------------------------------------ */

static void asks_this_machine_without_dns(void **state)
{
	struct world *w = *state;
	char url[64], heard[4096];
	struct server s = server_start("HTTP/1.1 201 Made\r\nContent-Type: text/plain; charset=x\r\n"
				       "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/a?b=c", s.port);
	const struct fetch what = { .url = str_of(url), .body = STR("{\0}"), .type = STR("application/x-test"),
				    .login = STR("me:secret") };
	assert_true(web_ask(&w->web, &what, answered, w));
	loop_run(w->loop);
	server_end(&s, heard, sizeof heard);
	assert_int_equal(w->asked_count, 0);
	assert_non_null(strstr(heard, "POST /a?b=c HTTP/1.1\r\n"));
	assert_non_null(strstr(heard, "Content-Type: application/x-test\r\n"));
	assert_non_null(strstr(heard, "Content-Length: 3\r\n"));
	assert_non_null(strstr(heard, "Authorization: Basic bWU6c2VjcmV0\r\n"));
	/* Not what was wanted, but the text is there. */
	assert_int_equal(w->code, 201);
	assert_string_equal(w->text, "hello");
	assert_string_equal(w->type, "text/plain; charset=x");
	assert_string_equal(w->why, "the server says 201");
}

static void a_name_is_asked_of_dns(void **state)
{
	struct world *w = *state;
	static const char v4[] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1";
	char url[64], heard[4096];
	struct server s = server_start("no TLS");
	(void)snprintf(url, sizeof url, "https://web.example:%u/", s.port);
	ask_by_name(w, url);
	assert_int_equal(w->asked[0].type, DNS_AAAA);
	assert_int_equal(w->asked[1].type, DNS_A);
	assert_string_equal(w->asked[1].name, "web.example");
	found(w, 0, DNS_NO_DATA, STR(""));
	found(w, 1, DNS_FOUND, (struct str){ v4, 16 });
	loop_run(w->loop);
	server_end(&s, heard, sizeof heard); /* it was reached: that is where the name is */
	assert_int_equal(heard[0], 22);      /* a handshake */
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->code, 0);
	assert_true(strlen(w->why) > 0);
}

static void no_address(void **state)
{
	struct world *w = *state;
	ask_by_name(w, "https://web.example/");
	found(w, 0, DNS_NO_NAME, STR(""));
	found(w, 1, DNS_FOUND, STR("short"));
	loop_run(w->loop);
	assert_int_equal(w->answers, 1);
	assert_string_equal(w->why, "the name of the web server has no address now");
}

static void dns_goes_away(void **state)
{
	struct world *w = *state;
	ask_by_name(w, "https://web.example/");
	names_down(&w->names);
	assert_int_equal(w->answers, 1);
	assert_string_equal(w->why, "the name of the web server has no address now");
	assert_false(ask(w, "https://web.example/")); /* nobody to ask */
	assert_int_equal(w->web.count, 0);
}

static void what_is_not_asked(void **state)
{
	static const char *const urls[] = {
		"http://web.example/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://", "", "web.example",
		"https://a b/", "https://web.example:99999/", "https://user@/", "http://192.0.2.1/",
	};
	struct world *w = *state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) assert_false(ask(w, urls[i]));
	assert_int_equal(w->web.count, 0);
	assert_int_equal(w->names.count, 0);
}

/* What a stranger may name; digits are an address in whatever form they come. */
static void for_strangers(void **state)
{
	static const struct { const char *url; bool may; } rows[] = {
		{ "https://web.example/in", true },      { "https://web.example:8443/", true },
		{ "https://WEB.example/", true },        { "http://web.example/", false },
		{ "https://web.example./", false },      { "http://127.0.0.1/", false },
		{ "https://127.0.0.1/", false },
		{ "https://192.0.2.1/", false },         { "https://[::1]/", false },
		{ "https://[2001:db8::1]:80/", false },  { "https://2130706433/", false },
		{ "https://0x7f000001/", false },        { "https://0177.0.0.1/", false },
		{ "https://127.1/", false },             { "https://127.0.0.1./", false },
		{ "https://web.0x7f/", false },          { "https://localhost/", false },
		{ "https://LocalHost./", false },        { "https://a.localhost/", false },
		{ "https://alocalhost/", true },         { "https://web.example@127.0.0.1/", false },
		{ "https://127%2e0.0.1/", false },       { "", false },
	};
	struct world *w = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct fetch what = { .url = str_of(rows[i].url) };
		if (web_is_for_strangers(what.url) != rows[i].may) fail_msg("%s", rows[i].url);
		if (!rows[i].may) assert_false(web_ask_for_stranger(&w->web, &what, true, answered, w));
	}
	assert_int_equal(w->web.count, 0);
}

#define V4(a, b, c, d) "\0\0\0\0\0\0\0\0\0\0\xff\xff" a b c d

/* Of its addresses only those that anybody may ask, and that are not ours. */
static void a_name_that_leads_here(void **state)
{
	static const char *const why = "the name of the web server leads to this machine or into a private network";
	static const char *const inside[] = { V4("\x7f", "\0", "\0", "\1"), V4("\x0a", "\1", "\2", "\3"),
					      V4("\xc0", "\0", "\2", "\x09") };
	struct world *w = *state;
	struct ip own;
	assert_true(ip_parse(STR("192.0.2.9"), &own));
	w->web.own = &own;
	w->web.own_count = 1;
	for (unsigned i = 0; i < 3; i++) {
		w->wanted = w->asked_count + 2;
		assert_true(web_ask_for_stranger(&w->web, &(struct fetch){ .url = STR("https://web.example:9/") }, false,
						 answered, w));
		loop_run(w->loop);
		found(w, 2 * i, DNS_NO_DATA, STR(""));
		found(w, 2 * i + 1, DNS_FOUND, (struct str){ inside[i], 16 });
		loop_run(w->loop);
		assert_int_equal(w->answers, i + 1);
		assert_string_equal(w->why, why);
	}
	/* Where the administrator lets them: this one is asked, and nothing listens there. */
	w->wanted = w->asked_count + 2;
	assert_true(web_ask_for_stranger(&w->web, &(struct fetch){ .url = STR("https://web.example:9/") }, true,
					 answered, w));
	loop_run(w->loop);
	found(w, 6, DNS_NO_DATA, STR(""));
	found(w, 7, DNS_FOUND, (struct str){ inside[0], 16 });
	loop_run(w->loop);
	assert_int_equal(w->answers, 4);
	assert_true(strlen(w->why) > 0 && strcmp(w->why, why) != 0);
}

static void nothing_after_the_end(void **state)
{
	struct world *w = *state;
	web_free(&w->web);
	assert_false(ask(w, "http://127.0.0.1/"));
	assert_false(ask(w, "https://web.example/"));
	assert_int_equal(w->web.count, 0);
}

static void number_is_bounded(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < WEB_MAX; i++) {
		/* nobody reads the questions; they wait in the channel */
		assert_true(ask(w, "https://web.example/"));
	}
	assert_false(ask(w, "https://web.example/"));
	w->wanted = 0;
	web_forget(&w->web, w);
	w->asked_count = 0;
	names_down(&w->names);
	assert_int_equal(w->answers, 0); /* who asked has gone */
	assert_int_equal(w->web.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(asks_this_machine_without_dns, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_is_asked_of_dns, setup, teardown),
		cmocka_unit_test_setup_teardown(no_address, setup, teardown),
		cmocka_unit_test_setup_teardown(dns_goes_away, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(for_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_that_leads_here, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_after_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(number_is_bounded, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
