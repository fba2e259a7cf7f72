/* SPDX-License-Identifier: Apache-2.0 */
/* Reports must be exactly tests/golden/dsn/NAME.eml. GOLDEN_WRITE=1 writes those files
 * anew: look at the difference before it is committed. tests/tools/test_reports.py reads
 * them as another program would. */
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/dsn/original.h"
#include "lib/dsn/text.h"

static struct buf write_report(const struct dsn_report *r)
{
	struct buf out;
	buf_init(&out, DSN_REPORT_MAX);
	dsn_report_write(&out, r);
	assert_false(out.overflowed);
	assert_true(dsn_text_is_clean(buf_view(&out), r->smtputf8));
	return out;
}

static bool holds(const struct buf *b, const char *text)
{
	return memmem(b->at, b->len, text, strlen(text)) != NULL;
}

static void golden_check(const char *name, struct str got)
{
	static char want[DSN_REPORT_MAX];
	char path[512];
	(void)snprintf(path, sizeof path, GOLDEN "/%s.eml", name);
	bool renew = getenv("GOLDEN_WRITE") != NULL;
	FILE *file = fopen(path, renew ? "wb" : "rb");
	assert_non_null(file);
	if (renew) (void)fwrite(got.at, 1, got.len, file);
	size_t len = renew ? 0 : fread(want, 1, sizeof want, file);
	(void)fclose(file);
	if (renew || str_eq(got, (struct str){ want, len })) return;
	fail_msg("%s: got\n%.*s", path, STR_ARG(got));
}

static void golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < sample_count; i++) {
		struct dsn_report r = sample(samples[i].name);
		struct buf out = write_report(&r);
		golden_check(samples[i].name, buf_view(&out));
		buf_free(&out);
	}
}

