/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/queue/action.h"
#include "lib/queue/suspend.h"

#define LONG_255 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void selectors(void **state)
{
	(void)state;
	static const struct { const char *text; enum suspend_kind kind; const char *name, *why; } rows[] = {
		{ "domain Example.org", SUSPEND_DOMAIN, "Example.org", "" },
		{ " domain\t@example.org ", SUSPEND_DOMAIN, "example.org", "" },
		{ "route hub", SUSPEND_ROUTE, "hub", "" },
		{ "route @hub", SUSPEND_ROUTE, "@hub", "" },
		{ "route " LONG_255, SUSPEND_ROUTE, LONG_255, "" },
		{ "route " LONG_255 "b", SUSPEND_ROUTE, NULL, "route aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaaaaaaaa" },
		{ "domain", SUSPEND_DOMAIN, NULL, "domain" },
		{ "domain @", SUSPEND_DOMAIN, NULL, "domain @" },
		{ "domain a b", SUSPEND_DOMAIN, NULL, "domain a b" },
		{ "sender a@b", SUSPEND_DOMAIN, NULL, "sender a@b" },
		{ "all", SUSPEND_DOMAIN, NULL, "all" },
		{ "1a", SUSPEND_DOMAIN, NULL, "1a" },
		{ "to=@example.org", SUSPEND_DOMAIN, NULL, "to=@example.org" },
		{ "x\033[2J", SUSPEND_DOMAIN, NULL, "x\\x1b[2J" },
		{ "", SUSPEND_DOMAIN, NULL, "" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[512];
		struct buf why;
		struct str name;
		enum suspend_kind kind;
		buf_init_fixed(&why, text, sizeof text - 1);
		bool ok = suspend_parse(str_of(rows[i].text), &kind, &name, &why);
		if (ok != (rows[i].name != NULL)) fail_msg("row %zu", i);
		if (ok) {
			assert_int_equal(why.len, 0);
			assert_int_equal(kind, rows[i].kind);
			assert_true(str_eq(name, str_of(rows[i].name)));
			continue;
		}
		assert_true(str_eq(str_from(buf_view(&why), sizeof "say 'domain D' or 'route R': " - 1),
			str_of(rows[i].why)));
	}
}

static void notes(void **state)
{
	(void)state;
	static const struct { struct suspension s; const char *key, *name; } rows[] = {
		{ { SUSPEND_DOMAIN, STR_INIT("Example.ORG"), 5, 0, STR_INIT("why") },
		  "suspend/domain/example.org", "example.org" },
		{ { SUSPEND_ROUTE, STR_INIT("Hub/a"), 0, INT64_MAX, STR_INIT("") },
		  "suspend/route/Hub/a", "Hub/a" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char key_text[SUSPEND_KEY_MAX], value_text[SUSPEND_VALUE_MAX];
		struct buf key, value;
		struct suspension s;
		buf_init_fixed(&key, key_text, sizeof key_text);
		buf_init_fixed(&value, value_text, sizeof value_text);
		suspend_key_write(&key, rows[i].s.kind, rows[i].s.name);
		suspend_value_write(&value, &rows[i].s);
		assert_true(str_eq(buf_view(&key), str_of(rows[i].key)));
		assert_true(suspend_read(buf_view(&key), buf_view(&value), &s));
		assert_int_equal(s.kind, rows[i].s.kind);
		assert_true(str_eq(s.name, str_of(rows[i].name)));
		assert_int_equal(s.since_ms, rows[i].s.since_ms);
		assert_int_equal(s.until_ms, rows[i].s.until_ms);
		assert_true(str_eq(s.reason, rows[i].s.reason));
		/* Every shorter value is none, and so is a longer one. */
		for (size_t len = 0; len < value.len; len++)
			assert_false(suspend_read(buf_view(&key), (struct str){ value.at, len }, &s));
		buf_byte(&value, 'x');
		assert_false(suspend_read(buf_view(&key), buf_view(&value), &s));
	}
}

static void bad_notes(void **state)
{
	(void)state;
	static const struct { const char *key; int64_t until_ms; bool good; } rows[] = {
		{ "suspend/domain/a", 1, true },   { "suspend/domain/", 1, false },
		{ "suspend/domain", 1, false },    { "suspend/planet/a", 1, false },
		{ "suspended/domain/a", 1, false }, { "suspend/domain/a", -1, false },
		{ "suspend/domain/" LONG_255, 1, true }, { "suspend/domain/" LONG_255 "b", 1, false },
		{ "", 1, false },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[SUSPEND_VALUE_MAX];
		struct buf value;
		struct suspension s = { .until_ms = rows[i].until_ms };
		buf_init_fixed(&value, text, sizeof text);
		suspend_value_write(&value, &s);
		if (suspend_read(str_of(rows[i].key), buf_view(&value), &s) != rows[i].good)
			fail_msg("row %zu", i);
	}
}

static void a_reason_is_cut(void **state)
{
	(void)state;
	char text[SUSPEND_VALUE_MAX];
	struct buf value;
	struct suspension s = { .reason = STR(LONG_255) };
	buf_init_fixed(&value, text, sizeof text);
	suspend_value_write(&value, &s);
	assert_true(suspend_read(STR("suspend/route/r"), buf_view(&value), &s));
	assert_int_equal(s.reason.len, QUEUE_REASON_MAX);
}

static void what_may_be_suspended(void **state)
{
	(void)state;
	static const struct { enum suspend_kind kind; const char *name; bool may; } rows[] = {
		{ SUSPEND_DOMAIN, "anything.example", true }, { SUSPEND_ROUTE, "hub", true },
		{ SUSPEND_ROUTE, "mailbox", true },           { SUSPEND_ROUTE, "lmtp", true },
		{ SUSPEND_ROUTE, "Hub", false },              { SUSPEND_ROUTE, "default", false },
		{ SUSPEND_ROUTE, "", false },                 { SUSPEND_ROUTE, "-", false },
	};
	struct conf *conf = conf_of("hostname mx.us.example\nroute hub { match hub.example; via 127.0.0.1 }\n");
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(suspend_may(conf, rows[i].kind, str_of(rows[i].name)), rows[i].may);
	conf_free(conf);
}

static void names_of_actions(void **state)
{
	(void)state;
	for (int i = 0; i < QUEUE_ACTIONS; i++) {
		enum queue_action action = QUEUE_ACTIONS;
		const char *name = queue_action_name((enum queue_action)i);
		assert_true(queue_action_parse(str_of(name), &action));
		assert_int_equal(action, i);
		bool has_end = i == QUEUE_HOLD || i == QUEUE_SUSPEND;
		assert_int_equal(queue_action_has_end(action), has_end);
	}
	enum queue_action none;
	assert_false(queue_action_parse(STR(""), &none));
	assert_false(queue_action_parse(STR("Hold"), &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors),
		cmocka_unit_test(notes),
		cmocka_unit_test(bad_notes),
		cmocka_unit_test(a_reason_is_cut),
		cmocka_unit_test(what_may_be_suspended),
		cmocka_unit_test(names_of_actions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
