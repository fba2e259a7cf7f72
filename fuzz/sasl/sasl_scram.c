/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for SCRAM: what is found can be written, and is found again the same. */
#include <assert.h>

#include "lib/sasl/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct str names[] = { STR_INIT("SCRAM-SHA-256-PLUS"), STR_INIT("SCRAM-SHA-1") };
	struct str record = { (const char *)data, size };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct scram_keys keys, again;
		char memory[1024];
		struct buf out;
		if (!scram_find(record, names[i], &keys)) continue;
		buf_init_fixed(&out, memory, sizeof memory);
		scram_write(&out, &keys);
		assert(!out.overflowed && scram_find(buf_view(&out), names[i], &again));
		assert(again.iterations == keys.iterations && str_eq(again.salt, keys.salt));
		assert(str_eq(again.stored, keys.stored) && str_eq(again.server, keys.server));
	}
	return 0;
}
