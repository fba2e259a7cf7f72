/* SPDX-License-Identifier: Apache-2.0 */
/* The role with directories that are asked on threads: lookups and logins that wait, and what
 * a reload and an end make of them. The kinds of the configuration stand for fake backends:
 * file for one with verifiers, ldap for one that compares. */
#include "../role_test.h"

#include "fake_backend.h"
#include "lib/base/list.h"
#include "lib/conf/conf.h"
#include "lib/ipc/scoreboard.h"
#include "lib/os/memfile.h"
#include "scram_client.h"
#include "services/directory/auth.h"

/* In the place of kinds.c. */
const struct backend *backend_lists(const struct conf_directory *c)
{
	if (c->file.len) return &fake_list_backend;
	return c->ldap.urls.count && c->ldap.profile == CONF_LDAP_GENERIC ? &fake_backend : NULL;
}

const struct backend *backend_checks(const struct conf_directory *c)
{
	if (!c->ldap.urls.count) return NULL;
	return c->ldap.profile == CONF_LDAP_GENERIC ? &fake_backend : &fake_checks_backend;
}

static struct {
	uint64_t query;
	unsigned result;
	char address[400], home[300], challenge[2100], user[400], reason[300];
} last;
static uint64_t query;

static void on_answer(struct role_test *t, enum msg_type type, struct str payload)
{
	struct msg_auth_reply a;
	struct msg_found f;
	(void)t;
	if (type == MSG_found) {
		assert_true(msg_found_get(payload, &f));
		last.query = f.query;
		last.result = f.result;
		assert_true(str_to_cstr(f.address, last.address, sizeof last.address));
		assert_true(str_to_cstr(f.home, last.home, sizeof last.home));
		return;
	}
	assert_int_equal(type, MSG_auth_reply);
	assert_true(msg_auth_reply_get(payload, &a));
	last.query = a.query;
	last.result = a.result;
	assert_true(str_to_cstr(a.challenge, last.challenge, sizeof last.challenge));
	assert_true(str_to_cstr(a.user, last.user, sizeof last.user));
	assert_true(str_to_cstr(a.reason, last.reason, sizeof last.reason));
}

static const char conf[] =
	"hostname mx.test\nlistener l { address 127.0.0.1:25 }\n"
	"directory staff { file /dev/null; cache 0s }\n"
	"directory people { ldap ldap://h { base x; bind cn=x; secret s }; home far.test; timeout 1s }\n"
	"directory checks { ldap ldap://h { base x; profile ad } }\n"
	"domain a.example { users staff; deliver maildir /m/%n }\n"
	"domain b.example { users people; deliver maildir /m/%n }\n"
	"domain c.example { users checks; deliver maildir /m/%n }\n"
	"auth { delay 0s; failures 0 }\n";

static int setup(void **state)
{
	int board;
	assert_non_null(scoreboard_new(&board));
	(void)close(board);
	static struct role_test t;
	fake_reset();
	role_test_folder(&t);
	t.answer = on_answer;
	role_test_start(&t, &directory_role, ROLE_RECEIVE, conf);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	role_test_end(*state);
	fake_reset();
	(void)usleep(20 * 1000);
	return 0;
}

static void lookup_send(struct role_test *t, const char *directory, const char *address)
{
	channel_send_lookup(t->far, &(struct msg_lookup){ .query = ++query,
							  .directory = str_of(directory),
							  .address = str_of(address) });
}

static unsigned lookup(struct role_test *t, const char *directory, const char *address)
{
	lookup_send(t, directory, address);
	role_test_run(t, 1);
	assert_int_equal(last.query, query);
	return last.result;
}

static void begin_send(struct role_test *t, const char *mechanism, struct str response)
{
	static struct ip ip;
	ip = ip_of_v4(0xc0000201u);
	channel_send_auth_begin(t->far, &(struct msg_auth_begin){
		.query = ++query, .mechanism = str_of(mechanism), .response = response,
		.client = { (const char *)ip.octets, sizeof ip.octets }, .binding = STR("") });
}

