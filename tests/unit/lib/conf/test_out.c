/* SPDX-License-Identifier: Apache-2.0 */
/* What the words about the way out mean as a whole: routes, LMTP, the resolver, relaying,
 * reports. */
#include "help.h"

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

/* For a sender and a user that no route is for. */
static const struct conf_route *match(const struct conf *conf, struct str domain)
{
	return conf_route_match(conf, &(struct conf_route_ask){ .domain = domain }).route;
}

static void test_routes(void **state)
{
	(void)state;
	struct conf *conf =
		help_good("route a { via h.example; match x.example .y.example; "
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
	assert_ptr_equal(match(conf, STR("X.example")), a);
	assert_ptr_equal(match(conf, STR("b.y.example")), a);
	assert_null(match(conf, STR("y.example")));
	assert_null(match(conf, STR("xx.example")));
	assert_null(match(conf, STR("")));
	conf_free(conf);
}

static const struct conf_pacing *pacing_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->pacing_count; i++)
		if (str_eq(conf->pacings[i].name, str_of(name))) return &conf->pacings[i];
	return NULL;
}

/* Blocks that come with the program, and those of the file. */
static void test_pacing(void **state)
{
	(void)state;
	struct conf *conf = help_good("pacing a { match x.example; connections 3 }\n");
	const struct conf_pacing *google = pacing_find(conf, "google");
	assert_ptr_equal(pacing_find(conf, "a"), conf->pacings); /* first */
	assert_non_null(google);
	assert_true(google->connections > 0 && google->mx.count > 0);
	assert_int_equal(google->origin.line, 0);
	assert_str(google->origin.file, "pacing-profile 2026-11");
	assert_true(conf->pacing_count > 5);
	size_t all = conf->pacing_count;
	conf_free(conf);
	/* One of that name stands instead, even where it says of a host what another says. */
	conf = help_good("pacing google { mx .google.com .yahoodns.net; connections 1 }\n");
	assert_int_equal(conf->pacing_count, all - 1);
	assert_int_equal(pacing_find(conf, "google")->connections, 1);
	conf_free(conf);
	conf = help_good("pacing-profile 2026-11\n");
	assert_int_equal(conf->pacing_count, all - 1);
	conf_free(conf);
	conf = help_good("pacing-profile none\npacing google { mx .google.com; connections 1 }\n");
	assert_int_equal(conf->pacing_count, 1);
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
		assert_ptr_equal(match(conf, buf_view(&name)),
				 &conf->routes[i / NAMES]);
	}
	conf_free(conf);
	buf_free(&text);
}

static void test_lmtp(void **state)
{
	(void)state;
	struct conf *conf =
		help_good("domain a.example { users any\n"
			  "deliver lmtp /run/l h.example [::1] 192.0.2.1:2424 }\n");
	const struct conf_deliver *deliver = &conf->domains[0].deliver;
	static const struct {
		const char *host;
		uint16_t port;
	} want[] = {
		{ "/run/l", 0 }, { "h.example", 24 }, { "::1", 24 }, { "192.0.2.1", 2424 }
	};
	assert_int_equal(deliver->kind, CONF_DELIVER_LMTP);
	assert_int_equal(deliver->lmtp.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_str(deliver->lmtp.at[i].host, want[i].host);
		assert_int_equal(deliver->lmtp.at[i].port, want[i].port);
	}
	assert_int_equal(deliver->maildir.len + deliver->name.len, 0);
	conf_free(conf);
}

static void test_held(void **state)
{
	(void)state;
	struct conf *conf = help_good(
		"domain a.example b.example { deliver hold-for-etrn up; etrn-from 192.0.2.0/24; etrn-window 5m }\n"
		"domain c.example { deliver hold-for-etrn; etrn-user u@a.example @b.example }\n"
		"domain d.example { deliver route up }\nroute up { via h.example }\n");
	const struct conf_domain *d = conf->domains;
	assert_int_equal(conf->held_count, 2);
	assert_true(d[0].deliver.held && d[1].deliver.held && !d[2].deliver.held);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(d[i].deliver.kind, CONF_DELIVER_ROUTE);
		assert_true(d[i].users.any);
	}
	assert_ptr_equal(d[0].deliver.route, conf_route_find(conf, STR("up")));
	assert_null(d[1].deliver.route);
	assert_int_equal(d[0].etrn_window_ms, 5 * 60 * 1000);
	assert_int_equal(d[1].etrn_window_ms, 15 * 60 * 1000);
	assert_int_equal(d[1].etrn_user.count, 2);
	conf_free(conf);
}

static void test_resolver(void **state)
{
	(void)state;
	struct conf *conf =
		help_good("resolver { server 192.0.2.1 192.0.2.2:54 2001:db8::1\n"
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
		{ "10.1.2.3", 1, 0 },    { "10.2.2.3", 1, 3 }, { "192.0.2.1", 2, 0 },
		{ "192.0.2.2", 0, 0 },   { "::1", 0, 4 },      { "2001:db8::1", 0, 4 },
		{ "203.0.113.1", 0, 0 }, /* ::/0 holds no IPv4 client */
	};
	struct conf *conf = help_good("relay { from 10.0.0.0/8\nfrom 192.0.2.1 }\n"
				      "relay { never 10.2.0.0/16\nnever ::/0 }\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip ip = ip_of(cases[i].client);
		const struct conf_network *from =
			conf_network_find(&conf->relay.from, ip);
		const struct conf_network *never =
			conf_network_find(&conf->relay.never, ip);
		assert_int_equal(from ? from->from.line : 0, cases[i].from);
		assert_int_equal(never ? never->from.line : 0, cases[i].never);
	}
	conf_free(conf);
}

/* The one with the longest prefix counts, in whatever order they stand, and twice is as once. */
static void test_relay_longest(void **state)
{
	(void)state;
	static const struct { const char *client; unsigned line; } cases[] = {
		{ "10.1.2.3", 4 }, { "10.1.2.4", 2 }, { "10.1.9.9", 3 }, { "10.9.9.9", 1 },
		{ "2001:db8::1", 6 }, { "2001:db9::1", 5 }, { "192.0.2.1", 0 },
	};
	struct conf *conf = help_good("relay { from 10.0.0.0/8\nfrom 10.1.2.0/24\nfrom 10.1.0.0/16 10.0.0.0/8\n"
				      "from 10.1.2.3\nfrom ::/0\nfrom 2001:db8::/32 }\n");
	struct conf_networks walked = conf->relay.from;
	assert_non_null(walked.index);
	walked.index = NULL;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip ip = ip_of(cases[i].client);
		const struct conf_network *found = conf_network_find(&conf->relay.from, ip);
		assert_int_equal(found ? found->from.line : 0, cases[i].line);
		assert_ptr_equal(conf_network_find(&walked, ip), found);
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
			assert_int_equal(
				conf_network_find(&conf->relay.from, ip)->from.line,
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
	struct conf *conf =
		help_good("domain a.example { users any; deliver maildir /m/%n }\n"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pacing),
		cmocka_unit_test(test_route_of_domain), cmocka_unit_test(test_routes),
		cmocka_unit_test(test_many_matches),    cmocka_unit_test(test_lmtp),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_resolver),        cmocka_unit_test(test_relay),
		cmocka_unit_test(test_relay_limit), cmocka_unit_test(test_relay_longest),     cmocka_unit_test(test_notify),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
