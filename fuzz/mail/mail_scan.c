/* SPDX-License-Identifier: Apache-2.0 */
/* The same header in one piece and in random cuts gives the same findings. */
#include <assert.h>
#include <string.h>

#include "lib/base/rng.h"
#include "lib/mail/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mail_scan whole, cut;
	struct rng rng = { size };
	struct str in = { (const char *)data, size };
	mail_scan_init(&whole, STR("mx"));
	mail_scan_init(&cut, STR("mx"));
	mail_scan_feed(&whole, in);
	assert(whole.header_len <= in.len && whole.header_len <= MAIL_HEADER_MAX);
	while (in.len) {
		size_t len = 1 + (size_t)rng_below(&rng, 9);
		mail_scan_feed(&cut, str_sub(in, 0, len));
		in = str_from(in, len);
	}
	assert(whole.received_by <= whole.received);
	assert(whole.header_len == cut.header_len && whole.received == cut.received);
	assert(whole.received_by == cut.received_by && whole.fields == cut.fields);
	assert(whole.ended == cut.ended && whole.too_large == cut.too_large);
	assert(whole.malformed == cut.malformed && whole.id_cut == cut.id_cut);
	struct str id = mail_scan_message_id(&whole);
	assert(str_eq(id, mail_scan_message_id(&cut)));
	assert(id.len <= MAIL_MESSAGE_ID_MAX);
	for (size_t i = 0; i < id.len; i++) assert(!ascii_is_ctl(id.at[i]));
	return 0;
}
