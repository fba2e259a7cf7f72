/* SPDX-License-Identifier: Apache-2.0 */
/* Logins as receive asks for them, on the role itself. */
#include "../role_test.h"

#include "lib/base/list.h"
#include "lib/ipc/scoreboard.h"
#include "scram_client.h"
#include "services/directory/auth.h"
#include "signer.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Both of the password "pencil"; the hash is a cheap one. */
static const char hash[] = "$6$rounds=1000$saltsalt$bbY.T.ZpN43KapLdmlSbP6MmxBlkMSbhrh.Y"
			   "1rmY0fYaRO/t.4sKqUiU.Z8byKf8Oa1yagMn/0fncuHSYrb9h.";
static const char scram[] = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
			    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
			    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

static struct { uint64_t query; unsigned result; char challenge[2100], user[400], reason[200]; } last;
static uint64_t query;

static void on_reply(struct role_test *t, enum msg_type type, struct str payload)
{
	struct msg_auth_reply m;
	(void)t;
	assert_int_equal(type, MSG_auth_reply);
	assert_true(msg_auth_reply_get(payload, &m));
	last.query = m.query;
	last.result = m.result;
	assert_true(str_to_cstr(m.challenge, last.challenge, sizeof last.challenge));
	assert_true(str_to_cstr(m.user, last.user, sizeof last.user));
	assert_true(str_to_cstr(m.reason, last.reason, sizeof last.reason));
}

static void add(const struct role_test *t, const char *address, const char *verifier,
		const char *keys)
{
	char path[128];
	struct directory_db *db = NULL;
	struct buf why;
	buf_init(&why, 256);
	(void)snprintf(path, sizeof path, "%s/state/users.db", t->root);
	int folder = directory_db_folder(str_of(path), true, geteuid(), getegid());
	assert_int_equal(directory_db_prepare(folder, STR("users.db"), geteuid(), getegid()), 0);
	assert_int_equal(directory_db_open(&db, folder, STR("users.db"), 100, &why),
			 DIRECTORY_OK);
	const struct directory_secrets secrets = { str_of(verifier), str_of(keys) };
	assert_int_equal(directory_db_add(db, str_of(address), STR("mx.test"), &secrets, 1),
			 DIRECTORY_OK);
	directory_db_close(db);
	(void)close(folder);
	buf_free(&why);
}

static struct role_test *start(const char *conf)
{
	static struct role_test t;
	char text[1024];
	int fd;
	assert_non_null(scoreboard_new(&fd));
	(void)close(fd);
	role_test_folder(&t);
	t.answer = on_reply;
	(void)snprintf(text, sizeof text,
		       "hostname mx.test\nlistener l { address 127.0.0.1:25 }\n"
		       "directory staff { sqlite %s/state/users.db }\n"
		       "directory bad { sqlite /dev/null/users.db }\n"
		       "domain a.example { users staff; deliver maildir /m/%%n }\n%s",
		       t.root, conf);
	role_test_start(&t, &directory_role, ROLE_RECEIVE, text);
	add(&t, "Ann@a.example", hash, scram);
	add(&t, "none@a.example", "", "");
	add(&t, "broken@a.example", "$nonsense$", "");
	return &t;
}

static struct str client_of(unsigned last_octet)
{
	static struct ip ip;
	ip = ip_of_v4(0xc0000200u | last_octet);
	return (struct str){ (const char *)ip.octets, sizeof ip.octets };
}

static struct str certificate; /* of the client */

static void begin_from(struct role_test *t, unsigned client, const char *mechanism,
		       struct str response)
{
	channel_send_auth_begin(t->far, &(struct msg_auth_begin){
		.query = ++query, .mechanism = str_of(mechanism), .response = response,
		.client = client_of(client), .tls = 1, .binding = STR(""),
		.certificate = certificate });
}

static unsigned begin(struct role_test *t, const char *mechanism, struct str response)
{
	begin_from(t, 1, mechanism, response);
	role_test_run(t, 1);
	assert_int_equal(last.query, query);
	return last.result;
}

