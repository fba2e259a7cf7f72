/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS message as the answer to a query. What is taken for plain can be read,
 * and is not kept for longer than anything may be. */
#include <assert.h>

#include "lib/route/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str packet, enum dns_type type)
{
	uint32_t keep_s = 0;
	bool plain = dns_reply_is_plain(packet, type, &keep_s);
	enum dns_state state = dns_read_state(packet, type);
	assert(keep_s <= DNS_KEEP_MAX_S);
	if (plain) assert(state != DNS_FAILED && packet.len <= DNS_REPLY_MAX);
	else assert(keep_s == 0);
	if (state == DNS_NO_NAME) assert(keep_s <= DNS_KEEP_NOTHING_MAX_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str packet = { (const char *)data, size };
	check(packet, DNS_MX);
	check(packet, DNS_A);
	return 0;
}
