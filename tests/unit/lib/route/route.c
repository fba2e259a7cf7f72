/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/route.h"

#include <string.h>

#define LOCALS \
	"hostname mx.us.example\n" \
	"domain us.example www.us.example { users staff; deliver maildir /m/%d/%n }\n" \
	"domain any.example { users any; deliver maildir /m/%d/%n }\n" \
	"domain moved.example { users any; deliver route inside }\n" \
	"domain asked.example { users staff; deliver route inside }\n" \
	"directory staff { sqlite /var/lib/ims/users }\n" \
	"domain far.example { users any; deliver lmtp /run/L.sock [::1]:24 H.example }\n" \
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
		bool home = route.kind == ROUTE_MAILBOX || route.kind == ROUTE_LMTP;
		bool away = route.kind == ROUTE_VIA || route.kind == ROUTE_MX;
		assert_true(home == (route.domain != NULL));
		assert_true(away == (route.via != NULL));
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
		{ "x@far.example", false, ROUTE_LMTP, "far.example", "x@far.example" },
		{ "x@moved.example", false, ROUTE_VIA, "inside", "x@moved.example" },
		{ "x@asked.example", true, ROUTE_VIA, "inside", "x@asked.example" },
		{ "bob@there.example", false, ROUTE_VIA, "default", "bob@there.example" },
		{ "bob@[192.0.2.1]", false, ROUTE_VIA, "default", "bob@[192.0.2.1]" },
		/* the last @ counts, whatever a quoted local part holds (Q264330) */
		{ "\"x@any.example\"@there.example", false, ROUTE_VIA, "default",
		  "\"x@any.example\"@there.example" },
		{ "\"x@there.example\"@any.example", false, ROUTE_MAILBOX, "any.example",
		  "\"x@there.example\"@any.example" },
		{ "x%any.example@there.example", false, ROUTE_VIA, "default",
		  "x%any.example@there.example" },
		{ "bob@", false, ROUTE_VIA, "default", "bob@" },
		{ "", false, ROUTE_VIA, "default", "" },
	};
	run(LOCALS DEFAULT_ROUTE, rows, ROWS(rows));
}

static void no_default(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "bob@there.example", false, ROUTE_NONE, "", "bob@there.example" },
		{ "ann@us.example", true, ROUTE_MAILBOX, "us.example", "ann@us.example" },
		{ "x@moved.example", false, ROUTE_VIA, "inside", "x@moved.example" },
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
		{ "postmaster@asked.example", true, ROUTE_VIA, "inside", "postmaster@asked.example" },
		{ "postmaster@any.example", false, ROUTE_MAILBOX, "any.example", "postmaster@any.example" },
		{ "postmaster@moved.example", false, ROUTE_VIA, "inside", "postmaster@moved.example" },
		{ "postmaster@there.example", false, ROUTE_VIA, "default", "postmaster@there.example" },
		/* Q245041: not what begins like it */
		{ "post@us.example", false, ROUTE_MAILBOX, "us.example", "post@us.example" },
		{ "postmaster1@us.example", false, ROUTE_MAILBOX, "us.example", "postmaster1@us.example" },
		{ "p", false, ROUTE_VIA, "default", "p" },
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
		{ "postmaster", false, ROUTE_VIA, "default", "noc@there.example" },
		{ "postmaster@us.example", false, ROUTE_VIA, "default", "noc@there.example" },
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

#define MATCHES \
	"domain us.example { users any; deliver maildir /m/%n }\n" \
	"domain asked.example { users any; deliver route asked }\n" \
	"domain far.example { users any; deliver route exact }\n" \
	"route asked { mx; port 2525 }\n" \
	"route wide { via wide.isp.example; match .example us.example .us.example }\n" \
	"route deep { mx; match .b.example }\n" \
	"route exact { via h; match B.example a.b.example dear.example same.example }\n" \
	"route dear { via h; cost 9; match dear.example .c.example .cheap.example same.example }\n" \
	"route cheap { mx; cost 2; match .cheap.example }\n" \
	"route cheaper { mx; cost 1; match .cheap.example .CHEAP.example }\n" \
	"route late { mx; cost 1; match .cheap.example }\n"

