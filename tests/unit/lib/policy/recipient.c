/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict_is.h"

static const char text[] =
	"hostname mx.us.example\n"                                             /* 1 */
	"domain us.example www.us.example {\n"                                 /* 2 */
	"	users staff\n"                                                 /* 3 */
	"	deliver maildir /m/%d/%n\n"                                    /* 4 */
	"}\n"
	"domain any.example { users any; deliver maildir /m/%d/%n }\n"
	"domain moved.example { users any; deliver route inside }\n"
	"directory staff { sqlite /var/lib/ims/users }\n"
	"route inside { via 10.0.0.1 }\n"
	"host 192.0.2.1 accept relay yes\n"
	"host 192.0.2.0/24 accept\n"
	"listener mx { address *:25 }\n"
	"listener staff { address *:587; role submission }\n";

/* who sends */
enum { STRANGER, KNOWN, RELAY, LOGGED_IN, LOGGED_IN_AT_MX, LISTED, NEVER, NEVER_LOGGED_IN };
enum { ASK = 1 };

static void expect(const struct conf *conf, size_t row, int who, const char *local,
                   const char *domain, enum answer exists, unsigned code, const char *dsn,
                   const char *rule)
{
	static const struct {
		const char *client;
		bool authenticated;
		unsigned listener;
	} clients[] = {
		[STRANGER] = { "203.0.113.1", false, 0 },
		[KNOWN] = { "192.0.2.7", false, 0 },
		[RELAY] = { "192.0.2.1", false, 0 },
		[LOGGED_IN] = { "203.0.113.1", true, 1 },
		[LOGGED_IN_AT_MX] = { "203.0.113.1", true, 0 },
		[LISTED] = { "198.51.100.77", false, 0 },
		[NEVER] = { "198.51.100.7", false, 0 },
		[NEVER_LOGGED_IN] = { "198.51.100.7", true, 1 },
	};
	struct ip client;
	assert_true(ip_parse(str_of(clients[who].client), &client));
	struct facts facts = {
		.conf = conf, .listener = &conf->listeners[clients[who].listener],
		.host = conf_host_find(conf, client),
		.relay_from = conf_network_find(&conf->relay.from, client),
		.relay_never = conf_network_find(&conf->relay.never, client),
		.authenticated = clients[who].authenticated, .spool_up = true,
		.local = str_of(local), .domain = str_of(domain), .exists = exists,
	};
	struct verdict v = policy_recipient(&facts);
	verdict_is(row, &v, code, dsn, rule);
}

struct row {
	int who;
	const char *local, *domain;
	enum answer exists;
	unsigned code;
	const char *dsn, *rule;
};

static void run_conf(const char *conf_text, const struct row *rows, size_t count)
{
	struct conf *conf = conf_of(conf_text);
	for (size_t i = 0; i < count; i++)
		expect(conf, i, rows[i].who, rows[i].local, rows[i].domain, rows[i].exists, rows[i].code,
			rows[i].dsn, rows[i].rule);
	conf_free(conf);
}

static void run(const struct row *rows, size_t count)
{
	run_conf(text, rows, count);
}

static void local_domains(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ STRANGER, "ann", "us.example", ANSWER_UNKNOWN, ASK, "", "" },
		{ STRANGER, "ann", "us.example", ANSWER_YES, 0, "", "" },
		{ STRANGER, "ann", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "ann", "us.example", ANSWER_CANNOT_TELL, 451, "4.3.0", "directory" },
		{ STRANGER, "ann", "WWW.US.Example", ANSWER_UNKNOWN, ASK, "", "" },
		{ STRANGER, "ann", "www.us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		/* nobody may send to a user that does not exist, however trusted */
		{ RELAY, "ann", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ RELAY, "ann", "us.example", ANSWER_CANNOT_TELL, 451, "4.3.0", "directory" },
		{ LOGGED_IN, "ann", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "whoever", "any.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "whoever", "moved.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "whoever", "any.example", ANSWER_NO, 0, "", "" },
		/* below a local domain is not in it */
		{ STRANGER, "ann", "x.us.example", ANSWER_YES, 550, "5.7.1", "relay denied" },
		{ STRANGER, "ann", "example", ANSWER_YES, 550, "5.7.1", "relay denied" },
		{ STRANGER, "ann", "notus.example", ANSWER_YES, 550, "5.7.1", "relay denied" },
	};
	run(rows, ROWS(rows));
}

