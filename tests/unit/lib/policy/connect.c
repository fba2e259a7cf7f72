/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict_is.h"

static const char text[] =
	"hostname mx.us.example\n"                       /* 1 */
	"limit {\n"                                      /* 2 */
	"	connections { in 100; per-host 5 }\n"    /* 3 */
	"}\n"                                            /* 4 */
	"listener mx {\n"                                /* 5 */
	"	address 0.0.0.0:25\n"                    /* 6 */
	"	connections 10\n"                        /* 7 */
	"}\n"                                            /* 8 */
	"listener wide { address 0.0.0.0:2525 }\n"       /* 9 */
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"
	"host 192.0.2.0/24 reject\n"                     /* 11 */
	"host 192.0.2.9 accept relay yes\n"
	"transfer both\n";                               /* 13 */

enum { MX, WIDE };

static void rows(void **state)
{
	(void)state;
	static const struct {
		const char *client;
		int listener;
		bool shunned;
		uint64_t all, here, client_sessions;
		enum conf_transfer transfer;
		unsigned code;
		const char *dsn, *rule;
	} cases[] = {
		/* host rules */
		{ "198.51.100.1", MX, false, 1, 1, 1, CONF_TRANSFER_BOTH, 0, "", "" },
		{ "192.0.2.1", MX, false, 1, 1, 1, CONF_TRANSFER_BOTH, 554, "5.7.1", "t.conf:11" },
		{ "192.0.2.9", MX, false, 1, 1, 1, CONF_TRANSFER_BOTH, 0, "", "" },
		{ "2001:db8::1", MX, false, 1, 1, 1, CONF_TRANSFER_BOTH, 0, "", "" },
		/* limits: the session that asks is counted, so the limit itself is good */
		{ "198.51.100.1", WIDE, false, 100, 1, 1, CONF_TRANSFER_BOTH, 0, "", "" },
		{ "198.51.100.1", WIDE, false, 101, 1, 1, CONF_TRANSFER_BOTH, 421, "4.7.0", "t.conf:3" },
		{ "198.51.100.1", MX, false, 10, 10, 5, CONF_TRANSFER_BOTH, 0, "", "" },
		{ "198.51.100.1", MX, false, 11, 11, 5, CONF_TRANSFER_BOTH, 421, "4.7.0", "t.conf:7" },
		{ "198.51.100.1", WIDE, false, 11, 11, 5, CONF_TRANSFER_BOTH, 0, "", "" },
		{ "198.51.100.1", WIDE, false, 99, 99, 6, CONF_TRANSFER_BOTH, 421, "4.7.0", "t.conf:3" },
		{ "198.51.100.1", WIDE, false, UINT64_MAX, 1, 1, CONF_TRANSFER_BOTH, 421, "4.7.0", "t.conf:3" },
		{ "192.0.2.9", WIDE, false, 6, 6, 6, CONF_TRANSFER_BOTH, 421, "4.7.0", "t.conf:3" },
		/* present at two deaths (event 4037) */
		{ "198.51.100.1", MX, true, 1, 1, 1, CONF_TRANSFER_BOTH, 421, "4.7.0", "shun" },
		{ "192.0.2.1", MX, true, 1, 1, 1, CONF_TRANSFER_BOTH, 554, "5.7.1", "t.conf:11" },
		{ "198.51.100.1", MX, true, 500, 500, 500, CONF_TRANSFER_BOTH, 421, "4.7.0", "shun" },
		/* transfer mode: in takes mail and keeps it */
		{ "198.51.100.1", MX, false, 1, 1, 1, CONF_TRANSFER_IN, 0, "", "" },
		{ "198.51.100.1", MX, false, 1, 1, 1, CONF_TRANSFER_OUT, 421, "4.3.2", "t.conf:13" },
		{ "198.51.100.1", MX, false, 1, 1, 1, CONF_TRANSFER_DRAIN, 421, "4.3.2", "t.conf:13" },
		{ "192.0.2.1", MX, true, 500, 500, 500, CONF_TRANSFER_OUT, 421, "4.3.2", "t.conf:13" },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct ip client;
		assert_true(ip_parse(str_of(cases[i].client), &client));
		conf->transfer = cases[i].transfer;
		struct facts facts = {
			.conf = conf,
			.listener = &conf->listeners[cases[i].listener],
			.host = conf_host_find(conf, client),
			.shunned = cases[i].shunned,
			.sessions_all = cases[i].all,
			.sessions_listener = cases[i].here,
			.sessions_client = cases[i].client_sessions,
		};
		struct verdict v = policy_connect(&facts);
		verdict_is(i, &v, cases[i].code, cases[i].dsn, cases[i].rule);
	}
	conf_free(conf);
}

/* The role of a listener is nothing that a client is refused for when it connects. */
static void every_role(void **state)
{
	(void)state;
	static const enum conf_role roles[] = { CONF_ROLE_MX, CONF_ROLE_SUBMISSION, CONF_ROLE_RELAY };
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(roles); i++) {
		conf->listeners[MX].role = roles[i];
		struct facts facts = { .conf = conf, .listener = &conf->listeners[MX],
			               .sessions_all = 1, .sessions_listener = 1, .sessions_client = 1 };
		struct verdict v = policy_connect(&facts);
		verdict_is(i, &v, 0, "", "");
	}
	conf_free(conf);
}

/* What a default decided says so; it stands in no line. */
static void default_rule(void **state)
{
	(void)state;
	struct conf *conf = conf_of("hostname h.example\n");
	struct facts facts = { .conf = conf, .listener = &conf->listeners[0], .sessions_all = 1,
		               .sessions_listener = 1, .sessions_client = 51 };
	struct verdict v = policy_connect(&facts);
	verdict_is(0, &v, 421, "4.7.0", "default");
	facts.sessions_client = 50;
	v = policy_connect(&facts);
	verdict_is(1, &v, 0, "", "");
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(every_role),
		cmocka_unit_test(default_rule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
