/* SPDX-License-Identifier: Apache-2.0 */
#include "../role_test.h"

#include <fcntl.h>

#include "lib/ipc/scoreboard.h"
#include "lib/policy/tally.h"
#include "services/directory/db.h"
#include "services/directory/keep.h"

static struct msg_found last;
static char last_address[400];

static void on_found(struct role_test *t, enum msg_type type, struct str payload)
{
	(void)t;
	assert_int_equal(type, MSG_found);
	assert_true(msg_found_get(payload, &last));
	assert_true(str_to_cstr(last.address, last_address, sizeof last_address));
	last.address = last.home = STR("");
}

static int setup(void **state)
{
	static struct role_test t;
	char conf[512];
	int fd;
	assert_non_null(scoreboard_new(&fd));
	(void)close(fd);
	role_test_folder(&t);
	t.answer = on_found;
	(void)snprintf(conf, sizeof conf,
		       "hostname mx.test\n"
		       "directory staff { sqlite %s/state/users.db }\n"
		       "directory bad { sqlite /dev/null/users.db }\n",
		       t.root);
	role_test_start(&t, &directory_role, ROLE_RECEIVE, conf);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	role_test_end(*state);
	return 0;
}

/* What the tool does meanwhile. It leaves nothing in the write-ahead log. */
static void add_user(const struct role_test *t, const char *address)
{
	char path[128];
	struct directory_db *db = NULL;
	struct buf why;
	buf_init(&why, 256);
	(void)snprintf(path, sizeof path, "%s/state/users.db", t->root);
	int folder = directory_db_folder(str_of(path), true, geteuid(), getegid());
	assert_int_equal(
		directory_db_prepare(folder, STR("users.db"), geteuid(), getegid()), 0);
	assert_int_equal(directory_db_open(&db, folder, STR("users.db"), 100, &why),
			 DIRECTORY_OK);
	assert_int_equal(
		directory_db_add(db, str_of(address), STR("mx.test"), NULL, 1),
		DIRECTORY_OK);
	directory_db_close(db);
	struct stat st;
	assert_int_equal(fstatat(folder, "users.db-wal", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
	(void)close(folder);
	buf_free(&why);
}

static int ask(struct role_test *t, const char *directory, const char *address)
{
	static uint64_t query = 40;
	channel_send_lookup(t->far, &(struct msg_lookup){ .query = ++query,
							  .directory = str_of(directory),
							  .address = str_of(address) });
	role_test_run(t, 1);
	assert_int_equal(last.query, query);
	return last.result;
}

static void answers(void **state)
{
	struct role_test *t = *state;
	/* The bad one was told of at the start and costs the others nothing. */
	assert_true(role_test_said(t, "/dev/null/users.db"));
	assert_true(role_test_said(t, "Not a directory"));
	assert_int_equal(ask(t, "staff", "joe@a.example"), 0);
	add_user(t, "Joe@a.example");
	assert_int_equal(ask(t, "staff", "joe+x@A.example"), 1);
	assert_string_equal(last_address, "Joe@a.example");
	assert_int_equal(ask(t, "bad", "joe@a.example"), 2);
	assert_int_equal(ask(t, "unknown", "joe@a.example"), 2);
	assert_int_equal(ask(t, "staff", ""), 0);
}

/* A file that was put in the place of the other is opened; damage is "not now", and is
 * left alone for a while. */
static void follows_replacement(void **state)
{
	struct role_test *t = *state;
	char path[128], other[160];
	static const char junk[8192] = "this is not a database";
	(void)snprintf(path, sizeof path, "%s/state/users.db", t->root);
	(void)snprintf(other, sizeof other, "%s.new", path);
	add_user(t, "joe@a.example");
	assert_int_equal(ask(t, "staff", "joe@a.example"), 1);
	int fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
	(void)close(fd);
	assert_int_equal(rename(other, path), 0);
	(void)usleep(1100 * 1000);
	assert_int_equal(ask(t, "staff", "joe@a.example"), 2);
	assert_true(role_test_said(t, "not a database"));
	unsigned events = t->events;
	assert_int_equal(ask(t, "staff", "joe@a.example"), 2);
	assert_int_equal(t->events, events);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(other, sizeof other, "%s-wal", path);
	(void)unlink(other);
	(void)snprintf(other, sizeof other, "%s-shm", path);
	(void)unlink(other);
	add_user(t, "ann@a.example");
	(void)usleep(2100 * 1000);
	assert_int_equal(ask(t, "staff", "ann@a.example"), 1);
	assert_int_equal(ask(t, "staff", "joe@a.example"), 0);
}

static void reloads(void **state)
{
	struct role_test *t = *state;
	char conf[512];
	add_user(t, "joe@a.example");
	assert_int_equal(ask(t, "staff", "joe@a.example"), 1);
	(void)snprintf(conf, sizeof conf,
		       "directory people { sqlite %s/state/users.db }\n", t->root);
	struct conf *old = t->frame.conf;
	t->frame.conf = role_test_conf(conf);
	directory_role.reload(&t->frame, old);
	assert_false(t->left); /* another name for the same file */
	conf_free(old);
	assert_int_equal(ask(t, "people", "joe@a.example"), 1);
	assert_int_equal(ask(t, "staff", "joe@a.example"), 2);
}

/* `file` is there and good. */
static void counts_trouble(struct role_test *t, struct directory *d, const char *folder,
			   const char *file)
{
	struct tally *tally = scoreboard_tally();
	struct stat st;
	struct keep *k;
	/* A file that is damaged, and one that cannot be read: told, and begun anew. */
	assert_int_equal(truncate(file, 20), 0);
	memset(tally, 0, sizeof *tally);
	k = keep_new(d);
	assert_true(role_test_said(t, "damaged"));
	assert_true(tally->seed != 0 && tally->grey.triplets[0].key == 0);
	keep_free(k);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	k = keep_new(d);
	assert_true(role_test_said(t, "damaged"));
	keep_free(k);
	/* One that cannot be written: told once. */
	k = keep_new(d);
	unsigned events = t->events;
	tally_changed(tally);
	keep_now(k);
	keep_now(k);
	assert_int_equal(t->events, events); /* reading it has told */
	assert_int_equal(rmdir(file), 0);
	keep_now(k);
	assert_int_equal(stat(file, &st), 0);
	keep_free(k);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(folder), 0);
	/* Without its folder: nobody is told before there is something to keep. */
	k = keep_new(d);
	assert_non_null(k);
	events = t->events;
	assert_int_equal(keep_start(k), 0);
	tally_changed(tally);
	keep_now(k);
	keep_now(k);
	assert_int_equal(t->events, events + 1);
	assert_true(role_test_said(t, "No such file"));
	keep_free(k);
}

/* What is counted together is written at the end, and is there again with the next service;
 * a process that only replaces another leaves the memory alone. */
static void keeps_counts(void **state)
{
	struct role_test *t = *state;
	char folder[128], file[160];
	(void)snprintf(folder, sizeof folder, "%s/counts", t->root);
	(void)snprintf(file, sizeof file, "%s/tally", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	struct conf *conf = t->frame.conf;
	struct str usual = conf->state;
	conf->state = str_of(t->root);
	struct directory d = { .frame = &t->frame };
	struct tally *tally = scoreboard_tally();
	struct keep *k = keep_new(&d);
	assert_non_null(k);
	uint64_t seed = tally->seed;
	assert_true(seed != 0);
	keep_now(k); /* nothing has changed */
	struct stat st;
	assert_int_equal(stat(file, &st), -1);
	tally->grey.triplets[0] = (struct slot){ 8, 9 };
	tally_changed(tally);
	keep_now(k);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	keep_free(k);
	/* One that takes the place of another. */
	tally->grey.triplets[0].word = 10;
	t->frame.restarted = true;
	k = keep_new(&d);
	assert_int_equal(tally->grey.triplets[0].word, 10);
	keep_free(k);
	/* A new service. */
	t->frame.restarted = false;
	memset(tally, 0, sizeof *tally);
	k = keep_new(&d);
	assert_int_equal(tally->seed, seed);
	assert_int_equal(slots_find(tally->grey.triplets, GREY_TRIPLETS, 8)->word, 9);
	keep_free(k);
	counts_trouble(t, &d, folder, file);
	conf->state = usual;
}

/* The salts of users that do not exist are made of it: it stays, and is nobody else's. */
static void keeps_a_secret(void **state)
{
	struct role_test *t = *state;
	char folder[128], file[160], first[DIRECTORY_SECRET], again[DIRECTORY_SECRET];
	(void)snprintf(folder, sizeof folder, "%s/counts", t->root);
	(void)snprintf(file, sizeof file, "%s/secret", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	struct conf *conf = t->frame.conf;
	struct str usual = conf->state;
	conf->state = str_of(t->root);
	struct directory d = { .frame = &t->frame };
	struct stat st;
	for (int i = 0; i < 4; i++) {
		struct keep *k = keep_new(&d);
		t->frame.restarted = i == 1;
		keep_secret(k, i == 0 ? first : again);
		assert_int_equal(keep_start(k), 0);
		keep_free(k);
		assert_int_equal(stat(file, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(st.st_size, DIRECTORY_SECRET);
		if (i == 1 || i == 3) assert_memory_equal(first, again, sizeof first);
		/* Damaged, too short and too long: told, and another one that stays. */
		if (i == 2) {
			assert_true(role_test_said(t, "secret is damaged"));
			assert_memory_not_equal(first, again, sizeof first);
			memcpy(first, again, sizeof first);
		}
		if (i == 1) assert_int_equal(truncate(file, 31), 0);
	}
	assert_int_equal(truncate(file, 100000), 0);
	struct keep *k = keep_new(&d);
	keep_secret(k, again);
	assert_memory_not_equal(first, again, sizeof first);
	assert_int_equal(keep_start(k), 0);
	keep_free(k);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, DIRECTORY_SECRET);
	/* What cannot be read is left alone. */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("/dev/zero", file), 0);
	k = keep_new(&d);
	assert_int_equal(keep_start(k), 0);
	keep_free(k);
	assert_int_equal(lstat(file, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(folder), 0);
	t->frame.restarted = false;
	conf->state = usual;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(follows_replacement),
		TEST(reloads),
		TEST(keeps_counts),
		TEST(keeps_a_secret),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
