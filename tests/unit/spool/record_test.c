/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <string.h>

#include "lib/base/crc32c.h"
#include "spool/record.h"

static struct spool_msg good_msg(void)
{
	return (struct spool_msg){ .arrived_ms = 1700000000000,
				   .size = 4096,
				   .crc = 0xdeadbeef,
				   .state = SPOOL_HELD,
				   .priority = 2,
				   .deaths = 1,
				   .rcpts = 3,
				   .rcpts_open = 2,
				   .rcpts_deferred = 1,
				   .next_due_ms = 42,
				   .reason = STR("by hand"),
				   .envelope = STR("opaque\0bytes") };
}

static void test_msg_round_trip(void **state)
{
	char bytes[512];
	struct buf b;
	struct spool_msg in = good_msg(), out = { .id = 9 };
	(void)state;
	buf_init_fixed(&b, bytes, sizeof bytes);
	record_put_msg(&b, &in);
	assert_true(record_get_msg(buf_view(&b), &out));
	assert_int_equal(out.id, 9);
	assert_int_equal(out.arrived_ms, in.arrived_ms);
	assert_int_equal(out.size, in.size);
	assert_int_equal(out.crc, in.crc);
	assert_int_equal(out.state, in.state);
	assert_int_equal(out.body, in.body);
	assert_int_equal(out.priority, in.priority);
	assert_int_equal(out.deaths, in.deaths);
	assert_int_equal(out.rcpts, in.rcpts);
	assert_int_equal(out.rcpts_open, in.rcpts_open);
	assert_int_equal(out.rcpts_deferred, in.rcpts_deferred);
	assert_int_equal(out.next_due_ms, in.next_due_ms);
	assert_true(str_eq(out.reason, in.reason));
	assert_true(str_eq(out.envelope, in.envelope));
}

static void test_rcpt_round_trip(void **state)
{
	char bytes[512];
	struct buf b;
	struct spool_rcpt in = { .state = SPOOL_FAILED, .attempts = 7, .next_due_ms = 0,
		.last_ms = 99, .address = STR("a@b.example"), .host = STR("mx"),
		.reply = STR("550 no"), .dsn = STR("5.1.1") };
	struct spool_rcpt out = { .index = 5 };
	(void)state;
	buf_init_fixed(&b, bytes, sizeof bytes);
	record_put_rcpt(&b, &in);
	assert_true(record_get_rcpt(buf_view(&b), &out));
	assert_int_equal(out.index, 5);
	assert_int_equal(out.state, in.state);
	assert_int_equal(out.attempts, 7);
	assert_int_equal(out.last_ms, 99);
	assert_true(str_eq(out.address, in.address) && str_eq(out.host, in.host));
	assert_true(str_eq(out.reply, in.reply) && str_eq(out.dsn, in.dsn));
}

/* How often a recipient was in doubt came later: records without it are read, and one that
 * says "never" in so many octets is none of ours. */
static void test_rcpt_doubts(void **state)
{
	char before[512], after[512];
	struct buf b, c;
	struct spool_rcpt in = { .state = SPOOL_DEFERRED, .attempts = 2, .address = STR("a@b") };
	struct spool_rcpt out = { .doubts = 7 };
	(void)state;
	buf_init_fixed(&b, before, sizeof before);
	record_put_rcpt(&b, &in);
	assert_true(record_get_rcpt(buf_view(&b), &out));
	assert_int_equal(out.doubts, 0);
	in.doubts = 3;
	buf_init_fixed(&c, after, sizeof after);
	record_put_rcpt(&c, &in);
	assert_int_equal(c.len, b.len + 1);
	assert_true(record_get_rcpt(buf_view(&c), &out));
	assert_int_equal(out.doubts, 3);
	assert_true(str_eq(out.address, in.address));
	assert_false(out.in_doubt);
	in.in_doubt = true;
	buf_reset(&c);
	record_put_rcpt(&c, &in);
	assert_int_equal(c.len, b.len + 2);
	assert_true(record_get_rcpt(buf_view(&c), &out));
	assert_true(out.in_doubt && out.doubts == 3);
	static const struct { uint8_t octets[3]; unsigned count; bool good; } rows[] = {
		{ { 0 }, 1, false }, { { 1 }, 1, true }, { { 1, 1 }, 2, true }, { { 0, 1 }, 2, false },
		{ { 1, 0 }, 2, false }, { { 1, 2 }, 2, false }, { { 1, 1, 1 }, 3, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_reset(&c);
		buf_str(&c, str_sub(buf_view(&b), 0, b.len - 4));
		for (unsigned k = 0; k < rows[i].count; k++) buf_put_u8(&c, rows[i].octets[k]);
		buf_put_u32(&c, crc32c(0, c.at, c.len));
		if (record_get_rcpt(buf_view(&c), &out) != rows[i].good) fail_msg("row %zu", i);
	}
}

/* No bit of a record may change, none may be missing, none may be added. */
static void test_any_damage_shows(void **state)
{
	char bytes[512];
	struct buf b;
	struct spool_msg in = good_msg(), out = { 0 };
	(void)state;
	buf_init_fixed(&b, bytes, sizeof bytes - 1);
	record_put_msg(&b, &in);
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
		assert_false(record_get_msg(buf_view(&b), &out));
		bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
	}
	for (size_t len = 0; len < b.len; len++)
		assert_false(record_get_msg((struct str){ bytes, len }, &out));
	bytes[b.len] = 0;
	assert_false(record_get_msg((struct str){ bytes, b.len + 1 }, &out));
	assert_true(record_get_msg(buf_view(&b), &out));
}

