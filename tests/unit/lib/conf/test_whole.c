/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration means as a whole: defaults, profiles, origins, look-ups. */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ip ip_of(const char *text)
{
	struct ip ip;
	assert_true(ip_parse(str_of(text), &ip));
	return ip;
}

static void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		print_error("'%.*s' is not '%s'\n", STR_ARG(got), want);
	assert_true(str_eq(got, str_of(want)));
}

/* Where a directory has no keys for SCRAM the default offers all the rest. */
static void test_mechanisms(void **state)
{
	static const struct { const char *text; unsigned lacks; } rows[] = {
		{ "", 0 },
		{ "directory d { sqlite /d }", 0 },
		{ "directory d { file /d }", 1 },
		{ "directory d { ldap ldaps://h { base dc=x } }", 1 },
		{ "directory d { sqlite /d; pam imap }", 1 },
	};
	const unsigned scram = CONF_FLAG(AUTH_SCRAM_SHA_256) | CONF_FLAG(AUTH_SCRAM_SHA_256_PLUS);
	const unsigned rest = CONF_FLAG(AUTH_PLAIN) | CONF_FLAG(AUTH_LOGIN) |
			      CONF_FLAG(AUTH_XOAUTH2) | CONF_FLAG(AUTH_OAUTHBEARER) |
			      CONF_FLAG(AUTH_EXTERNAL);
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[256];
		(void)snprintf(text, sizeof text,
			       "%s\ndomain a.example { users %s; deliver maildir /m/%%n }\n",
			       rows[i].text, rows[i].text[0] ? "d" : "any");
		struct conf *conf = help_good(text);
		assert_int_equal(conf->auth.mechanisms, rows[i].lacks ? rest : rest | scram);
		conf_free(conf);
	}
}

/* Said in so many words it is taken, with a word about it where there is SCRAM in it. */
static void test_mechanisms_said(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) {
		char text[256];
		struct conf_errors errors;
		(void)snprintf(text, sizeof text,
			       "directory d { file /d }\nauth { mechanisms PLAIN XOAUTH2%s }\n"
			       "domain a.example { users d; deliver maildir /m/%%n }\n",
			       with ? " SCRAM-SHA-1" : " EXTERNAL");
		struct conf *conf = help_parse(text, &errors);
		assert_non_null(conf);
		assert_int_equal(errors.warnings, with);
		assert_int_equal(conf->auth.mechanisms,
				 CONF_FLAG(AUTH_PLAIN) | CONF_FLAG(AUTH_XOAUTH2) |
					 (with ? CONF_FLAG(AUTH_SCRAM_SHA_1)
					       : CONF_FLAG(AUTH_EXTERNAL)));
		conf_free(conf);
		conf_errors_free(&errors);
	}
}

static void test_empty_file(void **state)
{
	(void)state;
	struct conf *conf = help_good("");
	assert_str(conf->hostname, "host.example");
	assert_str(conf->hostname_from.file, "default");
	assert_str(conf->state, "/var/lib/ims");
	assert_str(conf->spool.path, "/var/spool/ims");
	assert_int_equal(conf->spool.min_free_b, 64 << 20);
	assert_int_equal(conf->track.enabled, CONF_SWITCH_ON);
	assert_int_equal(conf->track.keep_ms, INT64_C(90) * 86400000);
	assert_int_equal(conf->limit.message_size_b, 50 << 20);
	assert_int_equal(conf->limit.connections.per_host, 50);
	assert_int_equal(conf->limit.bare_newline, CONF_NEWLINE_REFUSE);
	assert_int_equal(conf->retry.after.count, 5);
	assert_int_equal(conf->retry.after.at[4], 4 * 3600000);
	assert_int_equal(conf->retry.expire.normal_ms, 48 * 3600000);
	assert_int_equal(conf->retry.warn.non_urgent_ms, 24 * 3600000);
	assert_int_equal(conf->limit.connections.out, 500);
	assert_int_equal(conf->limit.connections.per_destination, 20);
	assert_int_equal(conf->limit.recipients_per_transaction, 100);
	assert_int_equal(conf->timeout.connect_ms, 30000);
	assert_int_equal(conf->timeout.final_ms, 600000);
	assert_int_equal(conf->timeout.idle_ms, 5000);
	assert_int_equal(conf->resolver.servers.count, 0);
	assert_int_equal(conf->resolver.timeout_ms, 5000);
	assert_int_equal(conf->resolver.hosts, CONF_YES_NO);
	assert_int_equal(conf->resolver.trust_anchor.len, 0);
	assert_int_equal(conf->relay.from.count + conf->relay.never.count, 0);
	assert_int_equal(conf->relay.authenticated, CONF_RELAY_FOR_LISTED);
	assert_int_equal(conf->notify, 0);
	assert_null(conf_route_match(conf, &(struct conf_route_ask){ .domain = STR("example.com") }).route);
	assert_int_equal(conf->listener_count, 1);
	assert_int_equal(conf->listeners[0].role, CONF_ROLE_MX);
	assert_int_equal(conf->listeners[0].addresses.count, 1);
	assert_int_equal(conf->listeners[0].addresses.at[0].port, 25);
	assert_true(ip_eq(conf->listeners[0].addresses.at[0].ip, ip_of("0.0.0.0")));
	assert_int_equal(conf->listeners[0].origin.line, 0);
	assert_int_equal(conf->host_count + conf->domain_count + conf->route_count, 0);
	assert_null(conf_host_find(conf, ip_of("127.0.0.1")));
	assert_null(conf_domain_find(conf, STR("example.com")));
	conf_free(conf);
}

