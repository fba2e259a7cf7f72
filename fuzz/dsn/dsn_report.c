/* SPDX-License-Identifier: Apache-2.0 */
/* A record that is taken is encoded to the same bytes again, and whatever it and the
 * original (what follows a u32 length and the record) hold, the report is one that any
 * server takes. */
#include <assert.h>
#include <string.h>

#include "lib/base/cur.h"
#include "lib/dsn/decide.h"
#include "lib/dsn/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void boundary_check(struct str report)
{
	/* Four lines begin with it: three parts and the end, and none that is not ours. */
	static const char mark[] = "\r\n\tboundary=\"";
	const char *at = memmem(report.at, report.len, mark, sizeof mark - 1);
	assert(at);
	char line[] = "\r\n--=_ims_report0000";
	memcpy(line + 4, at + sizeof mark - 1, sizeof line - 5);
	size_t count = 0;
	for (struct str rest = report; (at = memmem(rest.at, rest.len, line, sizeof line - 1)); count++)
		rest = str_from(rest, (size_t)(at - rest.at) + 1);
	assert(count == 4);
}

static void report_check(struct dsn_report *r, struct str original)
{
	struct buf out;
	r->original = str_sub(original, 0, DSN_ORIGINAL_MAX);
	buf_init(&out, DSN_REPORT_MAX);
	dsn_report_write(&out, r);
	assert(!out.overflowed);
	assert(dsn_text_is_clean(buf_view(&out), r->smtputf8));
	boundary_check(buf_view(&out));
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur in = cur_of((struct str){ (const char *)data, size });
	struct str record = cur_str(&in);
	struct arena arena;
	struct dsn_report r;
	struct buf again;
	if (in.bad) return 0;
	arena_init(&arena, DSN_ARENA);
	if (dsn_report_decode(record, &arena, &r)) {
		buf_init(&again, DSN_RECORD_MAX);
		dsn_report_encode(&again, &r);
		assert(!again.overflowed && str_eq(buf_view(&again), record));
		buf_free(&again);
		(void)dsn_class_of(r.rcpts[0].status, r.rcpts[0].expired);
		report_check(&r, (struct str){ (const char *)in.at, in.left });
	}
	arena_free(&arena);
	return 0;
}
