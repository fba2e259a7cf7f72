/* SPDX-License-Identifier: Apache-2.0 */
#include "bounce/make.h"

const char *bounce_make(struct buf *out, struct dsn_report *r, const struct str *pieces,
			size_t count)
{
	struct buf original;
	uint64_t size = 0;
	for (size_t i = 0; i < count; i++) size += pieces[i].len;
	if (size > DSN_ORIGINAL_MAX) return "the original is larger than a report takes";
	buf_init(&original, DSN_ORIGINAL_MAX);
	for (size_t i = 0; i < count; i++) buf_str(&original, pieces[i]);
	r->original = buf_view(&original);
	if (!original.overflowed) dsn_report_write(out, r);
	const char *why = original.overflowed || out->overflowed ? "out of memory" : NULL;
	r->original = STR("");
	buf_free(&original);
	return why;
}
