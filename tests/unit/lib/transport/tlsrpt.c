/* SPDX-License-Identifier: Apache-2.0 */
/* TLS-RPT: records of the DNS, addresses, the report as JSON, and the mail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/base/base64.h"
#include "lib/transport/tlsrpt.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void records(void **state)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "v=TLSRPTv1; rua=mailto:a@b.example", "mailto:a@b.example" },
		{ "v=TLSRPTv1;rua=mailto:a@b.example;", "mailto:a@b.example" },
		{ "v=TLSRPTv1 ; rua=https://b.example/x", "https://b.example/x" },
		{ "v=TLSRPTv1; rua=mailto:a@b , https://c/?d", "mailto:a@b https://c/?d" },
		{ "v=TLSRPTv1; x=1; rua=mailto:a@b; y=2", "mailto:a@b" },
		{ "v=TLSRPTv1; rua=ftp://c,mailto:a@b", "mailto:a@b" },
		{ "v=TLSRPTv1; rua=mailto:a@b; rua=mailto:c@d", "mailto:a@b" },
		{ "v=TLSRPTv1; rua=MAILTO:a@b,HTTPS://c", "MAILTO:a@b HTTPS://c" },
		{ "v=TLSRPTv1; rua=mailto:1@b,mailto:2@b,mailto:3@b,mailto:4@b,mailto:5@b",
		  "mailto:1@b mailto:2@b mailto:3@b mailto:4@b" },
		{ "v=TLSRPTv1; rua=http://c", "" },
		{ "v=TLSRPTv1; rua=mailto:", "" },
		{ "v=TLSRPTv1; rua=https://", "" },
		{ "v=TLSRPTv1; rua=https://c/\"x", "" },
		{ "v=TLSRPTv1; rua=https://c/ x", "" },
		{ "v=TLSRPTv1; rua=https://c/\r\nx", "" },
		{ "v=TLSRPTv1; rua=", "" },
		{ "v=TLSRPTv1", "" },
		{ "v=TLSRPTv1;", "" },
		{ "v=TLSRPTv2; rua=mailto:a@b", "" },
		{ "V=TLSRPTv1; rua=mailto:a@b", "" },
		{ "v=tlsrptv1; rua=mailto:a@b", "" },
		{ " rua=mailto:a@b; v=TLSRPTv1", "" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct tlsrpt_record r;
		char text[512];
		struct buf out;
		buf_init_fixed(&out, text, sizeof text);
		bool good = tlsrpt_record_parse(str_of(rows[i].text), &r);
		for (size_t n = 0; n < r.count; n++) {
			if (n) buf_byte(&out, ' ');
			buf_str(&out, r.uris[n]);
		}
		if (good != (rows[i].want[0] != 0) || !str_eq(buf_view(&out), str_of(rows[i].want)))
			fail_msg("row %zu: %.*s", i, (int)out.len, out.at);
	}
}

static void one_record(void **state)
{
	static const struct { const char *texts[4]; bool good; } rows[] = {
		{ { "v=TLSRPTv1; rua=mailto:a@b" }, true },
		{ { "v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@b", "hello" }, true },
		{ { "v=TLSRPTv1; rua=mailto:a@b", "v=TLSRPTv1; rua=mailto:c@d" }, false },
		{ { "v=TLSRPTv1x; rua=mailto:a@b" }, false },
		{ { "v=spf1 -all" }, false },
		{ { NULL }, false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct tlsrpt_record r;
		char memory[512];
		struct buf texts;
		buf_init_fixed(&texts, memory, sizeof memory);
		for (size_t n = 0; n < 4 && rows[i].texts[n]; n++) buf_put_str(&texts, str_of(rows[i].texts[n]));
		if (tlsrpt_record_find(buf_view(&texts), &r) != rows[i].good) fail_msg("row %zu", i);
		/* What is cut is not believed. */
		if (rows[i].good && texts.len > 2)
			assert_false(i == 0 && tlsrpt_record_find(str_sub(buf_view(&texts), 0, texts.len - 2), &r));
	}
}

