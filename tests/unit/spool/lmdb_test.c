/* SPDX-License-Identifier: Apache-2.0 */
/* What only the LMDB backend has: locks, other processes, threads, backup, its files. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char piece[300000];

/* LMDB must not be opened twice by one process. */
static int in_child(int fn(struct fixture *f), struct fixture *f)
{
	pid_t pid = fork();
	if (!pid) _exit(fn(f));
	int status;
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int second_writer(struct fixture *f)
{
	struct store *s;
	return store_open(&store_lmdb, f->folder, NULL, &s) == -EBUSY ? 0 : 1;
}

static int no_finding(void *ctx, const struct spool_finding *finding)
{
	(void)ctx;
	return finding->harmless ? 0 : 9;
}

static int reader(struct fixture *f)
{
	struct store *s;
	struct store_options options = { .read_only = true };
	struct spool_totals t;
	struct spool_op op = just(SPOOL_OP_REMOVE, 1);
	struct spool_big *big;
	if (store_open(&store_lmdb, f->folder, &options, &s)) return 1;
	if (store_totals(s, &t) || t.messages != 1) return 2;
	if (store_verify(s, true, no_finding, NULL)) return 3;
	store_commit(s, &op, 1);
	if (op.result != -EROFS) return 4;
	if (store_big_begin(s, &big) != -EROFS) return 5;
	store_close(s);
	return 0;
}

static void test_processes(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(commit1(f, arrive(1, 1, STR("x"))), 0);
	assert_int_equal(in_child(second_writer, f), 0);
	assert_int_equal(in_child(reader, f), 0);
	assert_int_equal(store_compact(&store_lmdb, f->folder, NULL), -EBUSY);
}

static void path_of(const struct fixture *f, const char *name, char out[128])
{
	(void)snprintf(out, 128, "%s/%s", f->folder, name);
}

static void file_make(const struct fixture *f, const char *name, const char *text)
{
	char path[128];
	path_of(f, name, path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_opening(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	struct store_options read_only = { .read_only = true };
	char path[128];
	struct stat st;
	path_of(f, "mail.mdb", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_close(f->store);
	f->store = NULL;
	path_of(f, "none", path);
	assert_int_equal(store_open(&store_lmdb, path, &read_only, &s), -ENOENT);
	path_of(f, "none/none", path);
	assert_int_equal(store_open(&store_lmdb, path, NULL, &s), -ENOENT);
	path_of(f, "lock/x", path);
	assert_int_equal(store_open(&store_lmdb, path, NULL, &s), -ENOTDIR);

	/* a database that was being made is made again */
	file_make(f, "new.mdb", "half of it");
	assert_int_equal(store_open(&store_lmdb, f->folder, NULL, &f->store), 0);
	store_close(f->store);
	path_of(f, "new.mdb", path);
	assert_int_equal(access(path, F_OK), -1);

	/* somebody has moved the database away: bodies are not swept */
	path_of(f, "mail.mdb", path);
	file_make(f, "big/0000000000000005", "body");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_open(&store_lmdb, f->folder, NULL, &f->store), -ENOTEMPTY);
	path_of(f, "big/0000000000000005", path);
	assert_int_equal(access(path, F_OK), 0);

	file_make(f, "mail.mdb", "this is no database, and it is longer than a header");
	assert_true(store_open(&store_lmdb, f->folder, NULL, &f->store) < 0);
	assert_int_equal(store_open(&store_lmdb, f->folder, &read_only, &s) < 0, 1);
}

/* The role stands in its folder and may not look above it. */
static void test_relative_path(void **state)
{
	struct fixture *f = *state;
	int before = open(".", O_RDONLY | O_DIRECTORY);
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(chdir(f->folder), 0);
	assert_int_equal(store_open(&store_lmdb, ".", NULL, &f->store), 0);
	assert_int_equal(commit1(f, arrive(1, 1, STR("x"))), 0);
	assert_string_equal(verify_text(f), "");
	assert_int_equal(fchdir(before), 0);
	assert_int_equal(close(before), 0);
}

static struct spool_op big_arrival(struct fixture *f, uint64_t id)
{
	struct spool_op op = arrive(id, 1, STR(""));
	struct str body = { piece, sizeof piece };
	assert_int_equal(store_big_begin(f->store, &op.arrive.big), 0);
	assert_int_equal(store_big_append(f->store, op.arrive.big, &body, 1), 0);
	return op;
}

static void test_backup(void **state)
{
	struct fixture *f = *state;
	struct fixture copy = { .backend = &store_lmdb };
	char target[128];
	(void)snprintf(target, sizeof target, "%s-copy", f->folder);
	for (uint64_t id = 1; id <= 3; id++)
		assert_int_equal(commit1(f, big_arrival(f, id)), 0);
	assert_int_equal(commit1(f, arrive(4, 2, STR("small"))), 0);
	assert_int_equal(store_backup(f->store, target), 0);
	assert_int_equal(store_backup(f->store, target), -EEXIST);
	/* the original goes on; the copy does not notice */
	assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, 1)), 0);
	assert_int_equal(store_open(&store_lmdb, target, NULL, &copy.store), 0);
	assert_int_equal(totals_of(&copy).messages, 4);
	assert_string_equal(verify_text(&copy), "");
	store_close(copy.store);
	assert_string_equal(verify_text(f), "");
	folder_remove(target);
	assert_int_equal(store_backup(f->store, "/nowhere/at/all"), -ENOENT);
}

