/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of a recipient by which relays were fooled. Each goes through the parser of RCPT as
 * a client sends it, then through policy, for a stranger and for a client that may relay. */
#include "verdict_is.h"

#include "lib/smtp/address.h"

static const char text[] =
	"hostname mx.us.example\n"
	"domain us.example { users people; deliver maildir /m/%n }\n"
	"domain any.example { users any; deliver maildir /m/%n }\n"
	"directory people { sqlite /d }\n"
	"host 192.0.2.1 accept relay yes\n"
	"listener mx { address *:25 }\n";

/* Beside codes: */
enum { SYNTAX = 501, TAKEN = 250 };

/* The directory says no to all but ann, and 50%off, whose name it is. */
static enum answer exists(struct str local)
{
	return str_eq_nocase(local, STR("ann")) || str_eq(local, STR("50%off")) ? ANSWER_YES : ANSWER_NO;
}

static const struct {
	const char *path;
	unsigned stranger, relay;
} cases[] = {
	{ "<ann@us.example>", TAKEN, TAKEN },
	{ "<bob@there.example>", 5507, TAKEN },
	/* source routes: what stands before the colon is thrown away */
	{ "<@us.example:bob@there.example>", 5507, TAKEN },
	{ "<@us.example,@any.example:bob@there.example>", 5507, TAKEN },
	{ "<@there.example:ann@us.example>", TAKEN, TAKEN },
	{ "<@there.example:bob%there.example@us.example>", 5507, 5507 },
	{ "<us.example:bob@there.example>", SYNTAX, SYNTAX },
	{ "<@us.example@there.example:bob@there.example>", SYNTAX, SYNTAX },
	/* percent hack */
	{ "<bob%there.example@us.example>", 5507, 5507 },
	{ "<bob%there.example@any.example>", 5507, 5507 },
	{ "<bob%there.example%elsewhere.example@us.example>", 5507, 5507 },
	{ "<\"bob%there.example\"@us.example>", 5507, 5507 },
	{ "<\"bob\\%there.example\"@any.example>", 5507, 5507 },
	{ "<ann%us.example@us.example>", 5507, 5507 },
	{ "<ann%us.example@there.example>", 5507, TAKEN },
	{ "<%there.example@us.example>", 5507, 5507 },
	{ "<50%off@us.example>", TAKEN, TAKEN },
	{ "<bob%there.example>", SYNTAX, SYNTAX },
	{ "<bob%there.example@[192.0.2.25]>", 5507, TAKEN },
	/* bang paths */
	{ "<there.example!bob@us.example>", 5507, 5507 },
	{ "<there.example!bob@any.example>", 5507, 5507 },
	{ "<us.example!there.example!bob@us.example>", 5507, 5507 },
	{ "<there.example!bob>", SYNTAX, SYNTAX },
	{ "<\"there.example!bob\"@any.example>", 5507, 5507 },
	/* an address as local part */
	{ "<\"bob@there.example\"@us.example>", 5507, 5507 },
	{ "<\"bob@there.example\"@any.example>", 5507, 5507 },
	{ "<\"bob\\@there.example\"@any.example>", 5507, 5507 },
	{ "<bob@there.example@us.example>", SYNTAX, SYNTAX },
	{ "<\"bob@there.example\">", SYNTAX, SYNTAX },
	{ "<bob\\@there.example@us.example>", SYNTAX, SYNTAX },
	{ "<@bob@there.example>", SYNTAX, SYNTAX },
	/* mixed */
	{ "<\"there.example!bob%x.example\"@any.example>", 5507, 5507 },
	{ "<bob%there.example@us.example.>", SYNTAX, SYNTAX },
	{ "<bob@there.example:25>", SYNTAX, SYNTAX },
	{ "<bob@us.example@>", SYNTAX, SYNTAX },
	{ "<bob@there.example,ann@us.example>", SYNTAX, SYNTAX },
	{ "<bob@there.example ann@us.example>", SYNTAX, SYNTAX },
	{ "<bob@there.example\0@us.example>", SYNTAX, SYNTAX },
	/* encapsulated: a name like another, never decoded (Q237927) */
	{ "<IMCEASMTP-bob+40there+2Eexample@us.example>", 5501, 5501 },
	{ "<IMCEASMTP-bob+40there+2Eexample@any.example>", TAKEN, TAKEN },
	{ "<IMCEASMTP-ann+40us+2Eexample@there.example>", 5507, TAKEN },
	{ "<\"IMCEASMTP-bob@there.example\"@any.example>", 5507, 5507 },
	/* names of this server, and what looks like a local domain */
	{ "<bob@mx.us.example>", 5507, TAKEN },
	{ "<bob@[127.0.0.1]>", 5507, TAKEN },
	{ "<bob@localhost>", 5507, TAKEN },
	{ "<bob@us.example.there.example>", 5507, TAKEN },
	{ "<bob@x.us.example>", 5507, TAKEN },
	{ "<bob@us.exampl>", 5507, TAKEN },
	{ "<bob>", SYNTAX, SYNTAX },
	{ "<>", SYNTAX, SYNTAX },
	{ "<postmaster>", TAKEN, TAKEN },
	{ "<postmaster%there.example@us.example>", 5507, 5507 },
	{ "<postmaster@there.example>", 5507, TAKEN },
};

/* Of a refusal the code and the last figure of its status: 5507 is 550 5.7.1. */
static unsigned decide(const struct conf *conf, const char *client, const char *path_text)
{
	struct smtp_path path;
	struct str rest;
	struct ip ip;
	char memory[512];
	struct buf local;
	if (smtp_path_parse(str_of(path_text), SMTP_FORWARD_PATH, &path, &rest) != SMTP_PATH_OK ||
	    rest.len)
		return SYNTAX;
	assert_true(ip_parse(str_of(client), &ip));
	buf_init_fixed(&local, memory, sizeof memory);
	smtp_local_unquote(&local, path.local);
	struct facts f = { .conf = conf, .listener = &conf->listeners[0],
		.host = conf_host_find(conf, ip), .spool_up = true,
		.local = buf_view(&local), .domain = path.domain };
	struct verdict v = policy_recipient(&f);
	if (v.kind == VERDICT_NEED) {
		f.exists = exists(f.local);
		v = policy_recipient(&f);
	}
	return v.kind == VERDICT_ACCEPT ? TAKEN : v.code * 10 + (unsigned)(v.dsn[2] == '7' ? 7 : 1);
}

static void forms(void **state)
{
	(void)state;
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(cases); i++) {
		unsigned stranger = decide(conf, "203.0.113.1", cases[i].path);
		unsigned relay = decide(conf, "192.0.2.1", cases[i].path);
		if (stranger != cases[i].stranger || relay != cases[i].relay)
			fail_msg("%s: %u %u", cases[i].path, stranger, relay);
	}
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(forms) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
