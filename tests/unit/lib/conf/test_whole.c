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
	assert_null(conf_route_match(conf, STR("example.com")));
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

static void test_route_of_domain(void **state)
{
	(void)state;
	struct conf_errors errors;
	struct conf *conf = help_parse(
		"domain a.example { deliver route in }\n"
		"route in { via h.example 192.0.2.1:26 [2001:db8::1]:27; tls off }\n",
		&errors);
	assert_non_null(conf);
	assert_int_equal(errors.warnings, 0);
	const struct conf_domain *a = conf_domain_find(conf, STR("a.example"));
	assert_true(a->users.any); /* the next host knows */
	const struct conf_route *route = conf_route_find(conf, STR("in"));
	assert_ptr_equal(a->deliver.route, route);
	assert_int_equal(route->via.count, 3);
	assert_int_equal(route->via.at[0].port, 25);
	assert_int_equal(route->via.at[1].port, 26);
	assert_str(route->via.at[2].host, "2001:db8::1");
	assert_int_equal(route->tls, CONF_ROUTE_TLS_OFF);
	conf_free(conf);
	conf_errors_free(&errors);
}

static void test_routes(void **state)
{
	(void)state;
	struct conf *conf = help_good("route a { via h.example; match x.example .y.example; "
				      "cost 3 }\nroute default { mx; port 26; tls off }\n");
	const struct conf_route *a = conf_route_find(conf, STR("a"));
	const struct conf_route *rest = conf_route_find(conf, STR("default"));
	assert_int_equal(a->by, CONF_ROUTE_BY_VIA);
	assert_int_equal(a->match.count, 2);
	assert_str(a->match.at[1], ".y.example");
	assert_int_equal(a->cost, 3);
	assert_int_equal(a->port, 25);
	assert_int_equal(rest->by, CONF_ROUTE_BY_MX);
	assert_int_equal(rest->via.count + rest->match.count, 0);
	assert_int_equal(rest->port, 26);
	assert_ptr_equal(conf_route_match(conf, STR("X.example")), a);
	assert_ptr_equal(conf_route_match(conf, STR("b.y.example")), a);
	assert_null(conf_route_match(conf, STR("y.example")));
	assert_null(conf_route_match(conf, STR("xx.example")));
	assert_null(conf_route_match(conf, STR("")));
	conf_free(conf);
}

/* Every route can have its 64 names, and each is found. */
static void test_many_matches(void **state)
{
	(void)state;
	struct buf text;
	enum { ROUTES = 1024, NAMES = 64 };
	buf_init(&text, CONF_FILE_MAX);
	for (unsigned r = 0; r < ROUTES; r++) {
		buf_fmt(&text, "route r%u { mx; match", r);
		for (unsigned n = 0; n < NAMES; n++)
			buf_fmt(&text, " %s%u.r%u.example", n % 2 ? "." : "", n, r);
		buf_fmt(&text, " }\n");
	}
	buf_byte(&text, '\0');
	struct conf *conf = help_good(text.at);
	for (unsigned i = 0; i < ROUTES * NAMES; i++) {
		struct buf name;
		char memory[64];
		buf_init_fixed(&name, memory, sizeof memory);
		buf_fmt(&name, "%s%u.r%u.example", i % 2 ? "sub.of." : "", i % NAMES,
			i / NAMES);
		assert_ptr_equal(conf_route_match(conf, buf_view(&name)),
				 &conf->routes[i / NAMES]);
	}
	conf_free(conf);
	buf_free(&text);
}

static void test_lmtp(void **state)
{
	(void)state;
	struct conf *conf = help_good("domain a.example { users any\n"
				      "deliver lmtp /run/l h.example [::1] 192.0.2.1:2424 }\n");
	const struct conf_deliver *deliver = &conf->domains[0].deliver;
	static const struct {
		const char *host;
		uint16_t port;
	} want[] = { { "/run/l", 0 }, { "h.example", 24 }, { "::1", 24 }, { "192.0.2.1", 2424 } };
	assert_int_equal(deliver->kind, CONF_DELIVER_LMTP);
	assert_int_equal(deliver->lmtp.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_str(deliver->lmtp.at[i].host, want[i].host);
		assert_int_equal(deliver->lmtp.at[i].port, want[i].port);
	}
	assert_int_equal(deliver->maildir.len + deliver->name.len, 0);
	conf_free(conf);
}

