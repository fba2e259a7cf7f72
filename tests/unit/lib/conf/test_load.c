/* SPDX-License-Identifier: Apache-2.0 */
/* Files in a folder of their own; what conf_load makes of them, in one line of text. */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/conf_show.h"

static char folder[] = "/tmp/ims-conf-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static int make_files(void **state)
{
	(void)state;
	char path[256], text[1024];
	if (!mkdtemp(folder)) return -1;
	for (const char *const *sub =
		     (const char *const[]){ "conf.d", "w[x]", "dir", NULL };
	     *sub; sub++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, *sub);
		if (mkdir(path, 0700)) return -1;
	}
	(void)snprintf(path, sizeof path, "%s/fifo", folder);
	if (mkfifo(path, 0600)) return -1;
	write_file("plain.conf", "vrfy on\n");
	write_file("conf.d/b.conf", "limit { hops 20 }\n");
	write_file("conf.d/a.conf", "limit { errors 5 }\n");
	write_file("conf.d/c.txt", "wrong\n");
	write_file("glob.conf", "include conf.d/*.conf\n");
	write_file("quoted.conf", "vrfy on; include \"conf.d/a.conf\"; transfer in\n");
	write_file("nothing.conf", "include conf.d/*.none\ninclude nowhere/*.conf\n");
	write_file("w[x]/main.conf", "include sub.conf\n");
	write_file("w[x]/sub.conf", "vrfy on\n");
	write_file("missing.conf", "\n  include gone.conf\n");
	write_file("self.conf", "include self.conf\n");
	write_file("circle.conf", "include circle2.conf\n");
	write_file("circle2.conf", "include circle.conf\n");
	write_file("double.conf", "include plain.conf\ninclude plain.conf\n");
	write_file("dir.conf", "include dir\n");
	write_file("fifo.conf", "include fifo\n");
	write_file("inside.conf", "limit { include plain.conf }\n");
	write_file("hosts", "10.0.0.0/8 reject\n");
	(void)snprintf(text, sizeof text, "host file %s/hosts\n", folder);
	write_file("hosts.conf", text);
	(void)snprintf(text, sizeof text, "host file %s/gone\n", folder);
	write_file("nohosts.conf", text);
	write_file("relhosts.conf", "host file hosts\n");
	write_file("badhosts.conf", "");
	(void)snprintf(text, sizeof text, "host file %s/hosts2\n", folder);
	write_file("badhosts.conf", text);
	write_file("hosts2", "10.0.0.0/8 reject\nno.example reject\n");
	(void)snprintf(text, sizeof text, "filter senders { action reject\nfile %s/senders }\n", folder);
	write_file("senders.conf", text);
	write_file("senders", "@a.example\n");
	(void)snprintf(text, sizeof text, "x {\nfile %s/senders }\nfilter senders { file %s/none; a {\nfile %s/x }\n }\n",
		folder, folder, folder);
	write_file("nosenders.conf", text);
	(void)snprintf(text, sizeof text,
		"route a { mx; match-file %s/domains }\nroute b { via h; sender <>\n match-file \"%s/domains\" }\n",
		folder, folder);
	write_file("domains.conf", text);
	write_file("domains", "a.example\n.b.example *.c.example\n");
	(void)snprintf(text, sizeof text, "route a { mx; match-file %s/none; file %s/x }\n", folder, folder);
	write_file("nodomains.conf", text);
	write_file("wrong.conf", "wrong\n");
	for (int i = 0; i < 70; i++) {
		(void)snprintf(path, sizeof path, "dir/%02d.conf", i);
		write_file(path, "");
	}
	write_file("lots.conf", "include dir/*.conf\n");
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	char command[256];
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

