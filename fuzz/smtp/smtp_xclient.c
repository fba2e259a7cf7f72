/* SPDX-License-Identifier: Apache-2.0 */
/* The argument of XCLIENT: what is taken fits its limits and a log line, and says something. */
#include <assert.h>

#include "lib/smtp/address.h"
#include "lib/smtp/xclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str text, size_t max)
{
	assert(text.len > 0 && text.len <= max);
	for (size_t i = 0; i < text.len; i++) assert(!ascii_is_ctl(text.at[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str arg = { (const char *)data, size };
	struct smtp_xclient x;
	struct buf memory;
	buf_init(&memory, size + 1);
	if (smtp_xclient_parse(arg, &memory, &x)) {
		assert((x.has | x.unknown) && !(x.has & x.unknown) && !memory.overflowed);
		if (x.has & SMTP_XCLIENT_NAME) check(x.name, SMTP_DOMAIN_MAX);
		if (x.has & SMTP_XCLIENT_HELO) check(x.helo, 255);
		if (x.has & SMTP_XCLIENT_LOGIN) check(x.login, 320);
		if (x.has & SMTP_XCLIENT_ADDR) assert(!ip_is_none(x.addr));
		if (x.name_later) assert(x.unknown & SMTP_XCLIENT_NAME);
	}
	buf_free(&memory);
	return 0;
}
