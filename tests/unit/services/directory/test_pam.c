/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords by PAM, with a module that behaves and misbehaves; it is told where by
 * IMS_PAM_MODULE. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "services/directory/pam.h"
#include "services/directory/pam_record.h"
#include "services/directory/wait.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define TEN         "0123456789"
#define HUNDRED     TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

enum { TIMEOUT_MS = 400, PATIENCE_MS = 5000 };

static char folder[64];

static const struct {
	const char *service, *auth, *account; /* what the module does; NULL: no such file */
	const char *user, *password;
	bool local;
	enum backend_result want;
	const char *why;
} rows[] = {
	{ "good", "right", "", "ann", "nna", false, BACKEND_OK, NULL },
	{ "good", "right", "", "ann@x", "x@nna", false, BACKEND_OK, NULL },
	{ "good", "right", "", "ann@x", "nna", true, BACKEND_OK, NULL },
	{ "good", "right", "", "\"a@b\"@x", "\"b@a\"", true, BACKEND_OK, NULL },
	{ "good", "right", "", "ann", "nnb", false, BACKEND_WRONG,
	  "pam: Authentication failure" },
	{ "good", "right", "", "ann", "", false, BACKEND_WRONG, NULL },
	{ "good", "right", "", "", "x", false, BACKEND_WRONG, NULL },
	{ "good", "right", "", "@x", "x", true, BACKEND_WRONG, NULL },
	{ "good", "right", "", HUNDRED HUNDRED HUNDRED HUNDRED, "x", false, BACKEND_WRONG, NULL },
	{ "good", "right", "", "ann", HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED TEN TEN, false,
	  BACKEND_WRONG, NULL },
	{ "talks", "talks", "", "ann", "nna", false, BACKEND_OK, NULL },
	{ "twice", "twice", "", "ann", "nna", false, BACKEND_WRONG,
	  "pam: asks for more than a password" },
	{ "echo", "echo", "", "ann", "nna", false, BACKEND_WRONG,
	  "pam: asks for more than a password" },
	{ "many", "many", "", "ann", "nna", false, BACKEND_UNSURE, "pam: Conversation error" },
	{ "slow", "slow", "", "ann", "nna", false, BACKEND_WRONG,
	  "pam: Authentication failure" },
	/* PAM_USER_UNKNOWN, PAM_AUTHINFO_UNAVAIL, PAM_SYSTEM_ERR, PAM_MAXTRIES. */
	{ "unknown", "10", "", "ann", "x", false, BACKEND_WRONG, NULL },
	{ "unavailable", "9", "", "ann", "x", false, BACKEND_UNSURE, NULL },
	{ "system", "4", "", "ann", "x", false, BACKEND_UNSURE, NULL },
	{ "tries", "11", "", "ann", "x", false, BACKEND_WRONG, NULL },
	/* PAM_ACCT_EXPIRED, PAM_NEW_AUTHTOK_REQD, PAM_PERM_DENIED. */
	{ "expired", "right", "13", "ann", "nna", false, BACKEND_WRONG, NULL },
	{ "renew", "right", "12", "ann", "nna", false, BACKEND_WRONG, NULL },
	{ "denied", "right", "6", "ann", "nna", false, BACKEND_WRONG, NULL },
	{ "crash", "crash", "", "ann", "x", false, BACKEND_UNSURE,
	  "pam: a module died of signal 11" },
	{ "exit", "exit", "", "ann", "x", false, BACKEND_UNSURE,
	  "pam: a module ended with status 3" },
	{ "hang", "hang", "", "ann", "x", false, BACKEND_DOWN, "pam: Connection timed out" },
	{ "deaf", "deaf", "", "ann", "x", false, BACKEND_DOWN, "pam: Connection timed out" },
	{ "missing", NULL, NULL, "ann", "x", false, BACKEND_UNSURE, NULL },
};

static void service_write(const char *name, const char *auth, const char *account)
{
	char path[128];
	const char *module = getenv("IMS_PAM_MODULE");
	assert_non_null(module);
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "auth required %s %s\naccount required %s %s\n", module, auth, module,
		      account);
	assert_int_equal(fclose(f), 0);
}

static struct backend_settings settings_of(const char *service, bool local)
{
	return (struct backend_settings){ .pam = { service, folder, local },
					  .timeout_ms = TIMEOUT_MS };
}

static enum backend_result verify(const struct backend_settings *c, const char *user,
				  const char *password, struct buf *why)
{
	struct backend_entry entry;
	void *conn = backend_pam.open(c, why);
	assert_non_null(conn);
	enum backend_result got =
		backend_pam.verify(conn, str_of(user), str_of(password), &entry, why);
	assert_int_equal(entry.address_len, 0);
	backend_pam.close(conn);
	return got;
}

/* Processes whose parent we are, or that were left to us. */
static size_t children(pid_t parent)
{
	char command[64], line[64];
	size_t count = 0;
	(void)snprintf(command, sizeof command, "ps -o pid= --ppid %d", (int)parent);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) count++;
	(void)pclose(f);
	return count;
}

static pid_t helper_pid(void)
{
	char command[64];
	int pid = 0;
	(void)snprintf(command, sizeof command, "ps -o pid=,comm= --ppid %d", (int)getpid());
	FILE *f = popen(command, "r");
	char line[128];
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (strstr(line, "imsd: pam")) pid = atoi(line);
	(void)pclose(f);
	return pid;
}

