/* SPDX-License-Identifier: Apache-2.0 */
/* How fast mail goes to one destination, or to a site (lib/route/site.h). Pure: time is an
 * argument. */
#ifndef IMS_QUEUE_PACE_H
#define IMS_QUEUE_PACE_H

#include "lib/conf/conf.h"
#include "lib/queue/pace_rate.h"

struct pace {
	uint32_t connections_max; /* as configured; at least 1 */
	uint32_t connections;     /* at one time, at present */
	unsigned share;           /* of the rates, at present, in 256ths */
	struct pace_rate messages, connects;
};

/* `connections`: at one time, if the block says nothing of it. block NULL: no limits but
 * that. What was counted stays. */
void pace_set(struct pace *p, const struct conf_pacing *block, uint32_t connections);
bool pace_may_send(struct pace *p, int64_t now_ms);
bool pace_may_connect(struct pace *p, int64_t now_ms);

#endif
