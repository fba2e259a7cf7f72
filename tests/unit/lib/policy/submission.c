/* SPDX-License-Identifier: Apache-2.0 */
/* Who may send as whom. matrix.c has every combination; here are the details. */
#include "verdict_is.h"

static const char text[] =
	"hostname mx.us.example\n"                                  /* 1 */
	"submission {\n"                                            /* 2 */
	"	homed required\n"                                   /* 3 */
	"	match required\n"                                   /* 4 */
	"	servers mx2.us.example mx3.us.example\n"            /* 5 */
	"}\n"                                                       /* 6 */
	"filter senders { x@spam.example; @.turf.example; <> }\n"   /* 7 */
	"filter senders { @spam.example ann@us.example; action quarantine }\n" /* 8 */
	"domain us.example { users people; deliver maildir /m/%n }\n"
	"domain any.example { users any; deliver maildir /m/%n }\n"
	"domain far.example { users any; deliver route r }\n"
	"directory people { sqlite /d }\n"
	"route r { via 10.0.0.1 }\n"
	"relay { from 10.0.0.0/8; never 10.9.0.0/16 }\n"
	"host 192.0.2.1 accept auth exempt\n"
	"host 192.0.2.2 accept relay yes\n"
	"host 192.0.2.3 accept\n"
	"listener mx { address *:25 }\n"
	"listener sub { address *:587; role submission }\n"
	"listener rel { address *:26; role relay }\n";

enum { MX, SUB, REL };
enum { ASK = 1 };

static struct facts facts_of(const struct conf *conf, const char *client, int listener,
                             const char *user, const char *sender)
{
	struct ip ip;
	assert_true(ip_parse(str_of(client), &ip));
	return (struct facts){
		.conf = conf, .listener = &conf->listeners[listener],
		.host = conf_host_find(conf, ip),
		.relay_from = conf_network_find(&conf->relay.from, ip),
		.relay_never = conf_network_find(&conf->relay.never, ip),
		.authenticated = user[0] != '\0', .user = str_of(user), .sender = str_of(sender),
		.spool_up = true,
	};
}

/* verdict_is knows one fact only. */
static void is(size_t row, struct verdict v, unsigned code, const char *rule)
{
	if (v.kind == VERDICT_NEED && v.need != FACT_RECIPIENT_EXISTS) v.need = FACT_RECIPIENT_EXISTS;
	if (v.kind == VERDICT_HOLD) v = verdict_accept();
	verdict_is(row, &v, code, code == 451 ? "4.3.0" : "5.7.1", rule);
}

static void rights(void **state)
{
	(void)state;
	static const struct {
		const char *client;
		int listener;
		const char *user, *want; /* the last word of it; "": none */
	} cases[] = {
		{ "203.0.113.1", MX, "", "" },
		{ "203.0.113.1", SUB, "", "submission" },
		{ "203.0.113.1", REL, "", "relay" },
		{ "203.0.113.1", MX, "ann@us.example", "in" },
		{ "192.0.2.1", MX, "", "rule" },
		{ "192.0.2.2", MX, "", "rule" },
		{ "192.0.2.3", MX, "", "" },
		{ "10.1.0.1", MX, "", "networks" },
		{ "10.9.0.1", MX, "", "" },
		{ "10.9.0.1", MX, "ann@us.example", "in" },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct facts f = facts_of(conf, cases[i].client, cases[i].listener, cases[i].user, "");
		const char *right = policy_right(&f);
		struct str got = str_of(right ? right : ""), want = str_of(cases[i].want);
		if (got.len < want.len || (want.len == 0) != (got.len == 0) ||
		    !str_eq(str_from(got, got.len - want.len), want))
			fail_msg("row %zu: %s", i, right);
	}
	conf_free(conf);
}

