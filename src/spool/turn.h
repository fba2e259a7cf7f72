/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that fetch their mail over the connection that they have made (ATRN). */
#ifndef IMS_SPOOL_TURN_H
#define IMS_SPOOL_TURN_H

#include "spool/spool.h"

/* A client asks; it is answered. Takes over `fd`. */
void turn_begin(struct spool *s, unsigned worker, const struct msg_turn *m, int fd);
/* The destination that is such a client, if it is there for the recipient; else NULL. */
struct sched_dest *turn_dest(struct spool *s, const struct job *job, const struct route *route);
/* Whether this walk looks for it for one of them, who is told how many there were. */
bool turn_is_asked_for(struct spool *s, const struct route *route, struct str address);
bool turn_shares(const struct spool *s); /* whether one of them waits for this walk */
void turn_walked(struct spool *s, bool failed);
void turn_tick(struct spool *s); /* every second */
/* Whether it is a key of such a destination, which may be gone by now. */
bool turn_is_key(struct str key);
/* Which deliver has it, and where it leads; false: it is none, or gone. */
bool turn_worker(const struct spool *s, struct str key, unsigned *worker);
bool turn_target_put(const struct spool *s, struct str key, struct buf *out);
/* The connection has ended; the deliver process has. */
void turn_gone(struct spool *s, unsigned worker, struct str key);
void turn_worker_down(struct spool *s, unsigned worker);

#endif
