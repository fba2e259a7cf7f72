/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of the PROXY protocol, in pieces of every length; and the argument of XCLIENT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/smtp/proxy.h"
#include "lib/smtp/xclient.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define V2          "\r\n\r\n\0\r\nQUIT\n"
#define V4_BODY     "\306\063\144\001\300\000\002\031\234\100\000\031" /* 198.51.100.1 192.0.2.25 */
#define V6_BODY \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x9c\x40\0\x19"
#define IN(text) STR_INIT(text)

static const struct {
	struct str in;
	enum smtp_proxy_result want;
	const char *client; /* "": local */
	size_t left;        /* octets that are not the header's */
} rows[] = {
	/* version 1 */
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 40000 25\r\n"), SMTP_PROXY_OK, "198.51.100.1", 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 40000 25\r\nEHLO x\r\n"), SMTP_PROXY_OK, "198.51.100.1", 8 },
	{ IN("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"), SMTP_PROXY_OK, "2001:db8::1", 0 },
	{ IN("PROXY TCP6 ::ffff:198.51.100.1 ::ffff:192.0.2.1 1 2\r\n"), SMTP_PROXY_OK, "198.51.100.1", 0 },
	{ IN("PROXY UNKNOWN\r\n"), SMTP_PROXY_OK, "", 0 },
	{ IN("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), SMTP_PROXY_OK, "", 0 },
	{ IN("PROXY"), SMTP_PROXY_MORE, NULL, 0 },
	{ IN(""), SMTP_PROXY_MORE, NULL, 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 40000 25\r"), SMTP_PROXY_MORE, NULL, 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 40000 25\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 40000\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 40000 25 \r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 40000 25 1\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP4  198.51.100.1 192.0.2.25 40000 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 65536 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 -1 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP4 198.51.100.1 192.0.2.25 000001 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP4 2001:db8::1 192.0.2.25 1 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP6 198.51.100.1 192.0.2.25 1 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY TCP6 :: 2001:db8::2 1 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY UDP4 198.51.100.1 192.0.2.25 1 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXY \r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("PROXYTCP4 198.51.100.1 192.0.2.25 1 25\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("EHLO c.example\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	{ IN("proxy UNKNOWN\r\n"), SMTP_PROXY_BAD, NULL, 0 },
	/* version 2 */
	{ IN(V2 "\x21\x11\0\x0c" V4_BODY), SMTP_PROXY_OK, "198.51.100.1", 0 },
	{ IN(V2 "\x21\x11\0\x0c" V4_BODY "EHLO"), SMTP_PROXY_OK, "198.51.100.1", 4 },
	{ IN(V2 "\x21\x11\0\x0f" V4_BODY "\4\0\0"), SMTP_PROXY_OK, "198.51.100.1", 0 },
	{ IN(V2 "\x21\x21\0\x24" V6_BODY), SMTP_PROXY_OK, "2001:db8::1", 0 },
	{ IN(V2 "\x20\0\0\0"), SMTP_PROXY_OK, "", 0 },
	{ IN(V2 "\x20\x11\0\x0c" V4_BODY), SMTP_PROXY_OK, "", 0 },
	{ IN(V2 "\x21\0\0\0"), SMTP_PROXY_OK, "", 0 },
	{ IN(V2 "\x21\x31\0\x02xx"), SMTP_PROXY_OK, "", 0 },
	{ IN(V2 "\x21\x11\0\x0c\306\063"), SMTP_PROXY_MORE, NULL, 0 },
	{ IN("\r\n\r\n"), SMTP_PROXY_MORE, NULL, 0 },
	{ IN(V2 "\x21\x11\0\x0b" V4_BODY), SMTP_PROXY_BAD, NULL, 0 }, /* shorter than its addresses */
	{ IN(V2 "\x21\x21\0\x0c" V4_BODY), SMTP_PROXY_BAD, NULL, 0 },
	{ IN(V2 "\x21\x12\0\x0c" V4_BODY), SMTP_PROXY_BAD, NULL, 0 }, /* UDP */
	{ IN(V2 "\x11\x11\0\x0c" V4_BODY), SMTP_PROXY_BAD, NULL, 0 },
	{ IN(V2 "\x22\x11\0\x0c" V4_BODY), SMTP_PROXY_BAD, NULL, 0 },
	{ IN(V2 "\x21\x11\x08\x01" V4_BODY), SMTP_PROXY_BAD, NULL, 0 }, /* too long */
	{ IN(V2 "\x21\x11\x08\x00" V4_BODY), SMTP_PROXY_MORE, NULL, 0 },
	{ IN("\r\n\r\n\0\r\nQUIX"), SMTP_PROXY_BAD, NULL, 0 },
};

static void headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct smtp_proxy got;
		struct ip client = { 0 };
		size_t used;
		enum smtp_proxy_result result = smtp_proxy_parse(rows[i].in, &got, &used);
		if (result != rows[i].want) fail_msg("row %zu: %d", i, (int)result);
		/* Every beginning of a good one wants more, and never a byte too many. */
		size_t header = result == SMTP_PROXY_OK ? used : 0;
		for (size_t cut = 0; cut < header; cut++)
			if (smtp_proxy_parse(str_sub(rows[i].in, 0, cut), &got, &used) != SMTP_PROXY_MORE)
				fail_msg("row %zu, cut at %zu", i, cut);
		if (result != SMTP_PROXY_OK) continue;
		(void)smtp_proxy_parse(rows[i].in, &got, &used);
		assert_int_equal(rows[i].in.len - used, rows[i].left);
		assert_int_equal(got.local, rows[i].client[0] == '\0');
		if (got.local) continue;
		assert_true(ip_parse(str_of(rows[i].client), &client));
		assert_true(ip_eq(client, got.client));
	}
}

static void ports_and_server(void **state)
{
	(void)state;
	struct smtp_proxy a, b;
	struct ip server;
	size_t used;
	struct str v1 = STR("PROXY TCP4 198.51.100.1 192.0.2.25 40000 25\r\n");
	struct str v2 = STR(V2 "\x21\x11\0\x0c" V4_BODY);
	assert_int_equal(smtp_proxy_parse(v1, &a, &used), SMTP_PROXY_OK);
	assert_int_equal(smtp_proxy_parse(v2, &b, &used), SMTP_PROXY_OK);
	assert_true(ip_parse(STR("192.0.2.25"), &server));
	assert_true(ip_eq(a.server, server) && ip_eq(b.server, server));
	assert_int_equal(a.client_port, 40000);
	assert_int_equal(b.client_port, 40000);
	assert_int_equal(a.server_port, 25);
	assert_int_equal(b.server_port, 25);
}

static void line_is_bounded(void **state)
{
	(void)state;
	char text[SMTP_PROXY_V1_MAX + 1] = "PROXY UNKNOWN ";
	struct smtp_proxy got;
	size_t used, head = strlen(text);
	memset(text + head, 'x', sizeof text - head);
	struct str line = { text, SMTP_PROXY_V1_MAX };
	assert_int_equal(smtp_proxy_parse(str_sub(line, 0, line.len - 1), &got, &used), SMTP_PROXY_MORE);
	assert_int_equal(smtp_proxy_parse(line, &got, &used), SMTP_PROXY_BAD);
	text[SMTP_PROXY_V1_MAX - 2] = '\r';
	text[SMTP_PROXY_V1_MAX - 1] = '\n';
	assert_int_equal(smtp_proxy_parse(line, &got, &used), SMTP_PROXY_OK);
}

static const struct {
	const char *arg;
	bool good;
	unsigned has, unknown;
} xclients[] = {
	{ "NAME=far.example ADDR=192.0.2.1", true, SMTP_XCLIENT_NAME | SMTP_XCLIENT_ADDR, 0 },
	{ "name=far.example addr=ipv6:2001:db8::1", true, SMTP_XCLIENT_NAME | SMTP_XCLIENT_ADDR, 0 },
	{ "ADDR=2001:db8::1", true, SMTP_XCLIENT_ADDR, 0 },
	{ "NAME=[UNAVAILABLE] ADDR=[TEMPUNAVAIL]", true, 0, SMTP_XCLIENT_NAME | SMTP_XCLIENT_ADDR },
	{ "NAME=[tempunavail]", true, 0, SMTP_XCLIENT_NAME },
	{ "PORT=25 DESTPORT=65535 DESTADDR=192.0.2.2 PROTO=SMTP", true,
	  SMTP_XCLIENT_PORT | SMTP_XCLIENT_DESTPORT | SMTP_XCLIENT_DESTADDR | SMTP_XCLIENT_PROTO, 0 },
	{ "HELO=a+20b LOGIN=x+40y", true, SMTP_XCLIENT_HELO | SMTP_XCLIENT_LOGIN, 0 },
	{ "", false, 0, 0 },
	{ "NAME", false, 0, 0 },
	{ "NAME=", false, 0, 0 },
	{ "NAME=a_b..c", false, 0, 0 },
	{ "NAME=a.example NAME=b.example", false, 0, 0 },
	{ "ADDR=192.0.2.1 ADDR=[UNAVAILABLE]", false, 0, 0 },
	{ "ADDR=192.0.2", false, 0, 0 },
	{ "ADDR=IPV6:192.0.2.1", false, 0, 0 },
	{ "ADDR=::", false, 0, 0 },
	{ "PORT=65536", false, 0, 0 },
	{ "PROTO=LMTP", false, 0, 0 },
	{ "HELO=a+0Ab", false, 0, 0 },
	{ "HELO=", false, 0, 0 },
	{ "LOGIN=a+0Db", false, 0, 0 },
	{ "LOGIN=", false, 0, 0 },
	{ "LOGIN=a+4", false, 0, 0 },
	{ "COLOUR=red", false, 0, 0 },
};

static void xclient_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(xclients); i++) {
		char text[512];
		struct buf memory;
		struct smtp_xclient got;
		buf_init_fixed(&memory, text, sizeof text);
		bool good = smtp_xclient_parse(str_of(xclients[i].arg), &memory, &got);
		if (good != xclients[i].good) fail_msg("row %zu: %s", i, xclients[i].arg);
		if (!good) continue;
		assert_int_equal(got.has, xclients[i].has);
		assert_int_equal(got.unknown, xclients[i].unknown);
		if (got.has & SMTP_XCLIENT_HELO) assert_true(str_eq(got.helo, STR("a b")));
		if (got.has & SMTP_XCLIENT_LOGIN) assert_true(str_eq(got.login, STR("x@y")));
		if (got.has & SMTP_XCLIENT_PROTO) assert_false(got.esmtp);
		if (got.has & SMTP_XCLIENT_NAME) assert_true(str_eq(got.name, STR("far.example")));
		if (got.unknown & SMTP_XCLIENT_NAME)
			assert_int_equal(got.name_later, str_find(str_of(xclients[i].arg), 't') >= 0);
	}
}

static void xclient_long_texts(void **state)
{
	(void)state;
	static const struct { const char *name; size_t max; } limits[] = {
		{ "HELO=", 255 }, { "LOGIN=", 320 }, { "NAME=", 0 },
	};
	for (size_t i = 0; i < ROWS(limits); i++)
		for (size_t more = 0; more < 2; more++) {
			char text[512], room[512];
			struct buf arg, memory;
			struct smtp_xclient got;
			buf_init_fixed(&arg, text, sizeof text);
			buf_init_fixed(&memory, room, sizeof room);
			buf_str(&arg, str_of(limits[i].name));
			size_t len = limits[i].max ? limits[i].max + more : 400;
			while (len-- > 0) buf_byte(&arg, 'x');
			assert_int_equal(smtp_xclient_parse(buf_view(&arg), &memory, &got),
					 limits[i].max && !more);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),           cmocka_unit_test(ports_and_server),
		cmocka_unit_test(line_is_bounded),   cmocka_unit_test(xclient_arguments),
		cmocka_unit_test(xclient_long_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
