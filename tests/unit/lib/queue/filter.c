/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/queue/filter.h"

/* The mail that every good filter is tried on: one of each kind. */
static const struct mail {
	struct filter_facts facts;
	const char *to[3]; /* their route is the first label of the domain, postmaster's - */
} mails[] = {
	[0] = { { 0x1a, FILTER_ACTIVE, STR_INIT("ann@us.example"), 1000, 0 },
	        { "bob@there.example" } },
	[1] = { { 0x2b, FILTER_DEFERRED, STR_INIT(""), 3600000, 1048576 },
	        { "ann@us.example", "BOB@There.Example" } },
	[2] = { { 0x3c, FILTER_HELD, STR_INIT("ANN@US.example"), 86400000, 1048577 },
	        { "\"x@us.example\"@there.example" } },
	[3] = { { UINT64_MAX, FILTER_POISON, STR_INIT("us.example@evil.example"), 0, 1048575 },
	        { "postmaster" } },
	[4] = { { 0x5e, FILTER_ACTIVE, STR_INIT("x@sub.us.example"), -5000, UINT64_MAX },
	        { "x@notthere.example", "y@elsewhere.example", "z@there.example." } },
};
enum { ALL = (1 << ROWS(mails)) - 1 };

static unsigned hits(const struct filter *f)
{
	unsigned found = 0;
	for (size_t i = 0; i < ROWS(mails); i++) {
		bool to = false;
		for (size_t k = 0; k < 3 && mails[i].to[k]; k++) {
			struct str address = str_of(mails[i].to[k]);
			ptrdiff_t at = str_rfind(address, '@');
			struct str rest = str_from(address, (size_t)(at + 1));
			struct str route = at < 0 ? STR("-") : str_cut(&rest, '.');
			to = to || filter_matches_recipient(f, address, route);
		}
		if (to && filter_matches(f, &mails[i].facts)) found |= 1u << i;
	}
	return found;
}

static void good(void **state)
{
	(void)state;
	static const struct { const char *text; unsigned hits; } rows[] = {
		{ "", ALL },
		{ "  \t ", ALL },
		{ "state=active", 1 | 16 }, { "state=DEFERRED", 2 }, { "state=held", 4 }, { "state=poison", 8 },
		{ "id=1a", 1 }, { "id=000000000000002B", 2 }, { "id=ffffffffffffffff", 8 }, { "id=77", 0 },
		{ "from=ann@us.example", 1 | 4 }, { "from=Ann@US.EXAMPLE", 1 | 4 },
		{ "from=@us.example", 1 | 4 }, { "from=us.example", 1 | 4 },
		{ "from=@evil.example", 8 }, { "from=@sub.us.example", 16 },
		{ "from=<>", 2 }, { "from=example", 0 },
		{ "to=@there.example", 1 | 2 | 4 }, { "to=bob@there.example", 1 | 2 },
		{ "to=us.example", 2 }, { "to=<>", 0 }, { "to=postmaster", 8 },
		{ "to=\"x@us.example\"@there.example", 4 },
		{ "route=there", 1 | 4 | 16 }, { "route=us", 2 }, { "route=-", 8 }, { "route=ther", 0 },
		{ "route=there to=bob@there.example", 1 }, { "route=us to=bob@there.example", 0 },
		{ "older=1s", 1 | 2 | 4 }, { "older=1h", 2 | 4 }, { "older=1d", 4 }, { "older=25h", 0 },
		{ "older=0", ALL },
		{ "younger=1h", 1 | 2 | 8 | 16 }, { "younger=1ms", 8 | 16 },
		{ "older=1s younger=1h", 1 | 2 },
		{ "size>1M", 4 | 16 }, { "size>0", 2 | 4 | 8 | 16 }, { "size<1M", 1 | 8 },
		{ "size<1", 1 }, { "size>1M size<2M", 4 }, { "size<9223372036854775807", 15 },
		{ "size>9223372036854775807", 16 },
		{ "state=active from=@us.example to=@there.example older=1s size<1K", 1 },
		{ "\tstate=active   to=@there.example ", 1 },
		{ "state=held state=held", 0xbad },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[256];
		struct buf why;
		struct filter f;
		buf_init_fixed(&why, text, sizeof text);
		bool ok = filter_parse(str_of(rows[i].text), &f, &why);
		if (rows[i].hits == 0xbad) {
			assert_false(ok);
			continue;
		}
		if (!ok) fail_msg("row %zu: %.*s", i, (int)why.len, why.at);
		assert_int_equal(why.len, 0);
		if (hits(&f) != rows[i].hits)
			fail_msg("row %zu \"%s\": %x, not %x", i, rows[i].text, hits(&f), rows[i].hits);
	}
}

