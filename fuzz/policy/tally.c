/* SPDX-License-Identifier: Apache-2.0 */
/* A record of counts with the right checksum, whatever is in it: it is refused and changes
 * nothing, or it is taken and what is written of it is taken again, as many octets. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/crc32c.h"
#include "lib/policy/tally.h"

enum { INPUT_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tally *tally_new(void)
{
	struct tally *t = calloc(1, sizeof *t);
	assert(t);
	return t;
}

static void write_again(const struct tally *t)
{
	struct buf first, second;
	struct tally *again = tally_new();
	buf_init(&first, TALLY_RECORD_MAX);
	buf_init(&second, TALLY_RECORD_MAX);
	tally_write(t, &first);
	assert(!first.overflowed && tally_read(again, buf_view(&first)));
	assert(again->seed == t->seed);
	tally_write(again, &second);
	assert(first.len == second.len);
	buf_free(&first);
	buf_free(&second);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf record;
	struct tally *t = tally_new();
	if (size <= INPUT_MAX) {
		buf_init(&record, INPUT_MAX + 4);
		buf_bytes(&record, (const char *)data, size);
		buf_put_u32(&record, crc32c(0, data, size));
		if (tally_read(t, buf_view(&record))) write_again(t);
		else assert(t->seed == 0);
		buf_free(&record);
	}
	free(t);
	return 0;
}
