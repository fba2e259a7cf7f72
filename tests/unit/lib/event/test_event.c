/* SPDX-License-Identifier: Apache-2.0 */
/* The way of an event from the role to the line, in every form, against
 * tests/golden/event/NAME.txt. GOLDEN_WRITE=1 writes those files anew: look at the
 * difference before it is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/event/format.h"

enum { GOLDEN_MAX = 64 * 1024 };

static struct buf record;
static int64_t wall = INT64_C(1763777726123);

static void keep(void *arg, struct str r)
{
	(void)arg;
	buf_reset(&record);
	buf_str(&record, r);
}

static int64_t wall_ms(void *arg)
{
	(void)arg;
	return wall;
}

static struct event_log log_of(const char *role)
{
	struct event_log log;
	event_log_init(&log, role, keep, wall_ms, NULL);
	return log;
}

static const struct ip client = { .octets = { [10] = 0xff, 0xff, 192, 0, 2, 7 } };
static const struct ip client6 = { .octets = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };

/* A row of an event as a test writes it: a text, or a number if the text is NULL. */
struct given {
	enum event_field field;
	struct str text;
	int64_t number;
};

struct sample {
	const char *role;
	enum event_name name;
	uint64_t sid, id;
	bool v6;
	struct given given[12];
	size_t count;
};

#define T(field, text) { FIELD_##field, STR_INIT(text), 0 }
#define N(field, number) { FIELD_##field, { NULL, 0 }, number }
#define C { FIELD_client, { NULL, 0 }, 0 }

