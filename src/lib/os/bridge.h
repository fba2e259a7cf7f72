/* SPDX-License-Identifier: Apache-2.0 */
/* Carries octets between two connected stream sockets, each way, and looks at none of them. Each
 * side may have TLS. What is under way is bounded: who is not read from is not read. */
#ifndef IMS_OS_BRIDGE_H
#define IMS_OS_BRIDGE_H

#include "lib/base/str.h"
#include "lib/os/loop.h"
#include "lib/os/tls.h"

enum { BRIDGE_HELD_MAX = 128 * 1024 }; /* octets under way, each direction */

/* Non-blocking and past the handshake; both stay the owner's, who does not use them before
 * bridge_free. */
struct bridge_side {
	int fd;
	struct tls *tls; /* NULL: in the clear */
};

/* One side has ended, or failed, or nothing came for too long: why, in words. What it had said
 * before its end has been given to the other side's socket. Called once; nothing is carried any
 * more. The bridge is to be freed, here or later. */
typedef void bridge_over_fn(void *arg, const char *why);

struct bridge;

/* `first`, copied: what the owner has already read from sides[0]; at most BRIDGE_HELD_MAX.
 * NULL: no memory. bridge_over_fn is never called from here. */
struct bridge *bridge_new(struct loop *l, const struct bridge_side sides[2], struct str first,
			  int64_t idle_ms, bridge_over_fn *over, void *arg);
void bridge_free(struct bridge *b); /* NULL is fine */
/* That were given to the socket of that side so far. */
uint64_t bridge_octets(const struct bridge *b, unsigned side);

#endif
