/* SPDX-License-Identifier: Apache-2.0 */
/* What msg show tells of each attempt: one row for each answer of a host, from the events
 * of the message. */
#ifndef IMS_CTL_ATTEMPT_H
#define IMS_CTL_ATTEMPT_H

#include <stdio.h>

#include "lib/conf/conf.h"
#include "lib/event/view.h"

/* "attempt  TIME TO HOST STEP: CODE REPLY DSN" and LF, without what the event does not have;
 * false: the event is none of an attempt, or only of its beginning. */
bool attempt_write(const struct event_view *v, struct buf *out);
/* All of the message `id` that log and index have; a sysexits code. */
int attempt_list(const struct conf *conf, uint64_t id, FILE *out, FILE *err);

#endif
