/* SPDX-License-Identifier: Apache-2.0 */
/* A message goes back to its sender because an administrator says so: as if the recipients
 * that are meant had been refused for good, with a report. */
#include "spool/spool.h"

#include <errno.h>

enum { REPORTS_BUSY = SPOOL_REPORTS_MAX / 2 }; /* the rest is for what fails by itself */

static void tell(struct spool *s, const struct act *act, const struct job *job)
{
	struct event_log *log = s->frame->log;
	event_begin(log, EVENT_bounce, 0, job->id);
	event_str(log, FIELD_from, job->from);
	event_str(log, FIELD_reason, act->reason);
	event_end(log);
}

static void fail_all(struct spool *s, struct job *job, struct str text)
{
	for (uint32_t i = 0; i < job->rcpt_count; i++) {
		struct route route = job_route(s, job, &job->rcpts[i]);
		outcome_fate(s, job, i, (struct fate){ .state = SPOOL_FAILED,
			.dsn = STR("5.0.0"), .text = text, .route = route_name(&route) });
	}
	report_send(s, job);
}

int send_back(struct spool *s, struct act *act, uint64_t id)
{
	char memory[QUEUE_REASON_MAX + 64];
	struct buf text;
	struct job *job = map_get(&s->in_hand, id);
	if (job && job->act) return -EALREADY; /* it is on its way back */
	if (s->report_count >= REPORTS_BUSY) return -ENOBUFS;
	int error = job_claim(s, id, &act->filter, &job);
	if (error) return error;
	buf_init_fixed(&text, memory, sizeof memory);
	buf_str(&text, STR("Returned by the administrator"));
	if (act->reason.len) buf_str(&text, STR(": "));
	for (size_t i = 0; i < act->reason.len; i++)
		buf_byte(&text, ascii_is_ctl(act->reason.at[i]) ? ' ' : act->reason.at[i]);
	act->pending++;
	job->act = act;
	tell(s, act, job);
	fail_all(s, job, buf_view(&text));
	job_release(s, job);
	return 0;
}
