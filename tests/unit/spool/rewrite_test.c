/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spool/rewrite.h"

#include <string.h>

static struct rewrite memory;

static void rows(void **state)
{
	(void)state;
	static const struct { const char *domain, *address, *orcpt, *want, *want_orcpt; } cases[] = {
		{ "new.example", "ann@old.example", "", "ann@new.example", "rfc822;ann@old.example" },
		{ "new.example", "ann@old.example", "rfc822;x@y", "ann@new.example", "rfc822;x@y" },
		{ "new.example", "\"a@b=+ \"@old.example", "", "\"a@b=+ \"@new.example",
		  "rfc822;\"a@b+3D+2B+20\"@old.example" },
		{ "new.example", "\xc3\xa4@old.example", "", "\xc3\xa4@new.example", "" },
		{ "new.example", "ann@[192.0.2.1]", "", "ann@new.example", "rfc822;ann@[192.0.2.1]" },
		{ "new.example", "postmaster", "", "postmaster", "" },
		{ "new.example", "", "", "", "" },
		{ "", "ann@old.example", "", "ann@old.example", "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct conf_route via = { .recipient_domain = str_of(cases[i].domain) };
		struct route route = { .kind = ROUTE_VIA, .via = &via };
		struct job_recipient r = { .address = str_of(cases[i].address),
					   .orcpt = str_of(cases[i].orcpt) };
		rewrite_recipient(&route, &memory, &r);
		if (!str_eq(r.address, str_of(cases[i].want)) ||
		    !str_eq(r.orcpt, str_of(cases[i].want_orcpt)))
			fail_msg("row %zu: %.*s %.*s", i, STR_ARG(r.address), STR_ARG(r.orcpt));
	}
}

static void no_route_and_no_room(void **state)
{
	(void)state;
	static char address[REWRITE_MAX + 16];
	struct conf_route via = { .recipient_domain = STR("new.example") };
	struct route none = { .kind = ROUTE_LMTP }, route = { .kind = ROUTE_VIA, .via = &via };
	struct job_recipient r = { .address = STR("a@old.example") };
	rewrite_recipient(&none, &memory, &r);
	assert_true(str_eq(r.address, STR("a@old.example")));
	memset(address, '+', REWRITE_MAX / 3);
	memcpy(address + REWRITE_MAX / 3, "@x", 3);
	r.address = str_of(address);
	rewrite_recipient(&route, &memory, &r);
	assert_true(str_eq(r.address, str_of(address)));
	assert_int_equal(r.orcpt.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(no_route_and_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
