/* SPDX-License-Identifier: Apache-2.0 */
/* What the running service knows now of where mail for an address goes. */
#ifndef IMS_CTL_EXPLAIN_LIVE_H
#define IMS_CTL_EXPLAIN_LIVE_H

#include "ctl/explain_route.h"

/* An object with the rows of the verb `destination`: "route", "destination", "sts" (objects), "lookups", "hops"
 * (arrays); NULL: no service runs, or it does not say. Ends with json_decref. Asked before the spool is
 * opened: that gives up the rights to ask. */
json_t *live_load(const struct route_case *c, const char *sender, const char *user);
/* Calls `fn` for each name of a host that the DNS has told. False: it could not tell all of them. */
bool live_names(const struct route_case *c, void (*fn)(void *arg, struct str host), void *arg);

void live_text(const struct route_case *c);
void live_json(const struct route_case *c, struct json *json);

#endif
