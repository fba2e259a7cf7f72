/* SPDX-License-Identifier: Apache-2.0 */
/* Role `journal` in its frame; its row of operations is declared in services/frame.h. */
#ifndef IMS_JOURNAL_ROLE_H
#define IMS_JOURNAL_ROLE_H

#include "services/frame.h"

/* Gives back what open and serve took, for those who go on afterwards: a process that
 * leaves need not. Before the loop is freed. */
void journal_role_free(struct frame *f);

#endif
