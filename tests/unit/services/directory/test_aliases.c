/* SPDX-License-Identifier: Apache-2.0 */
/* The role with alias files: what it answers, and what becomes of files that change. */
#include "../role_test.h"

#include <fcntl.h>

#include "fake_backend.h"
#include "lib/ipc/scoreboard.h"
#include "services/directory/db.h"
#include "services/directory/directory.h"

/* In the place of those of the program: a directory that can be slow and hang. */
const struct backend *backend_lists(const struct conf_directory *c)
{
	return c->file.len ? &fake_backend : NULL;
}

const struct backend *backend_checks(const struct conf_directory *c)
{
	(void)c;
	return NULL;
}

static struct msg_found last;
static char targets[400];

static void on_found(struct role_test *t, enum msg_type type, struct str payload)
{
	(void)t;
	assert_int_equal(type, MSG_found);
	assert_true(msg_found_get(payload, &last));
	assert_true(str_to_cstr(last.targets, targets, sizeof targets));
	last.address = last.home = last.targets = last.rule = STR("");
}

/* As an editor does it that is careful. */
static void put(const struct role_test *t, const char *name, const char *text)
{
	char path[128], new[160];
	(void)snprintf(path, sizeof path, "%s/%s", t->root, name);
	(void)snprintf(new, sizeof new, "%s.new", path);
	int fd = open(new, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, str_of(text).len), str_of(text).len);
	assert_int_equal(close(fd), 0);
	assert_int_equal(rename(new, path), 0);
}

static void add_user(const struct role_test *t, const char *address)
{
	char path[128];
	struct directory_db *db = NULL;
	struct buf why;
	buf_init(&why, 256);
	(void)snprintf(path, sizeof path, "%s/state/users.db", t->root);
	int folder = directory_db_folder(str_of(path), true, geteuid(), getegid());
	assert_int_equal(directory_db_prepare(folder, STR("users.db"), geteuid(), getegid()), 0);
	assert_int_equal(directory_db_open(&db, folder, STR("users.db"), 100, &why), DIRECTORY_OK);
	assert_int_equal(directory_db_add(db, str_of(address), STR("mx.test"), NULL, 1), DIRECTORY_OK);
	directory_db_close(db);
	(void)close(folder);
	buf_free(&why);
}

static char conf_text[1024];

static const char *conf_with(const struct role_test *t, const char *aliases)
{
	(void)snprintf(conf_text, sizeof conf_text,
		"hostname mx.test\npostmaster boss@a.example\n"
		"directory staff { sqlite %s/state/users.db }\n"
		"domain a.example { users staff; deliver maildir /m/%%n; aliases %s/%s }\n"
		"domain b.example { users staff; deliver maildir /m/%%n }\n"
		"directory far { file /nowhere; cache 0s }\n"
		"domain c.example { users far; deliver maildir /m/%%n; aliases %s/%s }\n",
		t->root, t->root, aliases, t->root, aliases);
	return conf_text;
}

static const char first[] = "one: joe\ntwo: joe, x@far.example\nlist: :include:%s/list\n"
	"half: gone, joe\nloop: loop2\nloop2: loop\n"
	"all: ok1, none1, x@far.example\noff: down1\nwait: hang1\n";

static int setup_with(void **state, const char *text)
{
	static struct role_test t;
	char memory[512];
	int board;
	assert_non_null(scoreboard_new(&board));
	(void)close(board);
	role_test_folder(&t);
	t.answer = on_found;
	(void)snprintf(memory, sizeof memory, text, t.root);
	put(&t, "list", "joe\ny@far.example\n");
	put(&t, "aliases", memory);
	role_test_start(&t, &directory_role, ROLE_RECEIVE, conf_with(&t, "aliases"));
	add_user(&t, "joe@a.example");
	*state = &t;
	return 0;
}

static int setup(void **state) { return setup_with(state, first); }
static int setup_bad(void **state) { return setup_with(state, "one: joe\nx: |prog %s\n"); }

