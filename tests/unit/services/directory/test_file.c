/* SPDX-License-Identifier: Apache-2.0 */
/* A text file as a directory. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/conf/conf.h"
#include "services/directory/file.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	struct str line;
	enum file_line want;
	const char *address, *verifier, *home, *why;
} lines[] = {
	{ STR_INIT("a@b.example:$6$x"), FILE_LINE_USER, "a@b.example", "$6$x", "", "" },
	{ STR_INIT("a@b.example:$6$x:mx.example"), FILE_LINE_USER, "a@b.example", "$6$x", "mx.example", "" },
	{ STR_INIT("a@b.example:$6$x\r"), FILE_LINE_USER, "a@b.example", "$6$x", "", "" },
	{ STR_INIT("a@b.example:{SHA512-CRYPT}$6$x"), FILE_LINE_USER, "a@b.example", "$6$x", "", "" },
	{ STR_INIT("a@b.example:{blf-crypt}$2y$x"), FILE_LINE_USER, "a@b.example", "$2y$x", "", "" },
	{ STR_INIT("a@b.example:{CRYPT}ab"), FILE_LINE_USER, "a@b.example", "ab", "", "" },
	/* As Dovecot has them: numbers, name, home folder, shell. */
	{ STR_INIT("a@b.example:$6$x:1000:1000::/var/mail/a:/bin/sh:x=y"), FILE_LINE_USER, "a@b.example", "$6$x", "", "" },
	{ STR_INIT("a@b.example:"), FILE_LINE_USER, "a@b.example", "", "", "" },
	{ STR_INIT("a@b.example:*"), FILE_LINE_USER, "a@b.example", "", "", "" },
	{ STR_INIT("a@b.example:!$6$x"), FILE_LINE_USER, "a@b.example", "", "", "" },
	{ STR_INIT(""), FILE_LINE_NOTHING, "", "", "", "" },
	{ STR_INIT("  \t"), FILE_LINE_NOTHING, "", "", "", "" },
	{ STR_INIT("\r"), FILE_LINE_NOTHING, "", "", "", "" },
	{ STR_INIT("# a@b.example:x"), FILE_LINE_NOTHING, "", "", "", "" },
	{ STR_INIT("a@b.example"), FILE_LINE_WRONG, "", "", "", "it has no ':' behind the address" },
	{ STR_INIT("ab.example:$6$x"), FILE_LINE_WRONG, "", "", "", "it does not begin with an address" },
	{ STR_INIT("a\0@b.example:$6$x"), FILE_LINE_WRONG, "", "", "", "it does not begin with an address" },
	{ STR_INIT(":$6$x"), FILE_LINE_WRONG, "", "", "", "it does not begin with an address" },
	{ STR_INIT("a@b.example:{PLAIN}x"), FILE_LINE_WRONG, "", "", "", "its password is not a hash of crypt(5)" },
	{ STR_INIT("a@b.example:a b"), FILE_LINE_WRONG, "", "", "", "its password is not a hash of crypt(5)" },
	{ STR_INIT("a@b.example:\xff"), FILE_LINE_WRONG, "", "", "", "its password is not a hash of crypt(5)" },
	{ STR_INIT("a@b.example:x:a b"), FILE_LINE_WRONG, "", "", "", "its home is not the name of a server" },
};

static void reads_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(lines); i++) {
		struct file_user user = { 0 };
		const char *why = "";
		enum file_line got = file_line_read(lines[i].line, &user, &why);
		bool same = got == lines[i].want;
		if (got == FILE_LINE_USER)
			same = same && str_eq(user.address, str_of(lines[i].address)) &&
			       str_eq(user.verifier, str_of(lines[i].verifier)) &&
			       str_eq(user.home, str_of(lines[i].home));
		if (got == FILE_LINE_WRONG) same = same && strcmp(why, lines[i].why) == 0;
		if (!same) fail_msg("row %zu: %d %s", i, got, why);
	}
	/* What is longer than its place. */
	char text[1200];
	struct file_user user;
	const char *why;
	memset(text, 'x', sizeof text);
	memcpy(text, "a@b.example:", 12);
	assert_int_equal(file_line_read((struct str){ text, 12 + 512 }, &user, &why),
			 FILE_LINE_USER);
	assert_int_equal(file_line_read((struct str){ text, 12 + 513 }, &user, &why),
			 FILE_LINE_WRONG);
	memcpy(text + 12, "h:", 2);
	assert_int_equal(file_line_read((struct str){ text, 14 + 257 }, &user, &why),
			 FILE_LINE_WRONG);
	memset(text, 'x', 330);
	memcpy(text + 330, "@b:", 3);
	assert_int_equal(file_line_read((struct str){ text, 333 }, &user, &why), FILE_LINE_WRONG);
}

static struct file_table *table_of(const char *text, struct buf *why)
{
	char *copy = strdup(text);
	struct file_table *t = file_table_new(copy, strlen(text), why);
	assert_non_null(t);
	return t;
}

static void tells_what_it_skips(void **state)
{
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	(void)state;
	buf_init_fixed(&why, memory, sizeof memory);
	struct file_table *t = table_of("# users\nann@a.example:h\nnonsense\nAnn@A.example:g\n"
					"@:x\nx\ny\nbob@a.example:h", &why);
	assert_int_equal(file_table_count(t), 2);
	assert_string_equal(file_table_find(t, STR("ANN@a.example"))->verifier.at,
			    file_table_find(t, STR("ann@a.example"))->verifier.at);
	assert_true(str_eq(file_table_find(t, STR("ann@a.example"))->verifier, STR("h")));
	assert_non_null(file_table_find(t, STR("bob@a.example")));
	assert_null(file_table_find(t, STR("eve@a.example")));
	assert_true(str_eq(buf_view(&why),
			   STR("line 3 is skipped: it has no ':' behind the address; "
			       "line 4 is skipped: the address stood already; "
			       "line 5 is skipped: it does not begin with an address; "
			       "2 more are skipped")));
	file_table_free(t);
	file_table_free(NULL);
	buf_reset(&why);
	t = table_of("", &why);
	assert_int_equal(file_table_count(t), 0);
	assert_null(file_table_find(t, STR("a@b.example")));
	assert_int_equal(why.len, 0);
	file_table_free(t);
}

