/* SPDX-License-Identifier: Apache-2.0 */
/* Our event loop as libunbound's "pluggable event base". The other way, handing it the
 * event_base beneath our loop, would show the library that the loop hides, and it would
 * have to be the very same copy that libunbound was linked with. */
#ifndef IMS_DNS_UB_LOOP_H
#define IMS_DNS_UB_LOOP_H

#include <unbound.h>
#include <unbound-event.h>

#include "lib/os/loop.h"

struct ub_loop {
	struct ub_event_base base; /* first: what libunbound sees */
	struct loop *loop;         /* borrowed */
};

/* For ub_ctx_create_ub_event(&u->base). `u` must outlive the context. */
void ub_loop_init(struct ub_loop *u, struct loop *loop);

#endif
