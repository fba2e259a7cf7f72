/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory answered a moment ago, so that mail for the same recipients does not ask
 * the same again. Who there is and where; nothing of passwords. Bounded: the oldest
 * answers make room. Time is an argument. */
#ifndef IMS_DIRECTORY_RECENT_H
#define IMS_DIRECTORY_RECENT_H

#include "services/directory/backend.h"

enum { RECENT_MAX = 65536, RECENT_NONE_MS = 10 * 1000 };

struct recent;

/* `keep_ms`: how long; that there is nobody at most RECENT_NONE_MS. 0 keeps nothing.
 * NULL: no memory. */
struct recent *recent_new(int64_t keep_ms, uint64_t seed);
void recent_free(struct recent *r); /* NULL is fine */
size_t recent_count(const struct recent *r);
/* BACKEND_OK, with address, home and `checks` of the entry; BACKEND_NONE; or BACKEND_UNSURE:
 * not known. */
enum backend_result recent_get(const struct recent *r, struct str address, int64_t now_ms,
			       struct backend_entry *entry);
/* `result` is OK or NONE. */
void recent_put(struct recent *r, struct str address, enum backend_result result,
		const struct backend_entry *entry, int64_t now_ms);

#endif
