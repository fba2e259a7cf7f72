/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed prefixes of all `deliver maildir` templates, open since the start of the
 * service. Those that a later configuration brings are opened with the role's own few
 * rights, which may fail: then deliveries below them wait for a restart. */
#ifndef IMS_MAILBOX_ROOTS_H
#define IMS_MAILBOX_ROOTS_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "mailbox/target.h"

enum { ROOTS_MAX = 512 };

struct root {
	int fd; /* or -errno of opening it */
	bool used;
	struct buf path;
};

struct roots {
	struct root list[ROOTS_MAX];
	size_t count;
};

void roots_init(struct roots *r);
void roots_free(struct roots *r);

/* Between these two every template in use is added; what was not is closed. Prefixes that
 * could not be opened are tried again. */
void roots_begin(struct roots *r);
void roots_end(struct roots *r);
/* 0; -errno of opening the prefix (kept, roots_find gives it again); -ENOSPC: over
 * ROOTS_MAX; -EINVAL: not a template. */
int roots_add(struct roots *r, struct str template, uid_t owner, gid_t group);

/* The open prefix of a template; NULL if it was never added. */
const struct root *roots_find(const struct roots *r, struct str template);

#endif
