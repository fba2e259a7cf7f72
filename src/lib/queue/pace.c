/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/pace.h"

static void rate_set(struct pace_rate *r, const struct conf_rate_value *value)
{
	pace_rate_set(r, value ? value->count : 0, value ? value->every_ms : 0);
}

void pace_set(struct pace *p, const struct conf_pacing *block, uint32_t connections)
{
	if (block && block->connections) connections = (uint32_t)block->connections;
	if (connections == 0) connections = 1;
	bool all = p->connections >= p->connections_max;
	p->connections_max = connections;
	if (all || p->connections > connections) p->connections = connections;
	if (!p->share) p->share = PACE_SHARE;
	rate_set(&p->messages, block ? &block->rate : NULL);
	rate_set(&p->connects, block ? &block->connection_rate : NULL);
}

bool pace_may_send(struct pace *p, int64_t now_ms)
{
	return pace_rate_has(&p->messages, p->share, now_ms);
}

bool pace_may_connect(struct pace *p, int64_t now_ms)
{
	return pace_rate_has(&p->connects, p->share, now_ms);
}