static unsigned step(struct role_test *t, struct str response)
{
	channel_send_auth_step(t->far, &(struct msg_auth_step){ query, response });
	role_test_run(t, 1);
	assert_int_equal(last.query, query);
	return last.result;
}

static const char calm[] = "auth { delay 0s; failures 0 }\n";

static void passwords(void **state)
{
	static const struct {
		struct str response;
		unsigned result;
		const char *user, *reason;
	} rows[] = {
		{ STR_INIT("\0ann@a.example\0pencil"), AUTH_YES, "Ann@a.example", "" },
		{ STR_INIT("\0ANN@A.EXAMPLE\0pencil"), AUTH_YES, "Ann@a.example", "" },
		{ STR_INIT("\0ann\0pencil"), AUTH_YES, "Ann@a.example", "" },
		{ STR_INIT("\0ann@a.example\0Pencil"), AUTH_NO, "ann@a.example", "wrong password" },
		{ STR_INIT("\0bob@a.example\0pencil"), AUTH_NO, "bob@a.example", "unknown user" },
		{ STR_INIT("\0ann@b.example\0pencil"), AUTH_NO, "ann@b.example", "unknown user" },
		{ STR_INIT("\0none@a.example\0x"), AUTH_NO, "none@a.example", "unknown user" },
		{ STR_INIT("\0ann+x@a.example\0pencil"), AUTH_NO, "ann+x@a.example", "unknown user" },
		{ STR_INIT("\0a\nn\0pencil"), AUTH_NO, "a\nn", "unknown user" },
		{ STR_INIT("junk"), AUTH_NO, "", "the response is not understood" },
		{ STR_INIT("bob\0ann\0pencil"), AUTH_NO, "ann", "unknown user" },
		{ STR_INIT("\0broken@a.example\0x"), AUTH_LATER, "broken@a.example",
		  "the stored hash cannot be used now" },
		/* Again: the first is known by now. */
		{ STR_INIT("\0ann@a.example\0pencil"), AUTH_YES, "Ann@a.example", "" },
	};
	struct role_test *t = start(calm);
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned result = begin(t, i % 2 ? "LOGIN" : "PLAIN", rows[i].response);
		if (result != rows[i].result || strcmp(last.user, rows[i].user) != 0 ||
		    strcmp(last.reason, rows[i].reason) != 0)
			fail_msg("row %zu: %u %s %s", i, result, last.user, last.reason);
		assert_string_equal(last.challenge, "");
	}
	assert_int_equal(begin(t, "CRAM-MD5", STR("")), AUTH_LATER);
	role_test_end(t);
}

static unsigned scram_login(struct role_test *t, const char *user, const char *password)
{
	struct scram_client c = { .binding = STR("") };
	scram_client_first(&c, STR("n,,"), str_of(user), STR("nonce"));
	unsigned result = begin(t, "SCRAM-SHA-256", buf_view(&c.first));
	if (result == AUTH_CHALLENGE) {
		scram_client_final(&c, str_of(password), str_of(last.challenge));
		result = step(t, buf_view(&c.final));
	}
	if (result == AUTH_CHALLENGE) {
		assert_true(str_eq(str_of(last.challenge), buf_view(&c.server_final)));
		result = step(t, STR(""));
	}
	scram_client_free(&c);
	return result;
}

/* What follows the nonce in the first challenge: salt and iterations. */
static struct str salt_of(struct role_test *t, const char *user, char *copy, size_t size)
{
	struct scram_client c = { .binding = STR("") };
	scram_client_first(&c, STR("n,,"), str_of(user), STR("nonce"));
	assert_int_equal(begin(t, "SCRAM-SHA-256", buf_view(&c.first)), AUTH_CHALLENGE);
	struct str rest = str_of(last.challenge);
	(void)str_cut(&rest, ',');
	assert_true(str_to_cstr(rest, copy, size));
	scram_client_free(&c);
	return str_of(copy);
}

