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
	.tls_wish = MAIL_TLS_OPTIONAL,
	.by = MAIL_BY_RETURN,
	.by_trace = true,
	.bulk = true,
	.mt_priority = -9,
	.by_ms = 1234567890123,
	.hold_until_ms = 1234567890000,
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
	assert_true(e.tls_wish == MAIL_TLS_OPTIONAL && e.by == MAIL_BY_RETURN && e.by_trace);
	assert_true(e.bulk && e.mt_priority == -9 && e.by_ms == 1234567890123);
	assert_true(e.hold_until_ms == 1234567890000);
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
	record.at[0] = ENVELOPE_VERSION + 1;
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_VERSION_UNKNOWN);
	record.at[0] = 0;
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_VERSION_UNKNOWN);
	record.at[0] = ENVELOPE_VERSION;
	record.at[1]--; /* length: the last recipient does not fit */
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_BAD);
	record.at[1]++;
	record.at[5] = 64; /* a flag that does not exist */
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_BAD);
	record.at[5] = 16;
	assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_OK);
	/* Values that nobody can have meant, from the end: tls_wish, by, mt_priority. */
	static const struct { size_t back; char value; } bad[] = {
		{ 19, MAIL_TLS_WISHES }, { 18, MAIL_BY_MODES }, { 17, 10 }, { 17, -10 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *at = record.at + record.len - bad[i].back, was = *at;
		*at = bad[i].value;
		assert_int_equal(decode(whole, 64 * 1024), ENVELOPE_BAD);
		*at = was;
	}
	buf_free(&record);
	assert_int_equal(decode(STR("\1\0\0\0\0"), 64 * 1024), ENVELOPE_BAD);
	assert_int_equal(decode(STR("\2\0\0\0\0"), 64 * 1024), ENVELOPE_BAD);
}

/* A record as it was written before there was a version 2: what came with that is not set.
 * Records of version 1 are in the spools of those who update. */
static void first_version(void **state)
{
	(void)state;
	static const char record[] =
		"\1\x58\0\0\0" /* version, octets that follow */
		"\5\2\1"         /* flags (8 bit, ESMTP), ret, priority */
		"\xe8\3\0\0\0\0\0\0\x40\0\0\0\0\0\0\0" /* arrived 1000, size 64 */
		"\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1" /* client 127.0.0.1 */
		"\3\0\0\0a@b\0\0\0\0\1\0\0\0h\0\0\0\0\2\0\0\0s1" /* sender ... sid */
		"\1\0\0\0\3\0\0\0c@d\0\0\0\0\7\0\0\0mailbox\4"; /* one recipient */
	struct str whole = { record, sizeof record - 1 };
	struct cur c = cur_of(whole);
	struct arena arena;
	struct envelope e;
	arena_init(&arena, 4096);
	assert_int_equal(whole.len, 5 + 0x58);
	assert_int_equal(envelope_decode(&c, &arena, &e), ENVELOPE_OK);
	assert_true(str_eq(e.sender, STR("a@b")) && str_eq(e.sid, STR("s1")));
	assert_true(e.priority == MAIL_PRIORITY_URGENT && e.arrived_ms == 1000 && e.body8);
	assert_true(str_eq(e.rcpts[0].route, STR("mailbox")) && e.rcpts[0].notify == 4);
	assert_true(e.tls_wish == MAIL_TLS_AS_ROUTED && e.by == MAIL_BY_NONE && !e.bulk);
	assert_true(e.mt_priority == 0 && e.by_ms == 0 && e.hold_until_ms == 0);
	arena_free(&arena);
	/* Nor has it a flag of the second one. */
	char later[sizeof record];
	memcpy(later, record, sizeof record);
	later[5] = 16;
	assert_int_equal(decode((struct str){ later, whole.len }, 4096), ENVELOPE_BAD);
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
	memset(record.at + record.len - 19 - 4, 0xff, 4);
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
		cmocka_unit_test(first_version),
		cmocka_unit_test(many_recipients),
		cmocka_unit_test(long_string),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
