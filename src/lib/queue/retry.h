/* SPDX-License-Identifier: Apache-2.0 */
/* When a recipient is tried again. Pure: the schedule and the random numbers are
 * arguments. */
#ifndef IMS_QUEUE_RETRY_H
#define IMS_QUEUE_RETRY_H

#include "lib/base/rng.h"
#include "lib/conf/conf.h"

/* Delay in ms after the `attempts`-th failed attempt (1 is the first): the schedule's
 * entry, the last one repeated, plus up to a tenth of it so that mail that failed
 * together does not come back together. */
int64_t retry_delay_ms(const struct conf_durations *after, uint32_t attempts, struct rng *rng);

/* How long a recipient waits at least after the `doubts`-th time (1 is the first) that a host
 * took the whole message and did not say what it does with it: twice as long each time, so
 * that copies stay few. */
int64_t retry_doubt_ms(const struct conf *conf, unsigned doubts);
/* The same of a first time of `first_ms`. */
enum { RETRY_DOUBLED_MAX = 12 }; /* times */
static inline int64_t retry_doubled_ms(int64_t first_ms, unsigned doubts)
{
	unsigned twice = doubts > 0 ? doubts - 1 : 0;
	return first_ms << (twice < RETRY_DOUBLED_MAX ? twice : RETRY_DOUBLED_MAX);
}

/* How old a message of that priority (enum mail_priority; a number that is none of it
 * counts as normal) becomes before it is returned, and before its sender is told that it
 * waits; 0: the sender is not told. */
int64_t retry_expire_ms(const struct conf *conf, unsigned priority);
int64_t retry_warn_ms(const struct conf *conf, unsigned priority);

#endif
