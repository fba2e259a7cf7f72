/* SPDX-License-Identifier: Apache-2.0 */
/* TLSA answers, and which of them are asked for and believed. */
#include "../policy/conf_text.h"
#include "lib/route/mx.h"

#include <string.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* --- answers ----------------------------------------------------------------------------- */

#define HEAD(answers) "\0\0\x81\x80\0\1\0" answers "\0\0\0\0"
#define QUESTION      "\1a\7example\0\0\x34\0\1"
#define TLSA(len)     "\xc0\x0c\0\x34\0\1\0\0\0\x3c\0" len
#define ALIAS         "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4" "\1B\xc0\x0e"
#define BYTES(text)   { text, sizeof(text) - 1 }

static const struct {
	struct str packet;
	enum dns_state state;
	const char *want, *owner;
} answers[] = {
	{ BYTES(HEAD("\1") QUESTION TLSA("\6") "\3\1\1abc"), DNS_FOUND, "3 1 1 3;", "a.example" },
	{ BYTES(HEAD("\2") QUESTION TLSA("\6") "\3\1\1abc" TLSA("\4") "\xff\0\2x"), DNS_FOUND,
	  "3 1 1 3;255 0 2 1;", "a.example" },
	{ BYTES(HEAD("\1") QUESTION TLSA("\3") "\3\1\1"), DNS_FOUND, "3 1 1 0;", "a.example" },
	{ BYTES(HEAD("\2") QUESTION ALIAS "\1b\xc0\x0e\0\x34\0\1\0\0\0\x3c\0\4\2\0\1x"), DNS_FOUND,
	  "2 0 1 1;", "b.example" },
	{ BYTES(HEAD("\1") QUESTION ALIAS), DNS_NO_DATA, "", "b.example" },
	{ BYTES(HEAD("\0") QUESTION), DNS_NO_DATA, "", "a.example" },
	{ BYTES(HEAD("\1") QUESTION TLSA("\2") "\3\1"), DNS_FAILED, "", "a.example" },
	{ BYTES(HEAD("\2") QUESTION TLSA("\4") "\3\1\1a" TLSA("\2") "\3\1"), DNS_FAILED, "",
	  "a.example" },
	{ BYTES("\0\0\x81\x83\0\1\0\0\0\0\0\0" QUESTION), DNS_NO_NAME, "", "" },
	{ BYTES(""), DNS_FAILED, "", "" },
};

static void write_records(struct str record, struct buf *out)
{
	struct cur c = cur_of(record);
	struct dns_tlsa r;
	while (dns_tlsa_next(&c, &r))
		buf_fmt(out, "%u %u %u %zu;", r.usage, r.selector, r.matching, r.data.len);
	assert_true(cur_done(&c));
}

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(answers); i++) {
		char memory[DNS_TLSA_BYTES], text[512], owner[DNS_NAME_MAX];
		struct buf records, got;
		size_t count = 99, len = 0;
		buf_init_fixed(&records, memory, sizeof memory);
		buf_init_fixed(&got, text, sizeof text);
		enum dns_state found = dns_read_tlsa(answers[i].packet, &records, &count);
		write_records(buf_view(&records), &got);
		if (found != answers[i].state || !str_eq(buf_view(&got), str_of(answers[i].want)))
			fail_msg("row %zu: %.*s", i, STR_ARG(buf_view(&got)));
		assert_int_equal(count > 0, found == DNS_FOUND);
		bool named = dns_read_owner(answers[i].packet, owner, &len);
		assert_int_equal(named, answers[i].owner[0] != '\0');
		if (named) assert_true(str_eq((struct str){ owner, len }, str_of(answers[i].owner)));
	}
}

/* Many, or large ones: what does not fit is left out, and that there are some stays known. */
static void bounds(void **state)
{
	static char large[10000];
	(void)state;
	for (int size = 1; size < 9000; size += 4200) {
		char memory[DNS_TLSA_BYTES], text[2048];
		struct buf packet, records, got;
		size_t count;
		unsigned many = size == 1 ? 60 : 2;
		buf_init(&packet, 64 * 1024);
		buf_init_fixed(&records, memory, sizeof memory);
		buf_init_fixed(&got, text, sizeof text);
		buf_bytes(&packet, "\0\0\x81\x80\0\1\0", 7);
		buf_byte(&packet, (char)many);
		buf_bytes(&packet, "\0\0\0\0" QUESTION, 4 + sizeof QUESTION - 1);
		for (unsigned i = 0; i < many; i++) {
			buf_bytes(&packet, "\xc0\x0c\0\x34\0\1\0\0\0\x3c", 10);
			buf_byte(&packet, (char)((size + 3) >> 8));
			buf_byte(&packet, (char)((size + 3) & 255));
			buf_bytes(&packet, "\3\1\0", 3);
			buf_bytes(&packet, large, (size_t)size);
		}
		assert_int_equal(dns_read_tlsa(buf_view(&packet), &records, &count), DNS_FOUND);
		assert_int_equal(count, many);
		struct cur c = cur_of(buf_view(&records));
		struct dns_tlsa r;
		unsigned kept = 0;
		while (dns_tlsa_next(&c, &r)) kept++;
		assert_int_equal(kept, size == 1 ? DNS_TLSA_MAX : 0);
		buf_free(&packet);
	}
}

/* --- which are asked for ----------------------------------------------------------------- */

static struct mx mx;
static struct mx_list list;
static struct mx_verdict verdict;

