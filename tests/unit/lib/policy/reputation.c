/* SPDX-License-Identifier: Apache-2.0 */
/* Points of strangers: every finding alone, in sum, and who is never looked at. */
#include <stdio.h>

#include "conf_text.h"
#include "lib/policy/facts.h"

static const char text[] =
	"hostname mx.us.example\n"                                       /* 1 */
	"listener mx { address 0.0.0.0:25; pregreet 3s }\n"              /* 2 */
	"listener users { address 0.0.0.0:587; role submission }\n"      /* 3 */
	"listener relays { address 0.0.0.0:2525; role relay }\n"         /* 4 */
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"    /* 5 */
	"host 192.0.2.0/24 accept\n"                                     /* 6 */
	"host 0.0.0.0/0 accept\n"                                        /* 7 */
	"relay { from 203.0.113.0/24 }\n"                                /* 8 */
	"dnsbl bad.example { score reject }\n"                           /* 9 */
	"dnsbl soft.example { score 3; reply \"see https://s.example\" }\n" /* 10 */
	"dnsbl good.example { score -4 }\n"                              /* 11 */
	"check {\n"                                                      /* 12 */
	"	reject-score 6\n"                                        /* 13 */
	"	defer-score 3\n"                                         /* 14 */
	"	early-talker 2\n"                                        /* 15 */
	"	client { missing 3; unverified 1 }\n"                    /* 16 */
	"	helo {\n"                                                /* 17 */
	"		invalid reject\n"                                /* 18 */
	"		literal 6\n"                                     /* 19 */
	"		own 5\n"                                         /* 20 */
	"		unresolved 2\n"                                  /* 21 */
	"	}\n"
	"}\n";

enum { MX, USERS, RELAYS };
enum { BAD = 1, SOFT = 2, GOOD = 4 };
#define V    CLIENT_NAME_VERIFIED
#define NONE CLIENT_NAME_MISSING
#define LIES CLIENT_NAME_UNVERIFIED
#define ASK  CLIENT_NAME_UNKNOWN
#define CANT CLIENT_NAME_CANNOT_TELL
#define YES  ANSWER_YES
#define FAR  "198.51.100.1"

