/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mail/scan.h"

#define US "mx.us.example"

enum { ENDED = 1, MALFORMED = 2, CUT = 4 };

static char long_id[400];

static const struct {
	struct str text;
	unsigned received, received_by, fields, flags;
	const char *body, *id;
} cases[] = {
	{ STR_INIT("Subject: x\r\n\r\nbody\r\n"), 0, 0, 0, ENDED, "body\r\n", "" },
	{ STR_INIT("\r\nReceived: x\r\n"), 0, 0, 0, ENDED, "Received: x\r\n", "" },
	{ STR_INIT(""), 0, 0, 0, 0, "", "" },
	{ STR_INIT("Date: x\r\nfrom: y\r\nMESSAGE-ID: <a@b>\r\n\r\n"), 0, 0,
	  MAIL_DATE | MAIL_FROM | MAIL_MESSAGE_ID, ENDED, "", "<a@b>" },
	{ STR_INIT("Date : x\r\n\r\n"), 0, 0, MAIL_DATE, ENDED, "", "" },
	{ STR_INIT("Dated: x\r\nX-From: y\r\nFro: y\r\n\r\n"), 0, 0, 0, ENDED, "", "" },
	/* Only the header counts. */
	{ STR_INIT("Received: a\r\n\r\nReceived: b\r\n"), 1, 0, 0, ENDED,
	  "Received: b\r\n", "" },
	{ STR_INIT("Received: from a by " US " with SMTP; x\r\nreceived:by " US
		   ";x\r\n\r\n"),
	  2, 2, 0, ENDED, "", "" },
	{ STR_INIT("Received: from a\r\n\tBY MX.us.example\r\n\tid 1; x\r\n\r\n"), 1, 1,
	  0, ENDED, "", "" },
	{ STR_INIT("Received: from a by\r\n " US "\r\n\r\n"), 1, 1, 0, ENDED, "", "" },
	{ STR_INIT("Received: from a by(x) " US "(y) id 1\r\n\r\n"), 1, 1, 0, ENDED, "",
	  "" },
	/* Not by us: longer and shorter names, other words, comments, quotes. */
	{ STR_INIT("Received: by " US ".net;x\r\nReceived: by mx.us.exampl;x\r\n\r\n"), 2,
	  0, 0, ENDED, "", "" },
	{ STR_INIT("Received: from " US " by other.example\r\n\r\n"), 1, 0, 0, ENDED, "",
	  "" },
	{ STR_INIT("Received: from a (by " US ") by b\r\n\r\n"), 1, 0, 0, ENDED, "", "" },
	{ STR_INIT("Received: from a (x (y) \\) by " US ") by b\r\n\r\n"), 1, 0, 0, ENDED,
	  "", "" },
	{ STR_INIT("Received: from \"by " US "\" by b\r\n\r\n"), 1, 0, 0, ENDED, "", "" },
	{ STR_INIT("Received: by; " US "\r\n\r\n"), 1, 0, 0, ENDED, "", "" },
	{ STR_INIT("Received: by x by " US " by " US "\r\n\r\n"), 1, 1, 0, ENDED, "",
	  "" },
	/* Message-ID: unfolded, the first one. */
	{ STR_INIT("Message-ID:\r\n  <a@b> \r\n x\r\nMessage-ID: <c@d>\r\n\r\n"), 0, 0,
	  MAIL_MESSAGE_ID, ENDED, "", "<a@b> x" },
	{ STR_INIT("Message-ID:\r\n\r\n"), 0, 0, MAIL_MESSAGE_ID, ENDED, "", "" },
	/* What is no field ends the header and is body. */
	{ STR_INIT("Date: x\r\nno field\r\nFrom: x\r\n"), 0, 0, MAIL_DATE,
	  ENDED | MALFORMED, "no field\r\nFrom: x\r\n", "" },
	{ STR_INIT("Date: x\r\n\x80: y\r\n"), 0, 0, MAIL_DATE, ENDED | MALFORMED,
	  "\x80: y\r\n", "" },
	{ STR_INIT("Date: x\r\n: y\r\n"), 0, 0, MAIL_DATE, ENDED | MALFORMED, ": y\r\n",
	  "" },
	{ STR_INIT("Date: x\r\nFrom\r\nx"), 0, 0, MAIL_DATE, ENDED | MALFORMED,
	  "From\r\nx", "" },
	{ STR_INIT("\rx"), 0, 0, 0, ENDED | MALFORMED, "\rx", "" },
	{ STR_INIT(" continued from nothing\r\nDate: x\r\n\r\n"), 0, 0, MAIL_DATE, ENDED,
	  "", "" },
	/* Still in the header. */
	{ STR_INIT("Date: x\r\nFro"), 0, 0, MAIL_DATE, 0, "", "" },
	{ STR_INIT("Date: x\n\nbody"), 0, 0, MAIL_DATE, ENDED, "body", "" },
};

static void check(size_t i, size_t step)
{
	struct mail_scan m;
	struct str text = cases[i].text;
	mail_scan_init(&m, STR(US));
	for (size_t at = 0; at < text.len; at += step)
		mail_scan_feed(&m, str_sub(text, at, step));
	assert_int_equal(m.received, cases[i].received);
	assert_int_equal(m.received_by, cases[i].received_by);
	assert_int_equal(m.fields, cases[i].fields);
	assert_int_equal(m.ended, !!(cases[i].flags & ENDED));
	assert_int_equal(m.malformed, !!(cases[i].flags & MALFORMED));
	assert_int_equal(m.id_cut, !!(cases[i].flags & CUT));
	assert_int_equal(m.header_len, text.len - strlen(cases[i].body));
	assert_true(str_eq(mail_scan_message_id(&m), str_of(cases[i].id)));
	assert_false(m.too_large);
}

static void headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("%zu\n", i);
		for (size_t step = 1; step < 40; step += 6) check(i, step);
		check(i, 1000);
	}
}

static void long_message_id(void **state)
{
	(void)state;
	struct mail_scan m;
	memset(long_id, 'x', sizeof long_id);
	for (size_t len = 254; len < 258; len++) {
		mail_scan_init(&m, STR(US));
		mail_scan_feed(&m, STR("Message-ID: "));
		mail_scan_feed(&m, (struct str){ long_id, len });
		mail_scan_feed(&m, STR("\r\n\r\n"));
		assert_int_equal(m.id_cut, len > MAIL_MESSAGE_ID_MAX);
		assert_int_equal(m.id_len, len < 255 ? len : 255);
	}
}

/* Q193639: a header over 32 KiB stopped the service. */
static void large_header(void **state)
{
	(void)state;
	struct mail_scan m;
	struct str line =
		STR("X-Field: some text that goes on for a while, as they do\r\n");
	mail_scan_init(&m, STR(US));
	while (m.header_len + line.len <= MAIL_HEADER_MAX) mail_scan_feed(&m, line);
	assert_false(m.too_large || m.ended);
	mail_scan_feed(&m, line);
	assert_true(m.too_large && m.ended);
	assert_int_equal(m.header_len, MAIL_HEADER_MAX);
	mail_scan_feed(&m, line);
	assert_int_equal(m.header_len, MAIL_HEADER_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(long_message_id),
		cmocka_unit_test(large_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
