/* SPDX-License-Identifier: Apache-2.0 */
/* How the resolver is set up: deadlines, files, trust anchor, sandbox. Arguments as of
 * test_role.c. */
#include "dns_test.h"

#include "lib/os/sandbox.h"

/* The deadline itself, before the library has given up. */
static void has_a_deadline(void **state)
{
	struct dns_test *t = *state;
	struct questions qs;
	struct buf why;
	struct str path;
	buf_init(&why, 256);
	struct resolver *r =
		resolver_new(t->role.frame.loop, &t->role.frame.conf->resolver,
			     &resolver_files_system, &why, &path);
	assert_non_null(r);
	questions_init(&qs, t->role.frame.loop, r, 1);
	qs.deadline_ms = 400;
	static const struct {
		const char *name, *dsn, *says;
	} late[] = {
		{ "silent.example", "4.4.3",
		  "did not answer for silent.example in time" },
		{ "half-late.example", "", "20 mx2.plain.example 192.0.2.3;" },
		{ "late.example", "4.4.3",
		  "did not answer for mx-silent.example in time" },
	};
	for (unsigned i = 0; i < 3; i++) {
		int64_t begin = clock_mono_ms();
		questions_ask(&qs, t->role.near,
			      &(struct msg_resolve){ i, 1, 0, 25, str_of(late[i].name) });
		role_test_run(&t->role, 1);
		assert_in_range(clock_mono_ms() - begin, 390, 3000);
		assert_string_equal(last.dsn, late[i].dsn);
		assert_non_null(strstr(i == 1 ? last.hosts : last.text, late[i].says));
	}
	assert_int_equal(qs.asked, 0);
	assert_int_equal(qs.map.count, 0);
	questions_free(&qs);
	resolver_free(r);
	buf_free(&why);
}

/* A set-up that cannot be: the role does not open, and says which file. */
static void cannot_open(void **state)
{
	struct dns_test *t = *state;
	struct frame f = t->role.frame;
	f.conf = role_test_conf(
		"resolver { server 127.0.0.1:1; trust-anchor /nowhere/ta }\n");
	assert_int_equal(dns_role.open(&f), 78);
	assert_true(role_test_said(&t->role, "/nowhere/ta"));
	dns_role.drain(&f, true);
	free(f.role);
	conf_free(f.conf);
}

/* With a trust anchor what the root has not signed is bogus, and may be true later. */
static void validates(void **state)
{
	struct dns_test *t = *state;
	char path[128], conf[512], anchor[256];
	static const char key[] =
		". IN DS 20326 8 2 "
		"E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n";
	(void)snprintf(path, sizeof path, "%s/root.key", t->role.root);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(key, file) >= 0);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(anchor, sizeof anchor, "trust-anchor %s", path);
	conf_text(t, anchor, conf, sizeof conf);
	open_again(t, conf);
	ask(t, "plain.example", true, 25);
	assert_int_equal(last.m.result, MX_LATER);
	assert_string_equal(last.dsn, "4.4.3");
	assert_non_null(strstr(last.text, "bogus"));
}

static void file_write(char path[128], const struct dns_test *t, const char *name,
		       const char *text)
{
	(void)snprintf(path, 128, "%s/%s", t->role.root, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* What is in the system's files counts, and what is wrong in them is told of. */
static void reads_the_files_of_the_system(void **state)
{
	struct dns_test *t = *state;
	static const struct {
		const char *hosts, *resolv, *conf;
		bool found, told;
	} cases[] = {
		{ "192.0.2.50 inside.example\n", "", "hosts yes", true, false },
		{ "192.0.2.50 inside.example\n", "", "hosts no", false, false },
		{ "", "", "hosts yes", false, false },
		{ "192.0.2.50 inside.example\n", "nameserver nonsense\n", "hosts yes",
		  true, true },
		{ NULL, "nameserver 127.0.0.1\n", "hosts yes", false, true },
		{ "192.0.2.50 inside.example\n", NULL, "hosts yes", true, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct questions qs;
		struct buf why;
		struct str path;
		char conf[128], hosts[128] = "/nowhere/hosts", resolv[128] = "/nowhere/r";
		buf_init(&why, 256);
		if (cases[i].hosts) file_write(hosts, t, "hosts", cases[i].hosts);
		if (cases[i].resolv) file_write(resolv, t, "resolv", cases[i].resolv);
		(void)snprintf(conf, sizeof conf, "resolver { %s }\n", cases[i].conf);
		struct conf *c = role_test_conf(conf);
		struct resolver_files files = { resolv, hosts };
		struct resolver *r = resolver_new(t->role.frame.loop, &c->resolver,
						  &files, &why, &path);
		assert_non_null(r);
		assert_int_equal(why.len > 0, cases[i].told);
		assert_int_equal(path.len > 0, cases[i].told);
		questions_init(&qs, t->role.frame.loop, r, 1);
		qs.deadline_ms = 1; /* nobody else is asked */
		questions_ask(&qs, t->role.near,
			      &(struct msg_resolve){ 1, 0, 0, 25, STR("inside.example") });
		role_test_run(&t->role, 1);
		if ((last.m.result == MX_HOSTS) != cases[i].found)
			fail_msg("case %zu: %s", i, last.text);
		questions_free(&qs);
		resolver_free(r);
		conf_free(c);
		buf_free(&why);
	}
}

static void give_up(void *arg)
{
	(void)arg;
	_exit(110);
}

/* The whole role as a process of its own with nothing but its row of the sandbox: over
 * UDP, over TCP, and after a server that says nothing. */
static int from_inside(struct dns_test *t)
{
	static const char *const names[] = { "plain.example", "big.example",
					     "silent.example", "slow.example" };
	char conf[512];
	struct buf less;
	buf_init(&less, 1024);
	t->role.answer = on_resolved;
	conf_text(t, "", conf, sizeof conf);
	role_test_start(&t->role, &dns_role, ROLE_DELIVER, conf);
	struct loop_timer *late = loop_timer_new(t->role.frame.loop, give_up, NULL);
	loop_timer_set(late, ROLE_TEST_PATIENCE_MS);
	struct process_user user = process_user_find("ims-no-such-account", 61799);
	if (sandbox_enter("dns", user, NULL, &less) < SANDBOX_NONE) return 111;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		send_query(t, i, names[i], true, 25);
	t->role.wanted = t->role.answers + 4;
	loop_run(t->role.frame.loop);
	return last.later == 1 && last.seen[0] + last.seen[1] + last.seen[3] == 3 ? 0
										  : 112;
}

static void works_from_inside(void **state)
{
	static struct dns_test t;
	(void)state;
	memset(&last, 0, sizeof last);
	t.role = (struct role_test){ 0 };
	server_start(&t);
	pid_t pid = fork();
	if (pid == 0) _exit(from_inside(&t));
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	server_stop(&t);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(has_a_deadline),
		TEST(cannot_open),
		TEST(validates),
		TEST(reads_the_files_of_the_system),
		cmocka_unit_test(works_from_inside),
	};
	if (argc != 3) return 64;
	server_path = argv[1];
	zone_path = argv[2];
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