static void addresses(void **state)
{
	static const struct { const char *uri, *want; } rows[] = {
		{ "mailto:a@b.example", "a@b.example" },
		{ "MailTo:a.c+d@b.example", "a.c+d@b.example" },
		{ "mailto:a%21c@b.example", "a!c@b.example" },
		{ "mailto:a@b.example?subject=x", "a@b.example" },
		{ "mailto:a@b.example%0d%0aBcc:x@y", "" },
		{ "mailto:a@b.example%3E%20<x@y>", "" },
		{ "mailto:a%2", "" },
		{ "mailto:a%zz@b", "" },
		{ "mailto:a", "" },
		{ "mailto:a@[192.0.2.1]", "" },
		{ "mailto:%22a b%22@b.example", "" },
		{ "mailto:a@b@c.example", "" },
		{ "mailto:", "" },
		{ "https://a@b.example", "" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[TLSRPT_ADDRESS_MAX];
		struct buf out;
		buf_init_fixed(&out, text, sizeof text);
		bool good = tlsrpt_address(str_of(rows[i].uri), &out);
		if (good != (rows[i].want[0] != 0)) fail_msg("row %zu: %d", i, good);
		if (good && !str_eq(buf_view(&out), str_of(rows[i].want))) fail_msg("row %zu", i);
	}
}

static const struct tlsrpt_head head = { .organization = STR_INIT("Us \"and\" more"),
	.contact = STR_INIT("tls@us.example"), .host = STR_INIT("mx.us.example"),
	.begin_ms = 1795305600000, .end_ms = 1795392000000 };

static struct ip ip_of(const char *text)
{
	struct ip ip;
	assert_true(ip_parse(str_of(text), &ip));
	return ip;
}

static void fill(struct results *r)
{
	struct result one = { .domain = STR("far.example"), .policy = TRANSPORT_STS,
		.lines = STR("version: STSv1\r\nmode: enforce\r\nmx: *.far.example\r\nmx: mx.else.example\r\nmax_age: 86400\r\n"),
		.mx = STR("mx1.far.example"), .own = ip_of("192.0.2.9"), .peer = ip_of("2001:db8::1") };
	results_init(r, head.begin_ms, head.end_ms, 1);
	for (int i = 0; i < 3; i++) assert_true(results_add(r, &one));
	one.failure = TRANSPORT_CERTIFICATE_EXPIRED;
	assert_true(results_add(r, &one));
	assert_true(results_add(r, &one));
	one.failure = TRANSPORT_STARTTLS_NOT_SUPPORTED;
	one.own = one.peer = (struct ip){ .octets = { 0 } };
	one.mx = STR("mx\"\n\x01");
	assert_true(results_add(r, &one));
	one.policy = TRANSPORT_NO_POLICY;
	one.lines = STR("");
	one.failure = TRANSPORT_GOOD;
	assert_true(results_add(r, &one));
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "(none)";
}

static void report(void **state)
{
	struct results r;
	struct buf out;
	(void)state;
	fill(&r);
	buf_init(&out, TLSRPT_JSON_MAX);
	tlsrpt_json_write(&out, &head, results_find(&r, STR("far.example")));
	assert_false(out.overflowed);
	json_t *o = json_loadb(out.at, out.len, 0, NULL);
	assert_non_null(o);
	assert_string_equal(text_at(o, "organization-name"), "Us \"and\" more");
	assert_string_equal(text_at(o, "contact-info"), "tls@us.example");
	assert_string_equal(text_at(o, "report-id"), "1795305600.1795392000.far.example@mx.us.example");
	const json_t *range = json_object_get(o, "date-range");
	assert_string_equal(text_at(range, "start-datetime"), "2026-11-22T00:00:00Z");
	assert_string_equal(text_at(range, "end-datetime"), "2026-11-22T23:59:59Z");
	const json_t *policies = json_object_get(o, "policies");
	assert_int_equal(json_array_size(policies), 2);
	const json_t *first = json_array_get(policies, 0), *policy = json_object_get(first, "policy");
	assert_string_equal(text_at(policy, "policy-type"), "sts");
	assert_string_equal(text_at(policy, "policy-domain"), "far.example");
	assert_int_equal(json_array_size(json_object_get(policy, "policy-string")), 5);
	assert_string_equal(json_string_value(json_array_get(json_object_get(policy, "policy-string"), 0)), "version: STSv1");
	assert_int_equal(json_array_size(json_object_get(policy, "mx-host")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(policy, "mx-host"), 0)), "*.far.example");
	const json_t *summary = json_object_get(first, "summary");
	assert_int_equal(json_integer_value(json_object_get(summary, "total-successful-session-count")), 3);
	assert_int_equal(json_integer_value(json_object_get(summary, "total-failure-session-count")), 3);
	const json_t *details = json_object_get(first, "failure-details"), *detail = json_array_get(details, 0);
	assert_int_equal(json_array_size(details), 2);
	assert_string_equal(text_at(detail, "result-type"), "certificate-expired");
	assert_string_equal(text_at(detail, "sending-mta-ip"), "192.0.2.9");
	assert_string_equal(text_at(detail, "receiving-ip"), "2001:db8::1");
	assert_string_equal(text_at(detail, "receiving-mx-hostname"), "mx1.far.example");
	assert_int_equal(json_integer_value(json_object_get(detail, "failed-session-count")), 2);
	detail = json_array_get(details, 1);
	assert_string_equal(text_at(detail, "receiving-mx-hostname"), "mx\"\n\x01");
	assert_null(json_object_get(detail, "receiving-ip"));
	assert_null(json_object_get(detail, "sending-mta-ip"));
	const json_t *second = json_array_get(policies, 1);
	policy = json_object_get(second, "policy");
	assert_string_equal(text_at(policy, "policy-type"), "no-policy-found");
	assert_null(json_object_get(policy, "policy-string"));
	assert_null(json_object_get(policy, "mx-host"));
	assert_null(json_object_get(second, "failure-details"));
	json_decref(o);
	buf_free(&out);
	results_free(&r);
}