/* One MX, m.example, with addresses as told. */
static void begin(bool by_mx, bool mx_secure, bool v4, bool v4_secure, bool v6_secure,
                  const char *owner)
{
	struct rng rng = { 1 };
	struct dns_mx answer = { .preference = 10, .len = 9, .name = "m.example" };
	struct ip ip4 = ip_of_v4(0xc0000201), ip6 = { { 0x20, 1, 0x0d, 0xb8, [15] = 1 } };
	(void)mx_begin(&mx, by_mx ? STR("a.example") : STR("m.example"), by_mx, 25);
	mx.dane = true;
	if (by_mx) {
		mx_secure_mx(&mx, mx_secure);
		(void)mx_take_mx(&mx, DNS_FOUND, &answer, 1, STR(""), &rng);
	}
	mx_take_ips(&mx, 0, MX_V4, v4 ? DNS_FOUND : DNS_NO_DATA, &ip4, v4 ? 1 : 0);
	mx_secure_ips(&mx, 0, MX_V4, v4_secure, str_of(owner));
	mx_take_ips(&mx, 0, MX_V6, DNS_FOUND, &ip6, 1);
	mx_secure_ips(&mx, 0, MX_V6, v6_secure, str_of(owner));
}

static struct str name_of(bool own)
{
	static char memory[512];
	struct buf name;
	buf_init_fixed(&name, memory, sizeof memory);
	return mx_tlsa_name(&mx, 0, own, &name) ? buf_view(&name) : STR("");
}

static enum mx_dane decided(void)
{
	struct route_self self = { .hostname = STR("us.example") };
	mx_decide(&mx, &self, &verdict, &list);
	assert_int_equal(list.count, 1);
	return list.hosts[0].dane;
}

static void asks(void **state)
{
	static const struct {
		bool by_mx, mx_secure, v4, v4_secure, v6_secure;
		const char *owner, *name;
	} rows[] = {
		{ true, true, true, true, true, "m.example", "_25._tcp.m.example" },
		{ true, true, false, false, true, "M.Example", "_25._tcp.m.example" },
		{ true, false, true, true, true, "m.example", "" },
		{ true, true, true, false, true, "m.example", "" },
		{ true, true, true, true, false, "m.example", "" },
		{ true, true, true, true, true, "alias.example", "_25._tcp.alias.example" },
		/* a name that the administrator wrote needs no MX */
		{ false, false, true, true, true, "m.example", "_25._tcp.m.example" },
		{ false, false, true, true, false, "m.example", "" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		begin(rows[i].by_mx, rows[i].mx_secure, rows[i].v4, rows[i].v4_secure, rows[i].v6_secure,
		      rows[i].owner);
		if (!str_eq(name_of(false), str_of(rows[i].name))) fail_msg("row %zu", i);
		/* asked for and never answered: not to be used */
		assert_int_equal(decided(), rows[i].name[0] ? MX_DANE_UNKNOWN : MX_DANE_NONE);
		assert_int_equal(list.hosts[0].secure, rows[i].by_mx && rows[i].mx_secure);
		mx.dane = false;
		assert_true(name_of(false).len == 0);
		assert_int_equal(decided(), MX_DANE_NONE);
	}
}

static void believes(void **state)
{
	static const struct {
		bool alias;
		struct { enum dns_state state; bool secure, again; } answers[2];
		enum mx_dane want;
		const char *base;
	} rows[] = {
		{ false, { { DNS_FOUND, true, false } }, MX_DANE_FOUND, "m.example" },
		{ false, { { DNS_FOUND, false, false } }, MX_DANE_NONE, "" },
		{ false, { { DNS_NO_DATA, true, false } }, MX_DANE_NONE, "" },
		{ false, { { DNS_NO_NAME, true, false } }, MX_DANE_NONE, "" },
		{ false, { { DNS_FAILED, false, false } }, MX_DANE_UNKNOWN, "" },
		{ false, { { DNS_LATE, false, false } }, MX_DANE_UNKNOWN, "" },
		{ false, { { DNS_BOGUS, false, false } }, MX_DANE_UNKNOWN, "" },
		{ true, { { DNS_FOUND, true, false } }, MX_DANE_FOUND, "alias.example" },
		{ true, { { DNS_NO_NAME, true, true }, { DNS_FOUND, true, false } }, MX_DANE_FOUND,
		  "m.example" },
		{ true, { { DNS_FOUND, false, true }, { DNS_FOUND, true, false } }, MX_DANE_FOUND,
		  "m.example" },
		{ true, { { DNS_NO_DATA, true, true }, { DNS_NO_NAME, true, false } }, MX_DANE_NONE, "" },
		{ true, { { DNS_NO_DATA, true, true }, { DNS_BOGUS, false, false } }, MX_DANE_UNKNOWN, "" },
		{ true, { { DNS_BOGUS, false, false } }, MX_DANE_UNKNOWN, "" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		begin(true, true, true, true, true, rows[i].alias ? "alias.example" : "m.example");
		for (int n = 0; n < 2; n++) {
			if (n && !rows[i].answers[0].again) break;
			print_message("row %zu.%d\n", i, n);
			assert_true(name_of(n > 0).len > 0);
			assert_int_equal(mx_take_tlsa(&mx, 0, n > 0, rows[i].answers[n].state,
						      rows[i].answers[n].secure, STR("records")),
					 rows[i].answers[n].again);
		}
		assert_int_equal(decided(), rows[i].want);
		assert_true(str_eq(list.hosts[0].base, str_of(rows[i].base)));
		assert_int_equal(list.hosts[0].tlsa.len > 0, rows[i].want == MX_DANE_FOUND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(bounds),
		cmocka_unit_test(asks),
		cmocka_unit_test(believes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