static const struct {
	const char *client;
	int listener;
	const char *helo, *to;
	enum client_name name;
	enum answer resolves;
	uint32_t listed;
	bool early;
	unsigned code; /* 0: accept, 1: need */
	const char *dsn, *rule;
} rows[] = {
	/* nothing found */
	{ FAR, MX, "c.example", "a@us.example", V, YES, 0, false, 0, "", "" },
	{ FAR, MX, "c.example", "a@us.example", CANT, ANSWER_CANNOT_TELL, 0, false, 0, "", "" },
	{ FAR, MX, "[198.51.100.1]", "a@us.example", V, ANSWER_UNKNOWN, 0, false, 0, "", "" },
	{ "2001:db8::1", MX, "[IPv6:2001:db8::1]", "a@us.example", V, ANSWER_UNKNOWN, 0, false, 0, "", "" },
	{ FAR, MX, "", "a@us.example", V, ANSWER_UNKNOWN, 0, false, 0, "", "" },
	/* not asked yet */
	{ FAR, MX, "c.example", "a@us.example", ASK, YES, 0, false, 1, "", "" },
	{ FAR, MX, "c.example", "a@us.example", V, ANSWER_UNKNOWN, 0, false, 1, "", "" },
	/* each alone */
	{ FAR, MX, "c.example", "a@us.example", V, YES, BAD, false, 550, "5.7.1", "t.conf:9" },
	{ FAR, MX, "c.example", "a@us.example", V, YES, SOFT, false, 451, "4.7.1", "t.conf:10" },
	{ FAR, MX, "c.example", "a@us.example", V, YES, GOOD, false, 0, "", "" },
	{ FAR, MX, "c.example", "a@us.example", V, YES, 0, true, 0, "", "" },
	{ FAR, MX, "c.example", "a@us.example", NONE, YES, 0, false, 451, "4.7.25", "t.conf:16" },
	{ FAR, MX, "c.example", "a@us.example", LIES, YES, 0, false, 0, "", "" },
	{ FAR, MX, "a b", "a@us.example", V, YES, 0, false, 550, "5.7.1", "t.conf:18" },
	{ FAR, MX, "c..example", "a@us.example", V, YES, 0, false, 550, "5.7.1", "t.conf:18" },
	{ FAR, MX, "[198.51.100.2]", "a@us.example", V, YES, 0, false, 550, "5.7.1", "t.conf:19" },
	{ FAR, MX, "[IPv6:2001:db8::1]", "a@us.example", V, YES, 0, false, 550, "5.7.1", "t.conf:19" },
	{ FAR, MX, "MX.us.example", "a@us.example", V, YES, 0, false, 451, "4.7.1", "t.conf:20" },
	{ FAR, MX, "us.example", "a@us.example", V, YES, 0, false, 451, "4.7.1", "t.conf:20" },
	{ FAR, MX, "c.example", "a@us.example", V, ANSWER_NO, 0, false, 0, "", "" },
	/* sums: the heaviest gives the reason */
	{ FAR, MX, "c.example", "a@us.example", V, ANSWER_NO, SOFT, false, 451, "4.7.1", "t.conf:10" },
	{ FAR, MX, "c.example", "a@us.example", LIES, ANSWER_NO, SOFT, false, 550, "5.7.1", "t.conf:10" },
	{ FAR, MX, "c.example", "a@us.example", NONE, YES, SOFT, false, 550, "5.7.25", "t.conf:16" },
	{ FAR, MX, "us.example", "a@us.example", V, YES, 0, true, 550, "5.7.1", "t.conf:20" },
	{ FAR, MX, "us.example", "a@us.example", V, YES, GOOD, true, 451, "4.7.1", "t.conf:20" },
	{ FAR, MX, "c.example", "a@us.example", V, YES, SOFT | GOOD, false, 0, "", "" },
	{ FAR, MX, "c.example", "a@us.example", V, YES, BAD | GOOD, false, 550, "5.7.1", "t.conf:9" },
	/* the postmaster */
	{ FAR, MX, "a b", "postmaster@us.example", NONE, YES, BAD, true, 0, "", "" },
	{ FAR, MX, "a b", "Postmaster@MX.us.example", NONE, YES, BAD, true, 0, "", "" },
	{ FAR, MX, "a b", "postmaster", NONE, YES, BAD, true, 0, "", "" },
	{ FAR, MX, "a b", "postmaster@other.example", NONE, YES, BAD, true, 550, "5.7.1", "t.conf:18" },
	{ FAR, MX, "a b", "postmasters@us.example", NONE, YES, BAD, true, 550, "5.7.1", "t.conf:18" },
	/* who is not looked at; a rule for everybody speaks for nobody */
	{ "192.0.2.1", MX, "a b", "a@us.example", ASK, YES, BAD, true, 0, "", "" },
	{ "203.0.113.1", MX, "a b", "a@us.example", ASK, YES, BAD, true, 0, "", "" },
	{ "127.0.0.1", MX, "a b", "a@us.example", ASK, YES, BAD, true, 0, "", "" },
	{ "10.1.1.1", MX, "a b", "a@us.example", ASK, YES, BAD, true, 0, "", "" },
	{ "fd00::1", MX, "a b", "a@us.example", ASK, YES, BAD, true, 0, "", "" },
	{ FAR, USERS, "a b", "a@us.example", ASK, YES, BAD, true, 0, "", "" },
	{ FAR, RELAYS, "a b", "a@us.example", ASK, YES, BAD, true, 0, "", "" },
};

static struct facts facts_of(const struct conf *conf, size_t i, struct str *to)
{
	struct facts f = { .conf = conf, .listener = &conf->listeners[rows[i].listener],
			   .helo = str_of(rows[i].helo), .name = rows[i].name,
			   .helo_resolves = rows[i].resolves, .listed = rows[i].listed,
			   .lists_known = true, .early = rows[i].early };
	*to = str_of(rows[i].to);
	f.local = str_cut(to, '@');
	f.domain = *to;
	assert_true(ip_parse(str_of(rows[i].client), &f.client));
	f.host = conf_host_find(conf, f.client);
	f.relay_from = conf_network_find(&conf->relay.from, f.client);
	return f;
}

