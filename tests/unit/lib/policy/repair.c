/* SPDX-License-Identifier: Apache-2.0 */
/* What listeners mend, and whom their senders are outside. */
#include "conf_text.h"

#include <stdio.h>

#include "lib/policy/repair.h"

static void how(void **state)
{
	static const struct { const char *words; enum mail_repair_how want; } rows[] = {
		{ "", MAIL_REPAIR_NO },
		{ "role relay", MAIL_REPAIR_NO },
		{ "role submission", MAIL_REPAIR_MISSING },
		{ "repair missing", MAIL_REPAIR_MISSING },
		{ "role submission; repair no", MAIL_REPAIR_NO },
		{ "role submission; repair yes", MAIL_REPAIR_ALL },
		{ "role relay; repair yes", MAIL_REPAIR_ALL },
		{ "role relay; repair by-role", MAIL_REPAIR_NO },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char line[256];
		(void)snprintf(line, sizeof line, "host 10.0.0.0/8 accept relay yes\nlistener a { address *:25; %s }\n",
			rows[i].words);
		struct conf *conf = conf_of(line);
		if (policy_repair(&conf->listeners[0]) != rows[i].want) fail_msg("row %zu", i);
		conf_free(conf);
	}
}

static void maps(void **state)
{
	static const char none[] = "", all[] = "map-sender all@us.example\n",
		some[] = "map-sender b@us.example { from @b.local @c.local }\nmap-sender x@us.example { from X@b.local }\n",
		each[] = "map-sender all@us.example\nmap-sender b@us.example { from @b.local }\n"
			 "map-sender x@us.example { from z@b.local x@b.local }\nmap-sender late@us.example\n";
	static const struct { const char *words, *in, *out; } rows[] = {
		{ none, "a@b.local", "" },
		{ all, "a@b.local", "all@us.example" }, { all, "", "" }, { all, "postmaster", "all@us.example" },
		{ all, "all@us.example", "" }, { all, "ALL@us.example", "" },
		{ some, "a@b.local", "b@us.example" }, { some, "a@C.LOCAL", "b@us.example" },
		{ some, "x@b.local", "x@us.example" }, { some, "x@c.local", "b@us.example" },
		{ some, "a@sub.b.local", "" }, { some, "a@local", "" }, { some, "", "" },
		{ each, "x@b.local", "x@us.example" }, { each, "a@b.local", "b@us.example" },
		{ each, "a@elsewhere.local", "all@us.example" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char line[1024];
		(void)snprintf(line, sizeof line,
			"host 10.0.0.0/8 accept relay yes\nlistener a { address *:25; role relay; repair yes }\n"
			"listener b { address *:26; role relay; repair yes }\n"
			"listener c { address *:27; role relay; repair missing }\n%s",
			rows[i].words);
		struct conf *conf = conf_of(line);
		struct str out = policy_map_sender(conf, &conf->listeners[0], str_of(rows[i].in));
		if (!str_eq(out, str_of(rows[i].out))) fail_msg("row %zu: %.*s", i, STR_ARG(out));
		if (policy_map_sender(conf, &conf->listeners[2], str_of(rows[i].in)).len) fail_msg("row %zu", i);
		conf_free(conf);
	}
}

static void of_listeners(void **state)
{
	(void)state;
	struct conf *conf = conf_of("host 10.0.0.0/8 accept relay yes\n"
		"listener a { address *:25; role relay; repair yes }\n"
		"listener b { address *:26; role relay; repair yes }\n"
		"map-sender b@us.example { listener b; from @local }\nmap-sender all@us.example\n");
	struct str a = policy_map_sender(conf, &conf->listeners[0], STR("x@local"));
	struct str b = policy_map_sender(conf, &conf->listeners[1], STR("x@local"));
	assert_true(str_eq(a, STR("all@us.example")) && str_eq(b, STR("b@us.example")));
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(how), cmocka_unit_test(maps),
		cmocka_unit_test(of_listeners) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
