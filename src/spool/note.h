/* SPDX-License-Identifier: Apache-2.0 */
/* Notes stand in the table `meta` under "note/" and their key. */
#ifndef IMS_SPOOL_NOTE_H
#define IMS_SPOOL_NOTE_H

#include "spool/store.h"

struct note_key {
	char at[8 + SPOOL_NOTE_KEY_MAX];
	size_t len;
};

/* "note/" and `name`, which is cut at SPOOL_NOTE_KEY_MAX. */
void note_key_set(struct note_key *k, struct str name);
/* The smallest key behind that of `name`; `name` may point into it. */
void note_key_after(struct note_key *k, struct str name);
static inline struct str note_key_view(const struct note_key *k)
{
	return (struct str){ k->at, k->len };
}
/* The name in a key of the table; false if it is no note's. */
bool note_key_name(struct str key, struct str *name);

#endif