/* A big message whose file was gone before it could be linked is not in the copy. */
static void test_backup_without_body(void **state)
{
	struct fixture *f = *state;
	struct fixture copy = { .backend = &store_lmdb };
	char target[128], path[128];
	(void)snprintf(target, sizeof target, "%s-copy", f->folder);
	assert_int_equal(commit1(f, big_arrival(f, 1)), 0);
	assert_int_equal(commit1(f, big_arrival(f, 2)), 0);
	path_of(f, "big/0000000000000002", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_backup(f->store, target), 0);
	assert_int_equal(store_open(&store_lmdb, target, NULL, &copy.store), 0);
	assert_int_equal(totals_of(&copy).messages, 1);
	assert_string_equal(verify_text(&copy), "");
	store_close(copy.store);
	folder_remove(target);
}

/* Commits on one thread, everything else on another, as the role does it. */
struct work {
	struct fixture *f;
	atomic_bool done;
	int failed;
};

static void *commit_thread(void *arg)
{
	struct work *w = arg;
	static char body[5000];
	for (uint64_t id = 10; id < 400; id++) {
		struct spool_rcpt_new to = { STR("a@b.example"), 5 };
		struct str span = { body, sizeof body };
		struct spool_op ops[2] = {
			{ .kind = SPOOL_OP_ARRIVE, .id = id, .arrive = { .rcpts = &to,
				.rcpts_count = 1, .spans = &span, .spans_count = 1 } },
			{ .kind = SPOOL_OP_REMOVE, .id = id - 3 },
		};
		store_commit(w->f->store, ops, 2);
		if (ops[0].result || (id > 12 && ops[1].result)) w->failed++;
	}
	atomic_store(&w->done, true);
	return NULL;
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct work w = { .f = f };
	pthread_t thread;
	unsigned rounds = 0;
	assert_int_equal(pthread_create(&thread, NULL, commit_thread, &w), 0);
	while (!atomic_load(&w.done) || !rounds) {
		struct spool_health h;
		struct spool_big *big;
		struct str body = { piece, sizeof piece };
		assert_string_equal(verify_text(f), "");
		assert_true(totals_of(f).messages <= 4);
		assert_int_equal(store_big_begin(f->store, &big), 0);
		assert_int_equal(store_big_append(f->store, big, &body, 1), 0);
		store_big_abort(f->store, big);
		store_health(f->store, &h);
		assert_true(h.usable);
		store_trim(f->store);
		rounds++;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(w.failed, 0);
	assert_string_equal(verify_text(f), "");
}

static size_t resident_kib(void)
{
	char line[256];
	size_t kib = 0;
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "RssFile: %zu", &kib) == 1) break;
	if (status) (void)fclose(status);
	return kib;
}

static void test_trim(void **state)
{
	struct fixture *f = *state;
	static struct spool_op ops[64];
	for (unsigned n = 0; n < 40; n++) {
		for (unsigned i = 0; i < 64; i++)
			ops[i] = arrive(1 + n * 64 + i, 1, (struct str){ piece, 10000 });
		store_commit(f->store, ops, 64);
		for (unsigned i = 0; i < 64; i++) assert_int_equal(ops[i].result, 0);
	}
	store_trim(f->store);
	size_t before = resident_kib();
	for (uint64_t id = 1; id <= 500; id++) {
		uint32_t crc = 0;
		size_t got;
		int r = store_read_body(f->store, id, 0, piece, sizeof piece, &crc, &got);
		assert_int_equal(r, 0);
	}
	assert_true(resident_kib() > before + 3000);
	store_trim(f->store);
	assert_true(resident_kib() < before + 2000);
	/* a long walk trims itself */
	assert_string_equal(verify_text(f), "");
	assert_true(resident_kib() < before + 80000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_LMDB(test_processes),
		ON_LMDB(test_opening),
		ON_LMDB(test_relative_path),
		ON_LMDB(test_backup),
		ON_LMDB(test_backup_without_body),
		ON_LMDB(test_threads),
		ON_LMDB(test_trim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
