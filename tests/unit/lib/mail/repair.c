/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mail/repair.h"

#define DATE    "Date: Thu, 01 Jan 1970 00:16:40 +0000\r\n"
#define ID      "Message-ID: <00000000000000ab@mx.example>\r\n"
#define FROM    "From: <scan@us.example>\r\n"
#define TO      "To: undisclosed-recipients:;\r\n"
#define WHOLE   "Date: d\r\nMessage-ID: <i@j>\r\n"
#define ALL_OF  WHOLE "To: x@y\r\n"

#define NO      MAIL_REPAIR_NO
#define MISSING MAIL_REPAIR_MISSING
#define ALL     MAIL_REPAIR_ALL

enum {
	D = MAIL_REPAIRED_DATE,
	I = MAIL_REPAIRED_MESSAGE_ID,
	F = MAIL_REPAIRED_FROM,
	M = MAIL_REPAIRED_MAPPED,
	S = MAIL_REPAIRED_SENDER,
	T = MAIL_REPAIRED_TO,
	E = MAIL_REPAIRED_END,
	W = MAIL_REPAIRED_TWICE,
};

static const struct {
	enum mail_repair_how how;
	const char *in, *out;
	unsigned done;
} cases[] = {
	{ NO, "From:\r\nno field\r\n", "From:\r\nno field\r\n", 0 },
	{ NO, "", "", 0 },
	/* RFC 6409 8.2, 8.3 */
	{ MISSING, "Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n" DATE ID "\r\nbody\r\n", D | I },
	{ MISSING, WHOLE "\r\nDate:\r\n", WHOLE "\r\nDate:\r\n", 0 },
	{ MISSING, "DATE : x\r\nMessage-id:\r\n\t<a@b>\r\n\r\n",
	  "DATE : x\r\nMessage-id:\r\n\t<a@b>\r\n\r\n", 0 },
	{ MISSING, "\r\nbody", DATE ID "\r\nbody", D | I },
	{ MISSING, "", DATE ID, D | I },
	{ MISSING, "Date: d\r\nMessage-ID:\r\n \r\n\r\nb", "Date: d\r\n" ID "\r\nb", I },
	{ MISSING, "Date:\r\nDate: d\r\nDate: e\r\nMessage-ID: i\r\n\r\n",
	  "Date: d\r\nDate: e\r\nMessage-ID: i\r\n\r\n", 0 },
	{ MISSING, "Dat: x\r\nX-Date: x\r\n\r\n", "Dat: x\r\nX-Date: x\r\n" DATE ID "\r\n", D | I },
	/* Nobody's business here. */
	{ MISSING, WHOLE "From:\r\nFrom: ,\r\nSender:\r\n\r\n",
	  WHOLE "From:\r\nFrom: ,\r\nSender:\r\n\r\n", 0 },
	/* A line that is no field is body, for everybody. */
	{ MISSING, WHOLE "no field\r\nFrom: x\r\n", WHOLE "\r\nno field\r\nFrom: x\r\n", E },
	{ MISSING, "Hello\r\n", DATE ID "\r\nHello\r\n", D | I | E },
	{ MISSING, " x\r\nDate: d\r\n", DATE ID "\r\n x\r\nDate: d\r\n", D | I | E },
	{ MISSING, "Da te: x\r\n", DATE ID "\r\nDa te: x\r\n", D | I | E },
	{ MISSING, WHOLE "\rx", WHOLE "\r\n\rx", E },
	{ MISSING, WHOLE "\xc3: x", WHOLE "\r\n\xc3: x", E },
	/* The text ends in the header. */
	{ MISSING, WHOLE, WHOLE, 0 },
	{ MISSING, WHOLE "Sub", WHOLE "\r\nSub", E },
	{ MISSING, WHOLE "\r", WHOLE "\r\n\r", E },
	{ MISSING, "Date: d\r\nMessage-ID: <a>", "Date: d\r\nMessage-ID: <a>\r\n", 0 },
	{ MISSING, WHOLE "Subject: x", WHOLE "Subject: x\r\n", 0 },
	{ MISSING, "Message-ID: i\nDate: d\n\nbody", "Message-ID: i\nDate: d\n\nbody", 0 },

	{ ALL, "Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n" DATE ID FROM TO "\r\nbody\r\n",
	  D | I | F | T },
	{ ALL, WHOLE "cc: x\r\nFrom: a@b\r\n\r\n", WHOLE "cc: x\r\nFrom: a@b\r\n\r\n", 0 },
	{ ALL, WHOLE "Bcc:\r\nFrom: A\r\n B <a@b>\r\n\r\n", WHOLE "Bcc:\r\nFrom: A\r\n B <a@b>\r\n\r\n", 0 },
	/* What a device puts into From. */
	{ ALL, ALL_OF "From:\r\n\r\n", ALL_OF FROM "\r\n", F },
	{ ALL, ALL_OF "From: <>\r\n\r\n", ALL_OF FROM "\r\n", F },
	{ ALL, ALL_OF "From: HP LaserJet\r\n\r\n", ALL_OF "From: HP LaserJet <scan@us.example>\r\n\r\n", F },
	{ ALL, ALL_OF "From: \"Scan, 2nd floor\" <>\r\n\r\n",
	  ALL_OF "From: \"Scan, 2nd floor\" <scan@us.example>\r\n\r\n", F },
	{ ALL, ALL_OF "From: =?utf-8?q?Kopierer?=\r\n\t2\r\n\r\n",
	  ALL_OF "From: =?utf-8?q?Kopierer?= 2 <scan@us.example>\r\n\r\n", F },
	{ ALL, ALL_OF "From: caf\xe9\r\n\r\n", ALL_OF FROM "\r\n", F },
	{ ALL, ALL_OF "From: scanner@\r\n\r\n", ALL_OF FROM "\r\n", F },
	{ ALL, ALL_OF "From: a\x01" "b\r\n\r\n", ALL_OF FROM "\r\n", F },
	{ ALL, ALL_OF "From: undisclosed:;\r\n\r\n", ALL_OF "From: \"undisclosed:;\" <scan@us.example>\r\n\r\n", F },
	{ ALL, ALL_OF "From:\r\nFrom: a@b\r\nFrom: c@d\r\n\r\n", ALL_OF "From: a@b\r\n\r\n", W },
	{ ALL, ALL_OF "From: a@b\r\nSender: \r\nDate: e\r\n f\r\n\r\n", ALL_OF "From: a@b\r\n\r\n", S | W },
	{ ALL, ALL_OF "From: a@b\r\nSender: me\r\nSender: c@d\r\nSender: e@f\r\n\r\n",
	  ALL_OF "From: a@b\r\nSender: c@d\r\n\r\n", S | W },
	/* Addresses that are not to be seen outside; p@inside.example is. */
	{ ALL, ALL_OF "From: \"P 1\" <a@local>\r\nSender: b@local\r\n\r\n",
	  ALL_OF "From: P 1 <out@us.example>\r\nSender: <out@us.example>\r\n\r\n", M },
	{ ALL, ALL_OF "From: a@b, x@LOCAL\r\n\r\n", ALL_OF "From: <out@us.example>\r\n\r\n", M },
	{ ALL, ALL_OF "From: x@local (Scanner)\r\n\r\n", ALL_OF "From: <out@us.example>\r\n\r\n", M },
	{ ALL, ALL_OF "From: a.b \"c\" <x@local>\r\n\r\n", ALL_OF "From: \"a.b c\" <out@us.example>\r\n\r\n", M },
	{ MISSING, WHOLE "From: x@local\r\n\r\n", WHOLE "From: x@local\r\n\r\n", 0 },
};

