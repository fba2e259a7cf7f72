/* SPDX-License-Identifier: Apache-2.0 */
/* imsctl events: selection, forms, and --follow over a rotation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../services/journal/folder.h"
#include "ctl/events.h"

#define LINE(second, event, number)                                          \
	"ts=2025-11-22T12:00:" second ".000Z event=" event " number=" number \
	" severity=info role=x[0]"

static const char log_text[] =
	LINE("00", "hold", "3020") " from=\"a\\x1bb\"\n"
				   "not an event\n"
				   "{\"ts\":\"2025-11-22T12:00:01.000Z\",\"event\":"
				   "\"drop\",\"number\":3024,\"severity\":\"warning\","
				   "\"role\":\"x[0]\",\"recipients\":2}\n" LINE(
					   "02", "hold", "3020") "\n";

static char *out_text, *err_text;
static size_t out_len, err_len;

static int events(const struct events_args *args, const char *file)
{
	struct events_args mine = *args;
	free(out_text);
	free(err_text);
	mine.out = open_memstream(&out_text, &out_len);
	mine.err = open_memstream(&err_text, &err_len);
	assert_true(log_place_set(&mine.place, str_of(folder_path("")), str_of(file)));
	int status = events_run(&mine);
	(void)fclose(mine.out);
	(void)fclose(mine.err);
	return status;
}

static void test_select(void **state)
{
	static const struct {
		struct events_args args;
		const char *want;
	} cases[] = {
		{ { .since_ms = -1, .number = 3024 },
		  "ts=2025-11-22T12:00:01.000Z event=drop number=3024 severity=warning "
		  "role=x[0] recipients=2\n" },
		{ { .since_ms = -1, .event = STR_INIT("drop"), .json = true },
		  "{\"ts\":\"2025-11-22T12:00:01.000Z\",\"event\":\"drop\",\"number\":"
		  "3024,\"severity\":\"warning\","
		  "\"role\":\"x[0]\",\"recipients\":2}\n" },
		{ { .since_ms = INT64_C(1763812802000) },
		  LINE("02", "hold", "3020") "\n" },
		{ { .since_ms = INT64_C(1763812803000) }, "" },
		{ { .since_ms = -1, .number = 3020 },
		  LINE("00", "hold", "3020") " from=\"a\\x1bb\"\n" LINE("02", "hold",
									"3020") "\n" },
		{ { .since_ms = -1, .number = 4037, .json = true }, "" },
	};
	(void)state;
	folder_write("log", STR(log_text));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(events(&cases[i].args, folder_path("log")), 0);
		assert_string_equal(out_text, cases[i].want);
		bool says = !*cases[i].want && !cases[i].args.json;
		assert_string_equal(err_text, says ? "imsctl: no such event\n" : "");
	}
}

static void test_files(void **state)
{
	const struct events_args all = { .since_ms = 0 }, current = { .since_ms = -1 };
	(void)state;
	assert_int_equal(events(&current, ""), 0); /* no log of today */
	assert_string_equal(out_text, "");
	folder_write("2025-11-21.log", STR(LINE("07", "hold", "3020") "\n"));
	folder_write("log.1", STR(LINE("08", "hold", "3020") "\n"));
	folder_write("log.2.gz", STR(LINE("09", "hold", "3020") "\n"));
	assert_int_equal(events(&all, folder_path("log")), 0);
	assert_non_null(strstr(out_text, "12:00:07"));
	assert_non_null(strstr(out_text, "12:00:08"));
	assert_null(strstr(out_text, "12:00:09"));
	assert_int_equal(events(&current, folder_path("")), EX_IOERR); /* a folder */
}

static volatile sig_atomic_t stop_following;

static void pause_ms(unsigned ms) { (void)usleep(ms * 1000); }

static void *writer(void *arg)
{
	const char *log = arg;
	pause_ms(EVENTS_POLL_MS * 2);
	FILE *file = fopen(log, "ab");
	fputs(LINE("03", "hold", "3020") "\n" LINE("04", "ho", "3020"), file);
	(void)fclose(file);
	(void)rename(log, folder_path("log.1"));
	file = fopen(log, "wb");
	fputs(LINE("05", "hold", "3020") "\n", file);
	(void)fclose(file);
	pause_ms(EVENTS_POLL_MS * 4);
	stop_following = 1;
	return NULL;
}

static void test_follow(void **state)
{
	const struct events_args args = { .since_ms = -1,
					  .follow = true,
					  .stop = &stop_following };
	pthread_t thread;
	char log[256];
	(void)state;
	(void)str_to_cstr(str_of(folder_path("log")), log, sizeof log);
	folder_write("log", STR(LINE("00", "hold", "3020") "\n"));
	assert_int_equal(pthread_create(&thread, NULL, writer, log), 0);
	assert_int_equal(events(&args, log), 0);
	(void)pthread_join(thread, NULL);
	assert_string_equal(
		out_text,
		LINE("00", "hold", "3020") "\n" LINE("03", "hold", "3020") "\n" LINE(
			"05", "hold", "3020") "\n");
}

static void test_usage(void **state)
{
	static const struct {
		const char *words[3];
		int want;
	} cases[] = {
		{ { "x" }, EX_USAGE },
		{ { "--number", "x" }, EX_USAGE },
		{ { "--number", "9999" }, EX_USAGE },
		{ { "--event", "nonsense" }, EX_USAGE },
		{ { "--since", "soon" }, EX_USAGE },
		{ { "--number", "4037" }, 0 },
		{ { "--event", "hold" }, 0 },
		{ { NULL }, 0 },
	};
	struct conf conf = { .state = str_of(folder_path("")) };
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char words[2][32] = { "", "" };
		char *argv[3] = { words[0], words[1], NULL };
		int argc = 0;
		for (; cases[i].words[argc]; argc++)
			(void)strcpy(words[argc], cases[i].words[argc]);
		argv[argc] = NULL;
		assert_int_equal(ctl_events(&conf, true, argc, argv), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)
		TEST(test_select),
		TEST(test_files),
		TEST(test_follow),
		TEST(test_usage),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(out_text);
	free(err_text);
	return failed;
}