/* Exact names, then the longest suffix, then the cost, then the order. */
static void by_match(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "x@us.example", false, ROUTE_MAILBOX, "us.example", "x@us.example" },
		{ "x@sub.us.example", false, ROUTE_VIA, "wide", "x@sub.us.example" },
		{ "x@asked.example", false, ROUTE_MX, "asked", "x@asked.example" },
		{ "x@far.example", false, ROUTE_VIA, "exact", "x@far.example" },
		{ "x@other.example", false, ROUTE_VIA, "wide", "x@other.example" },
		{ "x@example", false, ROUTE_MX, "default", "x@example" },
		{ "x@b.example", false, ROUTE_VIA, "exact", "x@b.example" },
		{ "x@A.B.Example", false, ROUTE_VIA, "exact", "x@A.B.Example" },
		{ "x@c.b.example", false, ROUTE_MX, "deep", "x@c.b.example" },
		{ "x@a.a.b.example", false, ROUTE_MX, "deep", "x@a.a.b.example" },
		{ "x@ab.example", false, ROUTE_VIA, "wide", "x@ab.example" },
		{ "x@dear.example", false, ROUTE_VIA, "exact", "x@dear.example" },
		{ "x@c.example", false, ROUTE_VIA, "wide", "x@c.example" },
		{ "x@a.c.example", false, ROUTE_VIA, "dear", "x@a.c.example" },
		{ "x@a.cheap.example", false, ROUTE_MX, "cheaper", "x@a.cheap.example" },
		{ "x@same.example", false, ROUTE_VIA, "exact", "x@same.example" },
		{ "x@there.test", false, ROUTE_MX, "default", "x@there.test" },
		{ "x@[192.0.2.1]", false, ROUTE_MX, "default", "x@[192.0.2.1]" },
		{ "x@[IPv6:2001:db8::1]", false, ROUTE_MX, "default", "x@[IPv6:2001:db8::1]" },
		/* what no parser lets through leads nowhere special either */
		{ "x@.b.example", false, ROUTE_MX, "default", "x@.b.example" },
		{ "x@a..example", false, ROUTE_VIA, "wide", "x@a..example" },
		{ "x@.", false, ROUTE_MX, "default", "x@." },
		{ "x@a.", false, ROUTE_MX, "default", "x@a." },
		/* the DNS has nothing for those */
		{ "x@", false, ROUTE_NONE, "", "x@" },
		{ "", false, ROUTE_NONE, "", "" },
		{ "x", false, ROUTE_NONE, "", "x" },
	};
	run(MATCHES "route default { mx }\n", rows, ROWS(rows));
	static const struct row alone[] = {
		{ "x@there.test", false, ROUTE_NONE, "", "x@there.test" },
		{ "x@other.example", false, ROUTE_VIA, "wide", "x@other.example" },
		{ "x@[192.0.2.1]", false, ROUTE_NONE, "", "x@[192.0.2.1]" },
	};
	run(MATCHES, alone, ROWS(alone));
}

static void postmaster_at_lmtp(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "postmaster", false, ROUTE_LMTP, "far.example", "noc@far.example" },
		{ "postmaster@us.example", false, ROUTE_LMTP, "far.example", "noc@far.example" },
		{ "postmaster@far.example", false, ROUTE_LMTP, "far.example", "postmaster@far.example" },
	};
	run(LOCALS "postmaster noc@far.example\n", rows, ROWS(rows));
}

