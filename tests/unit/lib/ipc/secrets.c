/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/ipc/secrets.h"

static void finds_by_name(void **state)
{
	char memory[128];
	struct buf b;
	(void)state;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_put_str(&b, STR("first"));
	buf_put_str(&b, STR("one"));
	buf_put_str(&b, STR(""));
	buf_put_str(&b, STR("of nobody"));
	buf_put_str(&b, STR("second"));
	buf_put_str(&b, STR("two"));
	struct str record = buf_view(&b);
	assert_true(str_eq(secrets_find(record, STR("first")), STR("one")));
	assert_true(str_eq(secrets_find(record, STR("second")), STR("two")));
	assert_int_equal(secrets_find(record, STR("third")).len, 0);
	assert_int_equal(secrets_find(record, STR("")).len, 0);
	/* Of what is cut off nothing is taken. */
	record.len--;
	assert_int_equal(secrets_find(record, STR("second")).len, 0);
	assert_true(str_eq(secrets_find(record, STR("first")), STR("one")));
	assert_int_equal(secrets_find(STR(""), STR("first")).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds_by_name) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
