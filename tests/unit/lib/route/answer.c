/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/answer.h"

#include <string.h>

/* A message is written as its parts: header with counts, question, records. */
#define HEAD(answers)     "\0\0\x81\x80\0\1\0" answers "\0\0\0\0"
#define QUESTION(type)    "\1a\7example\0\0" type "\0\1"
#define OWNER             "\xc0\x0c"
#define RR(type, len)     "\0" type "\0\1\0\0\0\x3c\0" len
#define MX                "\x0f"
#define A                 "\1"
#define AAAA              "\x1c"
#define CNAME             "\5"
#define BYTES(text)       { text, sizeof(text) - 1 }

static const struct {
	struct str packet;
	enum dns_state state;
	const char *want; /* "PREFERENCE NAME;" */
} mx_rows[] = {
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER RR(MX, "\6") "\0\x0a\1m\xc0\x0c"), DNS_FOUND,
	  "10 m.a.example;" },
	{ BYTES(HEAD("\2") QUESTION(MX) OWNER RR(MX, "\6") "\1\0\1m\xc0\x0c" OWNER
		RR(MX, "\3") "\0\0\0"), DNS_FOUND, "256 m.a.example;0 .;" },
	{ BYTES(HEAD("\0") QUESTION(MX)), DNS_NO_DATA, "" },
	/* the message's own code */
	{ BYTES("\0\0\x81\x83\0\1\0\0\0\0\0\0" QUESTION(MX)), DNS_NO_NAME, "" },
	{ BYTES("\0\0\x81\x83\0\1\0\1\0\0\0\0" QUESTION(MX) OWNER RR(CNAME, "\2") "\0\0"),
	  DNS_NO_NAME, "" },
	{ BYTES("\0\0\x81\x82\0\1\0\0\0\0\0\0" QUESTION(MX)), DNS_FAILED, "" },
	{ BYTES("\0\0\x81\x85\0\1\0\0\0\0\0\0" QUESTION(MX)), DNS_FAILED, "" },
	/* records of others, of other types and of other classes are not ours */
	{ BYTES(HEAD("\1") QUESTION(MX) "\1b\xc0\x0e" RR(MX, "\6") "\0\x0a\1m\xc0\x0c"),
	  DNS_NO_DATA, "" },
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER RR(A, "\4") "\1\2\3\4"), DNS_NO_DATA, "" },
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER "\0" MX "\0\3\0\0\0\x3c\0\6" "\0\x0a\1m\xc0\x0c"),
	  DNS_NO_DATA, "" },
	/* over two aliases, which stand in any order */
	{ BYTES(HEAD("\3") QUESTION(MX) "\1c\xc0\x0e" RR(MX, "\6") "\0\x0a\1m\xc0\x0c"
		"\1b\xc0\x0e" RR(CNAME, "\4") "\1c\xc0\x0e" OWNER RR(CNAME, "\4")
		"\1b\xc0\x0e"), DNS_FOUND, "10 m.a.example;" },
	/* an alias of itself ends somewhere */
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER RR(CNAME, "\2") OWNER), DNS_NO_DATA, "" },
	/* escapes are text here, and no host later */
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER RR(MX, "\x0a") "\0\1\5a\0.b\n\xc0\x0c"),
	  DNS_FOUND, "1 a\\000\\.b\\010.a.example;" },
	/* damage: nothing of it counts */
	{ BYTES(""), DNS_FAILED, "" },
	{ BYTES("\0\0\x81\x80\0\1\0\0\0\0\0"), DNS_FAILED, "" },
	{ BYTES(HEAD("\0")), DNS_FAILED, "" },
	{ BYTES("\0\0\x81\x80\0\0\0\0\0\0\0\0"), DNS_FAILED, "" },
	{ BYTES(HEAD("\2") QUESTION(MX) OWNER RR(MX, "\6") "\0\x0a\1m\xc0\x0c"), DNS_FAILED, "" },
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER RR(MX, "\6") "\0\x0a\1m\xc0"), DNS_FAILED, "" },
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER RR(MX, "\2") "\0\x0a"), DNS_FAILED, "" },
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER RR(MX, "\4") "\0\x0a\xc0\x29"), DNS_FAILED, "" },
	{ BYTES(HEAD("\1") QUESTION(MX) "\xc0\x1b" RR(A, "\4") "\1\2\3\4"), DNS_FAILED, "" },
	{ BYTES(HEAD("\1") QUESTION(MX) OWNER RR(CNAME, "\2") "\xc0\x27"), DNS_FAILED, "" },
};

