/* SPDX-License-Identifier: Apache-2.0 */
/* Records as another process may send them. The time is kept in the range of lines, as
 * journal does it. */
#include "same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_view v;
	if (!event_view_read(&v, (struct str){ (const char *)data, size })) return 0;
	v.ts_ms = v.ts_ms & INT64_C(0xffffffffff);
	same_check(&v);
	return 0;
}
