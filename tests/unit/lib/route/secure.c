/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/secure.h"

#include <string.h>

#define OFF      SMTP_CL_TLS_OFF
#define MAY      SMTP_CL_TLS_MAY
#define MUST     SMTP_CL_TLS_MUST
#define IMPLICIT SMTP_CL_TLS_IMPLICIT

struct row {
	const char *what; /* "tls start port host domain", - is nothing */
	bool mx_secure;
	enum mx_dane dane;
	bool failed;
	enum smtp_client_tls tls;
	bool may_clear;
	const char *check, *sni, *names;
};

static const struct row rows[] = {
	{ "off auto 25 h.example -", 0, 0, 0, OFF, false, "none", "", "" },
	{ "off auto 465 h.example -", 0, 0, 0, OFF, false, "none", "", "" },
	{ "may auto 25 h.example -", 0, 0, 0, MAY, true, "none", "h.example", "" },
	{ "may auto 25 h.example -", 0, 0, true, OFF, true, "none", "h.example", "" },
	{ "may auto 465 h.example -", 0, 0, 0, IMPLICIT, false, "none", "h.example", "" },
	/* from the first octet there is no clear text to go back to */
	{ "may auto 465 h.example -", 0, 0, true, IMPLICIT, false, "none", "h.example", "" },
	{ "may starttls 465 h.example -", 0, 0, 0, MAY, true, "none", "h.example", "" },
	{ "may implicit 25 h.example -", 0, 0, 0, IMPLICIT, false, "none", "h.example", "" },
	{ "may auto 25 192.0.2.1 -", 0, 0, 0, MAY, true, "none", "", "" },
	{ "require auto 25 h.example -", 0, 0, 0, MUST, false, "none", "h.example", "" },
	{ "require auto 25 h.example -", 0, 0, true, MUST, false, "none", "h.example", "" },
	{ "require auto 465 2001:db8::1 -", 0, 0, 0, IMPLICIT, false, "none", "", "" },
	{ "verify auto 587 h.example -", 0, 0, 0, MUST, false, "verified", "h.example", "h.example" },
	{ "verify auto 25 192.0.2.1 -", 0, 0, true, MUST, false, "verified", "", "192.0.2.1" },
	/* an MX name that anybody may have forged proves nothing */
	{ "verify auto 25 mx.isp.example far.example", 0, 0, 0, MUST, false, "verified",
	  "mx.isp.example", "far.example" },
	{ "verify auto 25 mx.far.example far.example", 0, 0, 0, MUST, false, "verified",
	  "mx.far.example", "far.example mx.far.example" },
	{ "verify auto 25 mx.FAR.example far.example", 0, 0, 0, MUST, false, "verified",
	  "mx.FAR.example", "far.example mx.FAR.example" },
	{ "verify auto 25 mxfar.example far.example", 0, 0, 0, MUST, false, "verified",
	  "mxfar.example", "far.example" },
	{ "verify auto 25 far.example far.example", 0, 0, 0, MUST, false, "verified", "far.example",
	  "far.example" },
	{ "verify auto 25 mx.isp.example far.example", true, 0, 0, MUST, false, "verified",
	  "mx.isp.example", "far.example mx.isp.example" },
	{ "verify auto 25 192.0.2.1 [192.0.2.1]", 0, 0, 0, MUST, false, "verified", "", "192.0.2.1" },
	{ "dane auto 25 mx.far.example far.example", true, MX_DANE_NONE, 0, MAY, true, "none",
	  "mx.far.example", "" },
	{ "dane auto 25 mx.far.example far.example", true, MX_DANE_NONE, true, OFF, true, "none",
	  "mx.far.example", "" },
	{ "dane auto 25 mx.far.example far.example", true, MX_DANE_FOUND, true, MUST, false, "dane",
	  "base.example", "base.example mx.far.example far.example" },
	{ "dane auto 465 mx.far.example -", false, MX_DANE_FOUND, 0, IMPLICIT, false, "dane",
	  "base.example", "base.example mx.far.example" },
	/* what is known of records counts for dane only */
	{ "require auto 25 h.example -", true, MX_DANE_FOUND, 0, MUST, false, "none", "h.example", "" },
	{ "may auto 25 h.example -", true, MX_DANE_UNKNOWN, 0, MAY, true, "none", "h.example", "" },
};