static void a_hundred_thousand(void **state)
{
	char memory[BACKEND_WHY_MAX], line[160];
	struct buf why, text;
	struct timespec began, ended;
	(void)state;
	buf_init(&text, 64 * 1024 * 1024);
	buf_init_fixed(&why, memory, sizeof memory);
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(line, sizeof line, "user%u@a.example:{SHA512-CRYPT}$6$abcdefgh$"
			       "0123456789012345678901234567890123456789:mx.example\n", i);
		buf_str(&text, str_of(line));
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	struct file_table *t = file_table_new(text.at, text.len, &why);
	(void)clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_int_equal(file_table_count(t), 100000);
	assert_non_null(file_table_find(t, STR("USER99999@a.example")));
	assert_true(ended.tv_sec - began.tv_sec <= 1);
	file_table_free(t);
}

/* --- as a backend --------------------------------------------------------------------- */

static char folder[64], path[128];

static void write_file(const char *name, const char *text)
{
	char other[160];
	(void)snprintf(other, sizeof other, "%s/%s", folder, name);
	int fd = open(other, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	if (strcmp(other, path) != 0) assert_int_equal(rename(other, path), 0);
}

static enum backend_result ask(void *conn, const char *address, char said[BACKEND_WHY_MAX + 1])
{
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	struct backend_entry e = { 0 };
	buf_init_fixed(&why, memory, sizeof memory);
	enum backend_result result = backend_file.find(conn, str_of(address), &e, &why);
	assert_true(str_to_cstr(buf_view(&why), said, BACKEND_WHY_MAX + 1));
	return result;
}

static struct backend_settings *settings_of(const char *file)
{
	struct conf conf = { .hostname = STR("mx.test") };
	const struct conf_directory c = { .name = STR("staff"), .file = str_of(file),
					  .connections = 4, .timeout_ms = 1000 };
	struct backend_settings *s = backend_settings_new(&conf, &c);
	assert_non_null(s);
	assert_true(backend_file.single);
	return s;
}

static void follows_the_file(void **state)
{
	char said[BACKEND_WHY_MAX + 1];
	struct buf why;
	(void)state;
	buf_init(&why, 256);
	(void)snprintf(folder, sizeof folder, "/tmp/ims-file-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/users", folder);
	struct backend_settings *s = settings_of(path);
	assert_true(backend_file.prepare(s, &why));
	void *conn = backend_file.open(s, &why);
	assert_non_null(conn);
	/* Never there: nobody can tell. */
	assert_int_equal(ask(conn, "ann@a.example", said), BACKEND_DOWN);
	assert_non_null(strstr(said, "No such file"));
	backend_file.close(conn);
	write_file("users", "ann@a.example:h\nbad\n");
	conn = backend_file.open(s, &why);
	assert_int_equal(ask(conn, "ann@a.example", said), BACKEND_OK);
	assert_string_equal(said, "line 2 is skipped: it has no ':' behind the address");
	assert_int_equal(ask(conn, "bob@a.example", said), BACKEND_NONE);
	assert_string_equal(said, "");
	/* Another in its place; it is looked at once a second. */
	write_file("users.new", "bob@a.example:h\n");
	(void)usleep(1100 * 1000);
	assert_int_equal(ask(conn, "bob@a.example", said), BACKEND_OK);
	assert_int_equal(ask(conn, "ann@a.example", said), BACKEND_NONE);
	/* Gone, which is told once: what there was stays. */
	assert_int_equal(unlink(path), 0);
	(void)usleep(1100 * 1000);
	assert_int_equal(ask(conn, "bob@a.example", said), BACKEND_OK);
	assert_non_null(strstr(said, "what was read before stays in use"));
	(void)usleep(1100 * 1000);
	assert_int_equal(ask(conn, "bob@a.example", said), BACKEND_OK);
	assert_string_equal(said, "");
	/* A folder is not a list; and a file again is one. */
	assert_int_equal(mkdir(path, 0700), 0);
	(void)usleep(1100 * 1000);
	assert_int_equal(ask(conn, "bob@a.example", said), BACKEND_OK);
	assert_non_null(strstr(said, "Is a directory"));
	assert_int_equal(rmdir(path), 0);
	write_file("users", "eve@a.example:h\n");
	(void)usleep(1100 * 1000);
	assert_int_equal(ask(conn, "eve@a.example", said), BACKEND_OK);
	backend_file.close(conn);
	/* As `imsctl explain` asks. */
	struct backend_entry e;
	assert_int_equal(file_ask(s, STR("eve+x@a.example"), &e, &why), BACKEND_OK);
	assert_int_equal(file_ask(s, STR("bob+x@a.example"), &e, &why), BACKEND_NONE);
	backend_settings_free(s);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	/* No folder at all. */
	s = settings_of("/dev/null/users");
	buf_reset(&why);
	assert_false(backend_file.prepare(s, &why));
	assert_null(backend_file.open(s, &why));
	assert_int_equal(file_ask(s, STR("a@b.example"), &e, &why), BACKEND_DOWN);
	backend_settings_free(s);
	backend_settings_free(NULL);
	buf_free(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(tells_what_it_skips),
		cmocka_unit_test(a_hundred_thousand),
		cmocka_unit_test(follows_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