static void owners(void **state)
{
	(void)state;
	static const struct {
		int listener;
		const char *client, *user, *sender;
		enum answer known;
		const char *address, *home;
		unsigned code;
		const char *rule;
	} cases[] = {
		/* homed: asked for where there is a right, and only there */
		{ MX, "203.0.113.1", "", "bob@us.example", ANSWER_UNKNOWN, "", "", 0, "" },
		{ MX, "192.0.2.1", "", "bob@us.example", ANSWER_UNKNOWN, "", "", ASK, "" },
		{ MX, "192.0.2.1", "", "bob@us.example", ANSWER_YES, "bob@us.example", "mx.us.example", 0, "" },
		{ MX, "192.0.2.1", "", "bob@us.example", ANSWER_YES, "bob@us.example", "MX.US.example", 0, "" },
		{ MX, "192.0.2.1", "", "bob@us.example", ANSWER_YES, "bob@us.example", "mx3.us.example", 0, "" },
		{ MX, "192.0.2.1", "", "bob@us.example", ANSWER_YES, "bob@us.example", "x.us.example", 550, "t.conf:3" },
		{ MX, "192.0.2.1", "", "bob@us.example", ANSWER_YES, "bob@us.example", "", 550, "t.conf:3" },
		{ MX, "192.0.2.1", "", "bob@us.example", ANSWER_NO, "", "", 550, "t.conf:3" },
		{ MX, "192.0.2.1", "", "bob@us.example", ANSWER_CANNOT_TELL, "", "", 451, "directory" },
		{ REL, "203.0.113.1", "", "bob@us.example", ANSWER_NO, "", "", 550, "t.conf:3" },
		/* match: of who has logged in */
		{ MX, "203.0.113.1", "ann@us.example", "bob@us.example", ANSWER_YES, "bob@us.example", "mx.us.example", 550, "t.conf:4" },
		{ MX, "203.0.113.1", "BOB@us.example", "list@us.example", ANSWER_YES, "bob@US.example", "mx.us.example", 0, "" },
		{ SUB, "203.0.113.1", "bob@us.example", "bob@us.example", ANSWER_YES, "bob@us.example", "mx.us.example", 0, "" },
		{ SUB, "203.0.113.1", "bob", "bob@us.example", ANSWER_YES, "bob@us.example", "mx.us.example", 550, "t.conf:4" },
		{ SUB, "203.0.113.1", "ann@us.example", "bob@us.example", ANSWER_CANNOT_TELL, "", "", 451, "directory" },
		/* homed comes first */
		{ SUB, "203.0.113.1", "ann@us.example", "bob@us.example", ANSWER_YES, "bob@us.example", "x.example", 550, "t.conf:3" },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct facts f = facts_of(conf, cases[i].client, cases[i].listener, cases[i].user, cases[i].sender);
		f.owner = (struct owner){ cases[i].known, str_of(cases[i].address), str_of(cases[i].home) };
		struct verdict v = policy_submission(&f);
		if (v.kind == VERDICT_NEED) assert_int_equal(v.need, FACT_SENDER_HOME);
		is(i, v, cases[i].code, cases[i].rule);
		assert_int_equal(policy_is_told(&f, &v), cases[i].code == 550);
	}
	conf_free(conf);
}

static void null_senders(void **state)
{
	(void)state;
	static const struct {
		int listener;
		const char *client, *user;
		unsigned code;
	} cases[] = {
		{ MX, "203.0.113.1", "", 0 },   { MX, "192.0.2.1", "", 0 },
		{ REL, "203.0.113.1", "", 0 },  { REL, "203.0.113.1", "ann@us.example", 0 },
		{ SUB, "192.0.2.1", "", 550 },  { SUB, "203.0.113.1", "ann@us.example", 550 },
		{ MX, "203.0.113.1", "ann@us.example", 550 },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct facts f = facts_of(conf, cases[i].client, cases[i].listener, cases[i].user, "");
		is(i, policy_submission(&f), cases[i].code, "t.conf:3");
	}
	conf->submission.homed = CONF_SUBMISSION_OFF;
	struct facts f = facts_of(conf, "203.0.113.1", SUB, "ann@us.example", "");
	is(0, policy_submission(&f), 550, "t.conf:4");
	conf->submission.match = CONF_SUBMISSION_OFF;
	is(1, policy_submission(&f), 0, "");
	conf_free(conf);
}

static void authors(void **state)
{
	(void)state;
	static const struct {
		const char *user, *author;
		bool unreadable;
		enum answer known;
		const char *address;
		unsigned code;
	} cases[] = {
		{ "", "bob@us.example", false, ANSWER_NO, "", 0 }, /* nothing can be said */
		{ "", "", true, ANSWER_UNKNOWN, "", 0 },
		{ "ann@us.example", "", false, ANSWER_UNKNOWN, "", 0 },
		{ "ann@us.example", "", true, ANSWER_UNKNOWN, "", 550 },
		{ "ann@us.example", "bob@us.example", false, ANSWER_UNKNOWN, "", ASK },
		{ "ann@us.example", "bob@us.example", false, ANSWER_CANNOT_TELL, "", 451 },
		{ "ann@us.example", "bob@us.example", false, ANSWER_NO, "", 550 },
		{ "ann@us.example", "bob@us.example", false, ANSWER_YES, "bob@us.example", 550 },
		{ "ann@us.example", "ann+x@us.example", false, ANSWER_YES, "ann@us.example", 0 },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct facts f = facts_of(conf, "203.0.113.1", SUB, cases[i].user, "ann@us.example");
		f.author = str_of(cases[i].author);
		f.authors_unreadable = cases[i].unreadable;
		f.owner = (struct owner){ cases[i].known, str_of(cases[i].address), STR("elsewhere") };
		assert_int_equal(policy_wants_authors(&f), cases[i].user[0] != '\0');
		struct verdict v = policy_content(&f);
		if (v.kind == VERDICT_NEED) assert_int_equal(v.need, FACT_AUTHOR_HOME);
		is(i, v, cases[i].code, cases[i].code == 451 ? "directory" : "t.conf:4");
	}
	conf->submission.match = CONF_SUBMISSION_OFF;
	struct facts f = facts_of(conf, "203.0.113.1", SUB, "ann@us.example", "ann@us.example");
	f.authors_unreadable = true;
	is(0, policy_content(&f), 0, "");
	conf_free(conf);
}