static unsigned plain(struct role_test *t, const char *user, const char *password)
{
	char text[1200];
	int len = snprintf(text, sizeof text, "%c%s%c%s", 0, user, 0, password);
	begin_send(t, "PLAIN", (struct str){ text, (size_t)len });
	role_test_run(t, 1);
	assert_int_equal(last.query, query);
	return last.result;
}

static void lookups_wait(void **state)
{
	struct role_test *t = *state;
	assert_int_equal(lookup(t, "staff", "Ok@a.example"), ANSWER_YES);
	assert_string_equal(last.address, "ok@a.example");
	assert_string_equal(last.home, "mx.test");
	assert_int_equal(lookup(t, "people", "none+x@b.example"), ANSWER_NO);
	assert_int_equal(lookup(t, "people", "staff+x@b.example"), ANSWER_YES);
	assert_string_equal(last.address, "staff@b.example");
	assert_string_equal(last.home, "far.test");
	assert_int_equal(lookup(t, "people", "alias@b.example"), ANSWER_YES);
	assert_string_equal(last.address, "Ok@a.example");
	assert_int_equal(lookup(t, "people", "unsure@b.example"), ANSWER_LATER);
	assert_true(role_test_said(t, "two entries match"));
	assert_true(role_test_said(t, "directory people"));
	unsigned events = t->events;
	assert_int_equal(lookup(t, "people", "unsure2@b.example"), ANSWER_LATER);
	assert_int_equal(t->events, events); /* not again at once */
	assert_int_equal(lookup(t, "staff", "lie-nul@a.example"), ANSWER_LATER);
	/* One who only compares passwords never says that there is nobody. */
	assert_int_equal(lookup(t, "checks", "nobody@c.example"), ANSWER_YES);
	assert_string_equal(last.address, "nobody@c.example");
	assert_int_equal(lookup(t, "unknown", "ok@a.example"), ANSWER_LATER);
	assert_int_equal(lookup(t, "people", "down@b.example"), ANSWER_LATER);
	assert_true(role_test_said(t, "out of order"));
	assert_int_equal(lookup(t, "people", "ok9@b.example"), ANSWER_LATER);
	assert_int_equal(lookup(t, "staff", "ok@a.example"), ANSWER_YES);
}

static void passwords_are_compared(void **state)
{
	struct role_test *t = *state;
	/* By the hash that the directory has, */
	assert_int_equal(plain(t, "ok@a.example", "secret"), AUTH_YES);
	assert_string_equal(last.user, "ok@a.example");
	assert_int_equal(plain(t, "ok@a.example", "secret"), AUTH_YES);
	assert_int_equal(plain(t, "ok@a.example", "Secret"), AUTH_NO);
	assert_string_equal(last.reason, "wrong password");
	assert_int_equal(plain(t, "nobody@a.example", "secret"), AUTH_NO);
	assert_string_equal(last.reason, "unknown user");
	assert_int_equal(plain(t, "staff@a.example", "secret"), AUTH_NO); /* no hash */
	assert_int_equal(plain(t, "ok+x@a.example", "secret"), AUTH_YES); /* its own name */
	assert_int_equal(plain(t, "unsure@a.example", "secret"), AUTH_LATER);
	/* or by the directory. */
	unsigned before = fake.verifies;
	assert_int_equal(plain(t, "alias@b.example", "secret"), AUTH_YES);
	assert_string_equal(last.user, "Ok@a.example");
	assert_int_equal(fake.verifies, before + 1);
	assert_int_equal(plain(t, "alias@b.example", "secret"), AUTH_YES);
	assert_int_equal(fake.verifies, before + 1); /* a moment ago it was right */
	assert_int_equal(plain(t, "alias@b.example", "wrong"), AUTH_NO);
	assert_string_equal(last.reason, "wrong password");
	assert_int_equal(plain(t, "alias@b.example", "expired"), AUTH_NO);
	assert_string_equal(last.reason, "password expired");
	assert_int_equal(plain(t, "nobody@b.example", "secret"), AUTH_NO);
	assert_string_equal(last.reason, "unknown user");
	assert_int_equal(fake.verifies, before + 4); /* he, too, was asked for */
	assert_int_equal(plain(t, "unsure@b.example", "secret"), AUTH_LATER);
	assert_int_equal(plain(t, "lie-line@b.example", "secret"), AUTH_LATER);
	assert_int_equal(plain(t, "ok@c.example", "secret"), AUTH_YES);
	assert_int_equal(plain(t, "nobody@c.example", "secret"), AUTH_NO);
	assert_int_equal(plain(t, "down@b.example", "secret"), AUTH_LATER);
	assert_string_equal(last.reason, "directory cannot be asked");
}

