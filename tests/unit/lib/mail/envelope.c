/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mail/envelope.h"

static struct envelope_rcpt rcpts[] = {
	{ STR_INIT("b@us.example"), STR_INIT("rfc822;b@us.example"), STR_INIT("local"),
	  6 },
	{ STR_INIT("c@them.example"), STR_INIT(""), STR_INIT(""), 0 },
};
static const struct envelope sample = {
	.sender = STR_INIT("a@c.example"),
	.envid = STR_INIT("QQ1"),
	.helo = STR_INIT("c.example"),
	.user = STR_INIT("a"),
	.sid = STR_INIT("s1"),
	.client = { { 1, 2, 3, [15] = 4 } },
	.arrived_ms = -5,
	.size = 123456789012,
	.ret = 2,
	.priority = 7,
	.body8 = true,
	.esmtp = true,
	.copy = true,
	.rcpt_count = 2,
	.rcpts = rcpts,
};

static void encode_sample(struct buf *out)
{
	buf_init(out, 64 * 1024);
	envelope_encode(out, &sample);
	assert_false(out->overflowed);
}

static void round_trip(void **state)
{
	(void)state;
	struct buf record, again;
	struct arena arena;
	struct envelope e;
	encode_sample(&record);
	size_t len = record.len;
	buf_str(&record, STR("next"));
	arena_init(&arena, 64 * 1024);
	struct cur c = cur_of(buf_view(&record));
	assert_int_equal(envelope_decode(&c, &arena, &e), ENVELOPE_OK);
	assert_int_equal(c.left, 4); /* what stands behind it is left alone */
	memset(record.at, 0xee, record.len); /* nothing points into the record */
	assert_true(str_eq(e.sender, sample.sender) && str_eq(e.sid, sample.sid));
	assert_true(ip_eq(e.client, sample.client) && e.arrived_ms == -5);
	assert_true(e.body8 && e.esmtp && e.copy && !e.smtputf8 && e.size == sample.size);
	assert_int_equal(e.rcpt_count, 2);
	assert_true(str_eq(e.rcpts[0].route, STR("local")) && e.rcpts[0].notify == 6);
	buf_init(&again, 64 * 1024);
	envelope_encode(&again, &e);
	assert_int_equal(again.len, len);
	buf_free(&record);
	encode_sample(&record);
	assert_memory_equal(again.at, record.at, len);
	arena_free(&arena);
	buf_free(&again);
	buf_free(&record);
}

static enum envelope_result decode(struct str record, size_t memory)
{
	struct arena arena;
	struct envelope e;
	struct cur c = cur_of(record);
	arena_init(&arena, memory);
	enum envelope_result result = envelope_decode(&c, &arena, &e);
	arena_free(&arena);
	return result;
}

static void damaged(void **state)
{
	(void)state;
	struct buf record;
	encode_sample(&record);
	struct str whole = buf_view(&record);
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_OK);
	for (size_t len = 0; len < whole.len; len++)
		assert_int_equal(decode(str_sub(whole, 0, len), 64 * 1024), ENVELOPE_BAD);
	assert_int_equal(decode(whole, 16), ENVELOPE_NO_MEMORY);
	assert_int_equal(decode(whole, whole.len + 16), ENVELOPE_NO_MEMORY);
	record.at[0] = 2;
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_VERSION_UNKNOWN);
	record.at[0] = ENVELOPE_VERSION;
	record.at[1]--; /* length: the last recipient does not fit */
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_BAD);
	record.at[1]++;
	record.at[5] = 16; /* a flag that does not exist */
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_BAD);
	buf_free(&record);
	assert_int_equal(decode(STR("\1\0\0\0\0"), 64 * 1024), ENVELOPE_BAD);
}

/* A count that the record can not hold asks for no memory. */
static void many_recipients(void **state)
{
	(void)state;
	struct buf record;
	buf_init(&record, 4096);
	struct envelope none = { .rcpt_count = 0 };
	envelope_encode(&record, &none);
	assert_int_equal(decode(buf_view(&record), 4096), ENVELOPE_OK);
	memset(record.at + record.len - 4, 0xff, 4);
	assert_int_equal(decode(buf_view(&record), 4096), ENVELOPE_BAD);
	buf_reset(&record);
	none.rcpt_count = ENVELOPE_RCPTS_MAX + 1;
	envelope_encode(&record, &none);
	assert_true(record.overflowed);
	buf_free(&record);
}

static void long_string(void **state)
{
	(void)state;
	static char text[ENVELOPE_STR_MAX + 1];
	struct buf record;
	buf_init(&record, 4096);
	struct envelope e = { .helo = { text, ENVELOPE_STR_MAX } };
	envelope_encode(&record, &e);
	assert_false(record.overflowed);
	assert_int_equal(decode(buf_view(&record), 4096), ENVELOPE_OK);
	buf_reset(&record);
	e.helo.len++;
	envelope_encode(&record, &e);
	assert_true(record.overflowed);
	buf_free(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damaged),
		cmocka_unit_test(many_recipients),
		cmocka_unit_test(long_string),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
