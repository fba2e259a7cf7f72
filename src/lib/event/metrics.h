/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics in the text format of Prometheus. metrics.def is the one table: what is counted
 * from events is counted here; what others measure they write with the same heads. Pure. */
#ifndef IMS_EVENT_METRICS_H
#define IMS_EVENT_METRICS_H

#include "lib/event/view.h"

enum {
	METRICS_VALUES_MAX = 32, /* of one label; more are counted together as "other" */
	METRICS_LABEL_MAX = 48,  /* octets of a value */
};

enum metric {
#define METRIC(name, type, sentence) METRIC_##name,
#include "lib/event/metrics.def"
#undef METRIC
	METRIC_COUNT
};

struct metrics; /* counters, from 0 */

struct metrics *metrics_new(void); /* NULL: no memory */
void metrics_free(struct metrics *m);
void metrics_count(struct metrics *m, const struct event_view *v);
/* All counters that come from events. */
void metrics_write(const struct metrics *m, struct buf *out);

/* "# HELP" and "# TYPE" of one. */
void metric_head(enum metric metric, struct buf *out);
/* One line of it: up to two labels (name NULL: none), values quoted. */
struct metric_label {
	const char *name;
	struct str value;
};
void metric_line(enum metric metric, struct metric_label a, struct metric_label b,
		 int64_t value, struct buf *out);

#endif
