/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes over a connected, non-blocking stream socket. Errors are negative errno
 * values; a signal never interrupts, a closed peer never raises one. */
#ifndef IMS_OS_STREAM_H
#define IMS_OS_STREAM_H

#include <sys/types.h>

#include "lib/base/str.h"

/* Bytes taken by the kernel (may be fewer than given), or -errno. */
ssize_t stream_send(int fd, struct str bytes);
/* Bytes received, 0 at the peer's end, or -errno. */
ssize_t stream_recv(int fd, char *into, size_t room);
/* The same, and the bytes stay where they are for stream_recv. */
ssize_t stream_peek(int fd, char *into, size_t room);
/* We say no more; the peer still may. */
void stream_shutdown_write(int fd);
/* One last word, as far as it can be said at once. */
void stream_send_and_close(int fd, struct str bytes);

#endif
