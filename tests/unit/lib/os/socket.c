/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/socket.h"

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 2000), 1);
}

static void test_tcp(void **state)
{
	static const char *const texts[] = { "127.0.0.1", "::1" };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ip ip, local, peer;
		uint16_t port, from, mine;
		int one = 0;
		socklen_t len = sizeof one;
		assert_true(ip_parse(str_of(texts[i]), &ip));
		int listener = socket_listen(ip, 0);
		if (listener == -EADDRNOTAVAIL || listener == -EAFNOSUPPORT) continue;
		assert_true(listener >= 0);
		assert_int_equal(socket_accept(listener, &peer, &from), -EAGAIN);
		assert_true(socket_local(listener, &local, &port));
		assert_true(ip_eq(local, ip));
		assert_int_not_equal(port, 0);
		assert_int_equal(socket_listen(ip, port), -EADDRINUSE);
		int client = socket_connect(ip, port);
		assert_true(client >= 0);
		wait_readable(listener);
		assert_int_equal(socket_error(client), 0);
		int server = socket_accept(listener, &peer, &from);
		assert_true(server >= 0);
		assert_true(ip_eq(peer, ip));
		assert_true(socket_local(client, &local, &mine));
		assert_int_equal(mine, from);
		assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, &len),
				 0);
		assert_true(one != 0);
		assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
		close(server);
		close(client);
		close(listener);
		int refused = socket_connect(ip, port);
		if (refused < 0) continue; /* known at once */
		struct pollfd p = { .fd = refused, .events = POLLOUT };
		assert_int_equal(poll(&p, 1, 2000), 1);
		assert_int_equal(socket_error(refused), -ECONNREFUSED);
		close(refused);
	}
	assert_int_equal(socket_error(-1), -EBADF);
}

/* From an address of the machine, of one family; and one that it does not have. */
static void test_from(void **state)
{
	struct ip here, other, mine, away, six;
	struct ip peer;
	uint16_t port, from;
	(void)state;
	assert_true(ip_parse(STR("127.0.0.1"), &here) && ip_parse(STR("127.0.0.77"), &other));
	assert_true(ip_parse(STR("192.0.2.77"), &away) && ip_parse(STR("::1"), &six));
	int listener = socket_listen(here, 0);
	assert_true(listener >= 0 && socket_local(listener, &mine, &port));
	for (int i = 0; i < 3; i++) {
		int client = socket_connect_from(here, port, other);
		assert_true(client >= 0);
		wait_readable(listener);
		int server = socket_accept(listener, &peer, &from);
		assert_true(server >= 0);
		assert_true(ip_eq(peer, other));
		assert_true(socket_local(client, &mine, &from));
		assert_true(ip_eq(mine, other) && from != 0);
		close(server);
		close(client);
	}
	assert_int_equal(socket_connect_from(here, port, away), -EADDRNOTAVAIL);
	assert_true(socket_connect_from(here, port, six) < 0);
	close(listener);
}

static void test_unix(void **state)
{
	char folder[] = "/tmp/ims-test-XXXXXX";
	char path[64], far[200];
	struct stat st;
	struct ip peer;
	uint16_t port;
	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/s", folder);
	(void)snprintf(far, sizeof far, "%s/%0150d", folder, 1);
	assert_int_equal(socket_unix_connect(path), -ENOENT);
	int old = socket_unix_listen(path, 0600);
	assert_true(old >= 0);
	close(old); /* as after a kill: the path is still there */
	int fd = socket_unix_listen(path, 0660);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	int client = socket_unix_connect(path);
	assert_true(client >= 0);
	int server = socket_accept(fd, &peer, &port);
	assert_true(server >= 0);
	assert_true(ip_is_none(peer));
	assert_false(socket_local(server, &peer, &port));
	assert_int_equal(socket_unix_listen(far, 0600), -ENAMETOOLONG);
	assert_int_equal(socket_unix_connect(far), -ENAMETOOLONG);
	close(server);
	close(client);
	close(fd);
	/* What is no socket is not replaced. */
	assert_int_equal(unlink(path), 0);
	int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(socket_unix_listen(path, 0600), -EADDRINUSE);
	close(file);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_from),
		cmocka_unit_test(test_unix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
