/* SPDX-License-Identifier: Apache-2.0 */
/* A list of hosts that is taken keeps its limits and is encoded to the same bytes again.
 */
#include <assert.h>

#include "lib/route/mx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[RECORD_MAX];
	static struct mx_list list;
	struct str in = { (const char *)data, size };
	struct buf out;
	if (size > RECORD_MAX) return 0;
	bool good = mx_list_get(in, &list);
	assert(good == (list.count > 0) && list.count <= MX_HOSTS_MAX);
	if (!good) return 0;
	for (size_t i = 0; i < list.count; i++) {
		const struct mx_next *next = &list.hosts[i];
		assert(next->count > 0 && next->count <= MX_ADDRESSES_MAX);
		assert(next->tlsa.len <= DNS_TLSA_BYTES && next->dane < MX_DANE_COUNT);
		for (size_t k = 0; k < next->name.len; k++)
			assert(ascii_is_print(next->name.at[k]));
	}
	buf_init_fixed(&out, memory, sizeof memory);
	mx_list_put(&out, &list);
	assert(!out.overflowed && str_eq(buf_view(&out), in));
	return 0;
}