static void key_is(size_t row, const struct conf *conf, const char *address,
                   const char *want_key, const char *want_name)
{
	struct route route = route_find(conf, str_of(address), false);
	char text[ROUTE_KEY_MAX];
	struct buf key;
	buf_init_fixed(&key, text, sizeof text);
	route_key(&key, &route);
	struct str name = route_name(&route);
	if (key.overflowed || !str_eq(buf_view(&key), str_of(want_key)) ||
	    !str_eq(name, str_of(want_name)))
		fail_msg("row %zu: '%.*s' '%.*s'", row, (int)key.len, key.at, STR_ARG(name));
}

static void keys(void **state)
{
	(void)state;
	static const struct { const char *address, *key, *name; } rows[] = {
		{ "ann@us.example", "mailbox", "mailbox" },
		{ "ann@any.example", "mailbox", "mailbox" },
		/* hosts in lower case, paths as they are */
		{ "ann@far.example", "lmtp:/run/L.sock,[::1]:24,h.example:24", "lmtp" },
		{ "x@moved.example", "route:inside", "inside" },
		{ "x@asked.example", "route:inside", "inside" },
		{ "x@There.TEST", "mx:there.test", "Far" },
		{ "y@there.test", "mx:there.test", "Far" },
		{ "x@odd.test", "mx:odd.test:2525", "odd" },
		{ "x@[IPv6:2001:DB8::1]", "none", "-" },
		{ "x@other.example", "none", "-" },
		{ "", "none", "-" },
	};
	struct conf *conf = conf_of(LOCALS "route Far { mx; match there.test }\n"
		"route odd { mx; match odd.test; port 2525 }\n");
	for (size_t i = 0; i < ROWS(rows); i++)
		key_is(i, conf, rows[i].address, rows[i].key, rows[i].name);
	conf_free(conf);
	conf = conf_of("route default { mx }\n");
	key_is(99, conf, "x@[192.0.2.1]", "mx:[192.0.2.1]", "default");
	key_is(99, conf, "x@[IPv6:2001:DB8::1]", "mx:[ipv6:2001:db8::1]", "default");
	conf_free(conf);
}

/* What is too long is cut, bounded, and still itself. */
static void long_keys(void **state)
{
	(void)state;
	enum { LENGTHS = 3000 };
	static char address[LENGTHS + 2];
	struct conf *conf = conf_of("route default { mx }\n");
	static const size_t lengths[] = { 297, 298, 1024, LENGTHS };
	for (size_t i = 0; i < ROWS(lengths); i++) {
		char text[2][ROUTE_KEY_MAX];
		struct buf key[2];
		for (size_t n = 0; n < 2; n++) {
			memset(address, 'a', lengths[i] + 1);
			address[0] = '@';
			address[lengths[i]] = n ? 'B' : 'b'; /* no difference */
			struct str whole = { address, lengths[i] + 1 };
			struct route route = route_find(conf, whole, false);
			buf_init_fixed(&key[n], text[n], sizeof text[n]);
			route_key(&key[n], &route);
			assert_false(key[n].overflowed);
			assert_true(key[n].len == ROUTE_KEY_MAX);
			assert_int_equal(key[n].at[ROUTE_KEY_MAX - 17] == '#', i > 0);
		}
		assert_true(str_eq(buf_view(&key[0]), buf_view(&key[1])));
		address[lengths[i]] = 'c';
		struct route route = route_find(conf, (struct str){ address, lengths[i] + 1 }, false);
		buf_reset(&key[1]);
		route_key(&key[1], &route);
		assert_false(str_eq(buf_view(&key[0]), buf_view(&key[1])));
	}
	conf_free(conf);
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
		cmocka_unit_test(by_match),
		cmocka_unit_test(keys),
		cmocka_unit_test(long_keys),
		cmocka_unit_test(postmaster_at_lmtp),
		cmocka_unit_test(no_default),
		cmocka_unit_test(postmaster),
		cmocka_unit_test(postmaster_elsewhere),
		cmocka_unit_test(own_name_is_local),
		cmocka_unit_test(domain_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
