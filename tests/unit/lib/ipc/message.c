/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "lib/ipc/message.h"

/* A value of each type that is told apart from its neighbours. */
static unsigned counter;
static uint8_t value_u8(void) { return (uint8_t)++counter; }
static uint16_t value_u16(void) { return (uint16_t)(0xfff0 - ++counter); }
static uint32_t value_u32(void) { return 0xffff0000u + ++counter; }
static uint64_t value_u64(void) { return UINT64_MAX - ++counter; }
static struct str value_str(void)
{
	static const char text[] = "a\0b\r\n\xff\"%s";
	return (struct str){ text, ++counter % sizeof text };
}

static void same_u(uint64_t a, uint64_t b) { assert_true(a == b); }
static void same_str(struct str a, struct str b) { assert_true(str_eq(a, b)); }

#define same_u8(a, b)  same_u(a, b)
#define same_u16(a, b) same_u(a, b)
#define same_u32(a, b) same_u(a, b)
#define same_u64(a, b) same_u(a, b)

#define F(type, field) same_##type(a->field, b->field);
#define MESSAGE(name, from, to, fields, text)                                            \
	static void check_##name(const struct msg_##name *a, const struct msg_##name *b) \
	{                                                                                \
		fields                                                                   \
	}
#include "lib/ipc/messages.def"
#undef MESSAGE
#undef F

/* A copy of exact size, so that the sanitizer sees one byte too far. */
static struct str exact(struct str s)
{
	char *copy = malloc(s.len ? s.len : 1);
	assert_non_null(copy);
	if (s.len) memcpy(copy, s.at, s.len);
	return (struct str){ copy, s.len };
}