static struct str map(const void *arg, struct str address)
{
	return str_ends_nocase(address, *(const struct str *)arg) ? STR("out@us.example") : STR("");
}

static const struct str local = STR_INIT("@local");

static struct mail_repair_plan plan(enum mail_repair_how how)
{
	return (struct mail_repair_plan){ .how = how, .sender = STR("scan@us.example"),
		.host = STR("mx.example"), .id = 0xab, .now_s = 1000, .map = map, .arg = &local };
}

static void run(struct mail_repair *m, struct str in, size_t step, struct buf *out)
{
	for (size_t at = 0; at < in.len; at += step)
		buf_str(out, mail_repair_feed(m, str_sub(in, at, step), out));
	mail_repair_end(m, out);
}

static void check(size_t i, size_t step)
{
	char memory[1024];
	struct buf out;
	struct mail_repair m;
	struct mail_repair_plan p = plan(cases[i].how);
	buf_init_fixed(&out, memory, sizeof memory - 1);
	mail_repair_init(&m, &p);
	run(&m, str_of(cases[i].in), step, &out);
	memory[out.len] = '\0';
	assert_string_equal(memory, cases[i].out);
	assert_int_equal(m.done, cases[i].done);
	assert_true(m.ended);
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

static void null_sender(void **state)
{
	(void)state;
	char memory[1024];
	struct buf out;
	struct mail_repair m;
	struct mail_repair_plan p = plan(MAIL_REPAIR_ALL);
	p.sender = STR("");
	buf_init_fixed(&out, memory, sizeof memory - 1);
	mail_repair_init(&m, &p);
	run(&m, STR(ALL_OF "\r\n"), 7, &out);
	memory[out.len] = '\0';
	assert_string_equal(memory, ALL_OF "From: <MAILER-DAEMON@mx.example>\r\n\r\n");
}

/* A field with a value of `len` octets. */
static unsigned long_field(const char *name, size_t len, bool *has_field)
{
	static char text[3 * MAIL_REPAIR_FIELD_MAX];
	struct buf in, out;
	struct mail_repair m;
	struct mail_repair_plan p = plan(MAIL_REPAIR_ALL);
	buf_init_fixed(&in, text, sizeof text);
	buf_init(&out, sizeof text + MAIL_REPAIR_MAX);
	buf_str(&in, STR("To: x@y\r\n"));
	buf_str(&in, str_of(name));
	buf_str(&in, STR(": "));
	for (size_t i = 0; i < len; i++) buf_byte(&in, i % 100 ? 'x' : ' ');
	buf_str(&in, STR("\r\n\r\nbody"));
	mail_repair_init(&m, &p);
	run(&m, buf_view(&in), 999, &out);
	assert_false(in.overflowed || out.overflowed);
	assert_true(out.len <= in.len + MAIL_REPAIR_MAX);
	*has_field = out.len > len;
	buf_free(&out);
	return m.done;
}

static void long_fields(void **state)
{
	(void)state;
	bool has_field;
	for (size_t len = MAIL_REPAIR_FIELD_MAX - 30; len < 2 * MAIL_REPAIR_FIELD_MAX; len += 7) {
		assert_int_equal(long_field("From", len, &has_field), D | I | F);
		assert_false(has_field);
		assert_int_equal(long_field("Sender", len, &has_field), D | I | F | S);
		assert_false(has_field);
		assert_int_equal(long_field("Date", len, &has_field), I | F);
		assert_true(has_field);
		assert_int_equal(long_field("Message-ID", len, &has_field), D | F);
		assert_true(has_field);
		assert_int_equal(long_field("Subject", len, &has_field), D | I | F);
		assert_true(has_field);
	}
}

/* A name that never ends is no field's. */
static void long_name(void **state)
{
	(void)state;
	static char name[MAIL_REPAIR_FIELD_MAX + 10], memory[4 * MAIL_REPAIR_FIELD_MAX];
	memset(name, 'x', sizeof name);
	for (size_t len = MAIL_REPAIR_FIELD_MAX - 4; len < MAIL_REPAIR_FIELD_MAX + 3; len++) {
		struct buf out;
		struct mail_repair m;
		struct mail_repair_plan p = plan(MAIL_REPAIR_MISSING);
		buf_init_fixed(&out, memory, sizeof memory);
		mail_repair_init(&m, &p);
		buf_str(&out, mail_repair_feed(&m, STR(WHOLE), &out));
		buf_str(&out, mail_repair_feed(&m, (struct str){ name, len }, &out));
		buf_str(&out, mail_repair_feed(&m, STR(": x\r\n"), &out));
		mail_repair_end(&m, &out);
		assert_int_equal(m.done, len + 1 < MAIL_REPAIR_FIELD_MAX ? 0 : E);
		assert_int_equal(out.len, strlen(WHOLE) + len + 5 + (m.done ? 2 : 0));
	}
}

static void words(void **state)
{
	(void)state;
	char memory[128], id[MAIL_REPAIR_ID_MAX];
	struct buf out;
	struct mail_repair m;
	struct mail_repair_plan p = plan(MAIL_REPAIR_ALL);
	buf_init_fixed(&out, memory, sizeof memory);
	mail_repair_write(0, &out);
	assert_int_equal(out.len, 0);
	mail_repair_write(D | I | F | M | S | T | E | W, &out);
	assert_true(str_eq(buf_view(&out), STR("date message-id from mapped sender to end twice")));
	mail_repair_init(&m, &p);
	buf_init_fixed(&out, id, sizeof id);
	mail_repair_id(&m, &out);
	assert_int_equal(out.len, 0);
	m.done = I;
	mail_repair_id(&m, &out);
	assert_true(str_eq(buf_view(&out), STR("<00000000000000ab@mx.example>")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),     cmocka_unit_test(null_sender),
		cmocka_unit_test(long_fields), cmocka_unit_test(long_name),
		cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