#define NONE_TERM "a filter is made of key=value terms, and this is none: "
#define KEYS      "the keys are state, id, from, to, route, older, younger, size: "
#define STATE     "state is active, deferred, held or poison: "
#define ID        "a message id is up to 16 hex digits: "
#define SIZE      "size wants > or < and a size such as 1M: "
#define OLDER     "older wants a time such as 90s, 15m, 4h, 2d: "
#define YOUNGER   "younger wants a time such as 90s, 15m, 4h, 2d: "
#define ADDRESS   "an address or @domain is missing: "
#define ONLY_SIZE "only size is compared with < or >: "
#define TWICE     "this stands there twice: "
#define SELECTOR \
	"name a message id, 'domain D', 'route R', 'sender A', a filter such as state=deferred, " \
	"or 'all': "
#define ROUTE "the name of a route is missing: "

static void bad(void **state)
{
	(void)state;
	static const struct { const char *text, *why; } rows[] = {
		{ "x", NONE_TERM "x" },
		{ "=", NONE_TERM "=" },
		{ "=active", NONE_TERM "=active" },
		{ "state=active deferred", NONE_TERM "deferred" },
		{ "sate=active", KEYS "sate=active" },
		{ "State=active", KEYS "State=active" },
		{ "state=", STATE "state=" },
		{ "state=sent", STATE "state=sent" },
		{ "state<active", ONLY_SIZE "state<active" },
		{ "older>1h", ONLY_SIZE "older>1h" },
		{ "id=", ID "id=" },
		{ "id=0", ID "id=0" }, /* no message has it; zero would mean any */
		{ "id=xyz", ID "id=xyz" },
		{ "id=11112222333344445", ID "id=11112222333344445" },
		{ "from=", ADDRESS "from=" },
		{ "to=", ADDRESS "to=" },
		{ "route=", ROUTE "route=" },
		{ "route=a route=b", TWICE "route=b" },
		{ "from=@", ADDRESS "from=@" },
		{ "to=@", ADDRESS "to=@" },
		{ "older=", OLDER "older=" },
		{ "older=1", OLDER "older=1" },
		{ "older=-1h", OLDER "older=-1h" },
		{ "younger=soon", YOUNGER "younger=soon" },
		/* nothing is younger than that; it must not mean everything */
		{ "younger=0", YOUNGER "younger=0" },
		{ "size=1M", SIZE "size=1M" },
		{ "size>", SIZE "size>" },
		{ "size<>1", SIZE "size<>1" },
		{ "size>1k", SIZE "size>1k" },
		{ "size>9223372036854775808", SIZE "size>9223372036854775808" },
		/* nothing is smaller than that; it must not mean everything */
		{ "size<0", SIZE "size<0" },
		/* the second of two would win and the command hit other mail than was said */
		{ "state=held state=deferred", TWICE "state=deferred" },
		{ "from=a@b from=c@d", TWICE "from=c@d" },
		{ "to=a@b to=c@d", TWICE "to=c@d" },
		{ "id=1 id=2", TWICE "id=2" },
		{ "older=1h older=2h", TWICE "older=2h" },
		{ "younger=1h younger=2h", TWICE "younger=2h" },
		{ "size>1 size>2", TWICE "size>2" },
		{ "size<3 size<2", TWICE "size<2" },
		{ "a\033[2J\n", NONE_TERM "a\\x1b[2J\\x0a" },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789"
		  "0123456789XYZ",
		  NONE_TERM "0123456789012345678901234567890123456789012345678901234567890123456789"
		  "0123456789" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[512];
		struct buf why;
		struct filter f;
		buf_init_fixed(&why, text, sizeof text - 1);
		if (filter_parse(str_of(rows[i].text), &f, &why)) fail_msg("row %zu was taken", i);
		buf_byte(&why, '\0');
		if (!str_eq(str_of(text), str_of(rows[i].why))) fail_msg("row %zu: %s", i, text);
	}
	/* A sentence that has no room is cut, not overrun. */
	char small[8];
	struct buf why;
	struct filter f;
	buf_init_fixed(&why, small, sizeof small);
	assert_false(filter_parse(STR("nonsense"), &f, &why));
	assert_true(why.overflowed);
}

