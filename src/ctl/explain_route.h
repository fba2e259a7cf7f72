/* SPDX-License-Identifier: Apache-2.0 */
/* explain route A@B: what is known of the case, and the parts of the answer. */
#ifndef IMS_CTL_EXPLAIN_ROUTE_H
#define IMS_CTL_EXPLAIN_ROUTE_H

#include "ctl/outcomes.h"
#include "ctl/suspended.h"
#include "ctl/summary.h"
#include "lib/queue/pace.h"
#include "lib/route/route.h"

enum { EXPLAIN_TEXT_MAX = 16 * 1024 };

struct route_case {
	const struct ctl *ctl;
	struct str address;
	struct route_ask ask;
	struct route route;
	/* As it would be if the directory had no such address; only postmaster's differs. */
	struct route unknown;
	const struct summary_row *row; /* NULL: the queue has nothing for it */
	const struct suspension *suspended;
	struct outcomes outcomes;
	json_t *live; /* explain_live.h; NULL: no service runs */
	int64_t now_ms;
};

/* explain_route.c */
int explain_route_text(const struct route_case *c);
int explain_route_json(const struct route_case *c);

/* explain_pace.c: which limits hold, by which block */
struct pace_case {
	const struct conf_pacing *block; /* NULL: no block says anything */
	bool site;     /* others share its limits */
	bool by_hosts; /* what the hosts are called decided */
	bool unsure;   /* and their names come from the DNS: `block` is what holds if none names them */
	struct pace pace; /* as configured */
	uint32_t recipients;
};
void explain_pace(const struct route_case *c, struct pace_case *out);
void explain_pace_text(const struct route_case *c, const struct pace_case *p);
void explain_pace_json(const struct route_case *c, const struct pace_case *p, struct json *json);

#endif
