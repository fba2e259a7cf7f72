/* SPDX-License-Identifier: Apache-2.0 */
/* How long a message may be on its way, and when its sender is told that it is late: by the
 * configuration, or by what the sender wanted himself (RFC 2852, RFC 4865). Pure. */
#ifndef IMS_QUEUE_DEADLINE_H
#define IMS_QUEUE_DEADLINE_H

#include "lib/conf/conf.h"
#include "lib/mail/envelope.h"

struct deadline {
	int64_t end_ms;  /* then it is returned; since 1970 */
	int64_t warn_ms; /* then its sender is told, once; 0: never */
	bool by_sender;  /* end_ms is what the sender wanted (BY=...;R) */
};

struct deadline_case {
	int64_t arrived_ms;
	int64_t hold_until_ms; /* until then it is not late; 0: not held */
	int64_t by_ms;
	uint8_t by;            /* enum mail_by */
	unsigned priority;     /* enum mail_priority */
};

struct deadline deadline_of(const struct conf *conf, const struct deadline_case *c);

#endif