static void foreign_domains(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ STRANGER, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ KNOWN, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ RELAY, "bob", "there.example", ANSWER_UNKNOWN, 0, "", "" },
		{ LOGGED_IN, "bob", "there.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "bob", "[192.0.2.25]", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ RELAY, "bob", "[192.0.2.25]", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "bob", "mx.us.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		/* Q156997: a name without a domain is never sent on to a guess */
		{ STRANGER, "bob", "", ANSWER_UNKNOWN, 550, "5.1.3", "no domain" },
		{ RELAY, "bob", "", ANSWER_UNKNOWN, 550, "5.1.3", "no domain" },
		{ LOGGED_IN, "bob", "", ANSWER_UNKNOWN, 550, "5.1.3", "no domain" },
	};
	run(rows, ROWS(rows));
}

#define MX "hostname mx.us.example\ndomain us.example { users any; deliver maildir /m/%n }\n"

/* `relay` beside rules of hosts and logins. */
static void relay(void **state)
{
	(void)state;
	static const struct row nothing[] = {
		{ LISTED, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ NEVER, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ NEVER_LOGGED_IN, "bob", "there.example", ANSWER_UNKNOWN, 0, "", "" },
		{ LOGGED_IN, "bob", "there.example", ANSWER_UNKNOWN, 0, "", "" },
		{ LOGGED_IN_AT_MX, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
	};
	run(nothing, ROWS(nothing));
	static const struct row listed[] = {
		{ LISTED, "bob", "there.example", ANSWER_UNKNOWN, 0, "", "" },
		{ LISTED, "bob", "[192.0.2.25]", ANSWER_UNKNOWN, 0, "", "" },
		{ LISTED, "bob", "", ANSWER_UNKNOWN, 550, "5.1.3", "no domain" },
		/* the part of it that must not */
		{ NEVER, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "t.conf:4" },
		{ NEVER_LOGGED_IN, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "t.conf:4" },
		/* stands before a rule of the host */
		{ RELAY, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "t.conf:5" },
		{ KNOWN, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "t.conf:5" },
		/* mail for here is not relayed */
		{ NEVER, "ann", "us.example", ANSWER_UNKNOWN, 0, "", "" },
		{ NEVER, "postmaster", "mx.us.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ LOGGED_IN, "bob", "there.example", ANSWER_UNKNOWN, 0, "", "" },
		{ LOGGED_IN_AT_MX, "bob", "there.example", ANSWER_UNKNOWN, 0, "", "" },
	};
	run_conf(MX "relay { from 198.51.100.0/24\nnever 198.51.100.0/28\n" /* 3, 4 */
	         "never 192.0.2.0/24; authenticated }\nhost 192.0.2.1 accept relay yes\n"
	         "listener mx { address *:25 }\nlistener s { address *:587; role submission }\n",
		listed, ROWS(listed));
	static const struct row everybody[] = { /* of IPv6 only */
		{ STRANGER, "bob", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
	};
	run_conf(MX "relay { from ::/0 }\n", everybody, ROWS(everybody));
}

static void postmaster(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ STRANGER, "postmaster", "", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "POSTMaster", "", ANSWER_UNKNOWN, 0, "", "" },
		/* Q242387: of every local domain, whatever its directory says */
		{ STRANGER, "postmaster", "us.example", ANSWER_UNKNOWN, ASK, "", "" },
		{ STRANGER, "postmaster", "us.example", ANSWER_YES, 0, "", "" },
		{ STRANGER, "postmaster", "us.example", ANSWER_CIRCLE, 0, "", "" },
		{ STRANGER, "Postmaster", "US.EXAMPLE", ANSWER_NO, 0, "", "" },
		{ STRANGER, "postmaster", "www.us.example", ANSWER_CANNOT_TELL, 0, "", "" },
		{ STRANGER, "postmaster", "any.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "postmaster", "moved.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "postmaster", "mx.us.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "PostMaster", "MX.us.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "postmaster", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ RELAY, "postmaster", "there.example", ANSWER_UNKNOWN, 0, "", "" },
		/* Q245041: not what begins like it, and not what ends like it */
		{ STRANGER, "p", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "po", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "pos", "us.example", ANSWER_UNKNOWN, ASK, "", "" },
		{ STRANGER, "postmaste", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "postmaster1", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "postmaster ", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "postmaster+x", "mx.us.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ STRANGER, "p", "", ANSWER_UNKNOWN, 550, "5.1.3", "no domain" },
	};
	run(rows, ROWS(rows));
	assert_true(policy_is_postmaster(STR("POSTMASTER")));
	assert_false(policy_is_postmaster(STR("")));
	assert_false(policy_is_postmaster(STR("postmaster\0")));
}

/* What aliases change; the last two columns of a row are as above. */
static void aliases(void **state)
{
	(void)state;
	static const char conf_text[] =
		"hostname mx.us.example\n"
		"postmaster boss@us.example\n"
		"domain us.example { users staff; deliver maildir /m/%n; catch-all ann@us.example }\n"
		"domain any.example { users any; deliver maildir /m/%n; aliases /a }\n"
		"domain plain.example { users any; deliver maildir /m/%n }\n"
		"directory staff { sqlite /d }\n"
		"listener mx { address *:25 }\n";
	static const struct {
		const char *local, *domain;
		enum answer exists;
		enum stands_for stands_for;
		unsigned code;
		const char *dsn, *rule;
	} rows[] = {
		{ "ann", "any.example", ANSWER_UNKNOWN, 0, ASK, "", "" },
		{ "ann", "any.example", ANSWER_YES, STANDS_FOR_ITSELF, 0, "", "" },
		{ "ann", "any.example", ANSWER_NO, STANDS_FOR_ALIAS, 550, "5.1.1", "t.conf:4" },
		{ "ann", "any.example", ANSWER_CANNOT_TELL, 0, 451, "4.3.0", "directory" },
		{ "ann", "us.example", ANSWER_CIRCLE, STANDS_FOR_ALIAS, 451, "4.3.5", "aliases" },
		{ "ann", "us.example", ANSWER_YES, STANDS_FOR_CATCH_ALL, 0, "", "" },
		/* Who names another host is nobody's, if it is not his name. */
		{ "a%b", "any.example", ANSWER_YES, STANDS_FOR_ITSELF, 550, "5.7.1", "relay denied" },
		{ "a%b", "any.example", ANSWER_YES, STANDS_FOR_ALIAS, 0, "", "" },
		{ "a%b", "us.example", ANSWER_YES, STANDS_FOR_CATCH_ALL, 550, "5.7.1", "relay denied" },
		{ "a%b", "us.example", ANSWER_YES, STANDS_FOR_ITSELF, 0, "", "" },
		/* The setting's address may be an alias. */
		{ "postmaster", "", ANSWER_UNKNOWN, 0, ASK, "", "" },
		{ "postmaster", "mx.us.example", ANSWER_UNKNOWN, 0, ASK, "", "" },
		{ "postmaster", "plain.example", ANSWER_UNKNOWN, 0, ASK, "", "" },
		{ "postmaster", "", ANSWER_CANNOT_TELL, 0, 0, "", "" },
		{ "postmaster", "plain.example", ANSWER_NO, 0, 0, "", "" },
	};
	struct conf *conf = conf_of(conf_text);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct facts facts = { .conf = conf, .listener = conf->listeners,
			.spool_up = true, .local = str_of(rows[i].local),
			.domain = str_of(rows[i].domain), .exists = rows[i].exists,
			.stands_for = rows[i].stands_for };
		struct verdict v = policy_recipient(&facts);
		verdict_is(i, &v, rows[i].code, rows[i].dsn, rows[i].rule);
	}
	struct str directory;
	assert_int_equal(policy_owner(conf, STR("x@any.example"), &directory).known, ANSWER_UNKNOWN);
	assert_int_equal(directory.len, 0);
	assert_int_equal(policy_owner(conf, STR("x@plain.example"), &directory).known, ANSWER_YES);
	conf_free(conf);
}

/* Local parts that carry an address of elsewhere. They come unquoted and undecoded, and are
 * never taken apart: at the worst they are the name of nobody. */
static void elsewhere(void **state)
{
	(void)state;
	static const struct row rows[] = {
		/* Q244346: percent hack */
		{ STRANGER, "user%victim.example", "any.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ RELAY, "user%victim.example", "any.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ LOGGED_IN, "user%victim.example", "moved.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ STRANGER, "user%victim.example", "us.example", ANSWER_UNKNOWN, ASK, "", "" },
		{ STRANGER, "user%victim.example", "us.example", ANSWER_NO, 550, "5.7.1", "relay denied" },
		{ STRANGER, "user%us.example", "there.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		/* a directory that lists such a user has the last word */
		{ STRANGER, "50%off", "us.example", ANSWER_YES, 0, "", "" },
		/* bang path */
		{ STRANGER, "victim.example!user", "any.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ STRANGER, "!", "any.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ STRANGER, "victim!user", "us.example", ANSWER_NO, 550, "5.7.1", "relay denied" },
		/* Q264330: "IMCEA user@domain2.com"@localdomain1.com */
		{ STRANGER, "IMCEA user@domain2.com", "any.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ RELAY, "user@victim.example", "any.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		{ STRANGER, "user@victim.example", "us.example", ANSWER_NO, 550, "5.7.1", "relay denied" },
		{ STRANGER, "postmaster@victim.example", "us.example", ANSWER_NO, 550, "5.7.1", "relay denied" },
		{ STRANGER, "postmaster%us.example", "any.example", ANSWER_UNKNOWN, 550, "5.7.1", "relay denied" },
		/* Q237927: an encapsulated address is a name like another, and is not decoded */
		{ STRANGER, "IMCEASMTP-user+40victim+2Ecom", "us.example", ANSWER_UNKNOWN, ASK, "", "" },
		{ STRANGER, "IMCEASMTP-user+40victim+2Ecom", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "IMCEASMTP-user+40victim+2Ecom", "any.example", ANSWER_UNKNOWN, 0, "", "" },
		{ STRANGER, "IMCEASMTP-user+40any+2Eexample", "there.example", ANSWER_YES, 550, "5.7.1", "relay denied" },
		{ STRANGER, "IMCEASMTP-postmaster", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
		{ STRANGER, "IMCEAEX-_O=ORG_OU=SITE_CN=RECIPIENTS_CN=ALIAS", "us.example", ANSWER_NO, 550, "5.1.1", "t.conf:3" },
	};
	run(rows, ROWS(rows));
}

static void rule_text(void **state)
{
	(void)state;
	static const struct conf_origin at = { STR_INIT("/etc/ims/ims.conf"), 17 };
	static const struct conf_origin whole = { STR_INIT("profile office"), 0 };
	struct verdict verdicts[] = {
		verdict_rule(550, "5.1.1", STR("x"), &at),
		verdict_rule(550, "5.1.1", STR("x"), &whole),
		verdict_builtin(550, "5.1.1", STR("x"), "relay denied"),
		verdict_accept(),
	};
	static const char *const want[] = { "/etc/ims/ims.conf:17", "profile office", "relay denied", "" };
	for (size_t i = 0; i < ROWS(verdicts); i++) {
		char memory[64];
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory);
		verdict_rule_write(&verdicts[i], &out);
		assert_true(str_eq(buf_view(&out), str_of(want[i])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local_domains),
		cmocka_unit_test(foreign_domains),
		cmocka_unit_test(relay),
		cmocka_unit_test(postmaster),
		cmocka_unit_test(aliases),
		cmocka_unit_test(elsewhere),
		cmocka_unit_test(rule_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
