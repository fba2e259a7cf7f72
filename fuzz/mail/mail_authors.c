/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the value of From. What is read is a list of lines, each an address; and
 * that list, as a value, is read again as the same. */
#include <assert.h>

#include "lib/mail/authors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AUTHORS = 5, TEXT_MAX = 8 * 1024 };

static void check_address(struct str address)
{
	ptrdiff_t at = str_rfind(address, '@');
	assert(at > 0 && (size_t)at + 1 < address.len && address.len <= MAIL_AUTHOR_LEN_MAX);
	for (size_t i = 0; i < address.len; i++)
		assert(!ascii_is_ctl(address.at[i]) || address.at[i] == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char memory[TEXT_MAX], list[TEXT_MAX], again_text[TEXT_MAX];
	struct buf out, value, again;
	buf_init_fixed(&out, memory, sizeof memory);
	buf_init_fixed(&value, list, sizeof list);
	buf_init_fixed(&again, again_text, sizeof again_text);
	if (!mail_authors_parse((struct str){ (const char *)data, size }, AUTHORS, &out)) return 0;
	size_t count = 0;
	for (struct str rest = buf_view(&out); rest.len; count++) {
		struct str address = str_cut(&rest, '\n');
		check_address(address);
		buf_str(&value, address);
		buf_byte(&value, ',');
	}
	assert(count <= AUTHORS);
	assert(mail_authors_parse(buf_view(&value), AUTHORS, &again));
	assert(str_eq(buf_view(&again), buf_view(&out)));
	return 0;
}
