/* SPDX-License-Identifier: Apache-2.0 */
/* The role on its way out: what still comes finds nothing that could take it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/policy/conf_text.h"
#include "services/http/http.h"

extern const struct role_ops http_role;
static unsigned left;

void frame_leave(struct frame *f)
{
	(void)f;
	left++;
}

struct channel *frame_peer(const struct frame *f, enum role role, unsigned index)
{
	(void)f, (void)role, (void)index;
	return NULL;
}

static int64_t wall(void *arg)
{
	(void)arg;
	return 0;
}

static void note(void *arg, struct str record) { (void)arg, (void)record; }

static void on_message(void *arg, struct channel *ch, enum msg_type type, struct str payload, int fd)
{
	(void)arg, (void)ch, (void)payload, (void)fd;
	fail_msg("it says something: %d", (int)type);
}
static void on_closed(void *arg, struct channel *ch) { (void)arg, (void)ch; }

static void messages_after_the_end(void **state)
{
	static const struct channel_handler handler = { on_message, on_closed };
	static const struct { enum role from; enum msg_type type; } rows[] = {
		{ ROLE_DELIVER, MSG_sts_want }, { ROLE_DELIVER, MSG_tls_result }, { ROLE_DELIVER, MSG_token_refused },
		{ ROLE_DNS, MSG_dns_found },    { ROLE_SPOOL, MSG_letter_kept },
	};
	char folder[] = "/tmp/ims-http-XXXXXX", text[256], payload[512];
	struct event_log log;
	(void)state;
	event_log_init(&log, "http", note, wall, NULL);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(text, sizeof text, "hostname mx.us.example\nstate %s\nhttp { ca /none }\ntlsrpt { send yes }\n", folder);
	struct frame f = { .conf = conf_of(text), .loop = loop_new(), .log = &log };
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	struct channel *ch = channel_new(f.loop, ends[0], ROLE_HTTP, ROLE_DELIVER, 0, &handler, NULL);
	struct channel *other = channel_new(f.loop, ends[1], ROLE_DELIVER, ROLE_HTTP, 0, &handler, NULL);
	assert_int_equal(http_role.open(&f), 0);
	assert_int_equal(http_role.serve(&f), 0);
	http_role.drain(&f, false);
	assert_int_equal(left, 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b;
		buf_init_fixed(&b, payload, sizeof payload);
		/* Long enough for each of them: what does not fit is ignored anyway. */
		if (rows[i].type == MSG_sts_want) {
			buf_put_u64(&b, 1);
			buf_put_str(&b, STR("far.example"));
		} else if (rows[i].type == MSG_token_refused) {
			buf_put_str(&b, STR("name"));
		} else {
			for (int n = 0; n < 64; n++) buf_put_u8(&b, 0);
		}
		http_role.message(&f, ch, rows[i].type, buf_view(&b), -1);
	}
	http_role.peer_up(&f, ch);
	http_role.peer_down(&f, ch);
	struct http *h = f.role;
	assert_int_equal(h->sts.domains.count, 0);
	assert_false(web_ask(&h->web, &(struct fetch){ .url = STR("https://127.0.0.1/") }, NULL, NULL));
	channel_free(ch);
	channel_free(other);
	free(h);
	loop_free(f.loop);
	event_log_free(&log);
	conf_free((struct conf *)(uintptr_t)f.conf);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(messages_after_the_end) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
