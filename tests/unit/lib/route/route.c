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
		struct route route = route_find(conf, &(struct route_ask){
			.address = str_of(rows[i].address), .exists = rows[i].exists });
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

#define NARROW \
	"domain own.example { users any; deliver route hub }\n" \
	"postmaster noc@there.test\n" \
	"route hub { via h; match .b.example }\n" \
	"route sub { via h; match .b.example; sender @.a.example }\n" \
	"route dom { via h; match .b.example; sender @x.a.example }\n" \
	"route one { via h; match .b.example; sender Ann@x.a.example }\n" \
	"route usr { via h; match .b.example; user ann@x.a.example }\n" \
	"route udom { via h; match .b.example; user @x.a.example }\n" \
	"route both { mx; match .b.example; user ann@x.a.example; sender @y.example }\n" \
	"route null { via h; match .b.example; sender <>; cost 5 }\n" \
	"route null2 { via h; match *.b.example; sender <>; cost 4 }\n" \
	"route exact { via h; match c.b.example; sender @z.example }\n" \
	"route hosted { via h; sender @z.example z.example@z.example }\n" \
	"route star { via h; match * * *; cost 7 }\n" \
	"route default { mx }\n"

/* First what the domain says, then the user, then the sender, then the cost. */
static void by_sender_and_user(void **state)
{
	(void)state;
	static const struct { const char *to, *from, *user, *name, *match, *sender, *who; } rows[] = {
		{ "q@s.b.example", "", "", "null2", ".b.example", "<>", "" },
		{ "q@s.b.example", "", "ann@x.a.example", "usr", ".b.example", "", "ann@x.a.example" },
		{ "q@s.b.example", "ann@x.a.example", "", "one", ".b.example", "Ann@x.a.example", "" },
		{ "q@s.b.example", "ANN@X.A.example", "", "one", ".b.example", "Ann@x.a.example", "" },
		{ "q@s.b.example", "bob@x.a.example", "", "dom", ".b.example", "@x.a.example", "" },
		{ "q@s.b.example", "bob@q.x.a.example", "", "sub", ".b.example", "@.a.example", "" },
		{ "q@s.b.example", "bob@a.example", "", "hub", ".b.example", "", "" },
		{ "q@s.b.example", "ann@x.a.example", "Ann@x.a.example", "usr", ".b.example", "", "ann@x.a.example" },
		{ "q@s.b.example", "ann@x.a.example", "bob@x.a.example", "udom", ".b.example", "", "@x.a.example" },
		{ "q@s.b.example", "i@y.example", "ann@x.a.example", "both", ".b.example", "@y.example", "ann@x.a.example" },
		{ "q@s.b.example", "i@y.example", "bob@x.a.example", "udom", ".b.example", "", "@x.a.example" },
		{ "q@s.b.example", "i@y.example", "", "hub", ".b.example", "", "" },
		/* the longer word for somebody else says nothing */
		{ "q@c.b.example", "i@z.example", "", "exact", "c.b.example", "@z.example", "" },
		{ "q@c.b.example", "i@y.example", "", "hub", ".b.example", "", "" },
		/* the domain stands before the sender */
		{ "q@s.b.example", "i@z.example", "", "hub", ".b.example", "", "" },
		{ "q@there.test", "i@z.example", "", "hosted", "*", "@z.example", "" },
		{ "q@there.test", "z.example@z.example", "", "hosted", "*", "z.example@z.example", "" },
		{ "q@[192.0.2.1]", "i@z.example", "", "hosted", "*", "@z.example", "" },
		{ "q@there.test", "i@y.example", "", "star", "*", "", "" },
		{ "q@there.test", "no address", "no address", "star", "*", "", "" },
		/* where a local domain goes is said by name, whoever sends */
		{ "q@own.example", "i@z.example", "", "hub", "", "", "" },
		/* the configured postmaster's mail has its sender, too */
		{ "postmaster", "i@z.example", "", "hosted", "*", "@z.example", "" },
	};
	struct conf *conf = conf_of(NARROW);
	assert_true(conf_routes_are_narrowed(conf));
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct route route = route_find(conf, &(struct route_ask){ .address = str_of(rows[i].to),
			.exists = true, .sender = str_of(rows[i].from), .user = str_of(rows[i].user) });
		if (!str_eq(route_name(&route), str_of(rows[i].name)) ||
		    !str_eq(route.match, str_of(rows[i].match)) ||
		    !str_eq(route.sender, str_of(rows[i].sender)) ||
		    !str_eq(route.user, str_of(rows[i].who)))
			fail_msg("row %zu: %.*s by '%.*s' '%.*s' '%.*s'", i, STR_ARG(route_name(&route)),
				STR_ARG(route.match), STR_ARG(route.sender), STR_ARG(route.user));
	}
	conf_free(conf);
	conf = conf_of(MATCHES);
	assert_false(conf_routes_are_narrowed(conf));
	conf_free(conf);
}