static unsigned scram(struct role_test *t, const char *user, const char *password)
{
	struct scram_client c = { .binding = STR("") };
	scram_client_first(&c, STR("n,,"), str_of(user), STR("nonce"));
	begin_send(t, "SCRAM-SHA-256", buf_view(&c.first));
	role_test_run(t, 1);
	if (last.result == AUTH_CHALLENGE) {
		scram_client_final(&c, str_of(password), str_of(last.challenge));
		channel_send_auth_step(t->far, &(struct msg_auth_step){ query, buf_view(&c.final) });
		role_test_run(t, 1);
	}
	if (last.result == AUTH_CHALLENGE) {
		channel_send_auth_step(t->far, &(struct msg_auth_step){ query, STR("") });
		role_test_run(t, 1);
	}
	scram_client_free(&c);
	return last.result;
}

static void keys_are_found_first(void **state)
{
	struct role_test *t = *state;
	assert_int_equal(scram(t, "ok@a.example", "pencil"), AUTH_YES);
	assert_string_equal(last.user, "ok@a.example");
	assert_int_equal(scram(t, "ok@a.example", "Pencil"), AUTH_NO);
	assert_string_equal(last.reason, "wrong password");
	assert_int_equal(scram(t, "nobody@a.example", "pencil"), AUTH_NO);
	assert_string_equal(last.reason, "unknown user");
	assert_int_equal(scram(t, "staff@a.example", "pencil"), AUTH_NO); /* has no keys */
	assert_int_equal(scram(t, "ok@b.example", "secret"), AUTH_NO);
	assert_int_equal(scram(t, "ok@c.example", "secret"), AUTH_NO);
	assert_int_equal(scram(t, "unsure@a.example", "pencil"), AUTH_LATER);
	begin_send(t, "SCRAM-SHA-256", STR("junk"));
	role_test_run(t, 1);
	assert_int_equal(last.result, AUTH_NO);
	assert_int_equal(scram(t, "down@a.example", "pencil"), AUTH_LATER);
}

/* Nobody else waits for it, and who has gone is not answered. */
static void hanging(void **state)
{
	struct role_test *t = *state;
	lookup_send(t, "people", "hang@b.example");
	uint64_t waits = query;
	assert_int_equal(lookup(t, "people", "ok@b.example"), ANSWER_YES);
	assert_int_equal(lookup(t, "staff", "ok@a.example"), ANSWER_YES);
	assert_int_equal(plain(t, "ok@a.example", "secret"), AUTH_YES);
	begin_send(t, "PLAIN", STR("\0hang2@b.example\0secret"));
	channel_send_auth_end(t->far, &(struct msg_auth_end){ query });
	begin_send(t, "PLAIN", STR("\0hang@a.example\0secret"));
	channel_send_auth_end(t->far, &(struct msg_auth_end){ query });
	role_test_run(t, 1); /* the first lookup, in time */
	assert_int_equal(last.query, waits);
	assert_int_equal(last.result, ANSWER_LATER);
	assert_true(role_test_said(t, "no answer in time"));
	/* And the role ends while threads hang (teardown). */
	lookup_send(t, "staff", "hang3@a.example");
	begin_send(t, "PLAIN", STR("\0hang4@a.example\0secret"));
	assert_int_equal(plain(t, "ok@unknown.example", "secret"), AUTH_NO);
}

