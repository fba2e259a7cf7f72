/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines and parameters; xtext that is taken can be decoded and encoded. */
#include <assert.h>

#include "lib/smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 256 * 1024 };

static void check_xtext(struct str xtext)
{
	struct buf text, again, more;
	buf_init(&text, TEXT_MAX);
	buf_init(&again, TEXT_MAX);
	buf_init(&more, TEXT_MAX);
	if (smtp_xtext_decode(&text, xtext)) {
		smtp_xtext_encode(&again, buf_view(&text));
		assert(smtp_xtext_is_valid(buf_view(&again)));
		assert(smtp_xtext_decode(&more, buf_view(&again)));
		assert(str_eq(buf_view(&more), buf_view(&text)));
	}
	buf_free(&text);
	buf_free(&again);
	buf_free(&more);
}

static void check_params(struct str in)
{
	struct smtp_mail_params mail;
	struct smtp_rcpt_params rcpt;
	if (smtp_mail_params_parse(in, &mail) == SMTP_PARAMS_OK && mail.envid.len)
		assert(smtp_xtext_is_valid(mail.envid));
	const struct smtp_extra_params *extra = &mail.extra;
	assert(extra->priority >= -SMTP_PRIORITY_MAX && extra->priority <= SMTP_PRIORITY_MAX);
	assert(extra->by_s >= -SMTP_BY_MAX_S && extra->by_s <= SMTP_BY_MAX_S);
	assert(extra->by != SMTP_BY_RETURN || extra->by_s > 0);
	for (int utf8 = 0; utf8 < 2; utf8++) {
		if (smtp_rcpt_params_parse(in, utf8, &rcpt) != SMTP_PARAMS_OK) continue;
		assert(rcpt.orcpt.len <= SMTP_ORCPT_MAX && rcpt.notify < 16);
		assert(!(rcpt.notify & SMTP_NOTIFY_NEVER) ||
		       rcpt.notify == SMTP_NOTIFY_NEVER);
		for (size_t i = 0; i < rcpt.orcpt.len; i++)
			assert(!ascii_is_ctl(rcpt.orcpt.at[i]) &&
			       rcpt.orcpt.at[i] != ' ');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct smtp_command cmd;
	if (size > TEXT_MAX / 4) return 0;
	if (smtp_command_split(in, &cmd)) {
		assert(cmd.verb.len && cmd.verb.len + cmd.arg.len <= in.len);
		(void)smtp_command_word(&cmd.arg, STR("FROM:"));
		check_params(cmd.arg);
	}
	check_params(in);
	check_xtext(in);
	return 0;
}
