/* SPDX-License-Identifier: Apache-2.0 */
/* When tokens are asked for, by a clock and a web that the test plays: ahead of their end, again
 * after failures, once a minute when a host refuses one; and what deliver is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cur.h"
#include "lib/base/map.h"
#include "lib/event/event.h"
#include "services/http/token.h"

/* --- a world without sockets -------------------------------------------------------------- */

struct loop_timer {
	struct loop_timer *next;
	void (*fn)(void *);
	void *arg;
	int64_t due_ms; /* -1: not set */
};

struct channel { int nothing; };

static struct {
	int64_t now_ms;
	struct loop_timer *timers;
	struct channel deliver;
	bool deliver_up, web_full;
	unsigned asked, given, events[EVENT_COUNT];
	web_fn *fn;
	void *arg;
	char body[2048], token[64], why[256], error[256];
	uint64_t until_ms;
} w;

int64_t loop_now_ms(const struct loop *l) { return (void)l, w.now_ms; }
int64_t loop_wall_ms(const struct loop *l) { return (void)l, 1800000000000 + w.now_ms; }

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *), void *arg)
{
	struct loop_timer *t = calloc(1, sizeof *t);
	(void)l;
	assert_non_null(t);
	*t = (struct loop_timer){ w.timers, fn, arg, -1 };
	return w.timers = t;
}

void loop_timer_set(struct loop_timer *t, int64_t ms) { t->due_ms = w.now_ms + ms; }

void loop_timer_free(struct loop_timer *t)
{
	struct loop_timer **at = &w.timers;
	while (*at != t) at = &(*at)->next;
	*at = t->next;
	free(t);
}

/* Second by second. */
static void wait_s(int64_t s)
{
	for (int64_t end = w.now_ms + s * 1000; w.now_ms <= end; w.now_ms += 1000) {
		for (struct loop_timer *t = w.timers, *next; t; t = next) {
			next = t->next;
			if (t->due_ms < 0 || t->due_ms > w.now_ms) continue;
			t->due_ms = -1;
			t->fn(t->arg);
		}
	}
	w.now_ms -= 1000;
}

struct channel *frame_peer(const struct frame *f, enum role role, unsigned index)
{
	(void)f;
	return role == ROLE_DELIVER && index == 0 && w.deliver_up ? &w.deliver : NULL;
}

void channel_send_token(struct channel *ch, const struct msg_token *m)
{
	assert_ptr_equal(ch, &w.deliver);
	assert_true(str_eq(m->name, STR("m")));
	w.given++;
	w.until_ms = m->until_ms;
	assert_true(str_to_cstr(m->token, w.token, sizeof w.token));
	assert_true(str_to_cstr(m->why, w.why, sizeof w.why));
}

bool web_ask(struct web *web, const struct fetch *what, web_fn *fn, void *arg)
{
	(void)web;
	if (w.web_full) return false;
	assert_null(w.fn); /* never two at once */
	assert_true(str_eq(what->url, STR("https://t.example/")));
	assert_true(str_to_cstr(what->body, w.body, sizeof w.body));
	w.asked++;
	w.fn = fn;
	w.arg = arg;
	return true;
}

void web_forget(struct web *web, const void *arg)
{
	(void)web;
	if (w.arg == arg) w.fn = NULL;
}

static void answer(long code, const char *text)
{
	web_fn *fn = w.fn;
	char why[64] = "";
	assert_non_null(fn);
	w.fn = NULL;
	if (code != 200) (void)snprintf(why, sizeof why, code ? "the server says %ld" : "no route", code);
	fn(w.arg, &(struct fetched){ .text = str_of(text), .why = str_of(why), .code = code });
}

#define GOOD(token, life) "{\"access_token\":\"" token "\",\"expires_in\":" #life "}"

/* --- the test's own ------------------------------------------------------------------------- */

static struct frame frame;
static struct event_log event_log;
static struct tokens *tokens;

static void note(void *arg, struct str record)
{
	struct cur cur = cur_of(record);
	(void)arg;
	w.events[cur_u16(&cur)]++;
}

static int64_t wall(void *arg) { return (void)arg, loop_wall_ms(NULL); }

