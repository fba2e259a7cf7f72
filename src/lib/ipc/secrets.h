/* SPDX-License-Identifier: Apache-2.0 */
/* The record of message `secrets`, format 0: name and text, string after string. */
#ifndef IMS_IPC_SECRETS_H
#define IMS_IPC_SECRETS_H

#include "lib/base/str.h"

/* The text of that name, within the record; empty: it has none, or is damaged before it. */
struct str secrets_find(struct str record, struct str name);

#endif
