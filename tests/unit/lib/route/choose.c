/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/choose.h"

#include <string.h>

static const char text[] =
	"hostname mx.us.example\n"
	"domain us.example { users any; deliver maildir /m/%n }\n"
	"domain asked.example { users any; deliver route cheap }\n"
	"route dearest { via h; match .a.example; cost 9 }\n"
	"route dear    { mx; match .a.example; cost 5 }\n"
	"route cheap   { mx; match .a.example .b.example; cost 1 }\n"
	"route same    { via h; match .a.example; cost 5 }\n" /* as dear, which stands before it */
	"route wide    { via h; match .example; cost 0 }\n"   /* matches less well */
	"route sender  { via h; match .a.example; sender @c.example; cost 0 }\n"
	"route sender2 { via h; match .a.example; sender @c.example; cost 7 }\n"
	"route one     { via h; match .a.example; sender i@c.example; cost 8 }\n"
	"route free    { via h; match f.example }\n"
	"route free2   { via h; match f.example }\n"
	"route default { via h; cost 3 }\n";

/* `state`: routes that are down, and with ! those that are shut. */
static const struct {
	const char *address, *sender, *state, *want;
	unsigned dearer;
	const char *key;
} rows[] = {
	{ "x@y.a.example", "", "", "cheap", 0, "mx:y.a.example" },
	{ "x@y.a.example", "", "cheap", "dear", 1, "mx:y.a.example/dear" },
	{ "x@y.a.example", "", "cheap dear", "dearest", 2, "route:dearest" },
	{ "x@y.a.example", "", "cheap dear dearest", "cheap", 0, "mx:y.a.example" },
	{ "x@y.a.example", "", "dear dearest", "cheap", 0, "mx:y.a.example" },
	{ "x@y.a.example", "", "cheap !dear", "dearest", 2, "route:dearest" },
	{ "x@y.a.example", "", "cheap !dear !dearest", "cheap", 0, "mx:y.a.example" },
	{ "x@y.a.example", "", "!cheap", "cheap", 0, "mx:y.a.example" },
	/* nothing matches as well */
	{ "x@y.b.example", "", "cheap", "cheap", 0, "mx:y.b.example" },
	{ "x@z.example", "", "wide", "wide", 0, "route:wide" },
	{ "x@f.example", "", "free", "free", 0, "route:free" },
	{ "x@there", "", "default", "default", 0, "route:default" },
	/* who sends stands before the cost */
	{ "x@y.a.example", "k@c.example", "", "sender", 0, "route:sender" },
	{ "x@y.a.example", "k@c.example", "sender", "sender2", 1, "route:sender2" },
	{ "x@y.a.example", "k@c.example", "sender sender2", "sender", 0, "route:sender" },
	{ "x@y.a.example", "i@c.example", "one", "one", 0, "route:one" },
	/* what is not chosen by a match has no other */
	{ "x@asked.example", "", "cheap", "cheap", 0, "mx:asked.example" },
	{ "x@us.example", "", "mailbox", "mailbox", 0, "mailbox" },
};

static enum route_state state_of(void *arg, const struct route *route)
{
	struct str rest = str_of(arg);
	for (struct str word; word = str_word(&rest), word.len;) {
		bool shut = str_starts(word, STR("!"));
		if (str_eq(str_from(word, shut), route_name(route))) return shut ? ROUTE_SHUT : ROUTE_DOWN;
	}
	return ROUTE_UP;
}

static void chooses(void **state)
{
	(void)state;
	struct conf *conf = conf_of(text);
	assert_true(conf_routes_have_costs(conf));
	for (size_t i = 0; i < ROWS(rows); i++) {
		char words[64], memory[ROUTE_KEY_MAX + 8];
		struct buf key;
		struct route_ask ask = { .address = str_of(rows[i].address), .sender = str_of(rows[i].sender) };
		(void)strcpy(words, rows[i].state);
		struct route r = route_choose(conf, &ask, state_of, words);
		if (!str_eq(route_name(&r), str_of(rows[i].want)) || r.dearer != rows[i].dearer)
			fail_msg("row %zu: %.*s, %u", i, STR_ARG(route_name(&r)), r.dearer);
		buf_init_fixed(&key, memory, sizeof memory);
		route_key(&key, &r);
		if (!str_eq(buf_view(&key), str_of(rows[i].key))) fail_msg("row %zu: %.*s", i, STR_ARG(buf_view(&key)));
		/* What was chosen is found again. */
		ask.dearer = r.dearer;
		struct route again = route_find(conf, &ask);
		assert_ptr_equal(again.via, r.via);
	}
	conf_free(conf);
}

/* From one that is not the cheapest on, up only. */
static void goes_up(void **state)
{
	static const struct { unsigned than; const char *state, *want; } ups[] = {
		{ 0, "", "dear" }, { 1, "", "dearest" }, { 2, "", "" }, { 0, "dear", "dearest" },
		{ 0, "dear dearest", "" }, { 0, "dear !dearest", "" }, { 7, "", "" },
	};
	(void)state;
	struct conf *conf = conf_of(text);
	struct route_ask ask = { .address = STR("x@y.a.example") };
	for (size_t i = 0; i < ROWS(ups); i++) {
		char words[64];
		struct route r;
		(void)strcpy(words, ups[i].state);
		bool found = route_choose_dearer(conf, &ask, ups[i].than, state_of, words, &r);
		struct str name = found ? route_name(&r) : STR("");
		if (!str_eq(name, str_of(ups[i].want))) fail_msg("row %zu: %.*s", i, STR_ARG(name));
	}
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(chooses), cmocka_unit_test(goes_up) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