static void challenges(void **state)
{
	struct role_test *t = start(calm);
	char one[200], two[200];
	(void)state;
	assert_int_equal(scram_login(t, "ann@a.example", "pencil"), AUTH_YES);
	assert_string_equal(last.user, "Ann@a.example");
	assert_int_equal(scram_login(t, "ann@a.example", "Pencil"), AUTH_NO);
	assert_string_equal(last.reason, "wrong password");
	assert_int_equal(scram_login(t, "bob@a.example", "pencil"), AUTH_NO);
	assert_string_equal(last.reason, "unknown user");
	assert_int_equal(scram_login(t, "broken@a.example", "pencil"), AUTH_NO);
	/* A user who is made up has the same salt each time, and another one another. */
	assert_true(str_eq(salt_of(t, "bob@a.example", one, sizeof one),
			   salt_of(t, "BOB@a.example", two, sizeof two)));
	assert_false(str_eq(str_of(one), salt_of(t, "eve@a.example", two, sizeof two)));
	assert_false(str_eq(str_of(one), salt_of(t, "bob@b.example", two, sizeof two)));
	assert_int_equal(str_of(one).len, str_of("s=,i=100000").len + 24);
	role_test_end(t);
}

static void messages_that_make_no_sense(void **state)
{
	struct role_test *t = start(calm);
	struct scram_client c = { .binding = STR("") };
	(void)state;
	/* A step of nothing, a client that is no address, the same number twice. */
	query++;
	assert_int_equal(step(t, STR("x")), AUTH_LATER);
	channel_send_auth_begin(t->far, &(struct msg_auth_begin){
		.query = ++query, .mechanism = STR("PLAIN"), .response = STR("x"),
		.client = STR("short"), .binding = STR("") });
	role_test_run(t, 1);
	assert_int_equal(last.result, AUTH_LATER);
	scram_client_first(&c, STR("n,,"), STR("ann"), STR("nonce"));
	assert_int_equal(begin(t, "SCRAM-SHA-256", buf_view(&c.first)), AUTH_CHALLENGE);
	query--;
	assert_int_equal(begin(t, "SCRAM-SHA-256", buf_view(&c.first)), AUTH_LATER);
	/* The end of one is the end. */
	channel_send_auth_end(t->far, &(struct msg_auth_end){ query });
	channel_send_auth_end(t->far, &(struct msg_auth_end){ query + 1000 });
	assert_int_equal(step(t, STR("x")), AUTH_LATER);
	assert_string_equal(last.reason, "the login took too long");
	/* The process that asked has gone: its numbers are free again. */
	assert_int_equal(begin(t, "SCRAM-SHA-256", buf_view(&c.first)), AUTH_CHALLENGE);
	directory_role.peer_down(&t->frame, t->near);
	query--;
	assert_int_equal(begin(t, "SCRAM-SHA-256", buf_view(&c.first)), AUTH_CHALLENGE);
	scram_client_free(&c);
	role_test_end(t);
}

static void a_number_at_a_time(void **state)
{
	struct role_test *t = start(calm);
	struct scram_client c = { .binding = STR("") };
	(void)state;
	scram_client_first(&c, STR("n,,"), STR("ann"), STR("nonce"));
	for (unsigned i = 0; i < AUTH_SESSIONS_MAX; i++)
		begin_from(t, 1, "SCRAM-SHA-256", buf_view(&c.first));
	role_test_run(t, AUTH_SESSIONS_MAX);
	assert_int_equal(last.result, AUTH_CHALLENGE);
	assert_int_equal(begin(t, "SCRAM-SHA-256", buf_view(&c.first)), AUTH_LATER);
	assert_string_equal(last.reason, "too many logins at one time");
	channel_send_auth_end(t->far, &(struct msg_auth_end){ query - 1 });
	assert_int_equal(begin(t, "SCRAM-SHA-256", buf_view(&c.first)), AUTH_CHALLENGE);
	scram_client_free(&c);
	role_test_end(t);
}

