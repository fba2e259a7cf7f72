/* SPDX-License-Identifier: Apache-2.0 */
/* imsctl track: each selector, with the index, with a part of it, without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../services/journal/folder.h"
#include "ctl/track.h"
#include "services/journal/feed.h"

#define LINE(second, event, number, rest) \
	"ts=2025-11-22T12:00:" second ".000Z event=" event " number=" number " severity=info role=x[0] " rest "\n"

static const char first_half[] =
	LINE("00", "receive", "2002", "sid=0000000000000001 id=00000000000000a1 client=192.0.2.7 "
	     "from=ann@one.example to=bob@two.example recipients=2 msgid=<m1@one.example>")
	LINE("01", "deliver", "2001", "id=00000000000000a1 from=ann@one.example to=bob@two.example delay=1000 dsn=2.0.0")
	LINE("02", "refuse", "3012", "sid=0000000000000002 client=192.0.2.8 from=eve@bad.example to=bob@two.example code=550")
	LINE("03", "receive", "2002", "sid=0000000000000003 id=00000000000000a2 from=\"\" to=ann@one.example msgid=m2")
	LINE("04", "connect", "2003", "client=192.0.2.9");
static const char second_half[] =
	LINE("05", "defer", "3015", "id=00000000000000a1 from=ann@one.example to=carl@sub.two.example reply=\"try \\x22later\\x22\"")
	LINE("06", "receive", "2002", "id=00000000000000a3 from=Ann_x@ONE.example to=dora@three.example msgid=<m3@one.example>")
	LINE("07", "hold", "3020", "id=00000000000000a3 from=Ann_x@ONE.example reason=x");

static char *out_text, *err_text;
static size_t out_len, err_len;

static int track(const struct track_args *args)
{
	struct track_args mine = *args;
	free(out_text);
	free(err_text);
	mine.out = open_memstream(&out_text, &out_len);
	mine.err = open_memstream(&err_text, &err_len);
	assert_true(log_place_set(&mine.place, str_of(folder_path("")), STR("")));
	int status = track_run(&mine);
	(void)fclose(mine.out);
	(void)fclose(mine.err);
	return status;
}

/* The seconds of the events shown, as "00 01". */
static const char *seconds(void)
{
	static char found[256];
	size_t len = 0;
	for (const char *at = out_text; (at = strstr(at, "12:00:")) && len < sizeof found - 4; at += 6) {
		memcpy(found + len, at + 6, 2);
		found[len + 2] = ' ';
		len += 3;
	}
	found[len ? len - 1 : 0] = '\0';
	return found;
}

static void on_trouble(void *arg, bool rebuilt, struct str path, int error)
{
	(void)arg;
	(void)rebuilt;
	(void)path;
	fail_msg("the index: %d", error);
}

static void make_index(void)
{
	struct feed feed;
	struct log_place place;
	assert_true(log_place_set(&place, str_of(folder_path("")), STR("")));
	feed_init(&feed, on_trouble, NULL);
	feed_place(&feed, &place);
	while (feed_step(&feed, 0, 0)) continue;
	feed_free(&feed);
}

enum index { ALL, PART, NONE, DAMAGED };

static void make_log(enum index how)
{
	char whole[sizeof first_half + sizeof second_half];
	(void)snprintf(whole, sizeof whole, "%s%s", first_half, second_half);
	folder_write("2025-11-22.log", str_of(how == PART ? first_half : whole));
	(void)unlink(folder_path("index.db"));
	if (how == ALL || how == PART) make_index();
	if (how != PART) {
		if (how == DAMAGED) folder_write("index.db", STR("not what it should be"));
		return;
	}
	FILE *file = fopen(folder_path("2025-11-22.log"), "ab");
	fputs(second_half, file);
	(void)fclose(file);
}

#define A1 "00 01 05"
#define A3 "06 07"