static void mail(void **state)
{
	static const char *const lines[] = {
		"From: <tls@us.example>\r\n", "To: <reports@far.example>\r\n",
		"Subject: Report Domain: far.example\r\n Submitter: mx.us.example\r\n"
		" Report-ID: <1795305600.1795392000.far.example@mx.us.example>\r\n",
		"Date: Mon, 23 Nov 2026 00:00:05 +0000\r\n", "Message-ID: <000000000000002a.tlsrpt@mx.us.example>\r\n",
		"TLS-Report-Domain: far.example\r\n", "TLS-Report-Submitter: mx.us.example\r\n",
		"TLS-Required: No\r\n", "Auto-Submitted: auto-generated\r\n", "MIME-Version: 1.0\r\n",
		"Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"=_tlsrpt_000000000000002a\"\r\n\r\n",
		"--=_tlsrpt_000000000000002a\r\nContent-Type: text/plain; charset=us-ascii\r\n",
		"--=_tlsrpt_000000000000002a\r\nContent-Type: application/tlsrpt+gzip\r\n"
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
		" filename=\"mx.us.example!far.example!1795305600!1795391999.json.gz\"\r\n\r\n",
		"\r\n--=_tlsrpt_000000000000002a--\r\n",
	};
	char packed[200];
	struct buf out;
	(void)state;
	memset(packed, 0xe7, sizeof packed);
	struct tlsrpt_mail m = { .head = &head, .domain = STR("far.example"), .to = STR("reports@far.example"),
		.packed = { packed, sizeof packed }, .now_ms = 1795392005000, .number = 42 };
	buf_init(&out, TLSRPT_MAIL_MAX);
	tlsrpt_mail_write(&out, &m);
	assert_false(out.overflowed);
	for (size_t i = 0; i < ROWS(lines); i++)
		if (!memmem(out.at, out.len, lines[i], strlen(lines[i])))
			fail_msg("missing: %s in\n%.*s", lines[i], (int)out.len, out.at);
	/* No line is long, and each ends with CRLF. */
	struct str rest = buf_view(&out), coded = STR("");
	struct buf all;
	buf_init(&all, 1 << 20);
	while (rest.len) {
		struct str line = str_cut(&rest, '\n');
		assert_true(line.len >= 1 && line.at[line.len - 1] == '\r');
		assert_in_range(line.len, 1, 120);
		if (coded.at && coded.len && str_starts(line, STR("--"))) coded = STR("");
		if (coded.len) buf_str(&all, str_sub(line, 0, line.len - 1));
		if (line.len == 1 && rest.len && str_find(str_sub(rest, 0, 20), ' ') < 0 && !str_starts(rest, STR("--")))
			coded = STR("x");
	}
	struct buf bytes;
	buf_init(&bytes, 1 << 20);
	assert_true(base64_decode(&bytes, buf_view(&all)));
	assert_true(str_eq(buf_view(&bytes), m.packed));
	buf_free(&bytes);
	buf_free(&all);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(one_record),
		cmocka_unit_test(addresses),
		cmocka_unit_test(report),
		cmocka_unit_test(mail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