static void selectors(void **state)
{
	(void)state;
	static const struct { const char *text; unsigned hits; const char *why; } rows[] = {
		{ "all", ALL, "" },
		{ " all ", ALL, "" },
		{ "1a", 1, "" },
		{ "000000000000002b", 2, "" },
		{ "domain there.example", 1 | 2 | 4, "" },
		{ "domain @there.example", 1 | 2 | 4, "" },
		{ "domain\tthere.example ", 1 | 2 | 4, "" },
		{ "route there", 1 | 4 | 16, "" },
		{ "route -", 8, "" },
		{ "route", 0, SELECTOR "route" },
		{ "route a b", 0, SELECTOR "route a b" },
		{ "sender ann@us.example", 1 | 4, "" },
		{ "sender @us.example", 1 | 4, "" },
		{ "sender <>", 2, "" },
		{ "state=deferred", 2, "" },
		{ "state=active to=@there.example", 1, "" },
		/* a command about nothing in particular is none about everything */
		{ "", 0, SELECTOR "" },
		{ "  ", 0, SELECTOR "  " },
		{ "0", 0, SELECTOR "0" },
		{ "all of them", 0, SELECTOR "all of them" },
		{ "ALL", 0, SELECTOR "ALL" },
		{ "domain", 0, SELECTOR "domain" },
		{ "domain ", 0, SELECTOR "domain " },
		{ "domain a b", 0, SELECTOR "domain a b" },
		{ "domain a\tb", 0, SELECTOR "domain a\\x09b" },
		{ "sender", 0, SELECTOR "sender" },
		{ "sender a b", 0, SELECTOR "sender a b" },
		{ "sender @", 0, SELECTOR "sender @" },
		{ "domain @", 0, SELECTOR "domain @" },
		{ "1a 2b", 0, SELECTOR "1a 2b" },
		{ "11112222333344445", 0, SELECTOR "11112222333344445" },
		{ "some words", 0, SELECTOR "some words" },
		{ "state=gone", 0, STATE "state=gone" },
		{ "all state=held", 0, NONE_TERM "all" },
		{ "=", 0, NONE_TERM "=" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[512];
		struct buf why;
		struct filter f;
		buf_init_fixed(&why, text, sizeof text - 1);
		bool ok = filter_parse_selector(str_of(rows[i].text), &f, &why);
		buf_byte(&why, '\0');
		if (!str_eq(str_of(text), str_of(rows[i].why))) fail_msg("row %zu: %s", i, text);
		assert_int_equal(ok, rows[i].why[0] == '\0');
		if (ok && hits(&f) != rows[i].hits)
			fail_msg("row %zu \"%s\": %x, not %x", i, rows[i].text, hits(&f), rows[i].hits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(selectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