static void mx(void **state)
{
	static struct dns_mx out[DNS_RECORDS_MAX];
	(void)state;
	for (size_t i = 0; i < ROWS(mx_rows); i++) {
		size_t count = 7;
		char memory[512];
		struct buf text;
		buf_init_fixed(&text, memory, sizeof memory);
		enum dns_state got = dns_read_mx(mx_rows[i].packet, out, &count);
		for (size_t k = 0; k < count; k++)
			buf_fmt(&text, "%u %.*s;", out[k].preference, (int)out[k].len,
				out[k].name);
		if (got != mx_rows[i].state ||
		    !str_eq(buf_view(&text), str_of(mx_rows[i].want)))
			fail_msg("row %zu: %d '%.*s'", i, (int)got, (int)text.len, text.at);
	}
}

static const struct {
	struct str packet;
	enum dns_type type;
	enum dns_state state;
	const char *want;
} ip_rows[] = {
	{ BYTES(HEAD("\2") QUESTION(A) OWNER RR(A, "\4") "\1\2\3\4" OWNER RR(A, "\4")
		"\5\6\7\x08"), DNS_A, DNS_FOUND, "1.2.3.4;5.6.7.8;" },
	{ BYTES(HEAD("\1") QUESTION(AAAA) OWNER RR(AAAA, "\x10")
		"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), DNS_AAAA, DNS_FOUND,
	  "2001:db8::1;" },
	{ BYTES(HEAD("\1") QUESTION(AAAA) OWNER RR(AAAA, "\x10")
		"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), DNS_A, DNS_NO_DATA, "" },
	{ BYTES(HEAD("\1") QUESTION(A) OWNER RR(A, "\3") "\1\2\3"), DNS_A, DNS_FAILED, "" },
	{ BYTES(HEAD("\1") QUESTION(A) OWNER RR(A, "\5") "\1\2\3\4\5"), DNS_A, DNS_FAILED, "" },
	{ BYTES(HEAD("\1") QUESTION(AAAA) OWNER RR(AAAA, "\4") "\1\2\3\4"), DNS_AAAA,
	  DNS_FAILED, "" },
	{ BYTES(HEAD("\3") QUESTION(A) OWNER RR(A, "\4") "\1\2\3\4" OWNER RR(A, "\4")
		"\1\2\3\5" OWNER RR(A, "\4") "\1\2\3\6"), DNS_A, DNS_FOUND, "1.2.3.4;1.2.3.5;" },
};

static void ips(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(ip_rows); i++) {
		struct ip out[2];
		size_t count = 7;
		char memory[512];
		struct buf text;
		buf_init_fixed(&text, memory, sizeof memory);
		enum dns_state got = dns_read_ips(ip_rows[i].packet, ip_rows[i].type, out, 2,
						  &count);
		for (size_t k = 0; k < count; k++) {
			ip_write(&text, out[k]);
			buf_byte(&text, ';');
		}
		if (got != ip_rows[i].state ||
		    !str_eq(buf_view(&text), str_of(ip_rows[i].want)))
			fail_msg("row %zu: %d '%.*s'", i, (int)got, (int)text.len, text.at);
	}
}

/* An answer with 120 records is cut, not refused. */
static void many(void **state)
{
	static struct dns_mx out[DNS_RECORDS_MAX];
	static const char head[] = HEAD("\x78") QUESTION(MX);
	static const char record[] = OWNER RR(MX, "\6") "\0\x0a\1m\xc0\x0c";
	static const char best[] = OWNER RR(MX, "\6") "\0\x05\1m\xc0\x0c";
	size_t count = 0;
	struct buf packet;
	(void)state;
	buf_init(&packet, 65536);
	buf_bytes(&packet, head, sizeof head - 1);
	for (int i = 0; i < 119; i++) buf_bytes(&packet, record, sizeof record - 1);
	buf_bytes(&packet, best, sizeof best - 1);
	assert_int_equal(dns_read_mx(buf_view(&packet), out, &count), DNS_FOUND);
	assert_int_equal(count, DNS_RECORDS_MAX);
	/* The preferred one stays, though it is the last. */
	unsigned found = 0;
	for (size_t i = 0; i < count; i++) found += out[i].preference == 5;
	assert_int_equal(found, 1);
	/* What stands behind the last record, or is bigger than any message can be, is
	 * damage. */
	buf_byte(&packet, '\0');
	assert_int_equal(dns_read_mx(buf_view(&packet), out, &count), DNS_FAILED);
	while (packet.len < 65536) buf_byte(&packet, '\0');
	assert_int_equal(dns_read_mx(buf_view(&packet), out, &count), DNS_FAILED);
	buf_free(&packet);
}

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"
#define L61 "a2345678901234567890123456789012345678901234567890123456789ab"

static const struct {
	const char *name;
	bool host;
} names[] = {
	{ "a", true },
	{ "mx1.a.example", true },
	{ "_x.a-b.example", true },
	{ "1.2.example", true },
	{ "3com.example", true },
	{ L63 ".example", true },
	{ L63 "." L63 "." L63 "." L61, true }, /* 253 */
	{ L63 "." L63 "." L63 "." L61 "x", false },
	{ "x" L63 ".example", false },
	{ "", false },
	{ ".", false },
	{ "a..b", false },
	{ ".a", false },
	{ "a.example.", false },
	{ "192.0.2.1", false },
	{ "1", false },
	{ "a.1", false },
	{ "2001:db8::1", false },
	{ "[192.0.2.1]", false },
	{ "a b", false },
	{ "a\\.b.example", false },
	{ "a\nb.example", false },
	{ "b\xc3\xbc" "cher.example", false },
	{ "a%s.example", false },
};

static void hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(names); i++)
		if (dns_name_is_host(str_of(names[i].name)) != names[i].host)
			fail_msg("row %zu: %s", i, names[i].name);
	assert_false(dns_name_is_host(STR("a\0b")));
}

