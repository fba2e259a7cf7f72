/* SPDX-License-Identifier: Apache-2.0 */
/* Plain questions: addresses and names of one host, with a deadline. */
#include "dns_test.h"

#include "services/dns/plain.h"

static struct {
	unsigned count, failed, late;
	uint64_t query;
	enum dns_state state;
	char text[TEXT_MAX];
} got;

static void on_found(struct role_test *t, enum msg_type type, struct str payload)
{
	struct msg_dns_found m;
	struct buf text;
	(void)t;
	assert_int_equal(type, MSG_dns_found);
	assert_true(msg_dns_found_get(payload, &m));
	got.count++;
	got.query = m.query;
	got.state = (enum dns_state)m.state;
	got.failed += m.state == DNS_FAILED;
	got.late += m.state == DNS_LATE;
	buf_init_fixed(&text, got.text, sizeof got.text - 1);
	buf_str(&text, m.records);
	got.text[text.len] = '\0';
}

static int setup_plain(void **state)
{
	static struct dns_test t;
	char conf[512];
	memset(&got, 0, sizeof got);
	role_test_folder(&t.role);
	server_start(&t);
	t.role.answer = on_found;
	conf_text(&t, "", conf, sizeof conf);
	role_test_start(&t.role, &dns_role, ROLE_RECEIVE, conf);
	*state = &t;
	return 0;
}

static void ask_for(struct dns_test *t, uint64_t query, const char *name, unsigned type)
{
	channel_send_dns_ask(t->role.far, &(struct msg_dns_ask){
		.query = query, .type = (uint16_t)type, .name = str_of(name) });
}

#define TEN_DIGITS "0123456789"
#define HUNDRED_DIGITS TEN_DIGITS TEN_DIGITS TEN_DIGITS TEN_DIGITS TEN_DIGITS TEN_DIGITS TEN_DIGITS TEN_DIGITS TEN_DIGITS TEN_DIGITS
#define LONG_TEXT HUNDRED_DIGITS HUNDRED_DIGITS HUNDRED_DIGITS
#define V4(a, b, c, d) "\0\0\0\0\0\0\0\0\0\0\xff\xff" a b c d

static void answers(void **state)
{
	struct dns_test *t = *state;
	static const struct {
		const char *name;
		unsigned type;
		enum dns_state state;
		struct str records;
		struct str turned; /* the same the other way round, as the library likes to */
	} rows[] = {
		{ "far.example", DNS_A, DNS_FOUND, STR_INIT(V4("\xc0", "\0", "\x02", "\x09")), { NULL, 0 } },
		{ "six.example", DNS_AAAA, DNS_FOUND, STR_INIT("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\6"), { NULL, 0 } },
		{ "six.example", DNS_A, DNS_NO_DATA, STR_INIT(""), { NULL, 0 } },
		{ "nobody.example", DNS_A, DNS_NO_NAME, STR_INIT(""), { NULL, 0 } },
		{ "broken.example", DNS_A, DNS_FAILED, STR_INIT(""), { NULL, 0 } },
		{ "1.0.18.198.in-addr.arpa", DNS_PTR, DNS_FOUND,
		  STR_INIT("\x0b\0\0\0far.example\x0b\0\0\0two.example"),
		  STR_INIT("\x0b\0\0\0two.example\x0b\0\0\0far.example") },
		{ "2.0.18.198.in-addr.arpa", DNS_PTR, DNS_NO_DATA, STR_INIT(""), { NULL, 0 } },
		/* A site's own machines, whom the library would deny. */
		{ "4.3.2.10.in-addr.arpa", DNS_PTR, DNS_FOUND, STR_INIT("\x0b\0\0\0far.example"), { NULL, 0 } },
		{ "5.3.2.10.in-addr.arpa", DNS_PTR, DNS_NO_NAME, STR_INIT(""), { NULL, 0 } },
		{ "texts.example", DNS_TXT, DNS_FOUND, STR_INIT("\x0b\0\0\0v=A1; id=1;\4\0\0\0v=B1"),
		  STR_INIT("\4\0\0\0v=B1\x0b\0\0\0v=A1; id=1;") },
		/* in two pieces on the wire */
		{ "long.example", DNS_TXT, DNS_FOUND, STR_INIT("\x2c\1\0\0" LONG_TEXT), { NULL, 0 } },
		{ "plain.example", DNS_TXT, DNS_NO_DATA, STR_INIT(""), { NULL, 0 } },
		/* what is never asked */
		{ "far.example", DNS_MX, DNS_FAILED, STR_INIT(""), { NULL, 0 } },
		{ "a b.example", DNS_A, DNS_FAILED, STR_INIT(""), { NULL, 0 } },
		{ "", DNS_A, DNS_FAILED, STR_INIT(""), { NULL, 0 } },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask_for(t, 100 + i, rows[i].name, rows[i].type);
		role_test_run(&t->role, 1);
		assert_int_equal(got.query, 100 + i);
		if (got.state != rows[i].state) fail_msg("row %zu: %d", i, (int)got.state);
		if (rows[i].turned.len && memcmp(got.text, rows[i].turned.at, rows[i].turned.len) == 0)
			continue;
		assert_memory_equal(got.text, rows[i].records.at, rows[i].records.len);
	}
}

static void silence_is_late(void **state)
{
	struct dns_test *t = *state;
	int64_t begin = clock_mono_ms();
	ask_for(t, 1, "3.0.18.198.in-addr.arpa", DNS_PTR);
	ask_for(t, 2, "hush.lists.example", DNS_A);
	role_test_run(&t->role, 2);
	int64_t took_ms = clock_mono_ms() - begin;
	/* The library gives up by itself (failed), or the deadline comes first. */
	assert_int_equal(got.late + got.failed, 2);
	assert_true(took_ms < PLAIN_DEADLINE_MS + 1500);
	ask_for(t, 3, "far.example", DNS_A);
	role_test_run(&t->role, 1);
	assert_int_equal(got.state, DNS_FOUND);
}

static void is_bounded(void **state)
{
	enum { MORE = 50 };
	struct dns_test *t = *state;
	for (unsigned i = 0; i < PLAIN_MAX + MORE; i++) {
		char name[64];
		(void)snprintf(name, sizeof name, "n%u.hush.example", i);
		ask_for(t, i, name, DNS_A);
	}
	role_test_run(&t->role, MORE);
	assert_int_equal(got.failed, MORE);
}

static void forgets_who_is_gone(void **state)
{
	struct dns_test *t = *state;
	ask_for(t, 1, "hush.lists.example", DNS_A);
	ask_for(t, 2, "far.example", DNS_A);
	role_test_run(&t->role, 1);
	assert_int_equal(got.query, 2);
	dns_role.peer_down(&t->role.frame, t->role.near);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_plain, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(silence_is_late),
		TEST(is_bounded),
		TEST(forgets_who_is_gone),
	};
	(void)on_resolved;
	(void)setup;
	if (argc != 3) return 64;
	server_path = argv[1];
	zone_path = argv[2];
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