/* What receive asked for before it died is not told to its successor. */
static void forgets(void **state)
{
	struct role_test *t = *state;
	lookup_send(t, "people", "hang@b.example");
	begin_send(t, "PLAIN", STR("\0hang@b.example\0secret"));
	assert_int_equal(lookup(t, "people", "ok@b.example"), ANSWER_YES);
	directory_role.peer_up(&t->frame, t->near);
	int before = t->answers;
	fake.hang = false;
	assert_int_equal(lookup(t, "people", "ok2@b.example"), ANSWER_YES);
	(void)usleep(50 * 1000);
	assert_int_equal(lookup(t, "people", "ok3@b.example"), ANSWER_YES);
	assert_int_equal(t->answers, before + 2);
}

static bool reload(struct role_test *t, const char *text)
{
	struct conf *old = t->frame.conf;
	t->left = false;
	t->frame.conf = role_test_conf(text);
	directory_role.reload(&t->frame, old);
	conf_free(old);
	bool left = t->left;
	t->left = false;
	return left;
}

/* The same directories stay, and with them what waits; others need another process. */
static void reloads(void **state)
{
	struct role_test *t = *state;
	char text[2048];
	lookup_send(t, "people", "hang@b.example");
	uint64_t waits = query;
	assert_int_equal(lookup(t, "people", "ok@b.example"), ANSWER_YES);
	(void)snprintf(text, sizeof text, "%sdomain d.example { users any; deliver maildir /m/%%n }\n",
		       conf);
	assert_false(reload(t, text));
	fake.hang = false;
	role_test_run(t, 1);
	assert_int_equal(last.query, waits);
	assert_int_equal(last.result, ANSWER_YES);
	/* A database that was not named to the sandbox */
	(void)snprintf(text, sizeof text, "%sdirectory more { sqlite %s/state/users.db }\n", conf,
		       t->root);
	assert_true(reload(t, text));
	assert_false(reload(t, conf));
	(void)snprintf(text, sizeof text, "%sdirectory new { file /dev/null }\n", conf);
	assert_true(reload(t, text));
	assert_false(reload(t, text));
	assert_true(reload(t, conf));
	static const char *const others[] = {
		"hostname my.test\n", "hostname mx.test\ndirectory staff { file /dev/nul }\n",
	};
	(void)snprintf(text, sizeof text, "%s%s", others[0], conf + sizeof "hostname mx.test");
	assert_true(reload(t, text));
	assert_true(reload(t, others[1]));
}

static void send_secrets(struct role_test *t, const char *name, const char *text)
{
	struct buf record, payload;
	buf_init(&record, 1024);
	buf_init(&payload, 64);
	buf_put_str(&record, STR("other"));
	buf_put_str(&record, STR("not this"));
	buf_put_str(&record, str_of(name));
	buf_put_str(&record, str_of(text));
	int fd = memfile_write("test", buf_view(&record));
	assert_true(fd >= 0);
	t->left = false;
	directory_role.message(&t->frame, NULL, MSG_secrets, STR(""), fd);
	buf_free(&record);
	buf_free(&payload);
}

static void secrets_come_from_master(void **state)
{
	struct role_test *t = *state;
	send_secrets(t, "s", "pssst");
	assert_false(t->left);
	assert_int_equal(lookup(t, "people", "ok@b.example"), ANSWER_YES);
	assert_string_equal(fake.secret, "pssst");
	send_secrets(t, "s", "pssst");
	assert_false(t->left);
	/* Another one is for a process that has not asked yet. */
	send_secrets(t, "s", "new");
	assert_true(t->left);
	/* What is damaged, or no record at all, changes nothing. */
	int fd = memfile_write("test", STR("\xff\xff\xff\xff"));
	t->left = false;
	directory_role.message(&t->frame, NULL, MSG_secrets, STR(""), -1);
	assert_false(t->left);
	(void)close(fd);
}

/* It could not be read at the start: threads have asked without it, and may be reading. */
static void secrets_come_late(void **state)
{
	struct role_test *t = *state;
	assert_int_equal(lookup(t, "people", "ok@b.example"), ANSWER_YES);
	assert_string_equal(fake.secret, "");
	send_secrets(t, "s", "pssst");
	assert_true(t->left);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lookups_wait),
		TEST(passwords_are_compared),
		TEST(keys_are_found_first),
		TEST(hanging),
		TEST(forgets),
		TEST(reloads),
		TEST(secrets_come_from_master),
		TEST(secrets_come_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
