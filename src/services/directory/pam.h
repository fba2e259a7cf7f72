/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords as PAM judges them. PAM has no list of users: whether one exists is never
 * asked here. */
#ifndef IMS_DIRECTORY_PAM_H
#define IMS_DIRECTORY_PAM_H

#include "lib/os/loop.h"
#include "services/directory/backend.h"

extern const struct backend backend_pam;

/* Calls `ended` on the loop when a helper has died, which nobody can replace but a fresh
 * process. 0 or -errno. */
int pam_helpers_watch(struct loop *loop, void (*ended)(void *arg), void *arg);
/* The helpers end; the process is about to. */
void pam_helpers_end(void);

#endif