static const struct sample usual[] = {
	{ "master[0]", EVENT_service_start, 0, 0, false,
	  { T(version, "0.1.0"), N(pid, 4711), N(generation, 1) }, 3 },
	{ "receive[0]", EVENT_connect, 0x11, 0, false, { C, T(listener, "mx") }, 2 },
	{ "receive[0]", EVENT_connect, 0x12, 0, false, { C, T(listener, "mx"), T(ptr, "mail.c.example") }, 3 },
	{ "receive[0]", EVENT_connect, 0x13, 0, false, { C, T(listener, "mx"), T(ptr, "unverified mail.c.example") }, 3 },
	{ "receive[0]", EVENT_connect, 0x14, 0, false, { C, T(listener, "mx"), T(ptr, "none") }, 3 },
	{ "receive[0]", EVENT_refuse, 0x12, 0, false,
	  { C, T(helo, "c.example"), T(from, "a@c.example"), T(stage, "sender"), N(code, 550), T(dsn, "5.7.1"),
	    T(reply, "No"), T(ptr, "mail.c.example") }, 8 },
	{ "receive[0]", EVENT_disconnect, 0x12, 0, false, { C, N(count, 0), T(ptr, "mail.c.example") }, 3 },
	{ "receive[0]", EVENT_refuse, 0x11, 0, false,
	  { C, T(helo, "c.example"), T(user, "-"), T(from, "a@c.example"), T(to, "nobody@us.example"),
	    T(stage, "recipient"), N(code, 550), T(dsn, "5.1.1"), T(reply, "No such user here"),
	    T(rule, "unknown-recipient") }, 10 },
	{ "receive[0]", EVENT_refuse, 0x11, 0, false,
	  { C, T(helo, "c.example"), T(from, "a@c.example"), T(to, "x@far.example"),
	    T(stage, "recipient"), N(code, 550), T(dsn, "5.7.1"), T(reply, "Relaying denied"),
	    T(rule, "/etc/ims/ims.conf:12") }, 9 },
	{ "receive[0]", EVENT_refuse, 0x12, 0, true,
	  { C, T(stage, "connect"), N(code, 554), T(dsn, "5.7.1"), T(reply, "Go away"),
	    T(rule, "hosts:3") }, 6 },
	{ "receive[0]", EVENT_refuse, 0x13, 0, false,
	  { C, T(helo, "c.example"), T(from, ""), T(stage, "sender"), N(code, 451), T(dsn, "4.3.2"),
	    T(reply, "Come again later") }, 7 },
	{ "receive[0]", EVENT_refuse, 0x13, 0, false,
	  { C, T(helo, "c.example"), T(from, "a@c.example"), T(stage, "content"), N(code, 552),
	    T(dsn, "5.3.4"), T(reply, "Message too big") }, 7 },
	{ "receive[0]", EVENT_refuse, 0x14, 0, false,
	  { C, T(helo, "localhost"), T(stage, "hello"), N(code, 550), T(reply, "You are not I") }, 5 },
	{ "receive[1]", EVENT_receive, 0x11, 0x4d2, false,
	  { C, T(helo, "c.example"), T(user, "-"), T(from, "a@c.example"), T(to, "u@us.example"),
	    N(recipients, 2), N(size, 4096), T(msgid, "<1@c.example>"), N(delay, 12) }, 9 },
	{ "receive[1]", EVENT_receive, 0x15, 0x4d3, true,
	  { C, T(user, "kim@us.example"), T(from, ""), N(size, 0) }, 4 },
	{ "receive[0]", EVENT_timeout, 0x11, 0, false, { C, T(stage, "data") }, 2 },
	{ "receive[0]", EVENT_disconnect, 0x11, 0, false,
	  { C, N(count, 1), T(reason, "QUIT"), N(delay, 1500) }, 4 },
	{ "mailbox[0]", EVENT_deliver, 0, 0x4d2, false,
	  { T(from, "a@c.example"), T(to, "u@us.example"), T(route, "mailbox"),
	    T(host, "/var/mail/us.example/u"), T(dsn, "2.0.0"), N(delay, 104), N(attempt, 1),
	    N(size, 4096) }, 8 },
	{ "spool[0]", EVENT_deliver, 0, 0x4d2, false,
	  { T(from, "a@c.example"), T(to, "x@far.example"), T(route, "default"),
	    T(host, "mx.far.example[198.51.100.9]:25"), T(dsn, "2.0.0"),
	    T(reply, "250 2.0.0 queued as 77"), N(delay, 61234), N(attempt, 2) }, 8 },
	{ "spool[0]", EVENT_defer, 0, 0x4d3, false,
	  { T(from, ""), T(to, "x@far.example"), T(route, "default"), T(host, "mx.far.example"),
	    T(dsn, "4.4.1"), T(reply, "connection refused"), N(delay, 1000), N(attempt, 1),
	    T(next, "2025-11-22T02:30:26.000Z") }, 9 },
	{ "spool[0]", EVENT_fail, 0, 0x4d4, false,
	  { T(from, "a@c.example"), T(to, "x@far.example"), T(route, "default"), T(host, "mx, too"),
	    T(dsn, "5.1.1"), T(reply, "550 5.1.1 No such user"), N(delay, 99) }, 7 },
	{ "spool[0]", EVENT_expire, 0, 0x4d5, false,
	  { T(from, "a@c.example"), T(to, "x@far.example"), T(route, "default"), N(delay, 172800000) }, 4 },
	{ "spool[0]", EVENT_dsn_sent, 0, 0x4d5, false,
	  { T(from, "a@c.example"), T(to, "x@far.example"), T(report, "00000000000004df") }, 3 },
	{ "spool[0]", EVENT_hold, 0, 0x4d6, false, { T(from, "a@b"), T(reason, "by hand") }, 2 },
	{ "spool[0]", EVENT_release, 0, 0x4d6, false, { T(from, "a@b") }, 1 },
	{ "spool[0]", EVENT_retry, 0, 0x4d6, false, { T(from, "a@b") }, 1 },
	{ "spool[0]", EVENT_drop, 0, 0x4d6, false, { T(from, "a@b"), N(recipients, 1), T(reason, "spam") }, 3 },
	{ "spool[0]", EVENT_disk_low, 0, 0, false, { N(free, 60000000), T(path, "/var/spool/ims") }, 2 },
	{ "master[0]", EVENT_crash_contained, 0x11, 0x4d2, false,
	  { T(process, "receive[1]"), N(pid, 4712), N(code, 11), N(flags, 1), T(address, "0x55d0"), C,
	    N(restarts, 1) }, 7 },
};

/* Values as hostile peers send them. Q239816: a Subject with %s in it ended the service.
 * The bytes after \x are written so that no letter follows that is a hex digit. */
