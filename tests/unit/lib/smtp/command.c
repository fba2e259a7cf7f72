/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/smtp/command.h"

static void split(void **state)
{
	(void)state;
	static const struct {
		struct str line;
		bool good;
		const char *verb, *arg;
	} rows[] = {
		{ STR_INIT("NOOP"), true, "NOOP", "" },
		{ STR_INIT("NOOP  "), true, "NOOP", "" },
		{ STR_INIT("MAIL FROM:<a@b> X "), true, "MAIL", "FROM:<a@b> X" },
		{ STR_INIT("VRFY\tx"), true, "VRFY", "x" },
		{ STR_INIT("X1 \xff"), true, "X1", "\xff" },
		{ STR_INIT(""), false, "", "" },
		{ STR_INIT(" NOOP"), false, "", "" },
		{ STR_INIT("A:b"), false, "", "" },
		{ STR_INIT("NOOP \0"), false, "", "" },
		{ STR_INIT("NOOP \r"), false, "", "" },
		{ STR_INIT("NOOP \x7f"), false, "", "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_command cmd;
		assert_int_equal(smtp_command_split(rows[i].line, &cmd), rows[i].good);
		if (!rows[i].good) continue;
		assert_true(str_eq(cmd.verb, str_of(rows[i].verb)));
		assert_true(str_eq(cmd.arg, str_of(rows[i].arg)));
	}
}

static void mail_params(void **state)
{
	(void)state;
	static const struct { const char *in; enum smtp_params_result want; } rows[] = {
		{ "", SMTP_PARAMS_OK },
		{ "  ", SMTP_PARAMS_OK },
		{ " SIZE=5 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb", SMTP_PARAMS_OK },
		{ " size=18446744073709551616", SMTP_PARAMS_OK },
		{ "SIZE=5", SMTP_PARAMS_BAD_VALUE },
		{ " SIZE", SMTP_PARAMS_BAD_VALUE },
		{ " SIZE=", SMTP_PARAMS_BAD_VALUE },
		{ " SIZE=1x", SMTP_PARAMS_BAD_VALUE },
		{ " SIZE=123456789012345678901", SMTP_PARAMS_BAD_VALUE },
		{ " SIZE=1 SIZE=2", SMTP_PARAMS_DUPLICATE },
		{ " BODY=BINARYMIME", SMTP_PARAMS_BAD_VALUE },
		{ " SMTPUTF8=", SMTP_PARAMS_BAD_VALUE },
		{ " RET=", SMTP_PARAMS_BAD_VALUE },
		{ " ENVID=", SMTP_PARAMS_BAD_VALUE },
		{ " ENVID=a+2", SMTP_PARAMS_BAD_VALUE },
		{ " ENVID=a=b", SMTP_PARAMS_BAD_VALUE },
		{ " ENVID=\xc3\xa9", SMTP_PARAMS_BAD_VALUE },
		{ " =x", SMTP_PARAMS_BAD_VALUE },
		{ " REQUIRETLS MT-PRIORITY=-4 BY=60;R HOLDFOR=9", SMTP_PARAMS_OK },
		{ " REQUIRETLS=", SMTP_PARAMS_BAD_VALUE },
		{ " REQUIRETLS REQUIRETLS", SMTP_PARAMS_DUPLICATE },
		{ " MT-PRIORITY", SMTP_PARAMS_BAD_VALUE },
		{ " BY=60", SMTP_PARAMS_BAD_VALUE },
		{ " HOLDFOR=x", SMTP_PARAMS_BAD_VALUE },
		{ " HOLDUNTIL=2026-11-22T12:00:00Z", SMTP_PARAMS_OK },
		{ " HOLDUNTIL=12", SMTP_PARAMS_BAD_VALUE },
		{ " HOLDFOR=1 HOLDUNTIL=2026-11-22T12:00:00Z", SMTP_PARAMS_DUPLICATE },
		{ " SIZES=1", SMTP_PARAMS_UNKNOWN },
		{ " NOTIFY=NEVER", SMTP_PARAMS_UNKNOWN },
	};
	struct smtp_mail_params p;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(smtp_mail_params_parse(str_of(rows[i].in), &p),
				 rows[i].want);
	(void)smtp_mail_params_parse(str_of(rows[2].in), &p);
	assert_true(p.size == 5 && p.body == SMTP_BODY_8BITMIME && p.smtputf8);
	assert_true(p.ret == SMTP_RET_HDRS && str_eq(p.envid, STR("a+2Bb")));
	(void)smtp_mail_params_parse(str_of(rows[3].in), &p);
	assert_true(p.size == UINT64_MAX && p.extra.asks == 0);
	(void)smtp_mail_params_parse(STR(" REQUIRETLS"), &p);
	assert_int_equal(p.extra.asks, SMTP_EXTRA_REQUIRETLS);
	(void)smtp_mail_params_parse(STR(" BY=60;R MT-PRIORITY=3 HOLDFOR=9"), &p);
	assert_int_equal(p.extra.asks, SMTP_EXTRA_ALL & ~SMTP_EXTRA_REQUIRETLS);
}

static void rcpt_params(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		bool utf8;
		enum smtp_params_result want;
		unsigned notify;
	} rows[] = {
		{ "", false, SMTP_PARAMS_OK, 0 },
		{ " NOTIFY=never", false, SMTP_PARAMS_OK, SMTP_NOTIFY_NEVER },
		{ " NOTIFY=SUCCESS,DELAY", false, SMTP_PARAMS_OK,
		  SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY },
		{ " NOTIFY=NEVER,DELAY", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " NOTIFY=DELAY,DELAY", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " NOTIFY=DELAY,", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " NOTIFY=,DELAY", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " NOTIFY", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " ORCPT=rfc822;a@b", false, SMTP_PARAMS_OK, 0 },
		{ " ORCPT=rfc822;a+3Db@c", false, SMTP_PARAMS_OK, 0 },
		{ " ORCPT=rfc822;a=b@c", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " ORCPT=rfc822", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " ORCPT=r f;a", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " ORCPT=r_f;a", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " ORCPT=utf-8;\xc3\xa9@c", true, SMTP_PARAMS_OK, 0 },
		{ " ORCPT=utf-8;\xc3\xa9@c", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " ORCPT=utf-8;\\x{E9}@c", false, SMTP_PARAMS_OK, 0 },
		{ " ORCPT=utf-8;\xc3@c", true, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " ORCPT=rfc822;\xc3\xa9@c", true, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " ORCPT=a;b ORCPT=a;b", false, SMTP_PARAMS_DUPLICATE, 0 },
		{ "x", false, SMTP_PARAMS_BAD_VALUE, 0 },
		{ " SIZE=1", false, SMTP_PARAMS_UNKNOWN, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_rcpt_params p;
		assert_int_equal(
			smtp_rcpt_params_parse(str_of(rows[i].in), rows[i].utf8, &p),
			rows[i].want);
		if (rows[i].want == SMTP_PARAMS_OK)
			assert_int_equal(p.notify, rows[i].notify);
	}
}

static void xtext(void **state)
{
	(void)state;
	char at[64], back[64];
	struct buf out, again;
	struct str text = STR("a+b=c d\0\xff~!");
	buf_init_fixed(&out, at, sizeof at);
	smtp_xtext_encode(&out, text);
	assert_true(str_eq(buf_view(&out), STR("a+2Bb+3Dc+20d+00+FF~!")));
	buf_init_fixed(&again, back, sizeof back);
	assert_true(smtp_xtext_decode(&again, buf_view(&out)));
	assert_true(str_eq(buf_view(&again), text));
	buf_reset(&again);
	assert_true(smtp_xtext_decode(&again, STR("+4a")));
	assert_true(str_eq(buf_view(&again), STR("J")));
	static const struct str bad[] = {
		STR_INIT("+"),   STR_INIT("+4"),   STR_INIT("+4G"), STR_INIT("a b"),
		STR_INIT("a=b"), STR_INIT("\x80"), STR_INIT("\0"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(smtp_xtext_decode(&again, bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split),
		cmocka_unit_test(mail_params),
		cmocka_unit_test(rcpt_params),
		cmocka_unit_test(xtext),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
