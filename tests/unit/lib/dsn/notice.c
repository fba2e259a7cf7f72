/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about refused mail must be exactly tests/golden/notice/NAME.eml (GOLDEN_WRITE=1
 * writes them anew). */
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/dsn/notice.h"
#include "lib/dsn/text.h"

static const struct dsn_notice first = {
	.hostname = STR_INIT("mx.us.example"),
	.to = STR_INIT("ann@us.example"),
	.message_id = STR_INIT("1@mx.us.example"),
	.client = STR_INIT("192.0.2.9"),
	.helo = STR_INIT("printer"),
	.user = STR_INIT("-"),
	.sender = STR_INIT("mallory@elsewhere.example"),
	.setting = STR_INIT("submission { homed required }"),
	.rule = STR_INIT("/etc/ims/ims.conf:12"),
	.reply = STR_INIT("550 5.7.1 That sender is no user of this server; send with the address of a "
			  "user here"),
	.advice = STR_INIT("What to do: nothing."),
	.count = 1,
	.now_ms = 1763800000000,
	.first_ms = 1763800000000,
	.last_ms = 1763800000000,
};

/* What a peer may have said. */
static const struct dsn_notice hostile = {
	.hostname = STR_INIT("mx.us.example"),
	.to = STR_INIT("ann@us.example"),
	.message_id = STR_INIT("2@mx.us.example"),
	.helo = STR_INIT("x\r\n.\r\nQUIT\x1b[2J\xe2\x80\xae"),
	.user = STR_INIT("j\xc3\xb6rg@us.example"),
	.sender = STR_INIT("\"a\r\nBcc: all@us.example\"@\xff.example"),
	.setting = STR_INIT("submission { match required }"),
	.rule = STR_INIT("match by role"),
	.reply = STR_INIT("550 5.7.1 No"),
	.advice = STR_INIT("What to do: nothing."),
	.count = 4711,
	.now_ms = 1763803600000,
	.first_ms = 1763800000000,
	.last_ms = 1763803599000,
};

static const struct dsn_notice held = {
	.hostname = STR_INIT("mx.us.example"),
	.to = STR_INIT("ann@us.example"),
	.message_id = STR_INIT("3@mx.us.example"),
	.client = STR_INIT("192.0.2.9"),
	.helo = STR_INIT("phone"),
	.user = STR_INIT("bob@us.example"),
	.sender = STR_INIT("bob@us.example"),
	.setting = STR_INIT("baseline"),
	.held = true,
	.rule = STR_INIT("/etc/ims/ims.conf:12"),
	.reply = STR_INIT("baseline: 201 recipients in this hour, usually 3"),
	.advice = STR_INIT("What to do: ask."),
	.count = 2,
	.now_ms = 1763800000000,
	.first_ms = 1763799000000,
	.last_ms = 1763800000000,
};

static struct buf write_notice(const struct dsn_notice *n)
{
	struct buf out;
	buf_init(&out, DSN_NOTICE_MAX);
	dsn_notice_write(&out, n);
	assert_false(out.overflowed);
	assert_true(dsn_text_is_clean(buf_view(&out), false));
	return out;
}

static void golden(void **state)
{
	(void)state;
	static const struct { const char *name; const struct dsn_notice *notice; } cases[] = {
		{ "first", &first }, { "hostile", &hostile }, { "held", &held },
	};
	for (size_t i = 0; i < ROWS(cases); i++) {
		static char want[DSN_NOTICE_MAX];
		char path[512];
		struct buf out = write_notice(cases[i].notice);
		(void)snprintf(path, sizeof path, GOLDEN_NOTICE "/%s.eml", cases[i].name);
		bool renew = getenv("GOLDEN_WRITE") != NULL;
		FILE *file = fopen(path, renew ? "wb" : "rb");
		assert_non_null(file);
		if (renew) (void)fwrite(out.at, 1, out.len, file);
		size_t len = renew ? 0 : fread(want, 1, sizeof want, file);
		(void)fclose(file);
		if (!renew && !str_eq(buf_view(&out), (struct str){ want, len }))
			fail_msg("%s: got\n%.*s", path, (int)out.len, out.at);
		buf_free(&out);
	}
}

/* The longest strings that a record takes still make a message. */
static void long_strings(void **state)
{
	(void)state;
	static char text[DSN_STR_MAX];
	for (size_t i = 0; i < sizeof text; i++) text[i] = i % 2 ? '\xa9' : '\xc3';
	struct str longest = { text, sizeof text };
	struct dsn_notice n = { longest, longest, longest, longest, longest, longest, longest, longest,
		longest, longest, longest, .count = UINT64_MAX, .now_ms = -1, .last_ms = INT64_MAX };
	struct buf out = write_notice(&n);
	buf_free(&out);
	char little[100];
	buf_init_fixed(&out, little, sizeof little);
	dsn_notice_write(&out, &n);
	assert_true(out.overflowed);
}

static void record(void **state)
{
	(void)state;
	struct buf b, again;
	struct dsn_notice n;
	buf_init(&b, DSN_NOTICE_RECORD_MAX);
	buf_init(&again, DSN_NOTICE_RECORD_MAX);
	dsn_notice_encode(&b, &hostile);
	assert_true(dsn_notice_decode(buf_view(&b), &n));
	assert_true(str_eq(n.sender, hostile.sender) && str_eq(n.advice, hostile.advice));
	assert_int_equal(n.count, 4711);
	assert_int_equal(n.first_ms, hostile.first_ms);
	dsn_notice_encode(&again, &n);
	assert_true(str_eq(buf_view(&again), buf_view(&b)));
	/* cut anywhere, longer, of another version */
	for (size_t len = 0; len < b.len; len++)
		assert_false(dsn_notice_decode(str_sub(buf_view(&b), 0, len), &n));
	buf_byte(&b, '\0');
	assert_false(dsn_notice_decode(buf_view(&b), &n));
	again.at[0] = 9;
	assert_false(dsn_notice_decode(buf_view(&again), &n));
	/* of nothing */
	struct dsn_notice none = first;
	none.count = 0;
	buf_reset(&again);
	dsn_notice_encode(&again, &none);
	assert_false(dsn_notice_decode(buf_view(&again), &n));
	/* too long */
	static char text[DSN_STR_MAX + 1];
	none.sender = (struct str){ text, sizeof text };
	buf_reset(&again);
	dsn_notice_encode(&again, &none);
	assert_true(again.overflowed);
	buf_free(&b);
	buf_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(long_strings),
		cmocka_unit_test(record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
