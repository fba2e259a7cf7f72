/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of mailboxes on disk. Names that come from addresses are only ever used below
 * an open descriptor of the template's fixed prefix, one component at a time, and no
 * symbolic link is followed: no address and nobody who can write to one mailbox can lead
 * a delivery elsewhere. Errors are negative errno values. */
#ifndef IMS_MAILBOX_FOLDER_H
#define IMS_MAILBOX_FOLDER_H

#include <sys/types.h>

#include "lib/base/str.h"

enum { FOLDER_CLEAN_MAX = 1000, FOLDER_STALE_S = 36 * 3600 };

/* A Maildir, ready for deliveries. */
struct folder {
	int tmp, new; /* directories; `new` can be synced */
	dev_t device;
};

/* Opens the fixed prefix of a template (absolute, links are the administrator's and are
 * followed). What is missing is made: parents with mode 0755, the last one with 0700 and
 * given to `owner` and `group` where we may ((uid_t)-1: nobody). Returns a descriptor. */
int folder_prefix_open(struct str path, uid_t owner, gid_t group);

/* Opens the Maildir at `path` below the prefix (empty: the prefix itself) and makes what
 * is missing, with mode 0700 and durably. 0, or -ELOOP where a link stands in the way. */
int folder_open(struct folder *f, int prefix, struct str path);
void folder_close(struct folder *f);

/* Removes files from tmp that nobody has written to for FOLDER_STALE_S seconds, as the
 * Maildir convention asks of programs that deliver: the leftovers of a crash. Looks at
 * FOLDER_CLEAN_MAX entries at most. Returns how many it removed. */
unsigned folder_clean(const struct folder *f, int64_t now_s);

/* Makes a directory's entries durable; fine where the file system has no such thing. */
int folder_sync(int dir);

#endif
