/* SPDX-License-Identifier: Apache-2.0 */
/* A path that is taken can be written and read again as the same mailbox. */
#include <assert.h>
#include <string.h>

#include "lib/smtp/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct str in, const struct smtp_path *path, struct str rest)
{
	char text[1024];
	struct buf out;
	struct smtp_path again;
	assert(rest.len < in.len && path->whole.len + 2 <= SMTP_PATH_MAX);
	assert(path->local.len <= SMTP_LOCAL_MAX && path->domain.len <= SMTP_DOMAIN_MAX);
	if (path->is_null) return;
	assert(path->whole.at > in.at && path->whole.at + path->whole.len < rest.at);
	for (size_t i = 0; i < path->whole.len; i++)
		assert(!ascii_is_ctl(path->whole.at[i]));
	buf_init_fixed(&out, text, sizeof text);
	buf_byte(&out, '<');
	smtp_path_write(&out, path);
	struct str canonical = str_from(buf_view(&out), 1);
	buf_byte(&out, '>');
	assert(!out.overflowed);
	assert(smtp_path_parse(buf_view(&out), SMTP_FORWARD_PATH, &again, &rest) ==
	       SMTP_PATH_OK);
	assert(rest.len == 0 && smtp_path_eq(path, &again));
	assert(smtp_address_eq(canonical, path->whole));
	/* Canonical: writing it again changes nothing. */
	struct buf twice;
	char other[1024];
	buf_init_fixed(&twice, other, sizeof other);
	smtp_path_write(&twice, &again);
	assert(str_eq(buf_view(&twice), canonical));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size }, rest;
	struct smtp_path path;
	static const enum smtp_path_kind kinds[] = { SMTP_REVERSE_PATH,
						     SMTP_FORWARD_PATH };
	for (size_t i = 0; i < 2; i++)
		if (smtp_path_parse(in, kinds[i], &path, &rest) == SMTP_PATH_OK)
			check_path(in, &path, rest);
	(void)smtp_domain_is_valid(in);
	(void)smtp_literal_is_valid(in);
	assert(smtp_address_eq(in, in));
	return 0;
}
