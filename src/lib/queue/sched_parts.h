/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of sched. */
#ifndef IMS_QUEUE_SCHED_PARTS_H
#define IMS_QUEUE_SCHED_PARTS_H

#include "lib/queue/sched.h"

/* Nothing is known of it: neither a success nor a failure. */
static inline bool sched_is_new(const struct sched_dest *d)
{
	return !d->proved && !d->looked && d->failures == 0;
}

/* sched.c */
/* How many may be under way to it now. */
uint32_t window_now(const struct sched *s, const struct sched_dest *d);
/* Lines of many destinations that have to wait for each other are short together. */
uint32_t site_line_max(const struct sched_site *site);

/* Half of it, and of its site's: is to be filled. */
bool line_is_thin(const struct sched_dest *d);

/* sched_skip.c */
void places_free(struct sched *s, struct sched_dest *d);

/* sched_turn.c */
void ring_add(struct sched *s, struct sched_dest *d);

/* sched_site.c */
void waiting_add(struct sched *s, struct sched_dest *d);
void waiting_sub(struct sched *s, struct sched_dest *d);
/* Whether its pace lets one more start. */
bool pace_has_room(struct sched_dest *d, int64_t now_ms);
/* It is in no ring, and waits for its site; without one, for the next sweep. */
void pace_wait(struct sched_dest *d);
/* It cannot use the room that there may be at its site: the next one that waits may. */
void pace_pass(struct sched *s, const struct sched_dest *d);
/* One is under way, and is no more. */
void pace_begin(struct sched *s, struct sched_dest *d, int64_t now_ms);
void pace_end(struct sched *s, struct sched_dest *d);
/* The one that pace_begin began last was not sent at all. */
void pace_undo(struct sched *s, struct sched_dest *d);
/* All that wait for a site may ask again. */
void sites_wake(struct sched *s);
void sites_free(struct sched *s);

#endif