static void a_database_that_fails(void **state)
{
	struct role_test *t = start("auth { delay 0s }\n"
				    "domain b.example { users bad; deliver maildir /m/%n }\n");
	(void)state;
	assert_int_equal(begin(t, "PLAIN", STR("\0joe@b.example\0x")), AUTH_LATER);
	assert_string_equal(last.reason, "directory cannot be asked");
	assert_int_equal(scram_login(t, "joe@b.example", "x"), AUTH_LATER);
	/* With two domains a name alone says nothing. */
	assert_int_equal(begin(t, "PLAIN", STR("\0ann\0pencil")), AUTH_NO);
	assert_int_equal(begin(t, "PLAIN", STR("\0ann@a.example\0pencil")), AUTH_YES);
	role_test_end(t);
}

static void bans(void **state)
{
	struct role_test *t = start("auth { delay 0s; failures 3; ban 1h }\n");
	(void)state;
	assert_int_equal(begin(t, "PLAIN", STR("\0bob@a.example\0one")), AUTH_NO);
	assert_int_equal(begin(t, "PLAIN", STR("\0bob@a.example\0one")), AUTH_NO);
	assert_int_equal(begin(t, "PLAIN", STR("\0eve@a.example\0one")), AUTH_NO);
	assert_int_equal(begin(t, "PLAIN", STR("\0joe@a.example\0one")), AUTH_NO);
	assert_string_equal(last.reason, "unknown user; banned from now on");
	assert_int_equal(begin(t, "PLAIN", STR("\0ann@a.example\0pencil")), AUTH_BANNED);
	assert_int_equal(scram_login(t, "ann@a.example", "pencil"), AUTH_BANNED);
	begin_from(t, 2, "PLAIN", STR("\0ann@a.example\0pencil"));
	role_test_run(t, 1);
	assert_int_equal(last.result, AUTH_YES);
	/* Whoever hangs up while it is checked has guessed all the same. */
	for (unsigned i = 0; i < 3; i++) {
		char guess[] = "\0ann@a.example\0x0";
		guess[sizeof guess - 2] = (char)('0' + i);
		begin_from(t, 3, "PLAIN", (struct str){ guess, sizeof guess - 1 });
		channel_send_auth_end(t->far, &(struct msg_auth_end){ query });
	}
	for (unsigned i = 0; i < 100 && last.result != AUTH_BANNED; i++) {
		begin_from(t, 3, "PLAIN", STR("\0none@a.example\0x"));
		role_test_run(t, 1);
		if (i == 0 && last.result == AUTH_NO) (void)usleep(100 * 1000);
	}
	assert_int_equal(last.result, AUTH_BANNED);
	role_test_end(t);
}

static void answers_wait(void **state)
{
	struct role_test *t = start("auth { delay 1s }\n");
	(void)state;
	int64_t before = loop_now_ms(t->frame.loop);
	assert_int_equal(begin(t, "PLAIN", STR("\0bob@a.example\0one")), AUTH_NO);
	assert_true(loop_now_ms(t->frame.loop) - before >= 950);
	/* What waits is gone when the role goes. */
	begin_from(t, 1, "PLAIN", STR("\0bob@a.example\0two"));
	begin_from(t, 9, "PLAIN", STR("\0ann@a.example\0pencil"));
	role_test_run(t, 1);
	assert_int_equal(last.result, AUTH_YES);
	role_test_end(t);
}

/* --- tokens and certificates ------------------------------------------------------------ */

static struct role_test *start_with_keys(const struct signer *s, const char *words)
{
	static struct role_test t;
	char text[1024], path[128];
	struct buf keys;
	role_test_folder(&t);
	t.answer = on_reply;
	buf_init(&keys, 4096);
	buf_str(&keys, STR("{\"keys\":["));
	signer_key(s, "", &keys);
	buf_str(&keys, STR("]}"));
	(void)snprintf(path, sizeof path, "%s/keys", t.root);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(keys.at, 1, keys.len, f), keys.len);
	(void)fclose(f);
	buf_free(&keys);
	(void)snprintf(text, sizeof text,
		       "hostname mx.test\nlistener l { address 127.0.0.1:25 }\n"
		       "directory staff { sqlite %s/state/users.db }\n"
		       "directory bad { sqlite /dev/null/users.db }\n"
		       "domain a.example { users staff; deliver maildir /m/%%n }\n"
		       "domain b.example { users bad; deliver maildir /m/%%n }\n"
		       "auth { %s\noauth corp { issuer https://i; audience us; jwks %s/keys } }\n",
		       t.root, words, t.root);
	role_test_start(&t, &directory_role, ROLE_RECEIVE, text);
	add(&t, "Ann@a.example", hash, scram);
	add(&t, "none@a.example", "", "");
	return &t;
}