static void test_resolver(void **state)
{
	(void)state;
	struct conf *conf = help_good("resolver { server 192.0.2.1 192.0.2.2:54 2001:db8::1\n"
				      "trust-anchor /k; hosts yes; timeout 2s }");
	const struct conf_addresses *servers = &conf->resolver.servers;
	assert_int_equal(servers->count, 3);
	assert_true(ip_eq(servers->at[0].ip, ip_of("192.0.2.1")));
	assert_int_equal(servers->at[0].port, 53);
	assert_int_equal(servers->at[1].port, 54);
	assert_true(ip_eq(servers->at[2].ip, ip_of("2001:db8::1")));
	assert_int_equal(conf->resolver.hosts, CONF_YES_YES);
	assert_str(conf->resolver.trust_anchor, "/k");
	conf_free(conf);
}

static void test_relay(void **state)
{
	(void)state;
	static const struct {
		const char *client;
		unsigned from, never; /* lines; 0: not in it */
	} cases[] = {
		{ "10.1.2.3", 1, 0 },    { "10.2.2.3", 1, 3 },   { "192.0.2.1", 2, 0 },
		{ "192.0.2.2", 0, 0 },   { "::1", 0, 4 },        { "2001:db8::1", 0, 4 },
		{ "203.0.113.1", 0, 0 }, /* ::/0 holds no IPv4 client */
	};
	struct conf *conf = help_good("relay { from 10.0.0.0/8\nfrom 192.0.2.1 }\n"
				      "relay { never 10.2.0.0/16\nnever ::/0 }\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip ip = ip_of(cases[i].client);
		const struct conf_network *from = conf_network_find(&conf->relay.from, ip);
		const struct conf_network *never = conf_network_find(&conf->relay.never, ip);
		assert_int_equal(from ? from->from.line : 0, cases[i].from);
		assert_int_equal(never ? never->from.line : 0, cases[i].never);
	}
	conf_free(conf);
}

/* 1024 of each, in as many statements as one likes; then it is said. */
static void test_relay_limit(void **state)
{
	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		struct buf text;
		struct conf_errors errors;
		buf_init(&text, CONF_FILE_MAX);
		for (unsigned i = 0; i < 1021; i++)
			buf_fmt(&text, "relay from 10.0.%u.%u\n", i / 256, i % 256);
		buf_fmt(&text, "relay { from 10.1.0.1 10.1.0.2 10.1.0.3%s }\n",
			over ? " 10.1.0.4" : "");
		buf_byte(&text, '\0');
		struct conf *conf = help_parse(text.at, &errors);
		assert_int_equal(conf == NULL, over);
		assert_int_equal(errors.errors, over);
		for (unsigned i = 0; conf && i < 1021; i++) {
			struct ip ip = ip_of_v4(10u << 24 | i);
			assert_int_equal(conf_network_find(&conf->relay.from, ip)->from.line,
					 i + 1);
		}
		if (over)
			assert_str(errors.list[0].sentence,
				   "there are more than 1024 networks of 'from'");
		if (over) assert_int_equal(errors.list[0].column, 41);
		conf_errors_free(&errors);
		conf_free(conf);
		buf_free(&text);
	}
}

static void test_notify(void **state)
{
	(void)state;
	struct conf *conf = help_good("domain a.example { users any; deliver maildir /m/%n }\n"
				      "postmaster p@a.example; notify expired protocol\n");
	assert_int_equal(conf->notify,
			 CONF_FLAG(NOTIFY_EXPIRED) | CONF_FLAG(NOTIFY_PROTOCOL));
	conf_free(conf);
	conf = help_good("domain a.example { users any; deliver maildir /m/%n }\n"
			 "postmaster p@a.example; notify all\n");
	for (unsigned flag = 0; flag <= CONF_NOTIFY_ALL; flag++)
		assert_true(conf->notify & 1u << flag);
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
		cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_system_hostname),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_file_stands_before_profile),
		cmocka_unit_test(test_longest_prefix),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_route_of_domain),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_many_matches),
		cmocka_unit_test(test_lmtp),
		cmocka_unit_test(test_resolver),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_relay_limit),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_blocks_merge),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_bundle),
		cmocka_unit_test(test_bundle_limits),
		cmocka_unit_test(test_many_hosts),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
