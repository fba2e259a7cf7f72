/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

static socklen_t address_of(struct ip ip, uint16_t port, union address *a)
{
	memset(a, 0, sizeof *a);
	if (ip_is_v4(ip)) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		memcpy(&a->v4.sin_addr, ip.octets + 12, 4);
		return sizeof a->v4;
	}
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons(port);
	memcpy(&a->v6.sin6_addr, ip.octets, 16);
	return sizeof a->v6;
}

static bool address_ip(const union address *a, struct ip *ip, uint16_t *port)
{
	*ip = (struct ip){ 0 };
	*port = 0;
	if (a->any.sa_family == AF_INET) {
		*ip = ip_of_v4(ntohl(a->v4.sin_addr.s_addr));
		*port = ntohs(a->v4.sin_port);
		return true;
	}
	if (a->any.sa_family != AF_INET6) return false;
	memcpy(ip->octets, &a->v6.sin6_addr, 16);
	*port = ntohs(a->v6.sin6_port);
	return true;
}

static int fail_closing(int fd)
{
	int error = errno;
	(void)close(fd);
	return -error;
}

int socket_listen(struct ip ip, uint16_t port)
{
	union address a;
	socklen_t len = address_of(ip, port, &a);
	int one = 1;
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) return -errno;
	if (a.any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0)
		return fail_closing(fd);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
	    bind(fd, &a.any, len) != 0 || listen(fd, SOCKET_BACKLOG) != 0)
		return fail_closing(fd);
	return fd;
}

/* `from` may be NULL. */
static int connect_to(struct ip ip, uint16_t port, const struct ip *from)
{
	union address a, own;
	socklen_t len = address_of(ip, port, &a);
	socklen_t own_len = from ? address_of(*from, 0, &own) : 0;
	int one = 1;
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) return -errno;
	/* The port is picked by connect, which may take one that leads elsewhere at the same
	 * time: or an address could have no more than 28,000 connections. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
	    (from && (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) != 0 ||
		      bind(fd, &own.any, own_len) != 0)))
		return fail_closing(fd);
	if (connect(fd, &a.any, len) == 0 || errno == EINPROGRESS) return fd;
	if (from && errno == EADDRNOTAVAIL) errno = EADDRINUSE;
	return fail_closing(fd);
}

int socket_connect(struct ip ip, uint16_t port) { return connect_to(ip, port, NULL); }

int socket_connect_from(struct ip ip, uint16_t port, struct ip from)
{
	return connect_to(ip, port, &from);
}

int socket_datagram(struct ip ip, uint16_t port)
{
	union address a;
	socklen_t len = address_of(ip, port, &a);
	int fd = socket(a.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) return -errno;
	return connect(fd, &a.any, len) == 0 ? fd : fail_closing(fd);
}

int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ? -errno : -error;
}

int socket_accept(int listener, struct ip *peer, uint16_t *port)
{
	union address a = { 0 };
	socklen_t len = sizeof a;
	int fd = accept4(listener, &a.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) return -errno;
	(void)address_ip(&a, peer, port);
	return fd;
}

bool socket_local(int fd, struct ip *ip, uint16_t *port)
{
	union address a = { 0 };
	socklen_t len = sizeof a;
	return getsockname(fd, &a.any, &len) == 0 && address_ip(&a, ip, port);
}

int socket_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds)
		       ? -errno
		       : 0;
}

static bool address_unix(const char *path, union address *a)
{
	memset(a, 0, sizeof *a);
	a->local.sun_family = AF_UNIX;
	return str_to_cstr(str_of(path), a->local.sun_path, sizeof a->local.sun_path);
}

int socket_unix_listen(const char *path, mode_t mode)
{
	union address a;
	struct stat st;
	if (!address_unix(path, &a)) return -ENAMETOOLONG;
	/* What a killed process left would keep its successor from binding. */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) (void)unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) return -errno;
	mode_t old = umask(0777 & ~mode);
	int rc = bind(fd, &a.any, sizeof a.local);
	(void)umask(old);
	if (rc != 0 || listen(fd, SOCKET_BACKLOG) != 0) return fail_closing(fd);
	return fd;
}

int socket_unix_connect(const char *path)
{
	union address a;
	if (!address_unix(path, &a)) return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) return -errno;
	if (connect(fd, &a.any, sizeof a.local) != 0) return fail_closing(fd);
	return fd;
}
