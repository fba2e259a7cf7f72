/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock may be set while mail waits. Forward: what is due by it is tried, and what is
 * too old by it is returned after one more attempt. Back: what waits for a time that is far
 * off now is tried at once, for nobody knows any more how long it was to wait. */
#include "spool/spool.h"

enum { CLOCK_STEP_MS = 60 * 1000 }; /* smaller steps do no harm */

static void clock_tell(struct spool *s, int64_t step_ms)
{
	struct event_log *log = s->frame->log;
	event_begin(log, EVENT_clock_back, 0, 0);
	event_i64(log, FIELD_count, step_ms / 1000);
	event_end(log);
}

void clock_watch(struct spool *s)
{
	struct loop *loop = s->frame->loop;
	int64_t lead_ms = loop_wall_ms(loop) - loop_now_ms(loop);
	int64_t step_ms = s->pump.lead_ms - lead_ms;
	bool first = !s->pump.lead_known;
	s->pump.lead_known = true;
	s->pump.lead_ms = lead_ms;
	if (first || step_ms < CLOCK_STEP_MS) return;
	clock_tell(s, step_ms);
	owed_set(s, OWED_CLOCK);
}
