/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown parses again to the same; examples and the manual page hold. */
#include "help.h"

#include <glob.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/man.h"

static const char *const texts[] = {
	"",
	"profile satellite",
	"profile office\nhost 127.0.0.0/8 reject",
	"profile mx",
	"profile outbound\nhost ::/0 accept",
	"hostname a.example; postmaster a+b@c.example; state /s; runtime \"/r x\"\n"
	"transfer drain; vrfy on\n"
	"spool { path \"/a\\\\b \\\"{};#\"; min-free 1048577 }\n"
	"log { file /l; format json; level smtp none; level queue maximum }\n"
	"track { off; keep 26h }\n"
	"limit { message-size 1M; recipients 101; connections { in 3; per-host 2 }; hops "
	"11\n"
	"messages-per-connection 0; command-timeout 61s; data-timeout 2h; line 513; "
	"errors 3\n"
	"bare-newline fix }\n"
	"retry { after 1s 1m 1h 1d 1w 366d }\n"
	"listener a { address *:25 127.0.0.1:26 [::1]:27; role relay; tls offer; "
	"connections 5; certificate /a; key /b; certificate \"/c d\"; key /e; tls-profile legacy }\n"
	"listener b { address [::]:28 0.0.0.0:28; certificate /c; key /k }\n"
	"host 10.0.0.0/8 accept auth exempt relay yes\n"
	"host 10.1.0.0/16 { reject }\nhost ::1 { relay yes }\n"
	"domain a.example B.example { users d; deliver maildir \"/m m/%d/%n%%\" }\n"
	"domain c.example { deliver route r }\n"
	"directory d { sqlite /d }\n"
	"directory f { file /f; home h.example; connections 3; timeout 3s; cache 0s }\n"
	"directory l { ldap ldaps://h ldap://g:3389 { base \"ou=a b,dc=x\"; bind cn=i; secret s\n"
	"profile ad; filter (mail=%u); mail m; aliases o; home h; tls off; certificates /ca } }\n"
	"secrets /s\n"
	"domain d.example { users any; deliver lmtp /run/l.sock h.example [::1]:2424 "
	"\"/a b\" }\n"
	"domain e.example { users d; deliver lmtp 192.0.2.1 }\n"
	"route r { via h.example 192.0.2.1:26 [2001:db8::1]:27; tls off; cost 3\n"
	"match .x.example x.example }\n"
	"route default { mx; port 26 }\nroute s { smart-host; via s; match y.example }\n"
	"retry { expire { urgent 1h; normal 2h; non-urgent 3h }\n"
	"warn { urgent 0s; normal 1m; non-urgent 2m } }\n"
	"timeout { connect 1s; greeting 2s; command 3s; data 4s; final 5s; idle 6s }\n"
	"limit { connections { out 9; per-destination 4 }; recipients-per-transaction 7 "
	"}\n"
	"resolver { server 192.0.2.1 192.0.2.2:54 2001:db8::1 [2001:db8::2]:54 "
	"[2001:db8::3]\n"
	"trust-anchor /k; timeout 3s; hosts yes }\n"
	"relay { from 10.0.0.0/8 192.0.2.1; never 10.1.0.0/16; authenticated\n"
	"from 2001:db8::/32; never ::1 }\n"
	"notify expired host-unknown\n"
	"submission { homed required; match off; notify none; servers s.example t.example }\n"
	"filter senders { action quarantine; a@b.example @c.example; @.d.example }\n"
	"filter senders { e@f.example }\n"
	"rate r { of network; connections 3/1m; messages 100/90s; recipients 7/1w; prefix 16 48\n"
	"listener a b; except 10.0.0.0/8 ::1; action hold }\nrate s { of user; recipients 1/30d }\n"
	"baseline { on; factor 3; floor 4; window 2h; learn 2d; except a@b.example @c.example; action defer }\n"
	"greylist { on; delay 1m; keep 1w; known 2; network 20 56; listener a; except 10.0.0.0/8 }\n"
	"pacing p { match a.example .b.example; mx .c.example; connections 5; rate 60/1m; connection-rate 9/1h\n"
	"messages-per-connection 20; recipients 50 }; pacing default { recipients 9 }\n"
	"limit { unknown-recipients 5 }; expn authenticated\n"
	"egress e { address 192.0.2.1 2001:db8::1; helo e.example; weight 3\n"
	"warm-up { start 2026-11-22; first 50/1d; double-every 36h } }\n"
	"egress f { address 192.0.2.2 }\nroute g { mx; match z.example; egress f e }\n"
	"tlsrpt { send yes; contact t@a.example; organization \"A B\"; every 1h }\n",
	"postmaster p@a.example; notify all; relay { listed }\n",
};

/* Without the origins, which a round trip changes. */
static void cut_origins(char *text)
{
	char *to = text;
	for (char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		size_t keep = len;
		for (size_t i = 0; i + 3 <= len; i++)
			if (memcmp(line + i, " # ", 3) == 0) keep = i;
		char *next = line + len + (line[len] == '\n');
		memmove(to, line, keep);
		to += keep;
		*to++ = '\n';
		line = next;
	}
	*to = '\0';
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		static const enum conf_show_mode modes[] = { CONF_SHOW_EFFECTIVE,
							     CONF_SHOW_CHANGED };
		for (size_t m = 0; m < 2; m++) {
			struct conf_errors errors;
			struct conf *conf = help_parse(texts[i], &errors);
			conf_errors_free(&errors);
			assert_non_null(conf);
			char *shown = help_show(conf, modes[m]);
			struct conf *again = help_parse(shown, &errors);
			conf_errors_free(&errors);
			if (!again) print_error("%s", shown);
			assert_non_null(again);
			char *before = help_show(conf, CONF_SHOW_EFFECTIVE);
			char *after = help_show(again, CONF_SHOW_EFFECTIVE);
			cut_origins(before);
			cut_origins(after);
			assert_string_equal(after, before);
			free(shown);
			free(before);
			free(after);
			conf_free(conf);
			conf_free(again);
		}
	}
}

