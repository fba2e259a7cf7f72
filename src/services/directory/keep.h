/* SPDX-License-Identifier: Apache-2.0 */
/* What the receive processes count together and what is to outlive the service (averages
 * of users, the greylist) lies in memory that all processes share. This role, which has a
 * folder, puts it there when the service starts, and writes it to STATE/counts/tally every
 * ten seconds in which it changed, and at the end. Losing the file costs the memory of
 * averages and of who came before, and no mail. */
#ifndef IMS_DIRECTORY_KEEP_H
#define IMS_DIRECTORY_KEEP_H

#include "services/directory/db.h"
#include "services/directory/directory.h"

enum { KEEP_EVERY_MS = 10 * 1000 };

struct keep;

/* 32 octets that nobody else knows and that stay as long as the folder does (STATE/counts/secret,
 * 0600): what is made up for users that do not exist is made of them, and a real user's does
 * not change with a restart either. */
void keep_secret(const struct keep *k, char secret[DIRECTORY_SECRET]);

/* With the first rights: opens the folder, and reads the file unless the memory is older than
 * this process. NULL: no memory. */
struct keep *keep_new(struct directory *d);
int keep_start(struct keep *k); /* 0 or -errno */
/* Writes what has changed since. NULL is fine. */
void keep_now(struct keep *k);
void keep_free(struct keep *k);

#endif