static const struct sample hostile[] = {
	{ "receive[0]", EVENT_refuse, 1, 0, false, { T(helo, "RE:33%s5%s99 %n%n%Z%1000000d"), T(reply, "%s") }, 2 },
	{ "receive[0]", EVENT_refuse, 2, 0, false,
	  { T(helo, "a\r\nts=1 event=deliver"), T(to, "x@y\nz"), T(reply, "\r") }, 3 },
	{ "receive[0]", EVENT_refuse, 3, 0, false, { T(helo, "say \"hi\""), T(to, "back\\slash"), T(from, "a\0b\0") }, 3 },
	{ "receive[0]", EVENT_refuse, 4, 0, false, { T(helo, "\x1b[2J\x1b]0;owned\x07"), T(to, "\x7f") }, 2 },
	{ "receive[0]", EVENT_refuse, 5, 0, false, { T(helo, "\xff\xfe"), T(to, "gr\xc3\xbc\xc3\x9f@b\xc3\xbc" "cher.example") }, 2 },
	{ "receive[0]", EVENT_refuse, 6, 0, false, { T(helo, "nel\xc2\x85 ls\xe2\x80\xa8 rlo\xe2\x80\xae"), T(to, "cut\xc3") }, 2 },
	{ "receive[0]", EVENT_connect, 8, 0, false, { T(ptr, "a[10.0.0.1] b"), T(listener, "x") }, 2 },
	{ "receive[0]", EVENT_refuse, 7, 0, false, { T(helo, ""), T(to, " "), T(from, "a=b@c"), T(reply, "'") }, 4 },
	{ "mailbox[0]", EVENT_deliver, 0, 8, false,
	  { T(to, "x>, relay=evil, status=sent ("), T(host, "a, b"), T(route, "smtp") }, 3 },
	{ "x y\n[9]", EVENT_admin, 0, 0, false, { T(user, "-"), T(reason, "=") }, 2 },
};

static void build(const struct sample *s, struct event_log *log)
{
	event_begin(log, s->name, s->sid, s->id);
	for (size_t i = 0; i < s->count; i++) {
		const struct given *g = &s->given[i];
		if (g->field == FIELD_client) event_ip(log, FIELD_client, s->v6 ? client6 : client);
		else if (g->text.at) event_str(log, g->field, g->text);
		else event_i64(log, g->field, g->number);
	}
	event_end(log);
}

static void write_postfix(const struct event_view *v, struct buf *out)
{
	static const struct event_postfix how = { STR_INIT("postfix"), STR_INIT("mx"), 3600 };
	event_format_postfix(v, &how, out);
}

static void golden_check(const char *name, struct str got)
{
	char path[512];
	static char want[GOLDEN_MAX];
	(void)snprintf(path, sizeof path, GOLDEN "/%s.txt", name);
	bool renew = getenv("GOLDEN_WRITE") != NULL;
	FILE *file = fopen(path, renew ? "wb" : "rb");
	assert_non_null(file);
	if (renew) (void)fwrite(got.at, 1, got.len, file);
	size_t len = renew ? 0 : fread(want, 1, sizeof want, file);
	(void)fclose(file);
	if (renew || str_eq(got, (struct str){ want, len })) return;
	print_message("%s: got\n%.*s", path, STR_ARG(got));
	fail();
}

static void golden_run(const char *name, const struct sample *samples, size_t count,
                       void (*write)(const struct event_view *, struct buf *))
{
	static struct event_view v;
	struct buf out;
	buf_init(&out, GOLDEN_MAX);
	for (size_t i = 0; i < count; i++) {
		struct event_log log = log_of(samples[i].role);
		build(&samples[i], &log);
		assert_true(event_view_read(&v, buf_view(&record)));
		write(&v, &out);
		event_log_free(&log);
	}
	assert_false(out.overflowed);
	golden_check(name, buf_view(&out));
	buf_free(&out);
}

#define RUN(name, samples, write) golden_run(name, samples, sizeof samples / sizeof *samples, write)

static void test_golden(void **state)
{
	(void)state;
	RUN("text", usual, event_format_text);
	RUN("json", usual, event_format_json);
	RUN("postfix", usual, write_postfix);
	RUN("hostile-text", hostile, event_format_text);
	RUN("hostile-json", hostile, event_format_json);
	RUN("hostile-postfix", hostile, write_postfix);
}

static void test_cut(void **state)
{
	static char big[EVENT_VALUE_MAX + 10];
	static struct event_view v;
	struct event_log log = log_of("receive[0]");
	(void)state;
	memset(big, 'a', sizeof big);
	memcpy(big + EVENT_VALUE_MAX - 1, "\xc3\xbc", 2); /* a character over the limit */
	event_begin(&log, EVENT_refuse, 1, 0);
	event_str(&log, FIELD_helo, (struct str){ big, sizeof big });
	event_str(&log, FIELD_from, (struct str){ big, EVENT_VALUE_MAX - 1 });
	event_str(&log, FIELD_to, (struct str){ big, sizeof big });
	event_end(&log);
	assert_true(event_view_read(&v, buf_view(&record)));
	assert_int_equal(event_view_get(&v, FIELD_helo, NULL).len, EVENT_VALUE_MAX - 1);
	assert_int_equal(event_view_get(&v, FIELD_from, NULL).len, EVENT_VALUE_MAX - 1);
	assert_true(str_eq(event_view_get(&v, FIELD_cut, NULL), STR("helo,to")));
	memset(big, '\xff', sizeof big); /* no text at all: cut at the octet */
	event_begin(&log, EVENT_refuse, 1, 0);
	event_str(&log, FIELD_helo, (struct str){ big, sizeof big });
	event_end(&log);
	assert_true(event_view_read(&v, buf_view(&record)));
	assert_int_equal(event_view_get(&v, FIELD_helo, NULL).len, EVENT_VALUE_MAX);
	event_log_free(&log);
}

