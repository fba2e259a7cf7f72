/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks rate, baseline and greylist: who is counted with whom, which one decides and
 * what is said. */
#include "verdict_is.h"

#include <string.h>

#include "lib/policy/rate.h"

static const char text[] =
	"hostname mx.us.example\n"                                                        /* 1 */
	"postmaster ann@us.example\n"                                                     /* 2 */
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"                     /* 3 */
	"listener mx { address *:25 }\n"                                                  /* 4 */
	"listener other { address *:26 }\n"                                               /* 5 */
	"rate client { of client; connections 2/1h; messages 3/1m; recipients 4/1h\n"     /* 6 */
	"	listener mx; except 10.0.0.0/8 }\n"                                       /* 7 */
	"rate network { of network; prefix 16 32; connections 5/1d; action reject }\n"    /* 8 */
	"rate user { of user; messages 2/1h; action hold }\n"                             /* 9 */
	"rate door { of listener; recipients 6/1h; listener other; action reject }\n"     /* 10 */
	"rate domain { of sender-domain; messages 2/2h; listener other }\n"               /* 11 */
	"host 192.0.2.9 accept auth exempt\n"
	"greylist { on; delay 10s; network 24 64; except 198.51.100.0/24 }\n"
	"baseline { on; floor 2; window 1h; except @them.example boss@us.example }\n";

static const char nothing[] = "hostname a.example\nlistener mx { address *:25 }\n";

static struct tally *tally;
static struct conf *conf;
static char memory[RATE_REPLY_MAX];

static int setup(void **state)
{
	(void)state;
	tally = calloc(1, sizeof *tally);
	conf = conf_of(text);
	if (tally) tally->seed = 9;
	return tally ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	conf_free(conf);
	free(tally);
	return 0;
}

static struct facts facts_of(const char *client, const char *user, const char *sender, unsigned listener)
{
	struct facts f = { .conf = conf, .listener = &conf->listeners[listener], .seed = 3,
		.user = str_of(user), .authenticated = user[0] != 0, .sender = str_of(sender) };
	assert_true(ip_parse(str_of(client), &f.client));
	f.host = conf_host_find(conf, f.client);
	return f;
}

static struct buf text_buf(void)
{
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	return b;
}

enum { HOLD = 2 };
#define CONN RATE_CONNECTIONS
#define MSG RATE_MESSAGES
#define RCPT RATE_RECIPIENTS

/* In their order, on one tally. code 0: accept, HOLD. */
static const struct {
	enum rate_what what;
	const char *client, *user, *sender;
	unsigned listener;
	int64_t at_s;
	unsigned code;
	const char *says; /* a part of it */
	const char *rule;
} rate_rows[] = {
	{ CONN, "192.0.2.1", "", "", 0, 0, 0, "", "" },
	{ CONN, "192.0.2.1", "", "", 0, 0, 0, "", "" },
	{ CONN, "192.0.2.1", "", "", 0, 0, 421,
	  "Too many connections from your address (2 per hour); come again in 1800 seconds", "t.conf:6" },
	{ CONN, "192.0.2.2", "", "", 0, 0, 0, "", "" },
	/* The listener other is none of the first block's; the network counts both. */
	{ CONN, "192.0.2.1", "", "", 1, 0, 0, "", "" },
	{ CONN, "192.0.9.1", "", "", 1, 0, 0, "", "" },
	{ CONN, "192.0.8.1", "", "", 1, 0, 421, "from your network (5 per day)", "t.conf:8" },
	{ CONN, "192.1.8.1", "", "", 1, 0, 0, "", "" },
	/* except; a /64 of IPv6 is one client, and another one is not */
	{ CONN, "10.1.1.1", "", "", 0, 0, 0, "", "" }, { CONN, "10.1.1.1", "", "", 0, 0, 0, "", "" },
	{ CONN, "10.1.1.1", "", "", 0, 0, 0, "", "" },
	{ CONN, "2001:db8::1", "", "", 0, 0, 0, "", "" }, { CONN, "2001:db8::ffff:1", "", "", 0, 0, 0, "", "" },
	{ CONN, "2001:db8::2", "", "", 0, 0, 421, "from your address", "t.conf:6" },
	{ CONN, "2001:db8:0:1::2", "", "", 0, 0, 0, "", "" },
	/* They come back one by one. */
	{ CONN, "192.1.2.1", "", "", 0, 0, 0, "", "" }, { CONN, "192.1.2.1", "", "", 0, 0, 0, "", "" },
	{ CONN, "192.1.2.1", "", "", 0, 1799, 421, "in 1 seconds", "t.conf:6" },
	{ CONN, "192.1.2.1", "", "", 0, 1800, 0, "", "" },
	/* Messages are not connections. */
	{ MSG, "192.0.2.1", "", "a@x.example", 0, 0, 0, "", "" },
	{ MSG, "192.0.2.1", "", "a@x.example", 0, 0, 0, "", "" },
	{ MSG, "192.0.2.1", "", "a@x.example", 0, 0, 0, "", "" },
	{ MSG, "192.0.2.1", "", "a@x.example", 0, 0, 450,
	  "Too many messages from your address (3 per minute); come again in 20 seconds", "t.conf:6" },
	/* A user is himself wherever he is, in the block of clients, too; more is held. */
	{ MSG, "192.0.2.1", "ann@us.example", "ann@us.example", 0, 0, 0, "", "" },
	{ MSG, "192.0.2.3", "Ann@us.example", "ann@us.example", 0, 0, 0, "", "" },
	{ MSG, "192.0.2.4", "ann@us.example", "ann@us.example", 0, 0, HOLD,
	  "rate user: more than 2 messages per hour", "t.conf:9" },
	{ MSG, "192.0.2.4", "ann@us.example", "ann@us.example", 0, 0, 450, "from you (3 per minute)",
	  "t.conf:6" },
	{ MSG, "192.0.2.4", "bob@us.example", "bob@us.example", 0, 0, 0, "", "" },
	/* the sender's domain, in any case of letters; null is nobody's */
	{ MSG, "203.0.113.1", "", "a@y.example", 1, 0, 0, "", "" },
	{ MSG, "203.0.113.2", "", "b@Y.example", 1, 0, 0, "", "" },
	{ MSG, "203.0.113.3", "", "c@y.example", 1, 0, 450,
	  "from that sender's domain (2 per 2 hours); come again in 3600 seconds", "t.conf:11" },
	{ MSG, "203.0.113.3", "", "c@z.example", 1, 0, 0, "", "" },
	{ MSG, "203.0.113.3", "", "", 1, 0, 0, "", "" }, { MSG, "203.0.113.3", "", "", 1, 0, 0, "", "" },
	{ MSG, "203.0.113.3", "", "", 1, 0, 0, "", "" },
	/* a listener as a whole */
	{ RCPT, "203.0.113.1", "", "", 1, 0, 0, "", "" }, { RCPT, "203.0.113.2", "", "", 1, 0, 0, "", "" },
	{ RCPT, "203.0.113.3", "", "", 1, 0, 0, "", "" }, { RCPT, "203.0.113.4", "", "", 1, 0, 0, "", "" },
	{ RCPT, "203.0.113.5", "", "", 1, 0, 0, "", "" }, { RCPT, "203.0.113.6", "", "", 1, 0, 0, "", "" },
	{ RCPT, "203.0.113.7", "", "", 1, 0, 550, "to this address of the server (6 per hour)", "t.conf:10" },
};

