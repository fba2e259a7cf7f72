/* SPDX-License-Identifier: Apache-2.0 */
/* Where a mailbox lies: the TEMPLATE of `deliver maildir TEMPLATE`, filled in for one
 * address. %d is the domain, %n the local part without its detail, %u the whole address,
 * %% a percent sign. What comes from an address is a file name and nothing else,
 * whatever bytes it holds. Pure. */
#ifndef IMS_MAILBOX_TARGET_H
#define IMS_MAILBOX_TARGET_H

#include "lib/base/buf.h"

enum {
	TARGET_TEMPLATE_MAX = 1024, /* octets */
	TARGET_PIECE_MAX = 200,     /* octets of one filled-in variable, made safe */
	TARGET_NAME_MAX = 255,      /* octets of one component (NAME_MAX of Linux) */
	TARGET_PATH_MAX = 2048,     /* octets of the part below the prefix */
};

enum target {
	TARGET_OK,
	TARGET_BAD_TEMPLATE, /* target_template_check says why */
	TARGET_BAD_ADDRESS,  /* no local part or no domain */
	TARGET_TOO_LONG,     /* a piece, a component or the path is over its limit */
};

/* NULL if the template can be used, else a sentence that says why it cannot: it is
 * absolute, no component is "." or "..", after % stands d, n, u or %, and between two
 * variables of one component stands a character that no domain has (such as "@" or "+"),
 * or two addresses could get the same name. */
const char *target_template_check(struct str template);

/* The fixed part of a checked template: up to the first component with a variable, no
 * slash at the end ("/" stays). It is opened with the rights of the service's start; all
 * below is made and entered with the mailbox role's own. May still hold "%%": see
 * target_prefix_write. Points into `template`. */
struct str target_prefix(struct str template);
/* The same as a path to open: "%%" has become "%". */
void target_prefix_write(struct buf *out, struct str template);

/* Appends the path of the mailbox of `address` relative to the prefix: components with a
 * slash between, none at either end; nothing where the template has no variable.
 * A piece is in lower case (ASCII); a local part is unquoted first; %n ends before the
 * first "+" that has something before it. Control characters, "/", "=", bytes that are
 * not UTF-8 and a leading "." become "=XX" (hexadecimal), so that two different pieces
 * never become one name. On anything but TARGET_OK `out` is as it was. */
enum target target_expand(struct buf *out, struct str template, struct str address);

const char *target_sentence(enum target result);

#endif
