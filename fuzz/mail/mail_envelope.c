/* SPDX-License-Identifier: Apache-2.0 */
/* A record that is taken is encoded to the same bytes again. */
#include <assert.h>

#include "lib/mail/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD_MAX = 1024 * 1024 };

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
		assert(str_eq(buf_view(&out), str_sub(in, 0, in.len - c.left)));
		buf_free(&out);
	}
	arena_free(&arena);
	return 0;
}