static void rates_in_their_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rate_rows); i++) {
		struct facts f = facts_of(rate_rows[i].client, rate_rows[i].user, rate_rows[i].sender, rate_rows[i].listener);
		struct rate_clock clock = { 50000000 + rate_rows[i].at_s * 1000, 1800000000000 };
		struct buf out = text_buf();
		struct verdict v = policy_rate(&f, tally, rate_rows[i].what, clock, &out);
		if (rate_rows[i].code == HOLD) {
			assert_int_equal(v.kind, VERDICT_HOLD);
			assert_int_equal(v.class, VERDICT_RATE);
		} else {
			verdict_is(i, &v, rate_rows[i].code, rate_rows[i].code == 421 ? "4.7.0" : rate_rows[i].code == 450 ? "4.7.1" : "5.7.1",
				rate_rows[i].rule);
		}
		memory[out.len < sizeof memory ? out.len : sizeof memory - 1] = '\0';
		if (rate_rows[i].says[0] && !strstr(memory, rate_rows[i].says)) fail_msg("row %zu: %s", i, memory);
	}
}

/* What one block refuses is not counted by another. */
static void a_refusal_costs_nothing_elsewhere(void **state)
{
	struct facts f = facts_of("192.0.2.1", "", "", 0);
	struct rate_clock clock = { 50000000, 0 };
	struct bucket_state s;
	(void)state;
	for (int i = 0; i < 40; i++) {
		struct buf out = text_buf();
		(void)policy_rate(&f, tally, RATE_CONNECTIONS, clock, &out);
	}
	assert_true(policy_rate_look(&f, tally, &conf->rates[1], RATE_CONNECTIONS, clock, &s));
	assert_int_equal(s.used, 2);
	assert_false(policy_rate_look(&f, tally, &conf->rates[2], RATE_CONNECTIONS, clock, &s));
}

/* Nothing configured, or no memory to count in: nothing is touched, all pass. */
static void nothing_configured(void **state)
{
	struct rate_clock clock = { 1000, 1000 };
	bool tell;
	int64_t again;
	(void)state;
	struct conf *loaded = conf;
	conf = conf_of(nothing);
	for (int i = 0; i < 2; i++) {
		struct tally *t = i ? tally : NULL;
		struct facts f = facts_of("192.0.2.1", "ann@us.example", "ann@us.example", 0);
		struct buf out = text_buf();
		for (int what = 0; what < RATE_WHATS; what++)
			assert_int_equal(policy_rate(&f, t, (enum rate_what)what, clock, &out).kind, VERDICT_ACCEPT);
		assert_int_equal(policy_baseline(&f, t, clock, &out, &tell).kind, VERDICT_ACCEPT);
		assert_int_equal(policy_grey(&f, t, STR("x@us.example"), clock, &out, &again).kind, VERDICT_ACCEPT);
		assert_int_equal(out.len, 0);
	}
	assert_int_equal(tally->changes, 0);
	conf_free(conf);
	conf = loaded;
	struct facts f = facts_of("192.0.2.1", "", "", 0);
	struct buf out = text_buf();
	for (int i = 0; i < 9; i++)
		assert_int_equal(policy_rate(&f, NULL, RATE_CONNECTIONS, clock, &out).kind, VERDICT_ACCEPT);
}

