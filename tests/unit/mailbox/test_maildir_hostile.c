/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong around a Maildir: links, wrong files, no rights, no room, and death at
 * any moment. Nothing partial may ever stand in new. */
#include "box.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int deliver(struct box_test *t, struct str path, struct str body)
{
	struct letter letter = box_letter(&body, 1);
	size_t at = maildir_batch_add(t->batch, t->prefix, path, &letter);
	maildir_batch_commit(t->batch);
	int error = maildir_batch_error(t->batch, at);
	maildir_batch_clear(t->batch);
	return error;
}

/* Links at every component of a/b, and for tmp and new. */
static void follows_no_links(void **state)
{
	struct box_test *t = *state;
	static const char *const places[] = { "a", "a/b", "a/b/tmp", "a/b/new" };
	char outside[] = "/tmp/ims-outside-XXXXXX", path[600];
	assert_non_null(mkdtemp(outside));
	assert_int_equal(mkdir(box_path(t, "a"), 0700), 0);
	assert_int_equal(mkdir(box_path(t, "a/b"), 0700), 0);
	assert_int_equal(mkdir(box_path(t, "a/b/tmp"), 0700), 0);
	assert_int_equal(mkdir(box_path(t, "a/b/new"), 0700), 0);
	for (size_t i = 4; i-- > 0;) {
		(void)snprintf(path, sizeof path, "%s.aside", box_path(t, places[i]));
		assert_int_equal(rename(box_path(t, places[i]), path), 0);
		assert_int_equal(symlink(outside, box_path(t, places[i])), 0);
		assert_int_equal(deliver(t, STR("a/b"), box_body), -ELOOP);
		assert_int_equal(unlink(box_path(t, places[i])), 0);
		assert_int_equal(rename(path, box_path(t, places[i])), 0);
		assert_int_equal(rmdir(outside), 0); /* still empty */
		assert_int_equal(mkdir(outside, 0700), 0);
	}
	assert_int_equal(symlink("/nowhere", box_path(t, "dangling")), 0);
	assert_int_equal(deliver(t, STR("dangling"), box_body), -ELOOP);
	assert_int_equal(rmdir(outside), 0);
	assert_int_equal(deliver(t, STR("a/b"), box_body), 0);
}

static const struct {
	const char *file; /* a plain file stands here */
	struct str path;
	int want;
} files[] = {
	{ "one", STR_INIT("one"), -ENOTDIR },
	{ "two", STR_INIT("two/box"), -ENOTDIR },
	{ "four/cur", STR_INIT("four"), 0 }, /* not needed for a delivery */
	{ "three/new", STR_INIT("three"), -ENOTDIR },
	{ "three/tmp", STR_INIT("three"), -ENOTDIR },
	{ NULL, STR_INIT("a//b"), -EINVAL },
	{ NULL, STR_INIT("/a"), -EINVAL },
};

static void refuses_files(void **state)
{
	struct box_test *t = *state;
	assert_int_equal(mkdir(box_path(t, "three"), 0700), 0);
	assert_int_equal(mkdir(box_path(t, "four"), 0700), 0);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (files[i].file)
			(void)close(open(box_path(t, files[i].file),
					 O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		int got = deliver(t, files[i].path, box_body);
		if (got != files[i].want) fail_msg("row %zu: %d", i, got);
		if (files[i].file)
			assert_int_equal(unlink(box_path(t, files[i].file)), 0);
	}
	char name[NAME_MAX + 2];
	memset(name, 'n', sizeof name);
	assert_int_equal(deliver(t, (struct str){ name, sizeof name }, box_body),
			 -ENAMETOOLONG);
	static char longest[4096];
	memset(longest, 'n', sizeof longest);
	assert_int_equal(deliver(t, (struct str){ longest, sizeof longest }, box_body),
			 -ENAMETOOLONG);
}

/* Runs `fn` in a child; its exit status, or 1000 + the signal that ended it. */
static int in_child(int (*fn)(struct box_test *t), struct box_test *t)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) _exit(fn(t));
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int without_rights(struct box_test *t)
{
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 100;
	return -deliver(t, STR("closed/joe"), box_body);
}

static int without_rights_inside(struct box_test *t)
{
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 100;
	return -deliver(t, STR("shut"), box_body);
}

static void tells_missing_rights(void **state)
{
	struct box_test *t = *state;
	struct folder f;
	assert_int_equal(folder_open(&f, t->prefix, STR("shut")), 0);
	folder_close(&f);
	assert_int_equal(chmod(t->root, 0755), 0);
	assert_int_equal(chmod(box_path(t, "shut"), 0755), 0);
	assert_int_equal(mkdir(box_path(t, "closed"), 0500), 0);
	assert_int_equal(chmod(box_path(t, "shut/tmp"), 0500), 0);
	assert_int_equal(chmod(box_path(t, "shut/new"), 0755), 0);
	assert_int_equal(in_child(without_rights, t), EACCES);
	assert_int_equal(in_child(without_rights_inside, t), EACCES);
	assert_int_equal(chmod(box_path(t, "closed"), 0700), 0);
	assert_int_equal(chmod(box_path(t, "shut/tmp"), 0700), 0);
}

static struct str big_body(size_t len)
{
	static char body[1 << 20];
	memset(body, 'x', sizeof body);
	return (struct str){ body, len };
}