/* Offsets of the fixed part of a message record. */
enum {
	AT_VERSION = 0,
	AT_STATE = 1,
	AT_BODY = 2,
	AT_RCPTS = 12,
	AT_OPEN = 16,
	AT_DEFERRED = 20,
	AT_SIZE = 24,
	AT_ARRIVED = 32,
	AT_DUE = 40,
	AT_REASON = 48
};

/* Values that no writer makes, under a CRC that is right. */
static void test_msg_limits(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		unsigned char byte;
	} rows[] = {
		{ "version 0", AT_VERSION, 0 },
		{ "version 2", AT_VERSION, 2 },
		{ "state", AT_STATE, SPOOL_MSG_STATES },
		{ "body kind", AT_BODY, SPOOL_BODY_KINDS },
		{ "recipients over the limit", AT_RCPTS + 3, 1 },
		{ "more open than there are", AT_OPEN, 4 },
		{ "none open", AT_OPEN, 0 },
		{ "more deferred than open", AT_DEFERRED, 3 },
		{ "inline body over the limit", AT_SIZE + 3, 1 },
		{ "arrived before 1970", AT_ARRIVED + 7, 0x80 },
		{ "due before 1970", AT_DUE + 7, 0x80 },
		{ "reason longer than the record", AT_REASON, 200 },
		{ "reason shorter", AT_REASON, 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char bytes[512];
		struct buf b;
		struct spool_msg in = good_msg(), out = { 0 };
		buf_init_fixed(&b, bytes, sizeof bytes);
		record_put_msg(&b, &in);
		bytes[rows[i].at] = (char)rows[i].byte;
		b.len -= 4;
		buf_put_u32(&b, crc32c(0, bytes, b.len));
		if (record_get_msg(buf_view(&b), &out)) fail_msg("%s", rows[i].what);
	}
}

static void test_texts_are_cut(void **state)
{
	static char text[8192], bytes[16384];
	struct buf b;
	struct str s = { text, sizeof text };
	struct spool_rcpt in = { .address = STR("a"), .host = s, .reply = s, .dsn = s };
	struct spool_rcpt out = { 0 };
	struct spool_msg msg = good_msg(), msg_out = { 0 };
	(void)state;
	memset(text, 'x', sizeof text);
	buf_init_fixed(&b, bytes, sizeof bytes);
	record_put_rcpt(&b, &in);
	assert_true(record_get_rcpt(buf_view(&b), &out));
	assert_int_equal(out.host.len, SPOOL_HOST_MAX);
	assert_int_equal(out.reply.len, SPOOL_REPLY_MAX);
	assert_int_equal(out.dsn.len, SPOOL_DSN_MAX);
	buf_reset(&b);
	msg.reason = s;
	record_put_msg(&b, &msg);
	assert_true(record_get_msg(buf_view(&b), &msg_out));
	assert_int_equal(msg_out.reason.len, SPOOL_REASON_MAX);
}

static void test_keys(void **state)
{
	uint64_t id = 0;
	uint32_t index = 0;
	struct spool_due due = { 0 };
	struct key a = key_of_due((struct spool_due){ 5, 9 });
	struct key later = key_of_due((struct spool_due){ 256, 1 });
	struct key negative = key_of_due((struct spool_due){ -5, 9 });
	struct key r = key_of_rcpt(0x1122334455667788u, 7), i = key_of_id(300);
	(void)state;
	assert_true(str_cmp(key_view(&a), key_view(&later)) < 0);
	assert_true(key_to_due(key_view(&a), &due) && due.due_ms == 5 && due.id == 9);
	assert_true(key_to_due(key_view(&negative), &due) && due.due_ms == 0);
	assert_true(key_to_rcpt(key_view(&r), &id, &index));
	assert_true(id == 0x1122334455667788u && index == 7);
	assert_true(key_to_id(key_view(&i), &id) && id == 300);
	assert_false(key_to_id(key_view(&r), &id));
	assert_false(key_to_rcpt(key_view(&a), &id, &index));
	assert_false(key_to_due(key_view(&r), &due));
	a.at[0] = (char)0x80;
	assert_false(key_to_due(key_view(&a), &due));
}

static void test_names(void **state)
{
	(void)state;
	assert_true(str_eq(spool_msg_state_name(SPOOL_POISON), STR("poison")));
	assert_true(str_eq(spool_rcpt_state_name(SPOOL_EXPIRED), STR("expired")));
	for (unsigned i = 0; i < SPOOL_FINDINGS; i++)
		assert_true(spool_finding_name((enum spool_finding_kind)i).len > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_msg_round_trip),
		cmocka_unit_test(test_rcpt_round_trip),
		cmocka_unit_test(test_rcpt_doubts),
		cmocka_unit_test(test_any_damage_shows),
		cmocka_unit_test(test_msg_limits),
		cmocka_unit_test(test_texts_are_cut),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
