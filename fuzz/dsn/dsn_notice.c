/* SPDX-License-Identifier: Apache-2.0 */
/* A record that is taken is encoded to the same bytes again, and whatever it holds, the
 * message is one that any server takes, with one header of ours. */
#include <assert.h>
#include <string.h>

#include "lib/dsn/notice.h"
#include "lib/dsn/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of the header that do not go on with another one. */
static size_t header_fields(struct str text)
{
	size_t count = 0;
	for (struct str rest = text; rest.len;) {
		struct str line = str_cut(&rest, '\n');
		if (str_eq(line, STR("\r"))) return count;
		count += !ascii_is_blank(line.at[0]);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str record = { (const char *)data, size };
	struct dsn_notice n;
	struct buf out;
	if (!dsn_notice_decode(record, &n)) return 0;
	buf_init(&out, DSN_NOTICE_RECORD_MAX);
	dsn_notice_encode(&out, &n);
	assert(!out.overflowed && str_eq(buf_view(&out), record));
	buf_free(&out);
	buf_init(&out, DSN_NOTICE_MAX);
	dsn_notice_write(&out, &n);
	assert(!out.overflowed && dsn_text_is_clean(buf_view(&out), false));
	assert(header_fields(buf_view(&out)) == 9);
	buf_free(&out);
	return 0;
}