static void plans(void **state)
{
	static const char *const words[] = { "off", "may", "require", "verify", "dane" };
	static const char *const starts[] = { "auto", "starttls", "implicit" };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct str rest = str_of(rows[i].what);
		struct str tls = str_word(&rest), start = str_word(&rest);
		uint64_t port = 0;
		struct secure_facts f = { .mx_secure = rows[i].mx_secure, .dane = rows[i].dane,
					  .failed = rows[i].failed, .base = STR("base.example") };
		while (!str_eq(tls, str_of(words[f.tls]))) f.tls++;
		while (!str_eq(start, str_of(starts[f.start]))) f.start++;
		assert_true(str_to_u64(str_word(&rest), &port));
		f.port = (uint16_t)port;
		f.host = str_word(&rest);
		f.domain = str_word(&rest);
		if (str_eq(f.domain, STR("-"))) f.domain = STR("");
		struct secure_plan plan;
		secure_plan_make(&f, &plan);
		print_message("%zu %s\n", i, rows[i].what);
		assert_false(plan.skip);
		assert_int_equal(plan.tls, rows[i].tls);
		assert_int_equal(plan.may_clear, rows[i].may_clear);
		assert_true(str_eq(secure_check_word(plan.check), str_of(rows[i].check)));
		assert_true(str_eq(plan.sni, str_of(rows[i].sni)));
		char text[256];
		struct buf names;
		buf_init_fixed(&names, text, sizeof text);
		for (size_t k = 0; k < plan.name_count; k++) {
			if (k) buf_byte(&names, ' ');
			buf_str(&names, plan.names[k]);
		}
		assert_true(str_eq(buf_view(&names), str_of(rows[i].names)));
	}
}

/* What policies and the sender's own word make of an MX host. */
enum { N = SECURE_STS_NONE, T = SECURE_STS_TESTING, E = SECURE_STS_ENFORCE };
static const struct {
	enum conf_route_tls tls;
	enum mx_dane dane;
	int sts;
	bool has, optional, demanded;
	enum smtp_client_tls want;
	enum secure_skip skip;
	const char *check; /* "lenient" for one that is */
	const char *names;
	enum transport_policy policy;
} cases[] = {
#define AUTO    CONF_ROUTE_TLS_AUTO
#define DANE    CONF_ROUTE_TLS_DANE
#define REQUIRE CONF_ROUTE_TLS_REQUIRE
#define VERIFY  CONF_ROUTE_TLS_VERIFY
#define RMAY    CONF_ROUTE_TLS_MAY
#define HOST    "mx.isp.example"
	{ AUTO, 0, N, 0, 0, 0, MAY, 0, "none", "", 0 },
	{ AUTO, 0, E, 1, 0, 0, MUST, 0, "verified", HOST, TRANSPORT_STS },
	{ AUTO, 0, E, 0, 0, 0, MUST, SECURE_SKIP_STS, "none", "", TRANSPORT_STS },
	{ AUTO, 0, T, 1, 0, 0, MAY, 0, "lenient", HOST, TRANSPORT_STS },
	{ AUTO, 0, T, 0, 0, 0, MAY, 0, "none", "", TRANSPORT_STS },
	/* RFC 8461 2: DANE stands before it, whatever comes of that */
	{ AUTO, MX_DANE_FOUND, E, 0, 0, 0, MUST, 0, "dane", "base.example " HOST " far.example",
	  TRANSPORT_TLSA },
	{ AUTO, MX_DANE_UNKNOWN, E, 1, 0, 0, MUST, SECURE_SKIP_DANE, "none", "", TRANSPORT_TLSA },
	/* only `auto` asks for it */
	{ DANE, 0, E, 1, 0, 0, MAY, 0, "none", "", 0 },
	{ RMAY, 0, E, 1, 0, 0, MAY, 0, "none", "", 0 },
	{ REQUIRE, 0, E, 0, 0, 0, MUST, 0, "none", "", 0 },
	/* TLS-Required: no */
	{ AUTO, 0, E, 0, 1, 0, MAY, 0, "none", "", 0 },
	{ AUTO, MX_DANE_FOUND, E, 1, 1, 0, MAY, 0, "none", "", 0 },
	{ DANE, MX_DANE_UNKNOWN, N, 0, 1, 0, MAY, 0, "none", "", 0 },
	{ REQUIRE, 0, N, 0, 1, 0, MUST, 0, "none", "", 0 },
	{ VERIFY, 0, N, 0, 1, 0, MUST, 0, "verified", "far.example", 0 },
	/* REQUIRETLS */
	{ AUTO, 0, N, 0, 0, 1, MUST, 0, "verified", "far.example", 0 },
	{ AUTO, 0, E, 1, 0, 1, MUST, 0, "verified", HOST, TRANSPORT_STS },
	{ AUTO, 0, E, 0, 0, 1, MUST, SECURE_SKIP_STS, "none", "", TRANSPORT_STS },
	{ AUTO, 0, T, 1, 0, 1, MUST, 0, "verified", "far.example " HOST, TRANSPORT_STS },
	{ AUTO, 0, T, 0, 0, 1, MUST, 0, "verified", "far.example", TRANSPORT_STS },
	{ AUTO, MX_DANE_FOUND, N, 0, 0, 1, MUST, 0, "dane", "base.example " HOST " far.example",
	  TRANSPORT_TLSA },
	{ RMAY, 0, E, 1, 0, 1, MUST, 0, "verified", "far.example " HOST, 0 },
	{ RMAY, MX_DANE_FOUND, N, 0, 0, 1, MUST, 0, "dane", "base.example " HOST " far.example",
	  TRANSPORT_TLSA },
	{ RMAY, MX_DANE_UNKNOWN, N, 0, 0, 1, MUST, SECURE_SKIP_DANE, "none", "", TRANSPORT_TLSA },
	{ VERIFY, 0, N, 0, 0, 1, MUST, 0, "verified", "far.example", 0 },
	{ CONF_ROUTE_TLS_OFF, 0, N, 0, 0, 1, OFF, 0, "none", "", 0 },
};