static int teardown(void **state)
{
	role_test_end(*state);
	return 0;
}

static int ask(struct role_test *t, const char *address, bool owner)
{
	static uint64_t query = 40;
	channel_send_lookup(t->far, &(struct msg_lookup){ .query = ++query,
		.directory = STR("staff"), .address = str_of(address), .owner = owner });
	role_test_run(t, 1);
	assert_int_equal(last.query, query);
	return last.result;
}

/* The files are looked at while the loop runs. */
static void wait_for(struct role_test *t, const char *address, const char *want)
{
	for (int i = 0; i < 1000; i++) {
		(void)ask(t, address, false);
		if (strcmp(targets, want) == 0) return;
		(void)usleep(20 * 1000);
	}
	fail_msg("%s: %s", address, targets);
}

static void answers(void **state)
{
	struct role_test *t = *state;
	assert_int_equal(ask(t, "one@a.example", false), 1);
	assert_string_equal(targets, "+joe@a.example\n");
	assert_int_equal(last.how, 1);
	assert_int_equal(ask(t, "two@a.example", false), 1);
	assert_string_equal(targets, "+joe@a.example\n-x@far.example\n");
	assert_int_equal(ask(t, "list@a.example", false), 1);
	assert_string_equal(targets, "+joe@a.example\n-y@far.example\n");
	assert_int_equal(ask(t, "joe@a.example", false), 1);
	assert_int_equal(last.how, 0);
	assert_int_equal(ask(t, "nobody@a.example", false), 0);
	unsigned events = t->events;
	assert_int_equal(ask(t, "half@a.example", false), 1);
	assert_int_equal(t->events, events + 1);
	assert_true(role_test_said(t, "gone@a.example"));
	assert_true(role_test_said(t, "/aliases:4"));
	assert_int_equal(ask(t, "loop@a.example", false), 3);
	assert_true(role_test_said(t, "in a circle"));
	/* The setting's address is nobody's: that is told, and policy takes the mail all the same. */
	assert_int_equal(ask(t, "postmaster@a.example", false), 0);
	assert_true(role_test_said(t, "boss@a.example"));
	/* Whose it is: his alone. Then nothing is told of what is wrong. */
	events = t->events;
	assert_int_equal(ask(t, "one@a.example", true), 1);
	assert_string_equal(targets, "");
	assert_int_equal(ask(t, "two@a.example", true), 0);
	assert_int_equal(ask(t, "loop@a.example", true), 0);
	assert_int_equal(t->events, events);
}

static void follows_changes(void **state)
{
	struct role_test *t = *state;
	assert_int_equal(ask(t, "new@a.example", false), 0);
	put(t, "list", "z@far.example\n");
	wait_for(t, "list@a.example", "-z@far.example\n");
	put(t, "aliases", "new: joe\n");
	wait_for(t, "new@a.example", "+joe@a.example\n");
	assert_int_equal(ask(t, "one@a.example", false), 0);
	/* Wrong, and gone: the table stays, and it is said once. */
	unsigned events = t->events;
	put(t, "aliases", "new: |prog\n");
	for (int i = 0; i < 1000 && t->events == events; i++) {
		(void)usleep(20 * 1000);
		assert_int_equal(ask(t, "new@a.example", false), 1);
	}
	assert_int_equal(t->events, events + 1);
	assert_true(role_test_said(t, "/aliases:1: '|prog' is a program"));
	char path[128];
	(void)snprintf(path, sizeof path, "%s/aliases", t->root);
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < 150; i++) {
		(void)usleep(20 * 1000);
		assert_int_equal(ask(t, "new@a.example", false), 1);
	}
	assert_int_equal(t->events, events + 2);
	assert_true(role_test_said(t, "cannot be read: No such file"));
	put(t, "aliases", "last: joe\n");
	wait_for(t, "last@a.example", "+joe@a.example\n");
}

