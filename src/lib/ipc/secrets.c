/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ipc/secrets.h"

#include "lib/base/cur.h"

struct str secrets_find(struct str record, struct str name)
{
	struct cur c = cur_of(record);
	while (c.left && !c.bad) {
		struct str found = cur_str(&c), text = cur_str(&c);
		if (!c.bad && name.len && str_eq(found, name)) return text;
	}
	return STR("");
}
