/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy says for whom it speaks: whatever it says, a beginning of a good header wants
 * more, and the result does not depend on what follows. */
#include <assert.h>

#include "lib/smtp/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct smtp_proxy whole, cut;
	size_t used, again;
	switch (smtp_proxy_parse(in, &whole, &used)) {
	case SMTP_PROXY_OK:
		assert(used > 0 && used <= size && used <= SMTP_PROXY_MAX);
		assert(whole.local || !ip_is_none(whole.client));
		assert(smtp_proxy_parse(str_sub(in, 0, used), &cut, &again) == SMTP_PROXY_OK);
		assert(again == used && ip_eq(cut.client, whole.client));
		for (size_t i = 0; i < used; i++)
			assert(smtp_proxy_parse(str_sub(in, 0, i), &cut, &again) ==
			       SMTP_PROXY_MORE);
		break;
	case SMTP_PROXY_MORE:
		assert(size < SMTP_PROXY_MAX); /* so who collects it knows when to stop */
		break;
	case SMTP_PROXY_BAD: break;
	}
	return 0;
}