static void policies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct secure_facts f = { .tls = cases[i].tls, .port = 25, .host = STR(HOST),
					  .domain = STR("far.example"), .dane = cases[i].dane,
					  .base = STR("base.example"), .sts = (enum secure_sts)cases[i].sts,
					  .sts_has = cases[i].has, .optional = cases[i].optional,
					  .demanded = cases[i].demanded };
		struct secure_plan plan;
		char text[256];
		struct buf names;
		secure_plan_make(&f, &plan);
		print_message("case %zu\n", i);
		assert_int_equal(plan.tls, cases[i].want);
		assert_int_equal(plan.skip, cases[i].skip);
		assert_int_equal(plan.may_clear, cases[i].want == MAY);
		assert_int_equal(plan.policy, cases[i].policy);
		bool lenient = strcmp(cases[i].check, "lenient") == 0;
		assert_int_equal(plan.lenient, lenient);
		assert_true(str_eq(secure_check_word(plan.check),
				   lenient ? STR("verified") : str_of(cases[i].check)));
		buf_init_fixed(&names, text, sizeof text);
		for (size_t k = 0; k < plan.name_count; k++)
			buf_fmt(&names, "%s%.*s", k ? " " : "", STR_ARG(plan.names[k]));
		assert_true(str_eq(buf_view(&names), str_of(cases[i].names)));
	}
}

static void unknown_is_skipped(void **state)
{
	struct secure_facts f = { .tls = CONF_ROUTE_TLS_DANE, .port = 25, .host = STR("h.example"),
				  .dane = MX_DANE_UNKNOWN };
	struct secure_plan plan;
	(void)state;
	secure_plan_make(&f, &plan);
	assert_int_equal(plan.skip, SECURE_SKIP_DANE);
	assert_false(plan.may_clear);
	assert_int_equal(plan.tls, MUST);
}

static void the_word_that_counts(void **state)
{
	(void)state;
	static struct str names[] = { STR_INIT("a.example") };
	struct conf_tls_policy own = { .names = names, .name_count = 1, .tls = CONF_ROUTE_TLS_MAY, .until_ms = 1000 };
	struct conf conf = { .tls_policies = &own, .tls_policy_count = 1 };
	const struct conf_route route = { .tls = CONF_ROUTE_TLS_VERIFY };
	const int64_t day_ms = 24 * 60 * 60 * 1000;
	assert_int_equal(secure_word(&conf, &route, STR("x.a.example"), 0), CONF_ROUTE_TLS_MAY);
	assert_int_equal(secure_word(&conf, &route, STR("b.example"), 0), CONF_ROUTE_TLS_VERIFY);
	assert_int_equal(secure_word(&conf, &route, STR(""), 0), CONF_ROUTE_TLS_VERIFY);
	assert_int_equal(secure_word(&conf, &route, STR("a.example"), 1000 + day_ms), CONF_ROUTE_TLS_VERIFY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(policies),
		cmocka_unit_test(unknown_is_skipped),
		cmocka_unit_test(the_word_that_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
