/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: type of a message; the rest: its payload. What can be decoded encodes to
 * the same bytes, and the generic check agrees with the decoder. */
#include <assert.h>
#include <stdint.h>

#include "lib/ipc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *b, struct str payload)
{
	assert(!b->overflowed && str_eq(buf_view(b), payload));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b;
	if (size < 1) return 0;
	enum msg_type type = (enum msg_type)(data[0] % MSG_COUNT);
	struct str payload = { (const char *)data + 1, size - 1 };
	bool valid = msg_is_valid(type, payload);
	buf_init(&b, size + 1);
	switch (type) {
#define MESSAGE(name, from, to, fields, text)                   \
	case MSG_##name: {                                      \
		struct msg_##name m;                            \
		assert(msg_##name##_get(payload, &m) == valid); \
		if (!valid) break;                              \
		msg_##name##_put(&b, &m);                       \
		same(&b, payload);                              \
		break;                                          \
	}
#include "lib/ipc/messages.def"
#undef MESSAGE
	case MSG_NONE:
	case MSG_COUNT: assert(!valid); break;
	}
	buf_free(&b);
	return 0;
}
