/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/ip.h"

static void addresses(void **state)
{
	static const struct {
		struct str in, want; /* an empty `want`: no address */
	} cases[] = {
		{ STR_INIT("192.0.2.1"), STR_INIT("192.0.2.1") },
		{ STR_INIT("0.0.0.0"), STR_INIT("0.0.0.0") },
		{ STR_INIT("::1"), STR_INIT("::1") },
		{ STR_INIT("::"), STR_INIT("::") },
		{ STR_INIT("2001:DB8:0:0::1"), STR_INIT("2001:db8::1") },
		{ STR_INIT("::ffff:192.0.2.1"), STR_INIT("192.0.2.1") },
		{ STR_INIT("192.0.2"), STR_INIT("") },
		{ STR_INIT("192.0.2.256"), STR_INIT("") },
		{ STR_INIT("192.0.2.01"), STR_INIT("") },
		{ STR_INIT(" 192.0.2.1"), STR_INIT("") },
		{ STR_INIT("192.0.2.1\0x"), STR_INIT("") },
		{ STR_INIT("[::1]"), STR_INIT("") },
		{ STR_INIT("fe80::1%eth0"), STR_INIT("") },
		{ STR_INIT("1:2:3:4:5:6:7:8:9"), STR_INIT("") },
		{ STR_INIT(""), STR_INIT("") },
		{ STR_INIT("00000000000000000000000000000000000000000000000000::1"), STR_INIT("") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct ip ip;
		struct buf b;
		bool good = ip_parse(cases[i].in, &ip);
		if (good != (cases[i].want.len > 0)) fail_msg("row %zu", i);
		if (!good) continue;
		buf_init(&b, 100);
		ip_write(&b, ip);
		assert_str(buf_view(&b), cases[i].want, i);
		buf_free(&b);
	}
}

static struct ip of(struct str text)
{
	struct ip ip;
	if (!ip_parse(text, &ip)) fail_msg("%.*s", STR_ARG(text));
	return ip;
}

static void kinds(void **state)
{
	(void)state;
	assert_true(ip_is_v4(of(STR("192.0.2.1"))));
	assert_false(ip_is_v4(of(STR("::1"))));
	assert_true(ip_is_none((struct ip){ 0 }));
	assert_true(ip_is_none(of(STR("::"))));
	assert_false(ip_is_none(of(STR("0.0.0.0"))));
	assert_true(ip_is_loopback(of(STR("127.255.0.1"))));
	assert_true(ip_is_loopback(of(STR("::1"))));
	assert_false(ip_is_loopback(of(STR("128.0.0.1"))));
	assert_false(ip_is_loopback(of(STR("::2"))));
	assert_true(ip_eq(ip_of_v4(0xc0000201), of(STR("192.0.2.1"))));
	assert_true(ip_hash(of(STR("::1")), 3) == ip_hash(of(STR("0:0::1")), 3));
	assert_true(ip_hash(of(STR("::1")), 3) != ip_hash(of(STR("::2")), 3));
}

static void networks(void **state)
{
	static const struct {
		struct str net, written; /* empty: no network */
		struct str in, out;      /* an address inside, one outside; empty: not asked */
	} cases[] = {
		{ STR_INIT("10.0.0.0/8"), STR_INIT("10.0.0.0/8"), STR_INIT("10.255.1.2"), STR_INIT("11.0.0.0") },
		{ STR_INIT("10.1.2.3/8"), STR_INIT("10.0.0.0/8"), STR_INIT("10.0.0.1"), STR_INIT("9.255.255.255") },
		{ STR_INIT("192.0.2.7"), STR_INIT("192.0.2.7/32"), STR_INIT("192.0.2.7"), STR_INIT("192.0.2.6") },
		{ STR_INIT("192.0.2.128/25"), STR_INIT("192.0.2.128/25"), STR_INIT("192.0.2.200"), STR_INIT("192.0.2.127") },
		{ STR_INIT("0.0.0.0/0"), STR_INIT("0.0.0.0/0"), STR_INIT("255.255.255.255"), STR_INIT("2001:db8::1") },
		{ STR_INIT("2001:db8::/32"), STR_INIT("2001:db8::/32"), STR_INIT("2001:db8:ffff::1"), STR_INIT("2001:db9::") },
		{ STR_INIT("2001:db8:8000::/33"), STR_INIT("2001:db8:8000::/33"), STR_INIT("2001:db8:8001::"), STR_INIT("2001:db8:7fff::") },
		{ STR_INIT("::1"), STR_INIT("::1/128"), STR_INIT("::1"), STR_INIT("::") },
		{ STR_INIT("::/0"), STR_INIT("::/0"), STR_INIT("2001:db8::1"), { NULL, 0 } },
		{ STR_INIT("10.0.0.0/33"), STR_INIT(""), { NULL, 0 }, { NULL, 0 } },
		{ STR_INIT("::/129"), STR_INIT(""), { NULL, 0 }, { NULL, 0 } },
		{ STR_INIT("10.0.0.0/"), STR_INIT(""), { NULL, 0 }, { NULL, 0 } },
		{ STR_INIT("10.0.0.0/-1"), STR_INIT(""), { NULL, 0 }, { NULL, 0 } },
		{ STR_INIT("/8"), STR_INIT(""), { NULL, 0 }, { NULL, 0 } },
		{ STR_INIT("10.0.0.0/8/8"), STR_INIT(""), { NULL, 0 }, { NULL, 0 } },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct ip_net net;
		struct buf b;
		bool good = ip_net_parse(cases[i].net, &net);
		if (good != (cases[i].written.len > 0)) fail_msg("row %zu", i);
		if (!good) continue;
		buf_init(&b, 100);
		ip_net_write(&b, &net);
		assert_str(buf_view(&b), cases[i].written, i);
		buf_free(&b);
		if (cases[i].in.len && !ip_net_has(&net, of(cases[i].in))) fail_msg("row %zu", i);
		if (cases[i].out.len && ip_net_has(&net, of(cases[i].out))) fail_msg("row %zu", i);
	}
}

static void privates(void **state)
{
	static const struct { const char *ip; bool is; } rows[] = {
		{ "10.0.0.0", true },       { "10.255.255.255", true }, { "11.0.0.0", false },
		{ "172.15.255.255", false }, { "172.16.0.0", true },    { "172.31.255.255", true },
		{ "172.32.0.0", false },    { "192.168.0.1", true },    { "192.169.0.1", false },
		{ "100.63.255.255", false }, { "100.64.0.0", true },    { "100.127.255.255", true },
		{ "100.128.0.0", false },   { "169.254.1.1", true },    { "169.253.1.1", false },
		{ "fc00::1", true },        { "fdff::1", true },        { "fe80::1", true },
		{ "febf::1", true },        { "fec0::1", false },       { "fb00::1", false },
		{ "2001:db8::1", false },   { "a00::1", false },        { "198.51.100.1", false },
		{ "127.0.0.1", false },     { "::1", false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ip ip;
		assert_true(ip_parse(str_of(rows[i].ip), &ip));
		if (ip_is_private(ip) != rows[i].is) fail_msg("row %zu: %s", i, rows[i].ip);
	}
}

static void public(void **state)
{
	static const struct { const char *ip; bool is; } rows[] = {
		{ "192.0.2.1", true },      { "8.8.8.8", true },       { "2001:db8::1", true },
		{ "223.255.255.255", true }, { "224.0.0.1", false },   { "255.255.255.255", false },
		{ "0.0.0.0", false },       { "0.1.2.3", false },      { "127.0.0.1", false },
		{ "10.1.2.3", false },      { "169.254.169.254", false }, { "100.64.0.1", false },
		{ "::", false },            { "::1", false },          { "::2", false },
		{ "::7f00:1", false },      { "::ffff:10.0.0.1", false }, { "fe80::1", false },
		{ "fc00::1", false },       { "ff02::1", false },      { "64:ff9b::a00:1", false },
		{ "64:ff9b::808:808", true }, { "2002:a00:1::", false }, { "2002:808:808::1", true },
		{ "64:ff9b:1::a00:1", true }, { "::808:808", true },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ip ip;
		assert_true(ip_parse(str_of(rows[i].ip), &ip));
		if (ip_is_public(ip) != rows[i].is) fail_msg("row %zu: %s", i, rows[i].ip);
	}
}

static void reversed(void **state)
{
	static const struct { const char *ip; struct str want; } rows[] = {
		{ "192.0.2.199", STR_INIT("199.2.0.192") },
		{ "0.0.0.0", STR_INIT("0.0.0.0") },
		{ "2001:db8::567:89ab",
		  STR_INIT("b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ip ip;
		struct buf b;
		assert_true(ip_parse(str_of(rows[i].ip), &ip));
		buf_init(&b, 100);
		ip_write_reversed(&b, ip);
		assert_str(buf_view(&b), rows[i].want, i);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(kinds),
		cmocka_unit_test(networks),
		cmocka_unit_test(privates),
		cmocka_unit_test(public),
		cmocka_unit_test(reversed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
