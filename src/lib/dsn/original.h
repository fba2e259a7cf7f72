/* SPDX-License-Identifier: Apache-2.0 */
/* The message that a report is about: what is taken from its header, and the part of the
 * report that gives it back. Pure. */
#ifndef IMS_DSN_ORIGINAL_H
#define IMS_DSN_ORIGINAL_H

#include "lib/dsn/report.h"

enum { DSN_BOUNDARY_LEN = 16 };

/* The header: all lines before the first empty one. */
struct str dsn_original_header(struct str text);
/* Value of the first field of that name, with its folds; empty if there is none. */
struct str dsn_original_field(struct str header, struct str name);

/* Makes a boundary that does not occur in `text`, which has at most DSN_ORIGINAL_MAX
 * octets. */
void dsn_boundary_make(char boundary[DSN_BOUNDARY_LEN], struct str text);

/* The original should go back whole, and can unless there is no room. */
bool dsn_original_is_wanted(const struct dsn_report *r, enum dsn_action action);
/* Appends the last part: its own header, an empty line, and the original, or as much of
 * its header as `room` octets hold; ends with CRLF. */
void dsn_original_write(struct buf *out, const struct dsn_report *r, bool whole, size_t room);

#endif
