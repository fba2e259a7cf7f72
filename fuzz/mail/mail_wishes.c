/* SPDX-License-Identifier: Apache-2.0 */
/* The same header in one piece and in random cuts asks for the same. */
#include <assert.h>

#include "lib/base/rng.h"
#include "lib/mail/wishes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mail_wishes whole, cut;
	struct rng rng = { size };
	struct str in = { (const char *)data, size };
	mail_wishes_init(&whole);
	mail_wishes_init(&cut);
	mail_wishes_feed(&whole, in);
	while (in.len) {
		size_t len = 1 + (size_t)rng_below(&rng, 9);
		mail_wishes_feed(&cut, str_sub(in, 0, len));
		in = str_from(in, len);
	}
	mail_wishes_end(&whole);
	mail_wishes_end(&cut);
	assert(whole.priority <= MAIL_PRIORITY_NON_URGENT);
	assert(whole.priority == cut.priority && whole.bulk == cut.bulk);
	assert(whole.tls_optional == cut.tls_optional && whole.ended == cut.ended);
	return 0;
}