static void matrix(void **state)
{
	(void)state;
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct str to;
		struct facts f = facts_of(conf, i, &to);
		struct verdict v = policy_reputation(&f);
		char memory[256];
		struct buf rule;
		buf_init_fixed(&rule, memory, sizeof memory);
		verdict_rule_write(&v, &rule);
		unsigned code = v.kind == VERDICT_NEED ? 1 : v.code;
		if (code != rows[i].code) fail_msg("row %zu: %u, not %u", i, code, rows[i].code);
		if (v.kind == VERDICT_NEED) assert_int_equal(v.need, FACT_CLIENT);
		if (v.kind != VERDICT_REFUSE) continue;
		if (!str_eq(str_of(v.dsn), str_of(rows[i].dsn))) fail_msg("row %zu: %s", i, v.dsn);
		if (!str_eq(buf_view(&rule), str_of(rows[i].rule)))
			fail_msg("row %zu: %.*s", i, (int)rule.len, rule.at);
		if (v.text.len < 20) fail_msg("row %zu: no sentence", i);
		/* Who has logged in is nobody's stranger. */
		f.authenticated = true;
		assert_int_equal(policy_reputation(&f).kind, VERDICT_ACCEPT);
		f.authenticated = false;
		f.lists_known = false;
		assert_int_equal(policy_reputation(&f).kind, VERDICT_NEED);
	}
	conf_free(conf);
}

static void sentence_names_the_list(void **state)
{
	(void)state;
	struct conf *conf = conf_of(text);
	assert_true(str_eq(conf->dnsbls[1].refusal,
		STR("Your address is listed by soft.example: see https://s.example")));
	assert_true(str_starts(conf->dnsbls[0].refusal,
		STR("Your address is listed by bad.example; ")));
	conf_free(conf);
}

/* What is asked follows from the words, and from what is known. */
static void asks(void **state)
{
	(void)state;
	static const struct {
		const char *words, *client, *helo;
		unsigned asks;
	} cases[] = {
		{ "", FAR, "c.example", CLIENT_ASK_NAME },
		{ "check { client-name no }", FAR, "c.example", 0 },
		{ "check { client-name no; client { missing 1 } }", FAR, "c.example", CLIENT_ASK_NAME },
		{ "check { client-name no; client { missing 1 } }", "10.0.0.1", "c.example", 0 },
		{ "", "10.0.0.1", "c.example", CLIENT_ASK_NAME },
		{ "", "127.0.0.1", "c.example", 0 },
		{ "dnsbl l.example { }", FAR, "", CLIENT_ASK_NAME | CLIENT_ASK_LISTS },
		{ "dnsbl l.example { }", "10.0.0.1", "", CLIENT_ASK_NAME },
		{ "check { helo { unresolved 1 } }", FAR, "c.example", CLIENT_ASK_NAME | CLIENT_ASK_HELO },
		{ "check { helo { unresolved 1 } }", FAR, "", CLIENT_ASK_NAME },
		{ "check { helo { unresolved 1 } }", FAR, "[192.0.2.1]", CLIENT_ASK_NAME },
		{ "check { helo { unresolved 1 } }", FAR, "host.example", CLIENT_ASK_NAME },
	};
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct conf *conf = conf_of(cases[i].words);
		struct facts f = { .conf = conf, .listener = conf->listeners,
				   .helo = str_of(cases[i].helo) };
		assert_true(ip_parse(str_of(cases[i].client), &f.client));
		if (policy_asks(&f) != cases[i].asks) fail_msg("row %zu: %u", i, policy_asks(&f));
		f.name = V;
		f.lists_known = true;
		f.helo_resolves = ANSWER_NO;
		assert_int_equal(policy_asks(&f), 0);
		conf_free(conf);
	}
}

