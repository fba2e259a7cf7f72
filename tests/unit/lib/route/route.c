/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/route.h"

#define LOCALS \
	"hostname mx.us.example\n" \
	"domain us.example www.us.example { users staff; deliver maildir /m/%d/%n }\n" \
	"domain any.example { users any; deliver maildir /m/%d/%n }\n" \
	"domain moved.example { users any; deliver route inside }\n" \
	"domain asked.example { users staff; deliver route inside }\n" \
	"directory staff { sqlite /var/lib/ims/users }\n" \
	"route inside { via 10.0.0.1 }\n"
#define DEFAULT_ROUTE "route default { via smtp.isp.example }\n"

struct row {
	const char *address;
	bool exists;
	enum route_kind kind;
	const char *where; /* first name of the domain, or the route's name */
	const char *mailbox;
};

static void run(const char *text, const struct row *rows, size_t count)
{
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < count; i++) {
		struct route route = route_find(conf, str_of(rows[i].address), rows[i].exists);
		struct str where = route.domain ? route.domain->names[0]
		                   : route.via  ? route.via->name
		                                : STR("");
		if (route.kind != rows[i].kind || !str_eq(where, str_of(rows[i].where)) ||
		    !str_eq(route.mailbox, str_of(rows[i].mailbox)))
			fail_msg("row %zu: kind %d \"%.*s\" \"%.*s\"", i, (int)route.kind,
				(int)where.len, where.at, (int)route.mailbox.len, route.mailbox.at);
		assert_true((route.kind == ROUTE_MAILBOX) == (route.domain != NULL));
		assert_true((route.kind == ROUTE_HOST) == (route.via != NULL));
	}
	conf_free(conf);
}

static void by_domain(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "ann@us.example", true, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "ann@WWW.us.Example", true, ROUTE_MAILBOX, "us.example", "ann@WWW.us.Example" },
		/* taken in once, so it is delivered: the mailbox decides */
		{ "ann@us.example", false, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "x@any.example", false, ROUTE_MAILBOX, "any.example", "x@any.example" },
		{ "x@moved.example", false, ROUTE_HOST, "inside", "x@moved.example" },
		{ "x@asked.example", true, ROUTE_HOST, "inside", "x@asked.example" },
		{ "bob@there.example", false, ROUTE_HOST, "default", "bob@there.example" },
		{ "bob@[192.0.2.1]", false, ROUTE_HOST, "default", "bob@[192.0.2.1]" },
		/* the last @ counts, whatever a quoted local part holds (Q264330) */
		{ "\"x@any.example\"@there.example", false, ROUTE_HOST, "default",
		  "\"x@any.example\"@there.example" },
		{ "\"x@there.example\"@any.example", false, ROUTE_MAILBOX, "any.example",
		  "\"x@there.example\"@any.example" },
		{ "x%any.example@there.example", false, ROUTE_HOST, "default",
		  "x%any.example@there.example" },
		{ "bob@", false, ROUTE_HOST, "default", "bob@" },
		{ "", false, ROUTE_HOST, "default", "" },
	};
	run(LOCALS DEFAULT_ROUTE, rows, ROWS(rows));
}

static void no_default(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "bob@there.example", false, ROUTE_NONE, "", "bob@there.example" },
		{ "ann@us.example", true, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "x@moved.example", false, ROUTE_HOST, "inside", "x@moved.example" },
		/* nobody is named as postmaster: kept where no domain has one */
		{ "postmaster", false, ROUTE_NONE, "", "postmaster" },
		{ "postmaster@mx.us.example", false, ROUTE_NONE, "", "postmaster@mx.us.example" },
		{ "postmaster@us.example", false, ROUTE_MAILBOX, "us.example", "postmaster@us.example" },
	};
	run(LOCALS, rows, ROWS(rows));
}

static void postmaster(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "postmaster", false, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "PostMaster", true, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "postmaster@mx.us.example", false, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "Postmaster@MX.US.example", false, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		/* Q242387: of every local domain that has no such user itself */
		{ "postmaster@us.example", false, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "postmaster@www.us.example", false, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "postmaster@asked.example", false, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "postmaster@us.example", true, ROUTE_MAILBOX, "us.example", "postmaster@us.example" },
		{ "postmaster@asked.example", true, ROUTE_HOST, "inside", "postmaster@asked.example" },
		{ "postmaster@any.example", false, ROUTE_MAILBOX, "any.example", "postmaster@any.example" },
		{ "postmaster@moved.example", false, ROUTE_HOST, "inside", "postmaster@moved.example" },
		{ "postmaster@there.example", false, ROUTE_HOST, "default", "postmaster@there.example" },
		/* Q245041: not what begins like it */
		{ "post@us.example", false, ROUTE_MAILBOX, "us.example", "post@us.example" },
		{ "postmaster1@us.example", false, ROUTE_MAILBOX, "us.example", "postmaster1@us.example" },
		{ "p", false, ROUTE_HOST, "default", "p" },
		{ "\"postmaster@x\"@us.example", false, ROUTE_MAILBOX, "us.example",
		  "\"postmaster@x\"@us.example" },
	};
	run(LOCALS DEFAULT_ROUTE "postmaster ann@us.example\n", rows, ROWS(rows));
}

/* The configured postmaster may be at home elsewhere, or be a postmaster himself. */
static void postmaster_elsewhere(void **state)
{
	(void)state;
	static const struct row far[] = {
		{ "postmaster", false, ROUTE_HOST, "default", "noc@there.example" },
		{ "postmaster@us.example", false, ROUTE_HOST, "default", "noc@there.example" },
		{ "postmaster@us.example", true, ROUTE_MAILBOX, "us.example", "postmaster@us.example" },
	};
	run(LOCALS DEFAULT_ROUTE "postmaster noc@there.example\n", far, ROWS(far));
	static const struct row kept[] = {
		{ "postmaster", false, ROUTE_NONE, "", "noc@there.example" },
	};
	run(LOCALS "postmaster noc@there.example\n", kept, ROWS(kept));
	static const struct row same[] = {
		{ "postmaster", false, ROUTE_MAILBOX, "us.example", "postmaster@us.example" },
		{ "postmaster@us.example", false, ROUTE_MAILBOX, "us.example", "postmaster@us.example" },
	};
	run(LOCALS "postmaster postmaster@us.example\n", same, ROWS(same));
}

/* A server whose own name is a local domain too. */
static void own_name_is_local(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "postmaster@us.example", true, ROUTE_MAILBOX, "us.example", "postmaster@us.example" },
		{ "postmaster@us.example", false, ROUTE_MAILBOX, "any.example", "x@any.example" },
		{ "ann@us.example", true, ROUTE_MAILBOX, "us.example", "ann@us.example" },
	};
	run("hostname us.example\n"
	    "domain us.example { users staff; deliver maildir /m/%n }\n"
	    "domain any.example { users any; deliver maildir /m/%n }\n"
	    "directory staff { sqlite /x }\npostmaster x@any.example\n", rows, ROWS(rows));
}

static void domain_of(void **state)
{
	(void)state;
	static const struct { const char *address, *domain; } rows[] = {
		{ "a@b.example", "b.example" }, { "a", "" }, { "", "" }, { "a@", "" },
		{ "\"a@b\"@c.example", "c.example" }, { "@d", "d" },
	};
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_true(str_eq(route_domain_of(str_of(rows[i].address)), str_of(rows[i].domain)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_domain),
		cmocka_unit_test(no_default),
		cmocka_unit_test(postmaster),
		cmocka_unit_test(postmaster_elsewhere),
		cmocka_unit_test(own_name_is_local),
		cmocka_unit_test(domain_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