/* Names of addresses: only those of hosts, whatever else stands there. */
static void ptr_names(void **state)
{
	(void)state;
#define PTR "\x0c"
	static const struct {
		struct str packet;
		enum dns_state state;
		const char *want;
	} rows[] = {
		{ BYTES(HEAD("\1") QUESTION(PTR) OWNER RR(PTR, "\4") "\1m\xc0\x0c"), DNS_FOUND, "m.a.example;" },
		{ BYTES(HEAD("\2") QUESTION(PTR) OWNER RR(PTR, "\4") "\1m\xc0\x0c" OWNER RR(PTR, "\4")
			"\1n\xc0\x0c"), DNS_FOUND, "m.a.example;n.a.example;" },
		{ BYTES(HEAD("\2") QUESTION(PTR) OWNER RR(PTR, "\6") "\3m\r\n\xc0\x0c" OWNER RR(PTR, "\4")
			"\1n\xc0\x0c"), DNS_FOUND, "n.a.example;" },
		{ BYTES(HEAD("\1") QUESTION(PTR) OWNER RR(PTR, "\4") "\1 \xc0\x0c"), DNS_NO_DATA, "" },
		{ BYTES(HEAD("\1") QUESTION(PTR) OWNER RR(PTR, "\1") "\0"), DNS_NO_DATA, "" },
		{ BYTES(HEAD("\1") QUESTION(PTR) "\1b\xc0\x0e" RR(PTR, "\4") "\1m\xc0\x0c"), DNS_NO_DATA, "" },
		{ BYTES(HEAD("\1") QUESTION(PTR) OWNER RR(PTR, "\2") "\xc0\x27"), DNS_FAILED, "" },
		{ BYTES("\0\0\x81\x83\0\1\0\0\0\0\0\0" QUESTION(PTR)), DNS_NO_NAME, "" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dns_name out[2];
		char memory[600];
		struct buf text;
		size_t count = 7;
		buf_init_fixed(&text, memory, sizeof memory);
		enum dns_state got = dns_read_ptr(rows[i].packet, out, 2, &count);
		for (size_t k = 0; k < count; k++)
			buf_fmt(&text, "%.*s;", (int)out[k].len, out[k].text);
		if (got != rows[i].state || !str_eq(buf_view(&text), str_of(rows[i].want)))
			fail_msg("row %zu: %d '%.*s'", i, (int)got, (int)text.len, text.at);
	}
	struct dns_name one;
	size_t count;
	assert_int_equal(dns_read_ptr(rows[1].packet, &one, 1, &count), DNS_FOUND);
	assert_int_equal(count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mx),
		cmocka_unit_test(ips),
		cmocka_unit_test(many),
		cmocka_unit_test(hosts),
		cmocka_unit_test(ptr_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
