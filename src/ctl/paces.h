/* SPDX-License-Identifier: Apache-2.0 */
/* How fast mail goes to destinations now, as the running service says. */
#ifndef IMS_CTL_PACES_H
#define IMS_CTL_PACES_H

#include "ctl/ctl.h"
#include "lib/base/json.h"

/* By key of the destination; empty when no service runs. Ends with json_decref. Asked before
 * the spool is opened: that gives up the rights to ask. */
json_t *paces_load(const struct ctl *ctl);
/* Whether there is something to say of that destination. */
bool paces_has(const json_t *paces, struct str key);
/* One row: "google: 2 of 5 connections used; too many connections: 421 …". */
void pace_text(const json_t *row, struct buf *out);
/* " [pace: 5 of 20 connections; too many connections: 421 …]". */
void paces_text(const json_t *paces, struct str key, struct buf *out);
/* An object, or null. */
void paces_json(const json_t *paces, struct str key, struct json *json);

#endif
