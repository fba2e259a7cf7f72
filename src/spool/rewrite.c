/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/rewrite.h"

#include "lib/base/utf8.h"
#include "lib/smtp/command.h"

void rewrite_recipient(const struct route *route, struct rewrite *memory, struct job_recipient *r)
{
	struct str domain = route->via ? route->via->recipient_domain : STR("");
	ptrdiff_t at = str_rfind(r->address, '@');
	struct buf address, orcpt;
	if (!domain.len || at < 0) return;
	buf_init_fixed(&address, memory->address, sizeof memory->address);
	buf_init_fixed(&orcpt, memory->orcpt, sizeof memory->orcpt);
	buf_str(&address, str_sub(r->address, 0, (size_t)at + 1));
	buf_str(&address, domain);
	buf_str(&orcpt, STR("rfc822;"));
	smtp_xtext_encode(&orcpt, r->address);
	if (address.overflowed || orcpt.overflowed) return;
	if (!r->orcpt.len && utf8_is_ascii(r->address)) r->orcpt = buf_view(&orcpt);
	r->address = buf_view(&address);
}