/* `want`: the names of the files, or the first error behind the folder's name. */
static const struct {
	const char *file, *want;
} cases[] = {
	{ "plain.conf", "plain.conf" },
	{ "glob.conf", "glob.conf a.conf b.conf" },
	{ "quoted.conf", "quoted.conf a.conf" },
	{ "nothing.conf", "nothing.conf" },
	{ "w[x]/main.conf", "main.conf sub.conf" },
	{ "inside.conf", "inside.conf" },
	{ "hosts.conf", "hosts.conf hosts" },
	{ "relhosts.conf", "relhosts.conf" },
	{ "senders.conf", "senders.conf senders" },
	{ "nosenders.conf", "3:23 cannot read 'F/none': No such file or directory" },
	{ "domains.conf", "domains.conf domains" },
	{ "nodomains.conf", "1:26 cannot read 'F/none': No such file or directory" },
	{ "wrong.conf", "wrong.conf" },
	{ "gone.conf", "cannot read 'F/gone.conf': No such file or directory" },
	{ "missing.conf", "2:11 there is no file 'gone.conf'" },
	{ "self.conf", "1:9 'F/self.conf' includes itself" },
	{ "circle.conf", "1:9 'F/circle.conf' includes itself" },
	{ "double.conf", "2:9 'F/plain.conf' is read already" },
	{ "dir.conf", "1:9 cannot read 'F/dir': Is a directory" },
	{ "fifo.conf", "1:9 cannot read 'F/fifo': Invalid argument" },
	{ "nohosts.conf", "1:11 cannot read 'F/gone': No such file or directory" },
	{ "lots.conf", "1:9 a configuration has at most 64 files" },
};

static void first_error(const struct conf_errors *errors, struct buf *out)
{
	const struct conf_error *error = &errors->list[0];
	if (error->at.line) buf_fmt(out, "%u:%u ", error->at.line, error->column);
	struct str rest = error->sentence;
	while (rest.len) {
		bool name = str_starts(rest, str_of(folder));
		buf_byte(out, name ? 'F' : rest.at[0]);
		rest = str_from(rest, name ? strlen(folder) : 1);
	}
}

static void test_load(void **state)
{
	(void)state;
	static struct conf_bundle bundle;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct conf_errors errors;
		struct buf got;
		char path[256];
		buf_init(&got, 65536);
		conf_bundle_init(&bundle);
		conf_errors_init(&errors);
		(void)snprintf(path, sizeof path, "%s/%s", folder, cases[i].file);
		bool good = conf_load(path, &bundle, &errors);
		assert_int_equal(good, errors.errors == 0);
		if (!good) first_error(&errors, &got);
		for (size_t f = 0; good && f < bundle.count; f++) {
			struct str name = bundle.files[f].name;
			if (f) buf_byte(&got, ' ');
			buf_str(&got, str_from(name, (size_t)str_rfind(name, '/') + 1));
		}
		buf_byte(&got, '\0');
		assert_string_equal(got.at, cases[i].want);
		buf_free(&got);
		conf_errors_free(&errors);
		conf_bundle_free(&bundle);
	}
}

static void test_too_large(void **state)
{
	(void)state;
	static struct conf_bundle bundle;
	struct conf_errors errors;
	char path[256];
	write_file("large.conf", "");
	(void)snprintf(path, sizeof path, "%s/large.conf", folder);
	for (int over = 0; over < 2; over++) {
		assert_int_equal(truncate(path, CONF_FILE_MAX + over), 0);
		conf_bundle_init(&bundle);
		conf_errors_init(&errors);
		assert_int_equal(conf_load(path, &bundle, &errors), !over);
		conf_bundle_free(&bundle);
		conf_errors_free(&errors);
	}
}

/* Their exit codes; what they print is for people. */
static void test_tools(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		int code;
	} codes[] = {
		{ "plain.conf", 0 },   { "hosts.conf", 0 },     { "wrong.conf", 78 },
		{ "gone.conf", 78 },   { "relhosts.conf", 78 }, { "badhosts.conf", 78 },
		{ "inside.conf", 78 },
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		char path[256];
		(void)snprintf(path, sizeof path, "%s/%s", folder, codes[i].file);
		assert_int_equal(ctl_check(path), codes[i].code);
		assert_int_equal(ctl_config(path, CONF_SHOW_CHANGED), codes[i].code);
		assert_int_equal(ctl_config(path, CONF_SHOW_JSON), codes[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_tools),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