static void test_system_hostname(void **state)
{
	(void)state;
	static const struct {
		const char *system, *want;
	} cases[] = { { "a.example", "a.example" },
		      { "", "localhost" },
		      { "bad name", "localhost" } };
	for (size_t i = 0; i < 3; i++) {
		static struct conf_bundle bundle;
		struct conf_errors errors;
		conf_bundle_init(&bundle);
		conf_errors_init(&errors);
		assert_true(conf_bundle_set_hostname(&bundle, str_of(cases[i].system)));
		struct conf *conf = conf_parse(&bundle, &errors);
		assert_non_null(conf);
		assert_str(conf->hostname, cases[i].want);
		conf_free(conf);
		conf_bundle_free(&bundle);
		conf_errors_free(&errors);
	}
}

static const struct {
	const char *profile, *client;
	enum conf_role role;
	size_t addresses;
	bool rule, accepted, relays;
} profiles[] = {
	{ "none", "127.0.0.1", CONF_ROLE_MX, 1, false, false, false },
	{ "satellite", "127.0.0.1", CONF_ROLE_RELAY, 2, true, true, true },
	{ "satellite", "::1", CONF_ROLE_RELAY, 2, true, true, true },
	{ "satellite", "192.0.2.1", CONF_ROLE_RELAY, 2, true, false, false },
	{ "satellite", "2001:db8::1", CONF_ROLE_RELAY, 2, true, false, false },
	{ "office", "127.0.0.1", CONF_ROLE_MX, 2, true, true, true },
	{ "office", "192.0.2.1", CONF_ROLE_MX, 2, false, false, false },
	{ "mx", "127.0.0.1", CONF_ROLE_MX, 2, false, false, false },
	{ "submission", "127.0.0.1", CONF_ROLE_SUBMISSION, 2, false, false, false },
	{ "outbound", "127.0.0.1", CONF_ROLE_RELAY, 2, true, true, true },
	{ "outbound", "192.0.2.1", CONF_ROLE_RELAY, 2, true, false, false },
};

static void test_profiles(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
		char text[64];
		struct conf_errors errors;
		(void)snprintf(text, sizeof text, "profile %s", profiles[i].profile);
		struct conf *conf = help_parse(text, &errors);
		assert_non_null(conf);
		assert_int_equal(conf->listener_count, 1);
		assert_int_equal(conf->listeners[0].role, profiles[i].role);
		assert_int_equal(conf->listeners[0].addresses.count,
				 profiles[i].addresses);
		const struct conf_host *host =
			conf_host_find(conf, ip_of(profiles[i].client));
		assert_int_equal(host != NULL, profiles[i].rule);
		if (host) {
			assert_int_equal(host->action == CONF_HOST_ACCEPT,
					 profiles[i].accepted);
			assert_int_equal(host->relay == CONF_YES_YES, profiles[i].relays);
			assert_true(str_starts(host->origin.file, STR("profile ")));
		}
		conf_free(conf);
		conf_errors_free(&errors);
	}
}

static void test_file_stands_before_profile(void **state)
{
	(void)state;
	struct conf *conf = help_good("profile office\nhost 127.0.0.0/8 reject\n"
				      "listener a { address 127.0.0.1:2525 }\n");
	const struct conf_host *host = conf_host_find(conf, ip_of("127.0.0.1"));
	assert_int_equal(host->action, CONF_HOST_REJECT);
	assert_int_equal(host->origin.line, 2);
	assert_int_equal(conf->host_count, 2);
	assert_int_equal(conf->listener_count, 1);
	assert_str(conf->listeners[0].name, "a");
	conf_free(conf);
}

