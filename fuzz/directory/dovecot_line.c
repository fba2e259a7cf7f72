/* SPDX-License-Identifier: Apache-2.0 */
/* A line of Dovecot's: whatever it says, what is kept of it fits on a line of ours; and a
 * user whom we ask for is one that it can be understood to be. */
#include <assert.h>
#include <string.h>

#include "services/directory/dovecot_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_clean(const char *text, size_t len, size_t max)
{
	assert(len <= max);
	for (size_t i = 0; i < len; i++) assert(!ascii_is_ctl(text[i]));
}

/* What we escape is read back the same. */
static void returns(struct str user)
{
	char memory[4096];
	struct buf out;
	struct dovecot_line line;
	buf_init_fixed(&out, memory, sizeof memory);
	dovecot_user(&out, 7, user);
	if (out.overflowed) return;
	assert(memory[out.len - 1] == '\n' && !memchr(memory, '\n', out.len - 1));
	struct str text = buf_view(&out);
	bool good = dovecot_line_parse(str_sub(text, 0, text.len - 1), &line);
	assert(!good || (line.kind == DOVECOT_USER && line.id == 7));
	if (good) assert(str_eq(user, (struct str){ line.user, line.user_len }));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dovecot_line line;
	struct str in = { (const char *)data, size };
	if (dovecot_line_parse(in, &line)) {
		is_clean(line.user, line.user_len, DOVECOT_USER_MAX);
		is_clean(line.reason, line.reason_len, DOVECOT_REASON_MAX);
	}
	returns(in);
	return 0;
}
