/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict_is.h"

static const char text[] =
	"spool {\n"                                      /* 1 */
	"	min-free 100M\n"                         /* 2 */
	"}\n"                                            /* 3 */
	"listener l { address 0.0.0.0:25 }\n"            /* 4 */
	"host 192.0.2.0/24 accept relay yes\n"           /* 5 */
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"
	"submission { homed off; match off }\n"; /* submission.c has its tests */

/* Short names keep the rows in line. */
enum { NOBODY = -1, AS = CONF_HOST_AUTH_AS_LISTENER, EXEMPT = CONF_HOST_AUTH_EXEMPT,
       MUST = CONF_HOST_AUTH_REQUIRE };
enum { MX = CONF_ROLE_MX, SUB = CONF_ROLE_SUBMISSION, RELAY = CONF_ROLE_RELAY };

static void auth(void **state)
{
	(void)state;
	/* host: which rule the client's address has, NOBODY for none. */
	static const struct {
		int role, host;
		bool listener_requires, logged_in;
		unsigned code;
		const char *rule;
	} cases[] = {
		{ MX, NOBODY, false, false, 0, "" },
		{ RELAY, NOBODY, false, false, 0, "" },
		{ SUB, NOBODY, false, false, 530, "t.conf:4" },
		{ SUB, NOBODY, false, true, 0, "" },
		{ SUB, AS, false, false, 530, "t.conf:4" },
		{ SUB, AS, false, true, 0, "" },
		{ SUB, EXEMPT, false, false, 0, "" },
		{ SUB, EXEMPT, true, false, 0, "" },
		{ SUB, MUST, false, false, 530, "t.conf:5" },
		{ SUB, MUST, false, true, 0, "" },
		{ MX, AS, false, false, 0, "" },
		{ MX, MUST, false, false, 530, "t.conf:5" },
		{ MX, MUST, false, true, 0, "" },
		{ MX, NOBODY, true, false, 530, "t.conf:4" },
		{ MX, NOBODY, true, true, 0, "" },
		{ MX, EXEMPT, true, false, 0, "" },
		{ RELAY, NOBODY, true, false, 530, "t.conf:4" },
		{ RELAY, MUST, true, false, 530, "t.conf:5" },
		{ RELAY, AS, true, true, 0, "" },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct conf_listener *listener = &conf->listeners[0];
		struct conf_host *host = &conf->hosts[0];
		listener->role = (enum conf_role)cases[i].role;
		listener->auth = cases[i].listener_requires ? CONF_LISTENER_AUTH_REQUIRE
		                                            : CONF_LISTENER_AUTH_OFF;
		if (cases[i].host != NOBODY) host->auth = (enum conf_host_auth)cases[i].host;
		struct facts facts = {
			.conf = conf, .listener = listener,
			.host = cases[i].host == NOBODY ? NULL : host,
			.authenticated = cases[i].logged_in, .spool_up = true,
		};
		struct verdict v = policy_sender(&facts);
		verdict_is(i, &v, cases[i].code, "5.7.0", cases[i].rule);
	}
	conf_free(conf);
}

static void tls_and_store(void **state)
{
	(void)state;
	static const struct {
		bool tls_required, tls, wants_auth, spool_up, disk_low;
		unsigned code;
		const char *dsn, *rule;
	} cases[] = {
		{ false, false, false, true, false, 0, "", "" },
		{ true, false, false, true, false, 530, "5.7.0", "t.conf:5" },
		{ true, true, false, true, false, 0, "", "" },
		{ true, false, true, false, true, 530, "5.7.0", "t.conf:5" }, /* before all else */
		{ true, true, true, true, false, 530, "5.7.0", "t.conf:5" },
		/* who may not send anyway is not told how the store is */
		{ false, false, true, false, true, 530, "5.7.0", "t.conf:5" },
		{ false, false, false, false, false, 451, "4.3.0", "spool" },
		{ false, false, false, false, true, 451, "4.3.0", "spool" },
		{ false, false, false, true, true, 452, "4.3.1", "t.conf:2" },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct conf_host *host = &conf->hosts[0];
		host->tls = cases[i].tls_required ? CONF_HOST_TLS_REQUIRE : CONF_HOST_TLS_AS_LISTENER;
		host->auth = cases[i].wants_auth ? CONF_HOST_AUTH_REQUIRE : CONF_HOST_AUTH_AS_LISTENER;
		struct facts facts = {
			.conf = conf, .listener = &conf->listeners[0], .host = host,
			.tls = cases[i].tls, .spool_up = cases[i].spool_up,
			.disk_low = cases[i].disk_low,
		};
		struct verdict v = policy_sender(&facts);
		verdict_is(i, &v, cases[i].code, cases[i].dsn, cases[i].rule);
	}
	conf_free(conf);
}

static void tls_of_listener(void **state)
{
	(void)state;
	static const struct {
		enum conf_listener_tls words;
		bool tls;
		unsigned code;
		const char *rule;
	} cases[] = {
		{ CONF_LISTENER_TLS_OFF, false, 0, "" },
		{ CONF_LISTENER_TLS_OFFER, false, 0, "" },
		{ CONF_LISTENER_TLS_OFFER, true, 0, "" },
		{ CONF_LISTENER_TLS_REQUIRE, false, 530, "here:7" },
		{ CONF_LISTENER_TLS_REQUIRE, true, 0, "" },
		{ CONF_LISTENER_TLS_IMPLICIT, true, 0, "" },
	};
	struct conf *conf = conf_of(text);
	conf->listeners[0].tls_from = (struct conf_origin){ STR("here"), 7 };
	for (size_t i = 0; i < ROWS(cases); i++) {
		conf->listeners[0].tls = cases[i].words;
		struct facts facts = { .conf = conf, .listener = &conf->listeners[0],
			               .tls = cases[i].tls, .spool_up = true };
		struct verdict v = policy_sender(&facts);
		verdict_is(i, &v, cases[i].code, cases[i].code ? "5.7.0" : "", cases[i].rule);
	}
	conf_free(conf);
}

/* Relaying is a question of the recipient; a transfer mode is one of the connection. */
/* A session that began before the mode was changed. */
static void mode(void **state)
{
	static const struct { enum conf_transfer mode; unsigned code; } rows[] = {
		{ CONF_TRANSFER_BOTH, 0 }, { CONF_TRANSFER_IN, 0 }, { CONF_TRANSFER_OUT, 421 },
		{ CONF_TRANSFER_DRAIN, 421 },
	};
	(void)state;
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct facts facts = { .conf = conf, .listener = &conf->listeners[0],
			.host = &conf->hosts[0], .spool_up = true };
		conf->transfer = rows[i].mode;
		struct verdict v = policy_sender(&facts);
		if (v.code != rows[i].code) fail_msg("row %zu: %u", i, v.code);
		v = policy_data(&facts); /* what it has begun comes to its end */
		verdict_is(i, &v, 0, "", "");
	}
	conf_free(conf);
}

static void not_asked_here(void **state)
{
	(void)state;
	struct conf *conf = conf_of(text);
	conf->hosts[0].relay = CONF_YES_NO;
	struct facts facts = { .conf = conf, .listener = &conf->listeners[0],
		               .host = &conf->hosts[0], .spool_up = true };
	struct verdict v = policy_sender(&facts);
	verdict_is(0, &v, 0, "", "");
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auth),
		cmocka_unit_test(tls_and_store),
		cmocka_unit_test(tls_of_listener),
		cmocka_unit_test(mode),
		cmocka_unit_test(not_asked_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
