/* SPDX-License-Identifier: Apache-2.0 */
/* For backends on their threads: waiting for a descriptor up to a deadline, and what
 * other programs say of their troubles. */
#ifndef IMS_DIRECTORY_WAIT_H
#define IMS_DIRECTORY_WAIT_H

#include "lib/base/buf.h"

enum { WHY_PART_MAX = 200 }; /* octets of what another program says that are kept */

/* A deadline is a time of the monotonic clock. */
int64_t wait_deadline(int64_t timeout_ms);
/* Milliseconds that are left; 0: none. */
int64_t wait_left_ms(int64_t deadline_ms);
/* Until `events` (of poll) or trouble come. 0, -ETIMEDOUT or -errno. */
int wait_fd(int fd, short events, int64_t deadline_ms);

/* In `prepare`: connections may be made later, to unix sockets (which need not lie there
 * yet) and to hosts by address, and with `names` to hosts by name. 0 or -errno. */
int wait_allow(bool names);

/* "WHO: TEXT", with blanks in the place of control characters and nothing at the ends;
 * cut. What stood in `why` before is dropped. */
void why_say(struct buf *why, const char *who, struct str text);
void why_errno(struct buf *why, const char *who, int error); /* error > 0 */

#endif