static void test_longest_prefix(void **state)
{
	(void)state;
	static const struct {
		const char *client;
		unsigned line; /* 0: no rule */
	} cases[] = {
		{ "10.1.2.3", 3 },      { "10.1.9.9", 2 }, { "10.9.9.9", 1 },
		{ "11.0.0.1", 0 },      { "10.1.2.4", 2 }, { "2001:db8::1", 5 },
		{ "2001:db8:1::1", 4 }, { "::1", 6 },      { "::ffff:10.9.9.9", 1 },
	};
	struct conf *conf = help_good("host 10.0.0.0/8 accept\nhost 10.1.0.0/16 reject\n"
				      "host 10.1.2.3 accept\nhost 2001:db8::/32 accept\n"
				      "host 2001:db8::/64 reject\nhost ::/0 reject\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct conf_host *host =
			conf_host_find(conf, ip_of(cases[i].client));
		assert_int_equal(host ? host->origin.line : 0, cases[i].line);
	}
	conf_free(conf);
}

static void test_domains(void **state)
{
	(void)state;
	struct conf *conf =
		help_good("domain a.example b.example { users staff\n"
			  "deliver maildir /m/%d/%n }\n"
			  "directory staff { sqlite /d }\ndirectory spare { sqlite /e }\n"
			  "domain C.example { users any; deliver maildir /c/%u }\n");
	const struct conf_domain *a = conf_domain_find(conf, STR("A.Example"));
	assert_non_null(a);
	assert_ptr_equal(a, conf_domain_find(conf, STR("b.example")));
	assert_ptr_equal(a->users.directory, conf_directory_find(conf, STR("staff")));
	assert_str(a->users.directory->sqlite, "/d");
	assert_false(a->users.any);
	assert_int_equal(a->deliver.kind, CONF_DELIVER_MAILDIR);
	assert_str(a->deliver.maildir, "/m/%d/%n");
	assert_int_equal(a->deliver_from.line, 2);
	const struct conf_domain *c = conf_domain_find(conf, STR("c.example"));
	assert_true(c->users.any);
	assert_null(conf_domain_find(conf, STR("x.a.example")));
	assert_null(conf_directory_find(conf, STR("Staff")));
	conf_free(conf);
}

static void test_blocks_merge(void **state)
{
	(void)state;
	struct conf *conf =
		help_good("limit { hops 20 }\nlimit { connections { in 5 } }\n"
			  "limit { connections { per-host 6 }; errors 7 }");
	assert_int_equal(conf->limit.hops, 20);
	assert_int_equal(conf->limit.connections.in, 5);
	assert_int_equal(conf->limit.connections.per_host, 6);
	assert_int_equal(conf->limit.errors, 7);
	assert_int_equal(conf->limit.errors_from.line, 3);
	assert_int_equal(conf->limit.origin.line, 1);
	conf_free(conf);
}

static void test_strings(void **state)
{
	(void)state;
	struct conf *conf = help_good("log { file \"/var/log/my \\\"log\\\" {\" }");
	assert_str(conf->log.file, "/var/log/my \"log\" {");
	conf_free(conf);
}

static void bundle_fill(struct conf_bundle *bundle)
{
	conf_bundle_init(bundle);
	bundle->generation = 7;
	assert_true(conf_bundle_set_hostname(bundle, STR("h.example")));
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("/a"),
				    STR("include b\nhost file /hosts\n")));
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("/b"), STR("vrfy on")));
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_HOSTS, STR("/hosts"),
				    STR("# list\n10.0.0.0/8 accept relay yes\n\n"
					"11.0.0.0/8 { reject }\n")));
}

