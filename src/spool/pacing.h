/* SPDX-License-Identifier: Apache-2.0 */
/* How much is sent to whom (pacing.c). */
#ifndef IMS_SPOOL_PACING_H
#define IMS_SPOOL_PACING_H

#include "spool/spool.h"

/* Gives the destination its limits, if the configuration has changed since. */
void pacing_place(struct spool *s, struct sched_dest *d, const struct route *route);
/* One connection, no other limits, no site. */
void pacing_one(struct sched_dest *d);
/* Places of the destination with that key, which need not be there. */
uint32_t pacing_places(const struct spool *s, struct str key);
/* The block that holds for it, or NULL. */
const struct conf_pacing *pacing_block(const struct spool *s, const struct sched_dest *d);
/* Its hosts belong to that site; empty: to none. */
void pacing_moved(struct spool *s, struct sched_dest *d, struct str name);
/* Whether its site is not to be looked for. */
bool pacing_is_settled(const struct spool *s, struct sched_dest *d);
/* What such an end is with that hint: who has only too much to do is there. */
enum sched_end pacing_end(const struct sched_dest *d, enum hint hint, enum sched_end end);
/* What its hosts have said and shown in one answer, whose end would be `end`: it may be
 * another one. took_ms: 0: nobody knows. */
enum sched_end pacing_heard(struct spool *s, struct sched_dest *d, enum hint hint, struct str why,
			    uint32_t took_ms, enum sched_end end);
/* What there is of one, for console. */
void pacing_destination(struct spool *s, const struct msg_ask_destination *m);
/* One row for each destination of which there is something to say. */
void pacing_rows(struct spool *s, uint64_t query);
void pacing_pooled(struct spool *s, unsigned worker, const struct msg_pooled *m);
void pacing_worker_down(struct spool *s, unsigned worker);
void pacing_reload(struct spool *s);

#endif