static void answers_of_lists(void **state)
{
	(void)state;
	static const struct {
		const char *words, *answers[2];
		enum client_listed want;
	} cases[] = {
		{ "", { "127.0.0.2" }, CLIENT_LISTED },
		{ "", { "127.9.9.9" }, CLIENT_LISTED },
		{ "answer 127.0.0.2-11", { "127.0.0.2" }, CLIENT_LISTED },
		{ "answer 127.0.0.2-11", { "127.0.0.11" }, CLIENT_LISTED },
		{ "answer 127.0.0.2-11", { "127.0.0.12" }, CLIENT_NOT_LISTED },
		{ "answer 127.0.0.2-11", { "127.0.0.12", "127.0.0.3" }, CLIENT_LISTED },
		{ "answer 127.0.0.2 127.0.1.0-127.0.2.255", { "127.0.2.7" }, CLIENT_LISTED },
		{ "answer 127.0.0.2 127.0.1.0-127.0.2.255", { "127.0.3.0" }, CLIENT_NOT_LISTED },
		{ "", { "127.255.255.254" }, CLIENT_LIST_FAULT },
		{ "", { "127.255.254.1" }, CLIENT_LISTED },
		{ "", { "127.0.0.2", "127.255.255.252" }, CLIENT_LIST_FAULT },
		{ "", { "192.0.2.1" }, CLIENT_LIST_FAULT },
		{ "", { "2001:db8::1" }, CLIENT_LIST_FAULT },
		{ "", { NULL }, CLIENT_NOT_LISTED },
	};
	for (size_t i = 0; i < ROWS(cases); i++) {
		char words[256];
		struct ip ips[2];
		size_t count = 0;
		(void)snprintf(words, sizeof words, "dnsbl l.example { score 1; %s }\n", cases[i].words);
		struct conf *conf = conf_of(words);
		while (count < 2 && cases[i].answers[count]) {
			assert_true(ip_parse(str_of(cases[i].answers[count]), &ips[count]));
			count++;
		}
		if (client_list_read(conf->dnsbls, ips, count) != cases[i].want) fail_msg("row %zu", i);
		conf_free(conf);
	}
}

static void names_of_lists(void **state)
{
	(void)state;
	static const struct { const char *client, *list, *ptr; } cases[] = {
		{ "192.0.2.99", "99.2.0.192.l.example", "99.2.0.192.in-addr.arpa" },
		{ "2001:db8::12",
		  "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.l.example",
		  "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" },
	};
	for (size_t i = 0; i < ROWS(cases); i++) {
		char memory[256];
		struct buf out;
		struct ip ip;
		assert_true(ip_parse(str_of(cases[i].client), &ip));
		buf_init_fixed(&out, memory, sizeof memory);
		client_list_name(&out, ip, STR("l.example"));
		assert_true(str_eq(buf_view(&out), str_of(cases[i].list)));
		buf_reset(&out);
		client_ptr_name(&out, ip);
		assert_true(str_eq(buf_view(&out), str_of(cases[i].ptr)));
	}
}

static void before_the_greeting(void **state)
{
	(void)state;
	struct conf *conf = conf_of(text);
	struct facts f = { .conf = conf, .listener = conf->listeners, .lists_known = true };
	assert_true(ip_parse(STR(FAR), &f.client));
	assert_true(policy_waits_for_greeting(&f));
	assert_int_equal(policy_early(&f).kind, VERDICT_ACCEPT); /* here it is points */
	assert_false(policy_is_welcome(&f));
	f.listed = GOOD;
	assert_true(policy_is_welcome(&f));
	f.listed = GOOD | BAD;
	assert_false(policy_is_welcome(&f));
	f.host = conf_host_find(conf, (struct ip){ .octets = { [10] = 0xff, 0xff, 192, 0, 2, 1 } });
	assert_false(policy_waits_for_greeting(&f));
	f.host = NULL;
	f.listener = &conf->listeners[USERS];
	assert_false(policy_waits_for_greeting(&f));
	conf_free(conf);
	conf = conf_of("listener mx { address 0.0.0.0:25; pregreet 1s }\n");
	f = (struct facts){ .conf = conf, .listener = conf->listeners };
	assert_true(ip_parse(STR(FAR), &f.client));
	struct verdict v = policy_early(&f);
	assert_int_equal(v.kind, VERDICT_REFUSE);
	assert_int_equal(v.code, 554);
	assert_true(ip_parse(STR("10.0.0.1"), &f.client));
	assert_int_equal(policy_early(&f).kind, VERDICT_ACCEPT);
	assert_false(policy_waits_for_greeting(&f));
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matrix),           cmocka_unit_test(sentence_names_the_list),
		cmocka_unit_test(asks),             cmocka_unit_test(answers_of_lists),
		cmocka_unit_test(names_of_lists),   cmocka_unit_test(before_the_greeting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