static struct conf *conf_of(const char *words)
{
	static struct conf_bundle bundle;
	struct conf_errors errors;
	char text[1024];
	(void)snprintf(text, sizeof text, "hostname a.example\nlistener in { address *:25 }\n"
		"oauth m { token-url https://t.example/; client app; %s }\n"
		"route default { via h.example; tls verify; login ann; oauth m }\n", words);
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)));
	struct conf *conf = conf_parse(&bundle, &errors);
	assert_non_null(conf);
	conf_errors_free(&errors);
	conf_bundle_free(&bundle);
	return conf;
}

static void secrets(const char *client, const char *refresh)
{
	struct buf record;
	buf_init(&record, 1024);
	buf_put_str(&record, STR("s"));
	buf_put_str(&record, str_of(client));
	buf_put_str(&record, STR("r"));
	buf_put_str(&record, str_of(refresh));
	tokens_secrets(tokens, buf_view(&record));
	buf_free(&record);
}

static void begin(const char *words, int folder)
{
	memset(&w, 0, sizeof w);
	w.now_ms = 5000;
	w.deliver_up = true;
	event_log_init(&event_log, "http", note, wall, NULL);
	frame = (struct frame){ .conf = conf_of(words), .log = &event_log };
	tokens = tokens_new(&frame, (struct web *)&w, STR("ca"), folder);
	assert_non_null(tokens);
}

static void end(void)
{
	tokens_free(tokens);
	conf_free(frame.conf);
	event_log_free(&event_log);
	assert_null(w.timers);
	assert_null(w.fn);
}

static void ready(void)
{
	begin("secret s", -1);
	secrets("one", "");
	assert_int_equal(w.asked, 0); /* rights are not given up yet */
	tokens_begin(tokens);
	wait_s(0);
	assert_int_equal(w.asked, 1);
}

static void ahead_of_the_end(void **state)
{
	(void)state;
	ready();
	answer(200, GOOD("t1", 1000));
	assert_string_equal(w.token, "t1");
	assert_true(w.until_ms == (uint64_t)(loop_wall_ms(NULL) + 995 * 1000));
	wait_s(798);
	assert_int_equal(w.asked, 1);
	wait_s(3);
	assert_int_equal(w.asked, 2);
	answer(200, GOOD("t2", 20));
	assert_string_equal(w.token, "t2");
	assert_int_equal(w.events[EVENT_token], 2);
	assert_int_equal(w.given, 2);
	end();
}

/* Twice as long after each, ten minutes at most; deliver hears of it when there is no token. */
static void failures(void **state)
{
	(void)state;
	ready();
	answer(200, GOOD("t1", 1000));
	wait_s(801);
	unsigned given = w.given, asked = w.asked;
	for (int i = 0; i < 7; i++) { /* 1 + 2 + ... + 64 s: the token is still good */
		answer(503, "");
		assert_int_equal(w.given, given);
		wait_s((int64_t)1 << i);
		assert_int_equal(w.asked, ++asked);
	}
	assert_int_equal(w.events[EVENT_token_fail], 1);
	wait_s(200);
	answer(503, "");
	assert_int_equal(w.given, given + 1);
	assert_string_equal(w.token, "");
	assert_string_equal(w.why, "the server says 503");
	for (int i = 0; i < 8; i++) {
		wait_s(601);
		answer(400, "{\"error\":\"invalid_client\"}");
	}
	assert_string_equal(w.why, "invalid_client");
	assert_int_equal(w.events[EVENT_token_fail], 2); /* once an hour */
	wait_s(601);
	answer(200, GOOD("t2", 1000));
	assert_string_equal(w.token, "t2");
	end();
}