/* Each row damages a good record of `hold` with the fields from and reason. */
static void test_bad_records(void **state)
{
	static const struct { size_t at; unsigned char octet; } cases[] = {
		{ 0, 0 }, { 0, 255 }, { 1, 1 },  /* no such event */
		{ 26, 255 }, { 26, 33 },         /* role longer than the record, than allowed */
		{ 35, FIELD_COUNT }, { 35, 255 }, /* no such field */
		{ 35, FIELD_size },              /* not of this event */
		{ 35, FIELD_reason },            /* twice */
		{ 36, 200 }, { 37, 1 },          /* value longer than the record */
	};
	static struct event_view v;
	struct event_log log = log_of("spool[0]");
	(void)state;
	event_begin(&log, EVENT_hold, 1, 2);
	event_str(&log, FIELD_from, STR("a@b"));
	event_str(&log, FIELD_reason, STR("by hand"));
	event_end(&log);
	assert_int_equal((unsigned char)record.at[35], FIELD_from);
	assert_true(event_view_read(&v, buf_view(&record)));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char good = record.at[cases[i].at];
		record.at[cases[i].at] = (char)cases[i].octet;
		assert_false(event_view_read(&v, buf_view(&record)));
		record.at[cases[i].at] = good;
	}
	for (size_t len = 0; len < record.len; len++) {
		bool whole = len == 35 || len == 41; /* ends between two fields */
		assert_int_equal(event_view_read(&v, str_sub(buf_view(&record), 0, len)), whole);
	}
	event_log_free(&log);
}

static void test_bad_values(void **state)
{
	static struct event_view v;
	struct event_log log = log_of("");
	(void)state;
	event_begin(&log, EVENT_disk_low, 0, 0);
	event_end(&log);
	size_t head = record.len;
	buf_put_u8(&record, FIELD_free);
	buf_put_u16(&record, 7);
	buf_str(&record, STR("1234567"));
	assert_false(event_view_read(&v, buf_view(&record)));
	event_begin(&log, EVENT_connect, 0, 0);
	event_end(&log);
	assert_int_equal(record.len, head);
	buf_put_u8(&record, FIELD_client);
	buf_put_u16(&record, 4);
	buf_str(&record, STR("1234"));
	assert_false(event_view_read(&v, buf_view(&record)));
	event_begin(&log, EVENT_connect, 0, 0);
	event_ip(&log, FIELD_client, (struct ip){ 0 });
	event_end(&log);
	assert_true(event_view_read(&v, buf_view(&record)));
	assert_true(str_eq(event_view_get(&v, FIELD_client, NULL), STR("-")));
	char big[EVENT_RECORD_MAX + 1] = { 0 };
	assert_false(event_view_read(&v, (struct str){ big, sizeof big }));
	event_log_free(&log);
}

static void test_tables(void **state)
{
	(void)state;
	for (unsigned i = 1; i < EVENT_COUNT; i++) {
		const struct event_row *row = event_row((enum event_name)i);
		assert_int_equal(event_by_name(row->name), i);
		assert_int_equal(event_by_number(row->number), i); /* no number stands twice */
		assert_true(row->sentence.len > 0);
	}
	for (unsigned i = 0; i < FIELD_COUNT; i++)
		assert_int_equal(event_field_by_name(event_field_row((enum event_field)i)->name), i);
	assert_int_equal(event_row(EVENT_crash_contained)->number, 4037);
	assert_int_equal(event_by_name(STR("")), EVENT_NONE);
	assert_int_equal(event_by_name(STR("nonsense")), EVENT_NONE);
	assert_int_equal(event_by_number(1), EVENT_NONE);
	assert_int_equal(event_field_by_name(STR("ts")), FIELD_COUNT);
	assert_int_equal(event_category_by_name(STR("smtp")), EVENT_CATEGORY_smtp);
	assert_int_equal(event_category_by_name(STR("x")), EVENT_CATEGORY_COUNT);
	assert_int_equal(event_severity_by_name(STR("INFO")), EVENT_SEVERITY_COUNT);
	assert_true(str_eq(event_category_name(EVENT_CATEGORY_queue), STR("queue")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),      cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bad_records), cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_tables),
	};
	buf_init(&record, EVENT_RECORD_MAX);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_free(&record);
	return failed;
}