static void test_selectors(void **state)
{
	static const struct { struct track_args args; const char *want; } cases[] = {
		{ { .from = STR_INIT("ann@one.example"), .since_ms = -1 }, A1 },
		{ { .from = STR_INIT("<ANN@one.Example>"), .since_ms = -1 }, A1 },
		{ { .from = STR_INIT("@one.example"), .since_ms = -1 }, A1 " " A3 },
		{ { .from = STR_INIT("@example"), .since_ms = -1 }, "" },
		{ { .from = STR_INIT("ann"), .since_ms = -1 }, A1 " " A3 },
		{ { .from = STR_INIT("n_x"), .since_ms = -1 }, A3 }, /* _ is itself */
		{ { .from = STR_INIT("%"), .since_ms = -1 }, "" },
		{ { .from = STR_INIT("eve@bad.example"), .since_ms = -1 }, "02" },
		{ { .sender_null = true, .since_ms = -1 }, "03" },
		{ { .to = STR_INIT("bob@two.example"), .since_ms = -1 }, A1 " 02" },
		{ { .to = STR_INIT("@two.example"), .since_ms = -1 }, A1 " 02" },
		{ { .to = STR_INIT("carl"), .since_ms = -1 }, A1 },
		{ { .from = STR_INIT("ann@one.example"), .to = STR_INIT("carl@sub.two.example"), .since_ms = -1 }, A1 },
		{ { .from = STR_INIT("ann@one.example"), .to = STR_INIT("dora@three.example"), .since_ms = -1 }, "" },
		{ { .from = STR_INIT("eve"), .to = STR_INIT("bob"), .since_ms = -1 }, "02" },
		{ { .id = 0xa3, .since_ms = -1 }, A3 },
		{ { .id = 0xa1, .to = STR_INIT("carl"), .since_ms = -1 }, A1 },
		{ { .id = 0xa1, .to = STR_INIT("dora"), .since_ms = -1 }, "" },
		{ { .id = 0xff, .since_ms = -1 }, "" },
		{ { .message_id = STR_INIT("<m1@one.example>"), .since_ms = -1 }, A1 },
		{ { .message_id = STR_INIT("m1@one.example"), .since_ms = -1 }, A1 },
		{ { .message_id = STR_INIT("<m2>"), .since_ms = -1 }, "03" },
		{ { .message_id = STR_INIT("M2"), .since_ms = -1 }, "" },
		{ { .since_ms = INT64_C(1763812803000) }, A1 " 03 " A3 },
		{ { .since_ms = INT64_C(1763812802000) }, A1 " 03 " A3 " 02" },
		{ { .since_ms = INT64_C(1763812808000) }, "" },
		{ { .from = STR_INIT("ann@one.example"), .since_ms = INT64_C(1763812806000) }, "" },
		{ { .to = STR_INIT("' OR 1=1 --"), .since_ms = -1 }, "" },
	};
	(void)state;
	for (enum index how = ALL; how <= DAMAGED; how++) {
		make_log(how);
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			struct track_args args = cases[i].args;
			for (unsigned json = 0; json < 2; json++) {
				args.json = json;
				assert_int_equal(track(&args), 0);
				if (strcmp(seconds(), cases[i].want) != 0)
					fail_msg("index %d, case %zu: %s", (int)how, i, out_text);
				bool says = !json && !*cases[i].want;
				assert_string_equal(err_text, says ? "imsctl: no such message\n" : "");
			}
		}
	}
}

static void test_text(void **state)
{
	const struct track_args args = { .id = 0xa1, .since_ms = -1 };
	(void)state;
	make_log(PART);
	assert_int_equal(track(&args), 0);
	assert_string_equal(out_text,
		"message 00000000000000a1 from ann@one.example <m1@one.example>\n"
		"  2025-11-22T12:00:00.000Z +0.000s receive client=192.0.2.7 from=ann@one.example "
		"to=bob@two.example recipients=2 msgid=<m1@one.example>\n"
		"  2025-11-22T12:00:01.000Z +1.000s deliver to=bob@two.example delay=1000 dsn=2.0.0\n"
		"  2025-11-22T12:00:05.000Z +5.000s defer to=carl@sub.two.example reply=\"try \\x22later\\x22\"\n");
}

/* Rotated away or removed: what the index has is still told. */
static void test_log_gone(void **state)
{
	const struct track_args args = { .id = 0xa1, .since_ms = -1 };
	(void)state;
	make_log(ALL);
	assert_int_equal(unlink(folder_path("2025-11-22.log")), 0);
	assert_int_equal(track(&args), 0);
	assert_string_equal(seconds(), A1);
	assert_non_null(strstr(out_text, "+1.000s deliver to=bob@two.example\n"));
	assert_null(strstr(out_text, "dsn="));
	/* Another file of that name is not mistaken for it. */
	folder_write("2025-11-22.log", STR(LINE("09", "deliver", "2001", "id=00000000000000a1 to=mallory@x")));
	assert_int_equal(track(&args), 0);
	assert_string_equal(seconds(), A1 " 09");
}

static void test_nothing_there(void **state)
{
	const struct track_args args = { .id = 1, .since_ms = -1 };
	(void)state;
	assert_int_equal(track(&args), 0);
	assert_string_equal(out_text, "");
}

static void test_usage(void **state)
{
	static const struct { const char *words[4]; int want; } cases[] = {
		{ { NULL }, EX_USAGE },
		{ { "ann", NULL }, EX_USAGE },
		{ { "--id", "x", NULL }, EX_USAGE },
		{ { "--id", "0", NULL }, EX_USAGE },
		{ { "--id", "", NULL }, EX_USAGE },
		{ { "--to", "", NULL }, EX_USAGE },
		{ { "--since", "soon", NULL }, EX_USAGE },
		{ { "--since", "2h", "x", NULL }, EX_USAGE },
		{ { "--id", "a1", NULL }, 0 },
		{ { "--from", "<>", NULL }, 0 },
	};
	struct conf conf = { .state = str_of(folder_path("")) };
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *argv[5] = { NULL };
		int argc = 0;
		for (; cases[i].words[argc]; argc++) argv[argc] = strdup(cases[i].words[argc]);
		char *kept[5];
		memcpy(kept, argv, sizeof kept);
		assert_int_equal(ctl_track(&conf, true, argc, argv), cases[i].want);
		for (int k = 0; k < argc; k++) free(kept[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)
		TEST(test_selectors), TEST(test_text), TEST(test_log_gone), TEST(test_nothing_there),
		TEST(test_usage),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(out_text);
	free(err_text);
	return failed;
}