static void bad_answers(void **state)
{
	(void)state;
	static const struct { long code; const char *text, *why; } rows[] = {
		{ 200, "{}", "the answer has no token that can be used" },
		{ 200, "<html>", "the answer is no JSON object" },
		{ 401, GOOD("t", 5), "the server says 401" },
		{ 502, "<html>", "the server says 502" },
		{ 400, "{\"error\":\"invalid_grant\",\"error_description\":\"It is old.\"}", "invalid_grant: It is old." },
		{ 0, "", "no route" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ready();
		answer(rows[i].code, rows[i].text);
		assert_string_equal(w.why, rows[i].why);
		assert_int_equal(w.events[EVENT_token_fail], 1);
		end();
	}
}

static void refused(uint64_t digest)
{
	tokens_refused(tokens, &(struct msg_token_refused){ STR("m"), digest });
	tokens_refused(tokens, &(struct msg_token_refused){ STR("x"), digest });
}

static void refusals(void **state)
{
	(void)state;
	ready();
	refused(hash_str(STR(""), 0));
	answer(200, GOOD("t1", 10000));
	refused(hash_str(STR("t0"), 0)); /* one of before */
	assert_int_equal(w.asked, 1);
	refused(hash_str(STR("t1"), 0));
	refused(hash_str(STR("t1"), 0)); /* under way */
	assert_int_equal(w.asked, 2);
	answer(200, GOOD("t2", 10000));
	refused(hash_str(STR("t2"), 0)); /* too soon */
	assert_int_equal(w.asked, 2);
	wait_s(60);
	refused(hash_str(STR("t2"), 0));
	assert_int_equal(w.asked, 3);
	answer(200, GOOD("t3", 10000));
	end();
}

static void other_secrets(void **state)
{
	(void)state;
	begin("secret s", -1);
	tokens_begin(tokens);
	wait_s(1);
	assert_int_equal(w.given, 0); /* master may still be at it */
	wait_s(2);
	assert_string_equal(w.why, "its secret cannot be read; the log says why");
	tokens_names_up(tokens);
	assert_int_equal(w.asked, 0);
	secrets("one", "");
	assert_int_equal(w.asked, 1);
	assert_non_null(strstr(w.body, "client_secret=one"));
	secrets("two", ""); /* what is under way is of the old one */
	answer(200, GOOD("t1", 1000));
	assert_string_equal(w.token, "");
	wait_s(0);
	assert_non_null(strstr(w.body, "client_secret=two"));
	answer(200, GOOD("t2", 1000));
	assert_string_equal(w.token, "t2");
	secrets("two", "");
	assert_int_equal(w.asked, 2);
	end();
}

static void refresh_tokens(void **state)
{
	(void)state;
	begin("grant refresh-token; refresh r", -2);
	tokens_begin(tokens);
	wait_s(3);
	assert_string_equal(w.why, "its refresh token cannot be read; the log says why");
	secrets("", "first");
	assert_non_null(strstr(w.body, "refresh_token=first"));
	answer(200, "{\"access_token\":\"t1\",\"refresh_token\":\"second\",\"expires_in\":10}");
	assert_int_equal(w.events[EVENT_token_fail], 2); /* it could not be kept */
	wait_s(9);
	assert_non_null(strstr(w.body, "refresh_token=second"));
	answer(200, "{\"access_token\":\"t2\",\"refresh_token\":\"second\",\"expires_in\":10}");
	assert_int_equal(w.events[EVENT_token_fail], 2);
	end();
}

static void no_room_and_no_names(void **state)
{
	(void)state;
	begin("secret s", -1);
	w.web_full = true;
	secrets("one", "");
	tokens_begin(tokens);
	wait_s(0);
	assert_string_equal(w.why, "it cannot be asked for now");
	w.web_full = false;
	tokens_names_up(tokens);
	assert_int_equal(w.asked, 1);
	tokens_names_up(tokens);
	answer(200, GOOD("t1", 1000));
	tokens_names_up(tokens);
	assert_int_equal(w.asked, 1);
	/* another deliver */
	unsigned given = w.given;
	tokens_tell(tokens, &w.deliver);
	assert_int_equal(w.given, given + 1);
	end();
}

static void reloads(void **state)
{
	(void)state;
	static const struct { const char *words; bool same; } rows[] = {
		{ "secret s", true }, { "secret s; scope x", false }, { "secret s2", false },
		{ "secret s; ca /dev/null", false }, { "secret s; secret-in header", false },
		{ "secret s; audience x", false }, { "grant refresh-token; refresh r; secret s", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ready();
		answer(200, GOOD("t1", 1000));
		struct conf *old = frame.conf;
		frame.conf = conf_of(rows[i].words);
		assert_int_equal(tokens_reload(tokens), rows[i].same);
		end();
		conf_free(old);
	}
}

/* Without its authorities nobody is trusted; that is told. */
static void no_authorities(void **state)
{
	(void)state;
	begin("secret s; ca /does/not/exist", -1);
	assert_int_equal(w.events[EVENT_token_fail], 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ahead_of_the_end), cmocka_unit_test(failures),
		cmocka_unit_test(bad_answers),      cmocka_unit_test(refusals),
		cmocka_unit_test(other_secrets),    cmocka_unit_test(refresh_tokens),
		cmocka_unit_test(no_room_and_no_names), cmocka_unit_test(reloads),
		cmocka_unit_test(no_authorities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