static void test_changed_is_short(void **state)
{
	(void)state;
	struct conf *conf =
		help_good("profile office\nlimit { connections { in 7 } }\ntrack off\n"
			  "host 10.0.0.0/8 reject");
	char *shown = help_show(conf, CONF_SHOW_CHANGED);
	assert_string_equal(shown, "profile office\n"
				   "track {\n\toff\n}\n"
				   "limit {\n\tconnections {\n\t\tin 7\n\t}\n}\n"
				   "host 10.0.0.0/8 reject\n");
	free(shown);
	conf_free(conf);
}

static void test_origins(void **state)
{
	(void)state;
	struct conf *conf = help_good("profile office\nlimit { hops 20 }\n");
	char *shown = help_show(conf, CONF_SHOW_EFFECTIVE);
	assert_non_null(strstr(shown, "\nhostname host.example # default\n"));
	assert_non_null(strstr(shown, "\thops 20 # t.conf:2\n"));
	assert_non_null(strstr(shown, "\taddress *:25 # profile office\n"));
	assert_non_null(strstr(shown, " relay yes # profile office\n"));
	free(shown);
	conf_free(conf);
}

/* Networks keep the lines of their own; a list of words is an array. */
static void test_json_of_lists(void **state)
{
	(void)state;
	static const char *const want[] = {
		"{\"block\":\"relay\",\"setting\":\"from\",\"value\":\"10.0.0.0/8\","
		"\"origin\":\"t.conf:1\"}\n",
		"{\"block\":\"relay\",\"setting\":\"from\",\"value\":\"2001:db8::/32\","
		"\"origin\":\"t.conf:2\"}\n",
		"{\"block\":\"relay\",\"setting\":\"authenticated\",\"value\":\"listed\","
		"\"origin\":\"default\"}\n",
		"\"setting\":\"notify\",\"value\":[\"ambiguous\",\"expired\"],",
		"\"setting\":\"match\",\"value\":[\"x.example\",\".x.example\"],",
		"\"setting\":\"server\",\"value\":[\"192.0.2.1:53\"],",
		"{\"block\":\"retry warn\",\"setting\":\"normal\",\"milliseconds\":0,"
		"\"value\":\"0s\",\"origin\":\"t.conf:5\"}\n",
	};
	struct conf *conf = help_good("relay { from 10.0.0.0/8\nfrom 2001:db8::/32 }\n"
				      "domain a.example { users any; deliver lmtp /l }\n"
				      "postmaster a@a.example; notify expired ambiguous\n"
				      "retry { warn { normal 0s } }\n"
				      "route r { mx; match x.example .x.example }\n"
				      "resolver { server 192.0.2.1 }\n");
	char *shown = help_show(conf, CONF_SHOW_JSON);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		if (!strstr(shown, want[i])) print_error("no %s", want[i]);
		assert_non_null(strstr(shown, want[i]));
	}
	free(shown);
	conf_free(conf);
}

static void test_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct conf_errors errors;
		struct conf *conf = help_parse(texts[i], &errors);
		conf_errors_free(&errors);
		char *shown = help_show(conf, CONF_SHOW_JSON);
		size_t lines = 0;
		for (char *line = strtok(shown, "\n"); line;
		     line = strtok(NULL, "\n"), lines++) {
			json_t *object = json_loads(line, 0, NULL);
			assert_non_null(
				json_string_value(json_object_get(object, "block")));
			assert_non_null(
				json_string_value(json_object_get(object, "setting")));
			assert_non_null(json_object_get(object, "value"));
			assert_non_null(
				json_string_value(json_object_get(object, "origin")));
			json_decref(object);
		}
		assert_true(lines > 20);
		free(shown);
		conf_free(conf);
	}
}

static void test_examples(void **state)
{
	(void)state;
	glob_t found;
	assert_int_equal(glob(IMS_SOURCE "/docs/examples/*.conf", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 6);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct conf_errors errors;
		char *text = help_read(found.gl_pathv[i]);
		struct conf *conf = help_parse(text, &errors);
		char *shown = help_errors(&errors);
		if (!conf) print_error("%s: %s", found.gl_pathv[i], shown);
		assert_non_null(conf);
		free(shown);
		free(text);
		conf_errors_free(&errors);
		conf_free(conf);
	}
	globfree(&found);
}

/* Stale? build/src/lib/conf/conf-man > docs/man/ims.conf.5 */
static void test_manual_page(void **state)
{
	(void)state;
	struct buf page;
	buf_init(&page, 1 << 20);
	conf_man(&page);
	buf_byte(&page, '\0');
	assert_false(page.overflowed);
	char *committed = help_read(IMS_SOURCE "/docs/man/ims.conf.5");
	assert_non_null(committed);
	assert_true(strcmp(committed, page.at) == 0);
	free(committed);
	buf_free(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_changed_is_short),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_json_of_lists),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_manual_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
