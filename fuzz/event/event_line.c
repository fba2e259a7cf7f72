/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a log that somebody may have edited. */
#include "lib/event/parse.h"
#include "lib/event/format.h"
#include "same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_view v;
	struct str line = { (const char *)data, size };
	if (size > EVENT_LINE_MAX / 8) return 0; /* escaped again it must fit */
	struct buf scratch;
	buf_init(&scratch, EVENT_LINE_MAX);
	if (event_parse(line, &scratch, &v) && v.number <= INT64_MAX) same_check(&v);
	buf_free(&scratch);
	return 0;
}