static const char *const blocks[] = {
	"route p { via h; match .b.example; cost 1 }\n",
	"route q { via h; match .b.example s.b.example; cost 2; sender @a.example }\n",
	"route r { via h; match *; cost 3; sender <> @.a.example }\n",
	"route s { via h; cost 4; user u@a.example; sender @a.example }\n",
	"route t { mx; match s.b.example *; cost 5 }\n",
	"route default { mx; cost 6 }\n",
};
enum { BLOCKS = sizeof blocks / sizeof *blocks };

/* What each of them says is the same in whatever order the blocks stand. */
static void answers_write(struct buf *out, const struct conf *conf)
{
	static const char *const to[] = { "x@s.b.example", "x@t.b.example", "x@b.example", "x@c.test" };
	static const char *const from[] = { "", "i@a.example", "i@s.a.example", "i@c.test" };
	static const char *const users[] = { "", "u@a.example", "v@a.example" };
	for (size_t t = 0; t < ROWS(to); t++)
		for (size_t f = 0; f < ROWS(from); f++)
			for (size_t u = 0; u < ROWS(users); u++) {
				struct route route = route_find(conf, &(struct route_ask){
					.address = str_of(to[t]), .exists = true,
					.sender = str_of(from[f]), .user = str_of(users[u]) });
				buf_str(out, route_name(&route));
				buf_byte(out, ' ');
			}
}

static void order_does_not_matter(void **state)
{
	(void)state;
	char first[1024], other[1024];
	size_t at[BLOCKS] = { 0 }, seen = 0;
	struct buf want;
	buf_init_fixed(&want, first, sizeof first);
	/* All orders: each block goes to one of the places that are left. */
	for (;;) {
		const char *order[BLOCKS] = { NULL };
		char text[1024];
		struct buf whole, got;
		for (size_t b = 0; b < BLOCKS; b++) {
			size_t place = 0;
			for (size_t left = at[b];; place++)
				if (!order[place] && left-- == 0) break;
			order[place] = blocks[b];
		}
		buf_init_fixed(&whole, text, sizeof text);
		for (size_t b = 0; b < BLOCKS; b++) buf_str(&whole, str_of(order[b]));
		buf_byte(&whole, '\0');
		assert_false(whole.overflowed);
		struct conf *conf = conf_of(text);
		buf_init_fixed(&got, other, sizeof other);
		answers_write(seen ? &got : &want, conf);
		if (seen && !str_eq(buf_view(&got), buf_view(&want))) fail_msg("another answer:\n%s", text);
		conf_free(conf);
		seen++;
		size_t b = 0;
		while (b < BLOCKS && ++at[b] == BLOCKS - b) at[b++] = 0;
		if (b == BLOCKS) break;
	}
	assert_int_equal(seen, 720);
	/* And the answers differ, so that this says something. */
	for (const char *name = "pqrst"; *name; name++) assert_non_null(memchr(want.at, *name, want.len));
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
	struct route route = route_find(conf, &(struct route_ask){ .address = str_of(address) });
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
		/* another route may lead others to the same hosts, and with other words about TLS */
		{ "x@Null.test", "mx:null.test:26/Null", "Null" },
		{ "x@hub.test", "route:hub", "hub" },
		{ "x@[IPv6:2001:DB8::1]", "none", "-" },
		{ "x@other.example", "none", "-" },
		{ "", "none", "-" },
	};
	struct conf *conf = conf_of(LOCALS "route Far { mx; match there.test }\n"
		"route odd { mx; match odd.test; port 2525 }\n"
		"route Null { mx; match null.test; port 26; sender <> }\n"
		"route hub { via h; match hub.test; sender <> }\n");
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
			struct route route = route_find(conf, &(struct route_ask){ .address = whole });
			buf_init_fixed(&key[n], text[n], sizeof text[n]);
			route_key(&key[n], &route);
			assert_false(key[n].overflowed);
			assert_true(key[n].len == ROUTE_KEY_MAX);
			assert_int_equal(key[n].at[ROUTE_KEY_MAX - 17] == '#', i > 0);
		}
		assert_true(str_eq(buf_view(&key[0]), buf_view(&key[1])));
		address[lengths[i]] = 'c';
		struct route route = route_find(conf, &(struct route_ask){
			.address = { address, lengths[i] + 1 } });
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
		cmocka_unit_test(by_sender_and_user),
		cmocka_unit_test(order_does_not_matter),
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
