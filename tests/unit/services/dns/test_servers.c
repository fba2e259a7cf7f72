/* SPDX-License-Identifier: Apache-2.0 */
#include "../role_test.h"

#include "services/dns/servers.h"

static const struct {
	const char *conf, *resolv; /* NULL: there is no file */
	const char *want;
} rows[] = {
	{ "server 192.0.2.1 192.0.2.2:5353 [2001:db8::1]:54", "nameserver 192.0.2.9\n",
	  "192.0.2.1@53 192.0.2.2@5353 2001:db8::1@54 " },
	{ "", "nameserver 192.0.2.9\n", "192.0.2.9@53 " },
	{ "", "# a comment\nsearch example\n  nameserver\t192.0.2.9   # the first\n"
	      "nameserver 2001:db8::9\noptions ndots:1\nnameserver 192.0.2.10",
	  "192.0.2.9@53 2001:db8::9@53 192.0.2.10@53 " },
	{ "", "nameservers 192.0.2.9\n;nameserver 192.0.2.9\n", "" },
	{ "", "nameserver 192.0.2.9\nnameserver fe80::1%eth0\n", "" },
	{ "", "nameserver\n", "" },
	{ "", "nameserver 192.0.2.9\r\n", "" },
	{ "", "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n"
	      "nameserver 192.0.2.5\nnameserver 192.0.2.6\nnameserver 192.0.2.7\nnameserver 192.0.2.8\n"
	      "nameserver 192.0.2.9\n",
	  "192.0.2.1@53 192.0.2.2@53 192.0.2.3@53 192.0.2.4@53 192.0.2.5@53 192.0.2.6@53 "
	  "192.0.2.7@53 192.0.2.8@53 " },
	{ "", "", "" },
	{ "", NULL, "" },
};

static void names_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char path[] = "/tmp/ims-resolv-XXXXXX", conf[128], found[256];
		struct stub_server at[STUB_SERVERS_MAX];
		struct buf out;
		int fd = mkstemp(path);
		assert_true(fd >= 0);
		if (rows[i].resolv)
			assert_int_equal(write(fd, rows[i].resolv, strlen(rows[i].resolv)),
					 strlen(rows[i].resolv));
		else (void)unlink(path);
		(void)close(fd);
		(void)snprintf(conf, sizeof conf, "resolver { %s }\n", rows[i].conf);
		struct conf *c = role_test_conf(conf);
		size_t count = servers_get(&c->resolver, path, at);
		buf_init_fixed(&out, found, sizeof found);
		for (size_t k = 0; k < count; k++) {
			ip_write(&out, at[k].ip);
			buf_fmt(&out, "@%u ", at[k].port);
		}
		if (!str_eq(buf_view(&out), str_of(rows[i].want)))
			fail_msg("row %zu: %.*s", i, STR_ARG(buf_view(&out)));
		(void)unlink(path);
		conf_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_them) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
