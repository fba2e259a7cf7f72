/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/buf.h"
#include "lib/base/cur.h"

static void make(struct buf *b)
{
	buf_init(b, 1000);
	buf_put_u8(b, 0xfe);
	buf_put_u16(b, 0x1234);
	buf_put_u32(b, 0xdeadbeef);
	buf_put_u64(b, 0x0123456789abcdef);
	buf_put_str(b, STR("a\0b"));
	buf_put_str(b, STR(""));
	buf_bytes(b, "xyz", 3);
}

static void what_was_put_comes_out(void **state)
{
	struct buf b;
	(void)state;
	make(&b);
	struct cur c = cur_of(buf_view(&b));
	assert_int_equal(cur_u8(&c), 0xfe);
	assert_int_equal(cur_u16(&c), 0x1234);
	assert_int_equal(cur_u32(&c), 0xdeadbeef);
	assert_int_equal(cur_u64(&c), 0x0123456789abcdef);
	assert_str(cur_str(&c), STR("a\0b"), 0);
	assert_str(cur_str(&c), STR(""), 1);
	assert_false(cur_done(&c));
	assert_str(cur_bytes(&c, 3), STR("xyz"), 2);
	assert_true(cur_done(&c));
	/* Little-endian, so that records mean the same on every machine. */
	assert_memory_equal(b.at, "\xfe\x34\x12\xef\xbe\xad\xde\xef", 8);
	buf_free(&b);
}

static void every_cut_is_noticed(void **state)
{
	struct buf b;
	(void)state;
	make(&b);
	for (size_t len = 0; len < b.len; len++) {
		struct cur c = cur_of(str_sub(buf_view(&b), 0, len));
		(void)cur_u8(&c);
		(void)cur_u16(&c);
		(void)cur_u32(&c);
		(void)cur_u64(&c);
		(void)cur_str(&c);
		(void)cur_str(&c);
		(void)cur_bytes(&c, 3);
		assert_true(c.bad);
		assert_false(cur_done(&c));
		assert_int_equal(cur_u64(&c), 0); /* stays bad */
		assert_int_equal(cur_str(&c).len, 0);
	}
	buf_free(&b);
}

static void a_length_that_lies(void **state)
{
	(void)state;
	struct cur c = cur_of(STR("\xff\xff\xff\xff" "abc"));
	assert_int_equal(cur_str(&c).len, 0);
	assert_true(c.bad);
	c = cur_of((struct str){ NULL, 0 });
	assert_true(cur_done(&c));
	assert_int_equal(cur_bytes(&c, 0).len, 0);
	assert_false(c.bad);
	assert_int_equal(cur_u8(&c), 0);
	assert_true(c.bad);
}

static void a_string_that_does_not_fit(void **state)
{
	char memory[6];
	struct buf b;
	(void)state;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_put_str(&b, STR("abc"));
	assert_true(b.overflowed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_comes_out),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(a_length_that_lies),
		cmocka_unit_test(a_string_that_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