static void test_bundle(void **state)
{
	(void)state;
	static struct conf_bundle bundle, copy;
	struct conf_errors errors;
	struct buf record;
	bundle_fill(&bundle);
	buf_init(&record, CONF_BUNDLE_MAX);
	conf_errors_init(&errors);
	conf_bundle_encode(&bundle, &record);
	assert_true(conf_bundle_decode(buf_view(&record), &copy));
	struct conf *conf = conf_parse(&copy, &errors);
	conf_bundle_free(&copy);
	assert_non_null(conf);
	assert_int_equal(conf->generation, 7);
	assert_str(conf->hostname, "h.example");
	assert_int_equal(conf->vrfy, CONF_SWITCH_ON);
	assert_str(conf->vrfy_from.file, "/b");
	const struct conf_host *host = conf_host_find(conf, ip_of("10.1.1.1"));
	assert_int_equal(host->relay, CONF_YES_YES);
	assert_str(host->origin.file, "/hosts");
	assert_int_equal(host->origin.line, 2);
	assert_int_equal(conf_host_find(conf, ip_of("11.1.1.1"))->action,
			 CONF_HOST_REJECT);
	conf_free(conf);
	/* every cut and every damage of the head is refused or harmless */
	for (size_t cut = 0; cut < record.len; cut++)
		assert_false(conf_bundle_decode((struct str){ record.at, cut }, &copy));
	buf_byte(&record, 'x');
	assert_false(conf_bundle_decode(buf_view(&record), &copy));
	record.at[0] ^= 1;
	assert_false(
		conf_bundle_decode((struct str){ record.at, record.len - 1 }, &copy));
	buf_free(&record);
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
}

static void test_bundle_limits(void **state)
{
	(void)state;
	static struct conf_bundle bundle;
	conf_bundle_init(&bundle);
	char *big = calloc(1, CONF_FILE_MAX + 1);
	assert_non_null(big);
	assert_false(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("a"),
				     (struct str){ big, CONF_FILE_MAX + 1 }));
	for (size_t i = 0; i < CONF_BUNDLE_MAX / CONF_FILE_MAX; i++)
		assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("a"),
					    (struct str){ big, CONF_FILE_MAX }));
	assert_false(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("a"), STR("b")));
	conf_bundle_free(&bundle);
	for (size_t i = 0; i < CONF_FILES_MAX; i++)
		assert_true(
			conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("a"), STR("b")));
	assert_false(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("a"), STR("b")));
	assert_false(conf_bundle_set_hostname(&bundle, (struct str){ big, 256 }));
	conf_bundle_free(&bundle);
	free(big);
}

/* As many as a large site has; every one is found. */
static void test_many_hosts(void **state)
{
	(void)state;
	enum { HOSTS = 100000 };
	static struct conf_bundle bundle;
	struct conf_errors errors;
	struct buf text;
	buf_init(&text, CONF_FILE_MAX);
	for (unsigned i = 0; i < HOSTS; i++)
		buf_fmt(&text, "10.%u.%u.%u/%u %s\n", i >> 14, i >> 6 & 255,
			(i & 63) << 2, 30 + (i & 1) * 2,
			i % 3 ? "reject" : "accept relay yes");
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("a"),
				    STR("host file /h")));
	assert_true(
		conf_bundle_add(&bundle, CONF_SOURCE_HOSTS, STR("/h"), buf_view(&text)));
	struct conf *conf = conf_parse(&bundle, &errors);
	assert_non_null(conf);
	assert_int_equal(errors.warnings, 0);
	assert_int_equal(conf->host_count, HOSTS);
	for (unsigned i = 0; i < HOSTS; i++) {
		struct ip ip = ip_of_v4(10u << 24 | (i >> 14) << 16 |
					(i >> 6 & 255) << 8 | (i & 63) << 2);
		const struct conf_host *host = conf_host_find(conf, ip);
		assert_non_null(host);
		assert_int_equal(host->origin.line, i + 1);
		assert_int_equal(host->relay, i % 3 == 0);
	}
	conf_free(conf);
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	buf_free(&text);
}

/* More blocks than the table allows are an error, not memory. */
static void test_too_many(void **state)
{
	(void)state;
	struct buf text;
	struct conf_errors errors;
	buf_init(&text, CONF_FILE_MAX);
	for (unsigned i = 0; i < 65; i++)
		buf_fmt(&text, "directory d%u { sqlite /d }\n", i);
	buf_byte(&text, '\0');
	assert_null(help_parse(text.at, &errors));
	assert_int_equal(errors.errors, 1);
	assert_str(errors.list[0].sentence, "there are more than 64 of 'directory'");
	assert_int_equal(errors.list[0].at.line, 65);
	conf_errors_free(&errors);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_mechanisms_said),
		cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_system_hostname),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_file_stands_before_profile),
		cmocka_unit_test(test_longest_prefix),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_blocks_merge),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_bundle),
		cmocka_unit_test(test_bundle_limits),
		cmocka_unit_test(test_many_hosts),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
