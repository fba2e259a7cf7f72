/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/self.h"

static const char text[] =
	"hostname mx.us.example\n"
	"listener any { address 0.0.0.0:25 [::]:2525 }\n"
	"listener one { address 198.51.100.7:26 127.0.0.2:27 }\n";

static const struct {
	const char *ip;
	uint16_t port;
	const char *listener; /* "": none */
	bool may_answer;      /* a host there that has our name is we */
} rows[] = {
	{ "198.51.100.7", 25, "any", true },
	{ "198.51.100.8", 25, "", true }, /* somebody else's: perhaps our address behind a NAT */
	{ "127.0.0.1", 25, "any", false },
	{ "127.9.9.9", 25, "any", false },
	{ "2001:db8::7", 2525, "any", true },
	{ "2001:db8::8", 2525, "", true },
	{ "::1", 2525, "any", false },
	{ "2001:db8::7", 25, "", true }, /* 0.0.0.0 is not for it */
	{ "198.51.100.7", 2525, "", true },
	{ "198.51.100.7", 26, "one", true },
	{ "127.0.0.1", 26, "", false }, /* another server of this machine */
	{ "127.0.0.2", 27, "one", false },
	{ "127.0.0.1", 27, "", false },
	{ "198.51.100.7", 10025, "", false }, /* a content filter */
	{ "198.51.100.8", 10025, "", false },
};

static void finds(void **state)
{
	(void)state;
	struct ip own[2];
	struct conf *conf = conf_of(text);
	assert_true(ip_parse(STR("198.51.100.7"), &own[0]) && ip_parse(STR("2001:db8::7"), &own[1]));
	struct route_self self = { conf->hostname, own, 2, conf->listeners, conf->listener_count };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ip ip;
		assert_true(ip_parse(str_of(rows[i].ip), &ip));
		const struct conf_listener *l = self_listener(&self, ip, rows[i].port);
		struct str name = l ? l->name : STR("");
		if (!str_eq(name, str_of(rows[i].listener))) fail_msg("row %zu: '%.*s'", i, STR_ARG(name));
		if (self_may_answer(&self, ip, rows[i].port) != rows[i].may_answer) fail_msg("row %zu", i);
	}
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
