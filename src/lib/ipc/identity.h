/* SPDX-License-Identifier: Apache-2.0 */
/* Who a role runs as: the account ims-ROLE where there is one, else a fixed number of
 * its own (61700 and up, which distributions give to nobody by themselves). A service
 * that is not started by root runs wholly as who started it. */
#ifndef IMS_IPC_IDENTITY_H
#define IMS_IPC_IDENTITY_H

#include "lib/ipc/role.h"
#include "lib/os/process.h"

struct process_user role_user(enum role role);

#endif