static void judges(void **state)
{
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	(void)state;
	buf_init_fixed(&why, memory, sizeof memory);
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (rows[i].auth) service_write(rows[i].service, rows[i].auth, rows[i].account);
		struct backend_settings c = settings_of(rows[i].service, rows[i].local);
		assert_true(backend_pam.prepare(&c, &why));
		int64_t deadline = wait_deadline(PATIENCE_MS);
		enum backend_result got =
			verify(&c, rows[i].user, rows[i].password, &why);
		bool late = wait_left_ms(deadline) < PATIENCE_MS - 3 * TIMEOUT_MS;
		if (got != rows[i].want || late ||
		    (rows[i].why && !str_eq(buf_view(&why), str_of(rows[i].why))))
			fail_msg("row %zu, %s: %d, %.*s", i, rows[i].service, (int)got,
				 STR_ARG(buf_view(&why)));
	}
	pam_helpers_end();
	/* They end by themselves, and with them what hung. */
	for (int status; waitpid(-1, &status, 0) > 0;) assert_int_equal(status, 0);
	assert_int_equal(errno, ECHILD);
}

struct hung {
	struct backend_settings c;
	enum backend_result result;
};

static void *hang(void *arg)
{
	struct hung *h = arg;
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	buf_init_fixed(&why, memory, sizeof memory);
	h->result = verify(&h->c, "ann", "x", &why);
	return NULL;
}

/* As many as there may be hang; one more waits, and is served when they were killed. */
static void bears_many(void **state)
{
	struct hung all[PAM_CHILDREN_MAX + 4];
	pthread_t threads[ROWS(all)];
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	(void)state;
	buf_init_fixed(&why, memory, sizeof memory);
	service_write("hang", "hang", "");
	struct backend_settings c = settings_of("hang", false);
	c.timeout_ms = 4 * TIMEOUT_MS; /* a sanitizer makes processes slow to fork */
	assert_true(backend_pam.prepare(&c, &why));
	pid_t helper = helper_pid();
	assert_true(helper > 0);
	for (size_t i = 0; i < ROWS(all); i++) {
		all[i].c = c;
		assert_int_equal(pthread_create(&threads[i], NULL, hang, &all[i]), 0);
	}
	for (int i = 0; i < 20 && children(helper) < PAM_CHILDREN_MAX; i++)
		(void)usleep(50 * 1000);
	assert_int_equal(children(helper), PAM_CHILDREN_MAX);
	for (size_t i = 0; i < ROWS(all); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(all[i].result, BACKEND_DOWN);
	}
	/* Those that came too late see at once that nobody waits. */
	size_t left = PAM_CHILDREN_MAX;
	for (int i = 0; i < 50 && left; i++) {
		(void)usleep(100 * 1000);
		left = children(helper);
	}
	assert_int_equal(left, 0);
	service_write("hang", "right", "");
	assert_int_equal(verify(&c, "ann", "nna", &why), BACKEND_OK);
	pam_helpers_end();
	assert_int_equal(waitpid(helper, NULL, 0), helper);
}

static int ended;

static void on_end(void *arg)
{
	ended++;
	loop_stop(arg);
}

/* It is not replaced here: the role has lost the rights for that. */
static void its_end_is_seen(void **state)
{
	struct loop *loop = loop_new();
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	(void)state;
	buf_init_fixed(&why, memory, sizeof memory);
	service_write("good", "right", "");
	struct backend_settings c = settings_of("good", false);
	assert_true(backend_pam.prepare(&c, &why));
	assert_true(backend_pam.prepare(&c, &why)); /* the same again is the same helper */
	assert_int_equal(pam_helpers_watch(loop, on_end, loop), 0);
	assert_int_equal(verify(&c, "ann", "nna", &why), BACKEND_OK);
	pid_t helper = helper_pid();
	assert_int_equal(kill(helper, SIGKILL), 0);
	loop_run(loop);
	assert_int_equal(ended, 1);
	assert_int_equal(verify(&c, "ann", "nna", &why), BACKEND_DOWN);
	assert_true(str_eq(buf_view(&why), STR("pam: Broken pipe")));
	pam_helpers_end();
	loop_free(loop);
	assert_int_equal(waitpid(helper, NULL, 0), helper);
	assert_null(backend_pam.open(&c, &why));
	assert_true(str_eq(buf_view(&why), STR("pam helper: No such process")));
}

/* Whoever holds the other end may send what he likes. */
static void drops_nonsense(void **state)
{
	struct pam_service service = { "good", "" };
	struct pam_request request;
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	(void)state;
	buf_init_fixed(&why, memory, sizeof memory);
	(void)str_to_cstr(str_of(folder), service.folder, sizeof service.folder);
	int fd = pam_helper_start(&service);
	assert_true(fd >= 0);
	memset(&request, 'x', sizeof request); /* no ends */
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(pam_request_send(fd, &request, ends[1]), 0);
	(void)close(ends[1]);
	char c;
	assert_int_equal(recv(ends[0], &c, 1, 0), 0); /* closed without an answer */
	(void)close(ends[0]);
	assert_int_equal(send(fd, "short", 5, 0), 5);
	assert_int_equal(send(fd, &request, sizeof request, 0), sizeof request); /* no fd */
	memset(&request, 0, sizeof request);
	assert_true(pam_request_set(&request, STR("ann"), STR("nna")));
	assert_false(pam_request_set(&request, STR("a\000n"), STR("nna")));
	assert_false(pam_request_set(&request, STR("ann"), STR("n\000a")));
	int64_t deadline = wait_deadline(PATIENCE_MS);
	assert_int_equal(pam_helper_ask(fd, STR("ann"), STR("nna"), deadline, &why),
			 PAM_VERDICT_YES);
	(void)close(fd);
	int status;
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/ims-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges),
		cmocka_unit_test(bears_many),
		cmocka_unit_test(its_end_is_seen),
		cmocka_unit_test(drops_nonsense),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
