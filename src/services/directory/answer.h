/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing that a directory says is believed before it was looked at. Pure. */
#ifndef IMS_DIRECTORY_ANSWER_H
#define IMS_DIRECTORY_ANSWER_H

#include "services/directory/backend.h"

/* The result, with what the entry does not say filled in; BACKEND_UNSURE, and why, for an
 * entry that nobody can use, or a result that is none. */
enum backend_result answer_check(enum backend_result result, struct str asked,
				 struct backend_entry *entry, struct buf *why);
/* Writes `address` without its "+detail" (before an unquoted "+" that is not the first
 * character); false if it has none. */
bool answer_without_detail(struct buf *out, struct str address);
/* Whether it can be somebody's address at all: local@domain without control characters. */
bool answer_is_address(struct str address);

#endif
