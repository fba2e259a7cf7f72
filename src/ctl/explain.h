/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMS_CTL_EXPLAIN_H
#define IMS_CTL_EXPLAIN_H

#include "ctl/ctl.h"

int explain_msg(const struct ctl *ctl, const char *word); /* an id */
/* explain_who.c: who may send what, with which answers.
 *   rcpt --client IP --to A [--helo H] [--user U] [--from A] [--listener L] [--tls]
 *   client IP [--listener L] [--tls] */
int explain_rcpt(const struct ctl *ctl, int argc, char **argv);
int explain_client(const struct ctl *ctl, int argc, char **argv);

/* "name         value\n", the value made safe for a terminal; nothing if it is empty. */
void explain_line(const char *name, struct str value);
/* An object is printed as a line; a value that did not fit is a failure of ours. */
int explain_print(const struct buf *out);

#endif