/* Who gets the text and who its header. */
static void returns(void **state)
{
	static const struct {
		uint8_t ret;
		enum dsn_action action;
		bool copy;
		uint64_t size;
		bool whole;
	} rows[] = {
		{ SMTP_RET_UNSAID, DSN_FAILED, false, DSN_FULL_MAX, true },
		{ SMTP_RET_UNSAID, DSN_FAILED, false, DSN_FULL_MAX + 1, false },
		{ SMTP_RET_FULL, DSN_FAILED, false, DSN_FULL_MAX + 1, true },
		{ SMTP_RET_FULL, DSN_FAILED, false, DSN_ORIGINAL_MAX, true },
		{ SMTP_RET_FULL, DSN_FAILED, false, DSN_ORIGINAL_MAX + 1, false },
		{ SMTP_RET_HDRS, DSN_FAILED, false, 1, false },
		{ SMTP_RET_FULL, DSN_FAILED, true, 1, false },
		{ SMTP_RET_FULL, DSN_DELAYED, false, 1, false },
		{ SMTP_RET_FULL, DSN_DELIVERED, false, 1, false },
		{ SMTP_RET_FULL, DSN_RELAYED, false, 1, false },
		{ SMTP_RET_FULL, DSN_EXPANDED, false, 1, false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(dsn_wants_whole(rows[i].ret, rows[i].action, rows[i].copy,
						 rows[i].size), rows[i].whole);
}

/* What cannot go back whole as it is. */
static void originals(void **state)
{
	static const struct {
		struct str text;
		bool utf8;
		const char *type;
	} rows[] = {
		{ STR_INIT("A: b\r\n\r\nx\r\n"), false, "message/rfc822\r\n" },
		{ STR_INIT("A: b\r\n\r\nx"), false, "message/rfc822\r\n" },
		{ STR_INIT("A: b\r\n\r\nx\ny\r\n"), false, "text/rfc822-headers\r\n" },
		{ STR_INIT("A: b\r\n\r\nx\ry\r\n"), false, "text/rfc822-headers\r\n" },
		{ STR_INIT("A: b\r\n\r\nx\0y\r\n"), false, "text/rfc822-headers\r\n" },
		{ STR_INIT("A: b\r\n\r\n\xc3\xa4\r\n"), false, "text/rfc822-headers\r\n" },
		{ STR_INIT("A: b\r\n\r\n\xc3\xa4\r\n"), true, "message/rfc822\r\n" },
		{ STR_INIT("A: \xc3\xa4\r\n\r\nx\r\n"), true, "message/global\r\n" },
		{ STR_INIT("A: \xe4\r\n\r\n\0\r\n"), true, "text/rfc822-headers\r\n" },
		{ STR_INIT("A: \xc3\xa4\r\n\r\n\0\r\n"), true, "message/global-headers\r\n" },
		{ STR_INIT("no header"), false, "message/rfc822\r\n" },
		{ STR_INIT(""), false, "message/rfc822\r\n" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dsn_report r = sample("failed");
		r.original = rows[i].text;
		r.smtputf8 = rows[i].utf8;
		struct buf out = write_report(&r);
		if (!holds(&out, rows[i].type)) fail_msg("row %zu: no %s", i, rows[i].type);
		buf_free(&out);
	}
}

static void header_is_cut(void **state)
{
	static char text[DSN_ORIGINAL_MAX];
	struct dsn_report r = sample("failed");
	(void)state;
	for (size_t i = 0; i < sizeof text; i += 64)
		memcpy(text + i, "X-Filler: 4567890123456789012345678901234567890123456789"
				 "012345\r\n", 64);
	r.original = (struct str){ text, sizeof text };
	r.whole = false;
	struct buf out = write_report(&r);
	assert_in_range(out.len, DSN_HEADER_MAX - 1024, DSN_HEADER_MAX + 8192);
	assert_true(holds(&out, "X-IMS-Header-Cut: "));
	buf_free(&out);
	text[3] = (char)0xe4; /* now it is quoted */
	out = write_report(&r);
	assert_in_range(out.len, DSN_HEADER_MAX - 1024, DSN_HEADER_MAX + 8192);
	assert_true(holds(&out, "X-IMS-Header-Cut: ") && holds(&out, "quoted-printable"));
	buf_free(&out);
	/* One line that would grow to three times its length. */
	memset(text, 0, sizeof text);
	out = write_report(&r);
	assert_in_range(out.len, DSN_HEADER_MAX - 1024, DSN_HEADER_MAX + 8192);
	buf_free(&out);
}

/* Every boundary but one is taken: that one is found. */
static void boundary_is_free(void **state)
{
	static char text[DSN_ORIGINAL_MAX + 1]; /* buf_fmt ends with NUL */
	char boundary[DSN_BOUNDARY_LEN];
	struct buf b;
	(void)state;
	buf_init_fixed(&b, text, sizeof text);
	for (unsigned i = 0; i < DSN_ORIGINAL_MAX / 16; i++) buf_fmt(&b, "=_ims_report%04x", i);
	assert_false(b.overflowed);
	dsn_boundary_make(boundary, buf_view(&b));
	assert_memory_equal(boundary, "=_ims_report4000", DSN_BOUNDARY_LEN);
	text[16 * 77 + 13] = 'x';
	dsn_boundary_make(boundary, buf_view(&b));
	assert_memory_equal(boundary, "=_ims_report004d", DSN_BOUNDARY_LEN);
	dsn_boundary_make(boundary, STR("=_ims_report0000=_ims_report000"));
	assert_memory_equal(boundary, "=_ims_report0001", DSN_BOUNDARY_LEN);
}

static struct dsn_rcpt many[DSN_RCPTS_MAX];

static struct dsn_report with_many(size_t address_len, char *memory, uint32_t count)
{
	struct dsn_report r = sample("failed");
	memset(memory, 'a', DSN_STR_MAX);
	memcpy(memory + address_len - 10, "@x.example", 10);
	for (size_t i = 0; i < count; i++) {
		many[i] = r.rcpts[0];
		many[i].address = (struct str){ memory, address_len };
	}
	r.rcpts = many;
	r.count = count;
	return r;
}

static size_t occurs(const struct buf *b, const char *text)
{
	size_t n = 0;
	struct str rest = buf_view(b);
	for (const char *at; (at = memmem(rest.at, rest.len, text, strlen(text))); n++)
		rest = str_from(rest, (size_t)(at - rest.at) + 1);
	return n;
}

static void many_recipients(void **state)
{
	static char memory[DSN_STR_MAX];
	(void)state;
	/* A thousand usual ones: each is named, a hundred to people, some with details. */
	struct dsn_report r = with_many(20, memory, DSN_RCPTS_MAX);
	for (size_t i = 0; i < r.count; i++) many[i].orcpt = STR("");
	assert_int_equal(dsn_rcpts_fit(many, r.count, false), DSN_RCPTS_MAX);
	struct buf out = write_report(&r);
	assert_int_equal(occurs(&out, "\r\nFinal-Recipient: "), DSN_RCPTS_MAX);
	assert_in_range(occurs(&out, "\r\nDiagnostic-Code: "), 10, DSN_RCPTS_MAX - 1);
	assert_in_range(occurs(&out, "\r\n  <aaa"), 50, DSN_HUMAN_RCPTS_MAX);
	assert_true(holds(&out, " more recipients. The next part of this report names them."));
	assert_false(holds(&out, "Not-Named"));
	buf_free(&out);
	/* The worst that there is. */
	r = with_many(DSN_STR_MAX, memory, DSN_RCPTS_MAX);
	r.more = 99000;
	uint32_t fit = dsn_rcpts_fit(many, r.count, false);
	assert_in_range(fit, 50, 200);
	size_t named = 0;
	for (size_t i = 0; i < fit; i++) named += dsn_rcpt_size(&many[i], false);
	assert_in_range(named, 1, DSN_NAMED_MAX);
	assert_true(named + dsn_rcpt_size(&many[fit], false) > DSN_NAMED_MAX);
	out = write_report(&r);
	assert_int_equal(occurs(&out, "\r\nFinal-Recipient: "), fit);
	char line[64];
	(void)snprintf(line, sizeof line, "\r\nX-IMS-Recipients-Not-Named: %u\r\n",
		       99000 + DSN_RCPTS_MAX - fit);
	assert_true(holds(&out, line));
	buf_free(&out);
}

/* Nothing is written past the limit of the buffer, and that is said. */
static void overflow(void **state)
{
	struct dsn_report r = sample("failed");
	struct buf whole = write_report(&r), out;
	static char memory[DSN_REPORT_MAX];
	(void)state;
	for (size_t size = 0; size < whole.len; size += 7) {
		buf_init_fixed(&out, memory, size);
		dsn_report_write(&out, &r);
		assert_true(out.overflowed && out.len <= size);
	}
	buf_free(&whole);
}

/* A large original and a part for people that grows when it is quoted. */
static void no_room_for_the_whole(void **state)
{
	static char text[DSN_ORIGINAL_MAX];
	struct dsn_report r = sample("eight-bit");
	(void)state;
	for (size_t i = 0; i < sizeof text; i += 64)
		memcpy(text + i, "01234567890123456789012345678901234567890123456789012345678"
				 "901\r\n", 64);
	memcpy(text, "Subject: x\r\n\r\n", 14);
	r.ret = SMTP_RET_FULL;
	r.original = (struct str){ text, sizeof text - 8 * 1024 };
	r.size = r.original.len;
	struct buf out = write_report(&r);
	assert_true(holds(&out, "Content-Type: message/rfc822"));
	buf_free(&out);
	r.original.len = r.size = sizeof text;
	out = write_report(&r);
	assert_true(holds(&out, "Content-Type: text/rfc822-headers"));
	assert_true(holds(&out, "not its text"));
	assert_int_equal(occurs(&out, "Content-Type: text/plain"), 1);
	buf_free(&out);
}

static void record_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sample_count; i++) {
		struct dsn_report r = sample(samples[i].name), back;
		struct buf record, again, a, b;
		struct arena arena;
		arena_init(&arena, DSN_ARENA);
		buf_init(&record, DSN_RECORD_MAX);
		buf_init(&again, DSN_RECORD_MAX);
		dsn_report_encode(&record, &r);
		assert_false(record.overflowed);
		assert_true(dsn_report_decode(buf_view(&record), &arena, &back));
		dsn_report_encode(&again, &back);
		assert_true(str_eq(buf_view(&record), buf_view(&again)));
		back.original = r.original;
		a = write_report(&r);
		b = write_report(&back);
		assert_true(str_eq(buf_view(&a), buf_view(&b)));
		for (size_t len = 0; len < record.len; len++) {
			arena_free(&arena);
			assert_false(dsn_report_decode(str_sub(buf_view(&record), 0, len),
						       &arena, &back));
		}
		buf_free(&record);
		buf_free(&again);
		buf_free(&a);
		buf_free(&b);
		arena_free(&arena);
	}
}

/* RFC 2852: the time that the sender has set stands behind the recipients, if there is one; a
 * record without it is one of a message without it. */
static void senders_time(void **state)
{
	(void)state;
	struct dsn_report r = sample("delayed"), back;
	struct buf without, with, text;
	struct arena arena;
	buf_init(&without, DSN_RECORD_MAX);
	buf_init(&with, DSN_RECORD_MAX);
	arena_init(&arena, DSN_ARENA);
	dsn_report_encode(&without, &r);
	r.by_ms = 1795350896000;
	dsn_report_encode(&with, &r);
	assert_int_equal(with.len, without.len + 8);
	assert_memory_equal(with.at, without.at, without.len);
	assert_true(dsn_report_decode(buf_view(&with), &arena, &back));
	assert_int_equal(back.by_ms, r.by_ms);
	text = write_report(&r);
	assert_non_null(memmem(text.at, text.len, "\r\nDeliver-By-Date: Sun, 22 Nov 2026 12:34:56 +0000\r\n", 51));
	assert_null(memmem(text.at, text.len, "Future-Release-Request", 22));
	arena_free(&arena);
	assert_true(dsn_report_decode(buf_view(&without), &arena, &back));
	assert_true(back.by_ms == 0 && back.hold_until_ms == 0);
	for (size_t more = 1; more < 8; more++) {
		arena_free(&arena);
		assert_false(dsn_report_decode(str_sub(buf_view(&with), 0, without.len + more), &arena,
					       &back));
	}
	memset(with.at + without.len, 0, 8); /* nobody writes that */
	arena_free(&arena);
	assert_false(dsn_report_decode(buf_view(&with), &arena, &back));
	memset(with.at + without.len, 0xff, 8);
	arena_free(&arena);
	assert_false(dsn_report_decode(buf_view(&with), &arena, &back));
	arena_free(&arena);
	buf_free(&with);
	buf_free(&without);
	buf_free(&text);
}

static bool encodes(const struct dsn_report *r, struct buf *out)
{
	buf_reset(out);
	dsn_report_encode(out, r);
	return !out->overflowed;
}

static bool decodes(struct str record, size_t memory)
{
	struct arena arena;
	struct dsn_report r;
	arena_init(&arena, memory);
	bool good = dsn_report_decode(record, &arena, &r);
	arena_free(&arena);
	return good;
}

static void record_limits(void **state)
{
	static char memory[DSN_STR_MAX + 1];
	struct dsn_report r = with_many(30, memory, DSN_RCPTS_MAX);
	struct buf out;
	(void)state;
	buf_init(&out, DSN_RECORD_MAX);
	assert_true(encodes(&r, &out));
	assert_true(decodes(buf_view(&out), DSN_ARENA));
	assert_false(decodes(buf_view(&out), 1024)); /* no memory */
	r.count++;
	assert_false(encodes(&r, &out));
	r.count = 0;
	assert_false(encodes(&r, &out));
	r.count = 1;
	r.hostname = (struct str){ memory, DSN_STR_MAX };
	assert_true(encodes(&r, &out));
	assert_true(decodes(buf_view(&out), DSN_ARENA));
	r.hostname.len++;
	assert_false(encodes(&r, &out));
	/* Version, flags, RET; then the last recipient's expired and its times. */
	r = sample("failed");
	assert_true(encodes(&r, &out));
	const struct { size_t at; int bad; } bytes[] = {
		{ 0, 2 }, { 1, 8 }, { 2, 3 }, { out.len - 18, DSN_ACTIONS }, { out.len - 17, 2 },
		{ out.len - 9, 1 }, { out.len - 1, 1 },
	};
	for (size_t i = 0; i < ROWS(bytes); i++) {
		char before = out.at[bytes[i].at];
		out.at[bytes[i].at] = (char)bytes[i].bad;
		assert_false(decodes(buf_view(&out), DSN_ARENA));
		out.at[bytes[i].at] = before;
	}
	assert_true(decodes(buf_view(&out), DSN_ARENA));
	buf_byte(&out, 0); /* one too much */
	assert_false(decodes(buf_view(&out), DSN_ARENA));
	buf_free(&out);
}

/* RFC 4865 5.1.2: with BY and without. */
static void senders_release(void **state)
{
	static const int64_t times[] = { 0, 1795350890000 };
	(void)state;
	for (size_t i = 0; i < ROWS(times); i++) {
		struct dsn_report r = sample("delayed"), back;
		struct buf record, text;
		struct arena arena;
		buf_init(&record, DSN_RECORD_MAX);
		arena_init(&arena, DSN_ARENA);
		r.by_ms = times[i];
		r.hold_until_ms = 1795350896789;
		dsn_report_encode(&record, &r);
		assert_true(dsn_report_decode(buf_view(&record), &arena, &back));
		assert_true(back.by_ms == r.by_ms && back.hold_until_ms == r.hold_until_ms);
		text = write_report(&back);
		assert_non_null(memmem(text.at, text.len,
				       "\r\nFuture-Release-Request: until;2026-11-22T12:34:56Z\r\n", 54));
		assert_int_equal(memmem(text.at, text.len, "Deliver-By-Date", 15) != NULL, i);
		arena_free(&arena);
		for (size_t less = 1; less < 8; less++) {
			arena_init(&arena, DSN_ARENA);
			assert_false(dsn_report_decode(str_sub(buf_view(&record), 0, record.len - less),
						       &arena, &back));
			arena_free(&arena);
		}
		buf_free(&record);
		buf_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),          cmocka_unit_test(returns),
		cmocka_unit_test(originals),       cmocka_unit_test(header_is_cut),
		cmocka_unit_test(boundary_is_free), cmocka_unit_test(many_recipients),
		cmocka_unit_test(overflow),        cmocka_unit_test(no_room_for_the_whole),
		cmocka_unit_test(record_round_trip),
		cmocka_unit_test(senders_time), cmocka_unit_test(senders_release), cmocka_unit_test(record_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
