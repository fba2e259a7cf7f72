/* SPDX-License-Identifier: Apache-2.0 */
/* Role `mailbox`: puts messages that spool hands out into Maildirs and tells what became
 * of each recipient. All jobs that one turn of the loop brings, up to MAILDIR_BATCH_MAX
 * files, are one batch; `done` is said when its files are durable in new. The role's row
 * of operations is declared in services/frame.h. */
#ifndef IMS_MAILBOX_ROLE_H
#define IMS_MAILBOX_ROLE_H

#include "lib/os/process.h"

/* The account that owns the mailboxes, and the uid where there is no such account. */
#define MAILBOX_ACCOUNT "ims-mailbox"
enum { MAILBOX_UID = 65534 };

#endif
