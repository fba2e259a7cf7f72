/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/transport/record.h"

#include "lib/base/cur.h"

bool record_only(struct str texts, record_is_fn *is, struct str *record)
{
	struct cur c = cur_of(texts);
	size_t count = 0;
	while (!c.bad && c.left > 0) {
		struct str text = cur_str(&c);
		if (c.bad || !is(text)) continue;
		*record = text;
		count++;
	}
	return count == 1;
}