static struct verdict count(const char *user, int64_t wall_ms, bool *tell)
{
	struct facts f = facts_of("192.0.2.1", user, "", 0);
	struct buf out = text_buf();
	return policy_baseline(&f, tally, (struct rate_clock){ 0, wall_ms }, &out, tell);
}

static void baselines(void **state)
{
	const int64_t hour = 3600000, now = 1800000000000 / hour * hour;
	static const char *const others[] = { "", "x@them.example", "Boss@us.example" };
	bool tell;
	(void)state;
	for (int i = 0; i < 2; i++) assert_int_equal(count("ann@us.example", now, &tell).kind, VERDICT_ACCEPT);
	assert_false(tell);
	struct verdict v = count("ann@us.example", now, &tell);
	assert_int_equal(v.kind, VERDICT_HOLD);
	assert_int_equal(v.class, VERDICT_BASELINE);
	assert_true(tell && v.rule->line == 14);
	assert_true(str_eq(v.text, STR("baseline: 3 recipients in this hour, usually 0")));
	for (size_t i = 0; i < ROWS(others) * 5; i++)
		assert_int_equal(count(others[i % ROWS(others)], now, &tell).kind, VERDICT_ACCEPT);
	assert_true(tally->changes >= 3);
	conf->baseline.action = CONF_BASELINE_DEFER;
	v = count("ANN@us.example", now + 1000, &tell);
	verdict_is(0, &v, 450, "4.7.1", "t.conf:14");
	assert_true(str_eq(v.text, STR("Too many recipients from you (3 in this hour, usually 0); come again in "
		"3599 seconds, or ask the postmaster")));
	assert_int_equal(count("ann@us.example", now + hour, &tell).kind, VERDICT_ACCEPT);
}

static void grey(void **state)
{
	static const struct {
		const char *client, *user, *sender, *to;
		int64_t at_s;
		unsigned code;
		int64_t again_ms;
	} rows[] = {
		{ "192.0.2.1", "", "a@x.example", "ann@us.example", 0, 451, -1 },
		{ "192.0.2.1", "", "a@x.example", "ann@us.example", 9, 451, -1 },
		{ "192.0.2.77", "", "A@x.example", "Ann@us.example", 10, 0, 10000 }, /* its /24 */
		{ "192.0.2.1", "", "a@x.example", "ann@us.example", 11, 0, -1 },
		{ "192.0.3.1", "", "a@x.example", "ann@us.example", 11, 451, -1 },
		{ "192.0.2.1", "", "", "ann@us.example", 11, 451, -1 },
		{ "192.0.2.1", "", "a@x.example", "bob@us.example", 11, 451, -1 },
		/* who has a right to send, and exceptions */
		{ "192.0.2.1", "ann@us.example", "ann@us.example", "z@us.example", 11, 0, -1 },
		{ "192.0.2.9", "", "a@x.example", "z@us.example", 11, 0, -1 },
		{ "198.51.100.1", "", "a@x.example", "z@us.example", 11, 0, -1 },
		{ "2001:db8::1", "", "a@x.example", "ann@us.example", 0, 451, -1 },
		{ "2001:db8::2", "", "a@x.example", "ann@us.example", 10, 0, 10000 },
		{ "2001:db8:0:1::2", "", "a@x.example", "ann@us.example", 10, 451, -1 },
		/* the postmaster here, and one elsewhere */
		{ "192.0.4.1", "", "a@x.example", "Postmaster@mx.us.example", 11, 0, -1 },
		{ "192.0.4.1", "", "a@x.example", "postmaster@far.example", 11, 451, -1 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct facts f = facts_of(rows[i].client, rows[i].user, rows[i].sender, 0);
		struct buf out = text_buf();
		int64_t again;
		struct verdict v = policy_grey(&f, tally, str_of(rows[i].to),
			(struct rate_clock){ 0, 1800000000000 + rows[i].at_s * 1000 }, &out, &again);
		verdict_is(i, &v, rows[i].code, "4.7.1", "t.conf:13");
		if (again != rows[i].again_ms) fail_msg("row %zu: again %lld", i, (long long)again);
		if (i == 1) assert_true(str_eq(v.text, STR("Your server is not known here yet; come again in 1 seconds")));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rates_in_their_order), TEST(a_refusal_costs_nothing_elsewhere), TEST(nothing_configured), TEST(baselines),
		TEST(grey),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
