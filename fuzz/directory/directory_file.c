/* SPDX-License-Identifier: Apache-2.0 */
/* A file of users: whoever is found stands in it, and fits into an answer. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "services/directory/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	char *text = malloc(size + 1);
	assert(text);
	if (size) memcpy(text, data, size);
	buf_init_fixed(&why, memory, sizeof memory);
	struct file_table *t = file_table_new(text, size, &why);
	if (!t) return 0;
	size_t found = 0;
	for (struct str rest = { (const char *)data, size }; rest.len;) {
		struct file_user user;
		const char *fault = NULL;
		struct backend_entry e = { 0 };
		enum file_line what = file_line_read(str_cut(&rest, '\n'), &user, &fault);
		assert((what == FILE_LINE_WRONG) <= (fault != NULL));
		if (what != FILE_LINE_USER) continue;
		const struct file_user *same = file_table_find(t, user.address);
		assert(same && str_eq_nocase(same->address, user.address));
		assert(BACKEND_PUT(&e, address, user.address) || str_find(user.address, ' ') >= 0);
		assert(BACKEND_PUT(&e, verifier, user.verifier) && BACKEND_PUT(&e, home, user.home));
		found++;
	}
	assert(file_table_count(t) <= found);
	file_table_free(t);
	return 0;
}