static void test_all_round(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
#define MESSAGE(name, from, to, fields, text)                                   \
	{                                                                       \
		struct msg_##name in, out;                                      \
		memset(&out, 0, sizeof out);                                    \
		fields buf_reset(&b);                                           \
		msg_##name##_put(&b, &in);                                      \
		assert_false(b.overflowed);                                     \
		struct str all = exact(buf_view(&b));                           \
		assert_true(msg_is_valid(MSG_##name, all));                     \
		assert_true(msg_##name##_get(all, &out));                       \
		check_##name(&in, &out);                                        \
		free((char *)(uintptr_t)all.at);                                \
		for (size_t cut = 0; cut < b.len; cut++) {                      \
			struct str part = exact(str_sub(buf_view(&b), 0, cut)); \
			assert_false(msg_is_valid(MSG_##name, part));           \
			assert_false(msg_##name##_get(part, &out));             \
			free((char *)(uintptr_t)part.at);                       \
		}                                                               \
		buf_byte(&b, 0);                                                \
		assert_false(msg_is_valid(MSG_##name, buf_view(&b)));           \
		assert_false(msg_##name##_get(buf_view(&b), &out));             \
	}
#define F(type, field) in.field = value_##type();
#include "lib/ipc/messages.def"
#undef F
#undef MESSAGE
	buf_free(&b);
}

static void test_table(void **state)
{
	(void)state;
	for (unsigned t = 0; t < MSG_COUNT; t++) {
		assert_true(strlen(msg_name((enum msg_type)t)) > 0);
		assert_true(t == MSG_NONE || strlen(msg_sentence((enum msg_type)t)) > 0);
		assert_true(!msg_needs_fd((enum msg_type)t) ||
			    msg_has_fd((enum msg_type)t));
	}
	assert_false(msg_is_valid(MSG_NONE, STR("")));
	assert_false(msg_is_valid(MSG_COUNT, STR("")));
}

static void test_permission(void **state)
{
	static const struct {
		enum msg_type type;
		enum role from, to;
		bool may;
	} cases[] = {
		{ MSG_config, ROLE_MASTER, ROLE_SPOOL, true },
		{ MSG_config, ROLE_SPOOL, ROLE_RECEIVE, false },
		{ MSG_config, ROLE_MASTER, ROLE_MASTER, false },
		{ MSG_ready, ROLE_CONSOLE, ROLE_MASTER, true },
		{ MSG_event, ROLE_MASTER, ROLE_JOURNAL, true },
		{ MSG_event, ROLE_RECEIVE, ROLE_JOURNAL, true },
		{ MSG_event, ROLE_JOURNAL, ROLE_JOURNAL, false },
		{ MSG_window, ROLE_RECEIVE, ROLE_SPOOL, true },
		{ MSG_window, ROLE_SPOOL, ROLE_MAILBOX, false },
		{ MSG_spool_window, ROLE_SPOOL, ROLE_MAILBOX, true },
		{ MSG_window, ROLE_RECEIVE, ROLE_MAILBOX, false },
		{ MSG_window, ROLE_SPOOL, ROLE_SPOOL, false },
		{ MSG_spool_window, ROLE_SPOOL, ROLE_BOUNCE, true },
		{ MSG_window, ROLE_BOUNCE, ROLE_SPOOL, true },
		{ MSG_window, ROLE_BOUNCE, ROLE_MAILBOX, false },
		{ MSG_window, ROLE_RECEIVE, ROLE_BOUNCE, false },
		{ MSG_window, ROLE_SPOOL, ROLE_RECEIVE, false },
		{ MSG_report_job, ROLE_SPOOL, ROLE_BOUNCE, true },
		{ MSG_report_job, ROLE_RECEIVE, ROLE_BOUNCE, false },
		{ MSG_report_done, ROLE_BOUNCE, ROLE_SPOOL, true },
		{ MSG_commit, ROLE_SPOOL, ROLE_RECEIVE, false },
		{ MSG_answer, ROLE_MASTER, ROLE_CONSOLE, true },
		{ MSG_answer, ROLE_SPOOL, ROLE_CONSOLE, true },
		{ MSG_NONE, ROLE_MASTER, ROLE_CONSOLE, false },
		{ MSG_COUNT, ROLE_MASTER, ROLE_CONSOLE, false },
		{ (enum msg_type)0x7fff, ROLE_MASTER, ROLE_CONSOLE, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(msg_may(cases[i].type, cases[i].from, cases[i].to),
				 cases[i].may);
	/* What is hostile has a way to few. */
	assert_true(msg_pair(ROLE_RECEIVE, ROLE_SPOOL));
	assert_true(msg_pair(ROLE_SPOOL, ROLE_RECEIVE));
	assert_true(msg_pair(ROLE_RECEIVE, ROLE_DIRECTORY));
	assert_true(msg_pair(ROLE_RECEIVE, ROLE_JOURNAL));
	assert_true(msg_pair(ROLE_RECEIVE, ROLE_MASTER));
	assert_false(msg_pair(ROLE_RECEIVE, ROLE_MAILBOX));
	assert_false(msg_pair(ROLE_RECEIVE, ROLE_CONSOLE));
	assert_false(msg_pair(ROLE_RECEIVE, ROLE_RECEIVE));
	assert_false(msg_pair(ROLE_MAILBOX, ROLE_DIRECTORY));
	assert_true(msg_pair(ROLE_BOUNCE, ROLE_SPOOL));
	assert_false(msg_pair(ROLE_BOUNCE, ROLE_RECEIVE));
	assert_false(msg_pair(ROLE_BOUNCE, ROLE_MAILBOX));
	assert_true(msg_needs_fd(MSG_peer));
	assert_true(msg_has_fd(MSG_job) && !msg_needs_fd(MSG_job));
	assert_false(msg_has_fd(MSG_start));
}

static void test_roles(void **state)
{
	enum role role;
	(void)state;
	for (unsigned r = 0; r < ROLE_COUNT; r++) {
		assert_true(role_parse(str_of(role_name((enum role)r)), &role));
		assert_int_equal(role, r);
	}
	assert_false(role_parse(STR("receiver"), &role));
	assert_false(role_parse(STR(""), &role));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_round),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_permission),
		cmocka_unit_test(test_roles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
