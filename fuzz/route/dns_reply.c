/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS message as the answer to a query with its own id. What is taken for plain can be read,
 * and is not kept for longer than anything may be. */
#include <assert.h>
#include <string.h>

#include "lib/route/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str packet, struct str name, enum dns_type type)
{
	static const uint8_t caps[(DNS_NAME_MAX + 7) / 8];
	char memory[DNS_QUERY_MAX];
	struct buf query;
	uint32_t keep_s = 0;
	uint16_t id = 0;
	if (packet.len >= 2)
		id = (uint16_t)((unsigned char)packet.at[0] << 8 | (unsigned char)packet.at[1]);
	buf_init_fixed(&query, memory, sizeof memory);
	dns_query_write(&query, id, name, type, caps);
	assert(!query.overflowed);
	enum dns_reply reply = dns_reply_read(packet, buf_view(&query), type, &keep_s);
	enum dns_state state = dns_read_state(packet, type);
	assert(keep_s <= DNS_KEEP_MAX_S);
	if (reply == DNS_REPLY_PLAIN) assert(state != DNS_FAILED && packet.len <= DNS_REPLY_MAX);
	else assert(keep_s == 0);
	if (state == DNS_NO_NAME) assert(keep_s <= DNS_KEEP_NOTHING_MAX_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str packet = { (const char *)data, size };
	check(packet, STR("a.example"), DNS_MX);
	check(packet, STR("a.example"), DNS_A);
	check(packet, STR("ab.example"), DNS_MX);
	return 0;
}
