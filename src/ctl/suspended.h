/* SPDX-License-Identifier: Apache-2.0 */
/* What is suspended, as the spool's notes tell it. */
#ifndef IMS_CTL_SUSPENDED_H
#define IMS_CTL_SUSPENDED_H

#include "ctl/ctl.h"
#include "lib/base/arena.h"
#include "lib/base/json.h"
#include "lib/queue/suspend.h"
#include "spool/store.h"

struct suspended {
	struct arena arena;
	struct suspension at[SPOOL_NOTES_MAX];
	size_t count;
};

/* 0, or a sysexits code after having said why. */
int suspended_load(struct store *store, struct suspended *out);
void suspended_free(struct suspended *s);
/* The route's stands before the domain's, as in the service; NULL: neither is. */
const struct suspension *suspended_find(const struct suspended *s, struct str route,
                                        struct str domain);
/* "domain example.org until 2026-...: reason" */
void suspended_text(struct buf *out, const struct suspension *s);
/* An object: kind ("domain" or "route"), name, since, until ("" if it has no end), reason. */
void suspended_json(struct json *json, const struct suspension *s);

/* suspend and resume, online or not; argv[0] is the verb. */
int ctl_suspend(struct ctl *ctl, int argc, char **argv);

#endif
