/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as the loop wants them: non-blocking and closed on exec. Operational errors
 * are negative errno values. */
#ifndef IMS_OS_SOCKET_H
#define IMS_OS_SOCKET_H

#include <sys/types.h>

#include "lib/base/ip.h"

enum { SOCKET_BACKLOG = 4096 }; /* the kernel cuts it to net.core.somaxconn */

/* A TCP listening socket. An IPv4 address (mapped form) makes an IPv4 socket, any other
 * an IPv6 socket that takes IPv6 only; all zero octets are [::]. Port 0: the kernel
 * picks. TCP_NODELAY is set and inherited by what is accepted. */
int socket_listen(struct ip ip, uint16_t port);
/* A TCP connection under way: writable (or failed, SO_ERROR) when it is decided. */
int socket_connect(struct ip ip, uint16_t port);
/* The same from an address of this machine of the same family; the kernel picks the port.
 * -EADDRNOTAVAIL: the machine does not have that address. -EADDRINUSE: no port is free. */
int socket_connect_from(struct ip ip, uint16_t port, struct ip from);
/* What became of it then: 0, or -errno. */
int socket_error(int fd);
/* A UDP socket that talks to that address alone, from a port of the kernel's choice. */
int socket_datagram(struct ip ip, uint16_t port);
/* Next client of a listening socket (TCP or unix; a unix peer has no address).
 * -EAGAIN: none waits. */
int socket_accept(int listener, struct ip *peer, uint16_t *port);
/* Address that a TCP socket is bound to; false if it is none. */
bool socket_local(int fd, struct ip *ip, uint16_t *port);

/* Two ends of a unix stream. 0 or -errno. */
int socket_pair(int fds[2]);
/* A unix stream listener at `path`; a socket that lies there is replaced. Only `mode`'s
 * permissions are given from the first moment on. */
int socket_unix_listen(const char *path, mode_t mode);
int socket_unix_connect(const char *path);

#endif
