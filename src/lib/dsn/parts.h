/* SPDX-License-Identifier: Apache-2.0 */
/* The two parts of a report that are made here, each without its MIME header: the one for
 * people and the one for programs. Pure. */
#ifndef IMS_DSN_PARTS_H
#define IMS_DSN_PARTS_H

#include "lib/dsn/report.h"

/* Plain words: what happened, to whom, why, and what to do. May hold UTF-8 whatever the
 * report is. At most DSN_HUMAN_MAX octets. `whole`: the original is given back whole. */
void dsn_human_write(struct buf *out, const struct dsn_report *r, bool whole);

/* The content of message/delivery-status (RFC 3464 2), or with smtputf8 of
 * message/global-delivery-status (RFC 6533 4). At most DSN_MACHINE_MAX octets: details go
 * first when there are too many recipients, then recipients, which are counted. */
void dsn_machine_write(struct buf *out, const struct dsn_report *r);

/* The action that gives the report its name. */
enum dsn_action dsn_report_action(const struct dsn_report *r);

#endif