/* A token for the address, as XOAUTH2 brings it for `user`. */
static unsigned token_login(struct role_test *t, const struct signer *s, const char *user,
			    const char *address, const char *more)
{
	char claims[512];
	struct buf message;
	(void)snprintf(claims, sizeof claims,
		       "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":%lld,\"email\":\"%s\"%s}",
		       (long long)time(NULL) + 600, address, more);
	buf_init(&message, 8192);
	buf_fmt(&message, "user=%s\1auth=Bearer ", user);
	signer_sign(s, NULL, claims, &message);
	buf_str(&message, STR("\1\1"));
	unsigned result = begin(t, "XOAUTH2", buf_view(&message));
	buf_free(&message);
	return result;
}

static void tokens(void **state)
{
	static const struct {
		const char *user, *address;
		unsigned result;
		const char *name, *reason;
	} rows[] = {
		{ "ann@a.example", "ann@a.example", AUTH_YES, "Ann@a.example", "" },
		{ "ANN@a.example", "Ann@A.example", AUTH_YES, "Ann@a.example", "" },
		{ "none@a.example", "none@a.example", AUTH_YES, "none@a.example", "" },
		{ "bob@a.example", "ann@a.example", AUTH_CHALLENGE, "bob@a.example",
		  "it belongs to another user" },
		{ "ann", "ann@a.example", AUTH_CHALLENGE, "ann", "it belongs to another user" },
		{ "bob@a.example", "bob@a.example", AUTH_CHALLENGE, "bob@a.example", "unknown user" },
		{ "ann+x@a.example", "ann+x@a.example", AUTH_CHALLENGE, "ann+x@a.example",
		  "unknown user" },
		{ "joe@b.example", "joe@b.example", AUTH_LATER, "joe@b.example",
		  "directory cannot be asked" },
		{ "ann@c.example", "ann@c.example", AUTH_CHALLENGE, "ann@c.example", "unknown user" },
	};
	struct signer s;
	(void)state;
	signer_make(&s, "ES256", "k");
	struct role_test *t = start_with_keys(&s, "delay 0s; failures 0");
	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned result = token_login(t, &s, rows[i].user, rows[i].address, "");
		if (result != rows[i].result || strcmp(last.user, rows[i].name) != 0 ||
		    strcmp(last.reason, rows[i].reason) != 0)
			fail_msg("row %zu: %u %s %s", i, result, last.user, last.reason);
		if (result != AUTH_CHALLENGE) continue;
		assert_string_equal(last.challenge, "{\"status\":\"401\",\"schemes\":\"bearer\"}");
		assert_int_equal(step(t, i % 2 ? STR("") : STR("junk")), AUTH_NO);
		assert_string_equal(last.reason, rows[i].reason);
	}
	assert_int_equal(begin(t, "OAUTHBEARER", STR("n,a=x,\1auth=Bearer t\1\1")), AUTH_CHALLENGE);
	assert_string_equal(last.challenge, "{\"status\":\"invalid_token\",\"schemes\":\"bearer\"}");
	assert_int_equal(begin(t, "XOAUTH2", STR("junk")), AUTH_NO);
	role_test_end(t);
	/* Where no issuer is named nobody's are good. */
	t = start(calm);
	assert_int_equal(token_login(t, &s, "ann@a.example", "ann@a.example", ""), AUTH_LATER);
	assert_string_equal(last.reason, "the mechanism cannot be used");
	role_test_end(t);
	signer_free(&s);
}

/* Another issuer is for another process: this one has neither the old configuration, which is
 * gone, nor the keys of the new one. */
