/* SPDX-License-Identifier: Apache-2.0 */
/* A record that is taken is encoded to the same bytes again; one of version 1 to the same
 * fields, with nothing set behind them. */
#include <assert.h>

#include "lib/mail/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD_MAX = 1024 * 1024, HEAD = 5 };

static void check(struct str in, struct str out)
{
	if (in.at[0] == ENVELOPE_VERSION) {
		assert(str_eq(out, in));
		return;
	}
	assert(str_starts(str_from(out, HEAD), str_from(in, HEAD)));
	for (size_t i = in.len; i < out.len; i++) assert(out.at[i] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct cur c = cur_of(in);
	struct arena arena;
	struct envelope e;
	struct buf out;
	if (size > RECORD_MAX) return 0;
	arena_init(&arena, 16 * RECORD_MAX);
	if (envelope_decode(&c, &arena, &e) == ENVELOPE_OK) {
		buf_init(&out, RECORD_MAX);
		envelope_encode(&out, &e);
		assert(!out.overflowed);
		check(str_sub(in, 0, in.len - c.left), buf_view(&out));
		buf_free(&out);
	}
	arena_free(&arena);
	return 0;
}
