/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that waits is tried at once because something has changed, and nobody has asked for it. When
 * too much is asked for at present it stays owed. */
#include "spool/spool.h"

static bool begin(struct spool *s, enum owed what)
{
	static const struct str reasons[OWED_COUNT] = {
		[OWED_CLOCK] = STR_INIT("the clock was set back"),
		[OWED_RELOAD] = STR_INIT("the configuration has changed"),
	};
	if (what == OWED_ROUTE) {
		if (!act_route(s)) return false;
		s->unrouted = false; /* but for what it finds */
		return true;
	}
	return act_begin(s, &(struct msg_act){ .action = QUEUE_RETRY, .selector = STR("state=deferred"),
		.reason = reasons[what] });
}

void owed_tick(struct spool *s)
{
	if (s->draining) return;
	for (enum owed what = 0; what < OWED_COUNT; what++)
		if (s->owed[what]) s->owed[what] = !begin(s, what);
	unreachable_tick(s);
}

void owed_set(struct spool *s, enum owed what)
{
	s->owed[what] = true;
	owed_tick(s);
}
