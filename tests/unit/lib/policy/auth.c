/* SPDX-License-Identifier: Apache-2.0 */
/* Where AUTH is offered, and where it must be used. */
#include "verdict_is.h"

#include "conf_text.h"

static const char text[] = "listener l { address 0.0.0.0:25 }\n"
			   "host 192.0.2.0/24 accept\n"
			   "domain us.example { users any; deliver maildir /m/%d/%n }\n";

/* Short names keep the rows in line. */
enum { NOBODY = -1, AS = CONF_HOST_AUTH_AS_LISTENER, EXEMPT = CONF_HOST_AUTH_EXEMPT,
       MUST = CONF_HOST_AUTH_REQUIRE, CLEAR = CONF_HOST_AUTH_CLEARTEXT };
enum { MX = CONF_ROLE_MX, SUB = CONF_ROLE_SUBMISSION, RELAY = CONF_ROLE_RELAY };
enum { OFF = CONF_LISTENER_AUTH_OFF, OFFER = CONF_LISTENER_AUTH_OFFER,
       REQUIRE = CONF_LISTENER_AUTH_REQUIRE };
enum { NO = POLICY_AUTH_OFF, AFTER = POLICY_AUTH_AFTER_TLS, YES = POLICY_AUTH_OFFERED };

static const struct {
	int role, listener, host;
	bool required;
	int clear, tls; /* what is offered */
} cases[] = {
	{ MX, OFF, NOBODY, false, NO, NO },
	{ MX, OFF, AS, false, NO, NO },
	{ MX, OFF, EXEMPT, false, NO, NO },
	{ MX, OFF, CLEAR, false, NO, NO },
	{ MX, OFF, MUST, true, AFTER, YES },
	{ MX, OFFER, NOBODY, false, AFTER, YES },
	{ MX, OFFER, EXEMPT, false, AFTER, YES },
	{ MX, OFFER, CLEAR, false, YES, YES },
	{ MX, OFFER, MUST, true, AFTER, YES },
	{ MX, REQUIRE, NOBODY, true, AFTER, YES },
	{ MX, REQUIRE, EXEMPT, false, AFTER, YES },
	{ MX, REQUIRE, CLEAR, true, YES, YES },
	{ RELAY, OFF, NOBODY, false, NO, NO },
	{ RELAY, OFFER, CLEAR, false, YES, YES },
	{ RELAY, REQUIRE, AS, true, AFTER, YES },
	{ SUB, OFF, NOBODY, true, AFTER, YES },
	{ SUB, OFF, AS, true, AFTER, YES },
	{ SUB, OFF, EXEMPT, false, AFTER, YES },
	{ SUB, OFF, CLEAR, true, YES, YES },
	{ SUB, OFFER, NOBODY, true, AFTER, YES },
	{ SUB, REQUIRE, CLEAR, true, YES, YES },
};

static void offers(void **state)
{
	(void)state;
	struct conf *conf = conf_of(text);
	unsigned mechanisms = conf->auth.mechanisms;
	assert_int_equal(mechanisms, CONF_FLAG(AUTH_PLAIN) | CONF_FLAG(AUTH_LOGIN) |
					     CONF_FLAG(AUTH_SCRAM_SHA_256) |
					     CONF_FLAG(AUTH_SCRAM_SHA_256_PLUS) |
					     CONF_FLAG(AUTH_XOAUTH2) |
					     CONF_FLAG(AUTH_OAUTHBEARER) |
					     CONF_FLAG(AUTH_EXTERNAL));
	for (size_t i = 0; i < ROWS(cases); i++) {
		conf->listeners[0].role = (enum conf_role)cases[i].role;
		conf->listeners[0].auth = (enum conf_listener_auth)cases[i].listener;
		if (cases[i].host != NOBODY)
			conf->hosts[0].auth = (enum conf_host_auth)cases[i].host;
		struct facts facts = {
			.conf = conf,
			.listener = &conf->listeners[0],
			.host = cases[i].host == NOBODY ? NULL : &conf->hosts[0],
		};
		bool good = policy_auth_required(&facts) == cases[i].required;
		good = good && (int)policy_auth_offer(&facts) == cases[i].clear;
		facts.tls = true;
		good = good && (int)policy_auth_offer(&facts) == cases[i].tls;
		conf->auth.mechanisms = 0;
		good = good && policy_auth_offer(&facts) == POLICY_AUTH_OFF;
		conf->auth.mechanisms = mechanisms;
		if (!good) fail_msg("row %zu", i);
	}
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(offers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