/* A file system of its own with 256 KiB of room, seen by this process alone. */
static int on_small_disk(struct box_test *t)
{
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", t->root, "tmpfs", 0, "size=256k") != 0)
		return 100;
	int prefix = folder_prefix_open(str_of(t->root), (uid_t)-1, (gid_t)-1);
	if (prefix < 0) return 101;
	struct str small = box_body, big = big_body(200 << 10);
	struct letter letters[] = { box_letter(&small, 1), box_letter(&big, 1) };
	for (size_t i = 0; i < 4; i++)
		maildir_batch_add(t->batch, prefix, STR("a"), &letters[i % 2]);
	maildir_batch_commit(t->batch);
	static const int want[] = { 0, 0, 0, -ENOSPC };
	for (size_t i = 0; i < 4; i++)
		if (maildir_batch_error(t->batch, i) != want[i]) return 102;
	maildir_batch_clear(t->batch);
	if (box_files(t, "a/new", NULL) != 3) return 103;
	return box_files(t, "a/tmp", NULL) == 0 ? 0 : 104;
}

/* The same for who may not mount: no file over 100 KiB. */
static int with_small_files(struct box_test *t)
{
	struct rlimit limit = { 100 << 10, 100 << 10 };
	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 100;
	if (deliver(t, STR("a"), big_body(200 << 10)) != -EFBIG) return 101;
	if (deliver(t, STR("a"), box_body) != 0) return 102;
	if (box_files(t, "a/new", NULL) != 1) return 103;
	return box_files(t, "a/tmp", NULL) == 0 ? 0 : 104;
}

static void tells_full_disks(void **state)
{
	int got = in_child(on_small_disk, *state);
	if (got != 100) assert_int_equal(got, 0);
	assert_int_equal(in_child(with_small_files, *state), 0);
}

/* --- death -------------------------------------------------------------------------- */

static int die_after;

static int dies_at_step(struct box_test *t)
{
	struct str body = box_body;
	struct letter letter = box_letter(&body, 1);
	for (int i = 0; i < 8; i++)
		maildir_batch_add(t->batch, t->prefix, i % 2 ? STR("a") : STR("b"),
				  &letter);
	if (die_after == 0) return 0;
	maildir_batch_sync(t->batch);
	if (die_after == 1) return 0;
	maildir_batch_rename(t->batch);
	if (die_after == 2) return 0;
	maildir_batch_settle(t->batch);
	return 0;
}

/* Killed by the kernel in the middle of writing a file. */
static int dies_writing(struct box_test *t)
{
	struct rlimit limit = { 100 << 10, 100 << 10 };
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 100;
	return deliver(t, STR("a"), big_body(200 << 10));
}

static int whole_in(const struct box_test *t, const char *below)
{
	DIR *list = opendir(box_path(t, below));
	assert_non_null(list);
	int count = 0;
	for (struct dirent *entry; (entry = readdir(list));) {
		struct stat st;
		if (entry->d_name[0] == '.') continue;
		assert_int_equal(fstatat(dirfd(list), entry->d_name, &st, 0), 0);
		assert_int_equal(st.st_size, 74);
		count++;
	}
	(void)closedir(list);
	return count;
}

static void death_leaves_nothing_partial(void **state)
{
	struct box_test *t = *state;
	static const int in_new[] = { 0, 0, 4, 4 };
	int before = 0;
	for (die_after = 0; die_after < 4; die_after++) {
		assert_int_equal(in_child(dies_at_step, t), 0);
		before += in_new[die_after];
		assert_int_equal(whole_in(t, "a/new"), before);
		assert_int_equal(whole_in(t, "b/new"), before);
	}
	assert_int_equal(in_child(dies_writing, t), 1000 + SIGXFSZ);
	assert_int_equal(whole_in(t, "a/new"), before);
	/* And the next one is none the worse for it. */
	assert_int_equal(deliver(t, STR("a"), box_body), 0);
	assert_int_equal(whole_in(t, "a/new"), before + 1);
}

/* --- the prefix --------------------------------------------------------------------- */

static void makes_prefix(void **state)
{
	struct box_test *t = *state;
	struct stat st;
	uid_t owner = geteuid() == 0 ? 65534 : geteuid();
	gid_t group = geteuid() == 0 ? 65534 : getegid();
	int fd = folder_prefix_open(str_of(box_path(t, "x//y/")), owner, group);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_uid, owner);
	assert_int_equal(st.st_gid, group);
	(void)close(fd);
	assert_int_equal(stat(box_path(t, "x"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(st.st_uid, geteuid());
	/* What is there stays as it is; the administrator's links are followed. */
	assert_int_equal(chmod(box_path(t, "x/y"), 0750), 0);
	assert_int_equal(symlink("x", box_path(t, "link")), 0);
	fd = folder_prefix_open(str_of(box_path(t, "link/y")), 0, 0);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	(void)close(fd);
	(void)close(open(box_path(t, "file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(folder_prefix_open(str_of(box_path(t, "file")), 0, 0), -ENOTDIR);
	assert_int_equal(folder_prefix_open(str_of(box_path(t, "file/x")), 0, 0),
			 -ENOTDIR);
	fd = folder_prefix_open(STR("/"), 0, 0);
	assert_true(fd >= 0);
	(void)close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(follows_no_links),
		TEST(refuses_files),
		TEST(tells_missing_rights),
		TEST(tells_full_disks),
		TEST(death_leaves_nothing_partial),
		TEST(makes_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