/* Nobody is refused for good who may be in the file. */
static void begins_with_a_bad_file(void **state)
{
	struct role_test *t = *state;
	assert_true(role_test_said(t, "is a program"));
	assert_int_equal(ask(t, "one@a.example", false), 2);
	assert_int_equal(ask(t, "joe@a.example", false), 2);
	assert_int_equal(ask(t, "nobody@a.example", false), 2);
	assert_int_equal(ask(t, "nobody@b.example", false), 0);
	put(t, "aliases", "one: joe\n");
	wait_for(t, "one@a.example", "+joe@a.example\n");
	assert_int_equal(ask(t, "nobody@a.example", false), 0);
}

static void reload(struct role_test *t, const char *aliases)
{
	struct conf *old = t->frame.conf;
	t->frame.conf = role_test_conf(conf_with(t, aliases));
	directory_role.reload(&t->frame, old);
	conf_free(old);
}

static void reloads(void **state)
{
	struct role_test *t = *state;
	put(t, "other", "one: z@far.example\n");
	reload(t, "other");
	assert_false(t->left);
	assert_int_equal(ask(t, "one@a.example", false), 1);
	assert_string_equal(targets, "-z@far.example\n");
	assert_int_equal(ask(t, "two@a.example", false), 0);
	/* A folder that the sandbox has not been told of: a fresh process is wanted. */
	char path[128];
	(void)snprintf(path, sizeof path, "%s/more", t->root);
	assert_int_equal(mkdir(path, 0755), 0);
	put(t, "more/aliases", "one: joe\n");
	reload(t, "more/aliases");
	assert_true(t->left);
}

static uint64_t send_only(struct role_test *t, const char *address)
{
	static uint64_t query = 1000;
	channel_send_lookup(t->far, &(struct msg_lookup){ .query = ++query,
		.directory = STR("far"), .address = str_of(address) });
	return query;
}

/* A directory that answers later; meanwhile others are asked, files change, peers go. */
static void waits_for_a_directory(void **state)
{
	struct role_test *t = *state;
	struct directory *d = t->frame.role;
	fake_reset();
	unsigned events = t->events;
	assert_int_equal(ask(t, "all@c.example", false), 1);
	assert_string_equal(targets, "+ok1@c.example\n-x@far.example\n");
	assert_int_equal(t->events, events + 1);
	fake.hang = true;
	uint64_t query = send_only(t, "wait@c.example");
	assert_int_equal(ask(t, "one@a.example", false), 1); /* nobody waits for it */
	put(t, "other", "wait: joe@a.example\n");
	reload(t, "other");
	role_test_run(t, 1);
	assert_int_equal(last.query, query);
	assert_string_equal(targets, "+joe@a.example\n");
	/* Nobody is there any more who wants to know. */
	put(t, "other2", "wait: hang2\n");
	reload(t, "other2");
	(void)send_only(t, "wait@c.example");
	assert_int_equal(ask(t, "joe@a.example", false), 1);
	directory_role.peer_down(&t->frame, t->near);
	fake.hang = false;
	assert_int_equal(ask(t, "joe@a.example", false), 1);
	/* It cannot tell, and is left alone for a second. */
	put(t, "aliases", "wait: hang1\noff: down1\n");
	reload(t, "aliases");
	assert_int_equal(ask(t, "off@c.example", false), 2);
	assert_string_equal(targets, "");
	(void)usleep(1200 * 1000);
	/* One that is asked when the role leaves. */
	fake.hang = true;
	(void)send_only(t, "wait@c.example");
	assert_int_equal(ask(t, "joe@a.example", false), 1);
	fake.hang = false;
	assert_non_null(d->aliases);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(follows_changes),
		cmocka_unit_test_setup_teardown(begins_with_a_bad_file, setup_bad, teardown),
		TEST(reloads),
		TEST(waits_for_a_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