/* What is known without asking. */
static void owners_without_asking(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		enum answer known;
		const char *directory;
	} cases[] = {
		{ "bob@us.example", ANSWER_UNKNOWN, "people" },
		{ "bob@US.Example", ANSWER_UNKNOWN, "people" },
		{ "bob@any.example", ANSWER_YES, "" },
		{ "bob@far.example", ANSWER_NO, "" },
		{ "bob@nowhere.example", ANSWER_NO, "" },
		{ "bob@[192.0.2.1]", ANSWER_NO, "" },
		{ "\"bob@us.example\"@nowhere.example", ANSWER_NO, "" },
		{ "postmaster", ANSWER_NO, "" },
		{ "", ANSWER_NO, "" },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct str directory;
		struct owner o = policy_owner(conf, str_of(cases[i].address), &directory);
		if (o.known != cases[i].known || !str_eq(directory, str_of(cases[i].directory)))
			fail_msg("row %zu: %d %.*s", i, (int)o.known, STR_ARG(directory));
		if (o.known != ANSWER_YES) continue;
		assert_true(str_eq(o.home, STR("mx.us.example")));
		assert_true(str_eq(o.address, str_of(cases[i].address)));
	}
	conf_free(conf);
}

static void filter(void **state)
{
	(void)state;
	static const struct {
		const char *sender;
		bool held;
		unsigned code;
		const char *rule;
	} cases[] = {
		{ "x@spam.example", false, 550, "t.conf:7" },
		{ "y@spam.example", true, 0, "t.conf:8" },
		{ "y@turf.example", false, 0, "" },
		{ "y@z.turf.example", false, 550, "t.conf:7" },
		{ "", false, 550, "t.conf:7" },
		{ "ann@us.example", true, 0, "t.conf:8" },
		{ "bob@us.example", false, 0, "" },
	};
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct facts f = facts_of(conf, "203.0.113.1", MX, "", cases[i].sender);
		struct verdict v = policy_sender(&f);
		assert_int_equal(v.kind == VERDICT_HOLD, cases[i].held);
		is(i, v, cases[i].code, cases[i].rule);
		assert_false(policy_is_told(&f, &v));
		if (v.kind == VERDICT_HOLD) assert_int_equal(v.rule->line, 8);
	}
	/* What is held must be allowed first; and the store must take it. */
	struct facts f = facts_of(conf, "192.0.2.1", MX, "", "ann@us.example");
	f.owner.known = ANSWER_NO;
	is(0, policy_sender(&f), 550, "t.conf:3");
	f.owner = (struct owner){ ANSWER_YES, STR("ann@us.example"), STR("mx.us.example") };
	assert_int_equal(policy_sender(&f).kind, VERDICT_HOLD);
	f.spool_up = false;
	is(1, policy_sender(&f), 451, "spool");
	is(2, policy_data(&f), 451, "spool");
	f.spool_up = true;
	is(3, policy_data(&f), 0, "");
	conf_free(conf);
}

/* Nothing said: both are required of users, and of nobody else. */
static void by_role(void **state)
{
	(void)state;
	struct conf *conf = conf_of("hostname mx.us.example\npostmaster p@us.example\n"
				    "domain us.example { users any; deliver maildir /m/%n }\n"
				    "host 192.0.2.1 accept auth exempt\nlistener mx { address *:25 }\n"
				    "listener sub { address *:587; role submission }\n"
				    "listener rel { address *:26; role relay }\n");
	static const struct {
		int listener;
		const char *client, *user;
		unsigned code;
		const char *rule;
	} cases[] = {
		{ MX, "192.0.2.1", "", 0, "" },
		{ REL, "192.0.2.1", "", 0, "" },
		{ MX, "203.0.113.1", "ann@us.example", 0, "" },
		{ SUB, "192.0.2.1", "", 550, "homed by role" },
		{ SUB, "203.0.113.1", "ann@us.example", 550, "homed by role" },
	};
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct facts f = facts_of(conf, cases[i].client, cases[i].listener, cases[i].user, "x@far.example");
		f.owner.known = ANSWER_NO;
		is(i, policy_submission(&f), cases[i].code, cases[i].rule);
	}
	struct facts f = facts_of(conf, "203.0.113.1", SUB, "ann@us.example", "bob@us.example");
	f.owner = (struct owner){ ANSWER_YES, STR("bob@us.example"), STR("mx.us.example") };
	is(9, policy_submission(&f), 550, "match by role");
	assert_true(str_eq(verdict_class_name(VERDICT_HOMED), STR("homed")));
	assert_true(str_eq(verdict_class_name(VERDICT_MATCH), STR("match")));
	assert_true(str_eq(verdict_class_name(VERDICT_CLASS_NONE), STR("")));
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rights),  cmocka_unit_test(owners),
		cmocka_unit_test(null_senders), cmocka_unit_test(authors),
		cmocka_unit_test(owners_without_asking), cmocka_unit_test(filter),
		cmocka_unit_test(by_role),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