static void tokens_when_it_leaves(void **state)
{
	static const char *const others[] = {
		"auth { delay 0s }\n",
		"auth { oauth corp { issuer https://j; audience us; jwks /dev/null } }\n",
	};
	struct signer s;
	(void)state;
	signer_make(&s, "ES256", "k");
	for (size_t i = 0; i < ROWS(others); i++) {
		struct role_test *t = start_with_keys(&s, "delay 0s; failures 0");
		assert_int_equal(token_login(t, &s, "ann@a.example", "ann@a.example", ""),
				 AUTH_YES);
		struct conf *old = t->frame.conf;
		t->frame.conf = role_test_conf(others[i]);
		t->left = false;
		directory_role.reload(&t->frame, old);
		assert_true(t->left);
		conf_free(old);
		for (unsigned known = 0; known < 2; known++) {
			assert_int_equal(token_login(t, &s, "ann@a.example", "ann@a.example",
						     known ? "" : ",\"jti\":\"1\""),
					 AUTH_LATER);
			assert_string_equal(last.reason, "the directory is being set up again");
		}
		role_test_end(t);
	}
	signer_free(&s);
}

static void tokens_that_are_guessed(void **state)
{
	struct signer s, other;
	(void)state;
	signer_make(&s, "ES256", "k");
	signer_make(&other, "ES256", "k");
	struct role_test *t = start_with_keys(&s, "delay 0s; failures 3; ban 1h");
	for (unsigned i = 0; i < 3; i++) {
		char more[32];
		(void)snprintf(more, sizeof more, ",\"jti\":\"%u\"", i);
		assert_int_equal(token_login(t, &other, "ann@a.example", "ann@a.example", more),
				 AUTH_CHALLENGE);
		/* Who hangs up now has guessed all the same. */
		channel_send_auth_end(t->far, &(struct msg_auth_end){ query });
	}
	assert_string_equal(last.reason, "the token's signature is wrong; banned from now on");
	assert_int_equal(token_login(t, &s, "ann@a.example", "ann@a.example", ""), AUTH_BANNED);
	role_test_end(t);
	signer_free(&s);
	signer_free(&other);
}

static void certificates(void **state)
{
	static const struct {
		const char *certificate, *as;
		unsigned result;
		const char *reason;
	} rows[] = {
		{ "ann@a.example", "", AUTH_YES, "" },
		{ "ANN@a.example", "ann@A.example", AUTH_YES, "" },
		{ "none@a.example", "", AUTH_YES, "" },
		{ "ann@a.example", "none@a.example", AUTH_NO, "it belongs to another user" },
		{ "ann@a.example", "ann", AUTH_NO, "it belongs to another user" },
		{ "bob@a.example", "", AUTH_NO, "unknown user" },
		{ "ann", "", AUTH_NO, "unknown user" },
		{ "", "", AUTH_NO, "there is no certificate with a user" },
		{ "", "ann@a.example", AUTH_NO, "there is no certificate with a user" },
		{ "joe@b.example", "", AUTH_LATER, "directory cannot be asked" },
	};
	struct role_test *t = start("auth { delay 0s; failures 0 }\n"
				    "domain b.example { users bad; deliver maildir /m/%n }\n");
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		certificate = str_of(rows[i].certificate);
		unsigned result = begin(t, "EXTERNAL", str_of(rows[i].as));
		if (result != rows[i].result || strcmp(last.reason, rows[i].reason) != 0)
			fail_msg("row %zu: %u %s", i, result, last.reason);
	}
	certificate = STR("");
	role_test_end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords),
		cmocka_unit_test(challenges),
		cmocka_unit_test(messages_that_make_no_sense),
		cmocka_unit_test(a_number_at_a_time),
		cmocka_unit_test(a_database_that_fails),
		cmocka_unit_test(bans),
		cmocka_unit_test(answers_wait),
		cmocka_unit_test(tokens),
		cmocka_unit_test(tokens_when_it_leaves),
		cmocka_unit_test(tokens_that_are_guessed),
		cmocka_unit_test(certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
