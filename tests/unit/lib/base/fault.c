/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fault.h"

/* How a child of ours ends that meets the place: a signal, or 0. */
static int ends_by(const char *wish, struct str text)
{
	pid_t pid = fork();
	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		if (wish) (void)setenv("IMS_FAULT", wish, 1);
		else (void)unsetenv("IMS_FAULT");
		FAULT("receive.mail", text);
		_exit(0);
	}
	int status = -1;
	if (pid < 0 || waitpid(pid, &status, 0) != pid) fail_msg("no child");
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void only_where_it_was_asked_for(void **state)
{
#ifdef IMS_FAULTS
	const int dies = SIGSEGV;
#else
	const int dies = 0;
#endif
	(void)state;
	assert_int_equal(ends_by(NULL, STR("crashme@x")), 0);
	assert_int_equal(ends_by("receive.mail=crashme@", STR("a crashme@x")), dies);
	assert_int_equal(ends_by("receive.mail=crashme@", STR("a fine one")), 0);
	assert_int_equal(ends_by("receive.mail=crashme@", STR("")), 0);
	assert_int_equal(ends_by("receive.mai=crashme@", STR("crashme@x")), 0);
	assert_int_equal(ends_by("receive.mail", STR("crashme@x")), 0);
	assert_int_equal(ends_by("spool.commit=crashme@", STR("crashme@x")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(only_where_it_was_asked_for) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
