/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/mail/received.h"

static void dates(void **state)
{
	(void)state;
	static const struct { int64_t s; const char *want; } rows[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ -1, "Wed, 31 Dec 1969 23:59:59 +0000" },
		{ 951782399, "Mon, 28 Feb 2000 23:59:59 +0000" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
		{ 951868800, "Wed, 01 Mar 2000 00:00:00 +0000" },
		{ 1754388000, "Tue, 05 Aug 2025 10:00:00 +0000" },
		{ 4107542400, "Mon, 01 Mar 2100 00:00:00 +0000" },
		{ 2147483648, "Tue, 19 Jan 2038 03:14:08 +0000" },
		{ 253402300799, "Fri, 31 Dec 9999 23:59:59 +0000" },
		{ 253402300800, "Fri, 31 Dec 9999 23:59:59 +0000" },
		{ INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000" },
		{ -62135596800, "Mon, 01 Jan 0001 00:00:00 +0000" },
		{ INT64_MIN, "Mon, 01 Jan 0001 00:00:00 +0000" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[64];
		struct buf out;
		buf_init_fixed(&out, text, sizeof text);
		mail_date_write(&out, rows[i].s);
		buf_byte(&out, '\0');
		assert_string_equal(text, rows[i].want);
	}
}

static struct ip ip(const char *text)
{
	struct ip ip;
	assert_true(ip_parse(str_of(text), &ip));
	return ip;
}

static void expect(const struct received *r, const char *want)
{
	char text[4096];
	struct buf out;
	buf_init_fixed(&out, text, sizeof text);
	received_write(&out, r);
	buf_byte(&out, '\0');
	assert_string_equal(text, want);
}

#define TAIL ";\r\n\tTue, 05 Aug 2025 10:00:00 +0000\r\n"

/* The name that was looked up. One that could not stand there is left out, whoever let it in. */
static void names(void **state)
{
	(void)state;
	struct received r = { .helo = STR("c.example"), .client = ip("192.0.2.1"),
			      .by = STR("mx.us.example"), .id = STR("1f"), .esmtp = true,
			      .arrived_s = 1754388000, .name = STR("far.example") };
	expect(&r, "Received: from c.example (far.example [192.0.2.1])\r\n\tby mx.us.example with "
		   "ESMTP\r\n\tid 1f" TAIL);
	r.helo = STR("a b");
	expect(&r, "Received: from [192.0.2.1] (far.example [192.0.2.1] helo=a b)\r\n\tby "
		   "mx.us.example with ESMTP\r\n\tid 1f" TAIL);
	r.helo = STR("c.example");
	r.name = STR("far.example)\r\nX: y");
	expect(&r, "Received: from c.example ([192.0.2.1])\r\n\tby mx.us.example with ESMTP"
		   "\r\n\tid 1f" TAIL);
}

static void fields(void **state)
{
	(void)state;
	struct received r = { .helo = STR("c.example"), .client = ip("192.0.2.1"),
			      .by = STR("mx.us.example"), .id = STR("1f"), .esmtp = true,
			      .arrived_s = 1754388000, .rcpt = STR("b@us.example") };
	expect(&r,
	       "Received: from c.example ([192.0.2.1])\r\n\tby mx.us.example with ESMTP"
	       "\r\n\tid 1f\r\n\tfor <b@us.example>" TAIL);
	r.has_priority = true; /* RFC 6710 7 */
	r.priority = -9;
	expect(&r,
	       "Received: from c.example ([192.0.2.1])\r\n\tby mx.us.example with ESMTP"
	       "\r\n\tid 1f\r\n\tfor <b@us.example>\r\n\tpriority -9" TAIL);
	r.has_priority = false;
	r.rcpt = STR("");
	r.client = ip("2001:db8::1");
	r.esmtp = false;
	r.tls = true; /* SMTP has no letter for it (RFC 3848) */
	expect(&r,
	       "Received: from c.example ([IPv6:2001:db8::1])\r\n\tby mx.us.example with "
	       "SMTP\r\n\tid 1f" TAIL);
	r.tls_name = STR("TLSv1.3 A(b)\r\n"); /* hostile for the test's sake */
	expect(&r,
	       "Received: from c.example ([IPv6:2001:db8::1])\r\n\tby mx.us.example with "
	       "SMTP (TLSv1.3 A\\(b\\)\?\?)\r\n\tid 1f" TAIL);
	r.tls_name = STR("");
	r.esmtp = r.authenticated = true;
	r.helo = STR("[192.0.2.7]");
	expect(&r, "Received: from [192.0.2.7] ([IPv6:2001:db8::1])\r\n\tby "
		   "mx.us.example with "
		   "ESMTPSA\r\n\tid 1f" TAIL);
	r.smtputf8 = true;
	r.tls = false;
	expect(&r, "Received: from [192.0.2.7] ([IPv6:2001:db8::1])\r\n\tby "
		   "mx.us.example with "
		   "UTF8SMTPA\r\n\tid 1f" TAIL);
	r.client = (struct ip){ 0 };
	expect(&r, "Received: by mx.us.example\r\n\tid 1f" TAIL);
}

/* A name that would end the comment, the field or the header stays inside of its own. */
static void hostile_helo(void **state)
{
	(void)state;
	struct received r = { .helo = STR("x) by evil.example (\\"), .esmtp = true,
			      .client = ip("192.0.2.1"), .by = STR("us"), .id = STR("1"),
			      .arrived_s = 1754388000 };
	expect(&r, "Received: from [192.0.2.1] (helo=x\\) by evil.example \\(\\\\)\r\n"
		   "\tby us with ESMTP\r\n\tid 1" TAIL);
	r.helo = STR("a\r\nX: y\0\xff");
	expect(&r, "Received: from [192.0.2.1] (helo=a?\?X: y?\?)\r\n\tby us with "
		   "ESMTP\r\n\tid 1" TAIL);
	r.helo = STR("");
	expect(&r,
	       "Received: from [192.0.2.1] (helo=)\r\n\tby us with ESMTP\r\n\tid 1" TAIL);
	r.helo = STR("[]");
	expect(&r, "Received: from [192.0.2.1] (helo=[])\r\n\tby us with ESMTP\r\n\tid "
		   "1" TAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates),
		cmocka_unit_test(names), cmocka_unit_test(fields),
		cmocka_unit_test(hostile_helo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
