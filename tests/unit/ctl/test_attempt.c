/* SPDX-License-Identifier: Apache-2.0 */
/* The attempts of a message as msg show tells them, from the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../services/journal/folder.h"
#include "ctl/attempt.h"
#include "ctl/track.h"

#define LINE(second, event, number, rest) \
	"ts=2025-11-22T12:00:" second ".000Z event=" event " number=" number " severity=info role=x[0] " rest "\n"
#define ID "id=00000000000000a1 "
#define AT "2025-11-22T12:00:"

static const struct { const char *line, *want; } rows[] = {
	{ LINE("00", "receive", "2002", ID "from=a@b to=x@c"), "" },
	{ LINE("01", "attempt", "2004", ID "to=x@c host=h[192.0.2.1]:25 reason=connected tls=-"), "" },
	{ LINE("02", "attempt", "2004", ID "to=x@c host=h[192.0.2.1]:25 reason=\"used again\" tls=-"), "" },
	{ LINE("03", "attempt", "2004", ID "to=x@c host=g[192.0.2.2]:25 reason=connecting dsn=4.4.1 reply=\"Connection refused\""),
	  "attempt      " AT "03.000Z all g[192.0.2.2]:25 connecting: Connection refused 4.4.1\n" },
	{ LINE("04", "attempt", "2004", ID "to=x@c host=g[192.0.2.2]:25 reason=\"sending EHLO\" code=421 dsn=4.3.2 reply=busy"),
	  "attempt      " AT "04.000Z all g[192.0.2.2]:25 sending EHLO: 421 busy 4.3.2\n" },
	{ LINE("05", "answer", "3090", ID "to=x@c host=h[192.0.2.1]:25 step=\"sending RCPT TO\" code=450 dsn=4.2.1 reply=\"4.2.1 full \\x22of\\x0a it\""),
	  "attempt      " AT "05.000Z x@c h[192.0.2.1]:25 sending RCPT TO: 450 4.2.1 full \\x22of\\x0a it 4.2.1\n" },
	{ LINE("06", "defer", "3015", ID "to=x@c host=h[192.0.2.1]:25 dsn=4.2.1 reply=\"450 later\" step=\"sending DATA\""),
	  "attempt      " AT "06.000Z x@c h[192.0.2.1]:25 sending DATA: 450 later 4.2.1\n" },
	{ LINE("07", "defer", "3015", ID "to=x@c dsn=4.4.3 reply=\"the DNS did not answer\""),
	  "attempt      " AT "07.000Z x@c: the DNS did not answer 4.4.3\n" },
	{ LINE("08", "fail", "4031", ID "to=y@c host=h dsn=5.1.1 reply=\"550 no\" step=\"sending RCPT TO\""),
	  "attempt      " AT "08.000Z y@c h sending RCPT TO: 550 no 5.1.1\n" },
	{ LINE("09", "deliver", "2001", ID "to=z@c host=/mail/z dsn=2.0.0"),
	  "attempt      " AT "09.000Z z@c /mail/z: 2.0.0\n" },
	{ LINE("10", "hold", "3020", ID "reason=x"), "" },
	{ LINE("11", "fail", "4031", "id=00000000000000a2 to=y@c host=h dsn=5.1.1"), "" },
};

static void test_each(void **state)
{
	char log[8192] = "", want[4096] = "", *out;
	size_t len;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		strcat(log, rows[i].line);
		strcat(want, rows[i].want);
	}
	folder_write("2025-11-22.log", str_of(log));
	struct conf conf = { .state = str_of(folder_path("")) };
	conf.log.file = str_of(folder_path("2025-11-22.log"));
	FILE *to = open_memstream(&out, &len);
	assert_int_equal(attempt_list(&conf, 0xa1, to, stderr), 0);
	(void)fclose(to);
	assert_string_equal(out, want);
	free(out);
}

/* The newest are shown, and no end of them is not. */
static void test_bounded(void **state)
{
	enum { MANY = TRACK_ATTEMPTS_MAX + 5 };
	struct buf log;
	char *out;
	size_t len, lines = 0;
	(void)state;
	buf_init(&log, 1024 * 1024);
	for (int i = 0; i < MANY; i++) {
		buf_str(&log, STR("ts=2025-11-22T12:00:00.000Z event=defer number=3015 severity=info role=x[0] " ID "to=x"));
		buf_u64(&log, (uint64_t)i);
		buf_str(&log, STR(" dsn=4.2.1\n"));
	}
	folder_write("2025-11-22.log", buf_view(&log));
	buf_free(&log);
	struct conf conf = { .state = str_of(folder_path("")) };
	conf.log.file = str_of(folder_path("2025-11-22.log"));
	FILE *to = open_memstream(&out, &len);
	assert_int_equal(attempt_list(&conf, 0xa1, to, stderr), 0);
	(void)fclose(to);
	for (const char *at = out; (at = strchr(at, '\n')); at++) lines++;
	assert_int_equal(lines, TRACK_ATTEMPTS_MAX);
	assert_non_null(strstr(out, " x5:"));
	assert_null(strstr(out, " x4:"));
	assert_non_null(strstr(out, " x1004:"));
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)
		TEST(test_each), TEST(test_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
