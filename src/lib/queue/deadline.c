/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/deadline.h"

#include "lib/queue/retry.h"

struct deadline deadline_of(const struct conf *conf, const struct deadline_case *c)
{
	int64_t from_ms = c->hold_until_ms > c->arrived_ms ? c->hold_until_ms : c->arrived_ms;
	int64_t warn_ms = retry_warn_ms(conf, c->priority);
	struct deadline d = {
		.end_ms = from_ms + retry_expire_ms(conf, c->priority),
		.warn_ms = warn_ms ? from_ms + warn_ms : 0,
	};
	/* The sender may shorten what he gets, and not make it longer. */
	if (c->by == MAIL_BY_RETURN && c->by_ms < d.end_ms) {
		d.end_ms = c->by_ms;
		d.by_sender = true;
	}
	if (c->by == MAIL_BY_NOTIFY) d.warn_ms = c->by_ms > 0 ? c->by_ms : 1;
	return d;
}
