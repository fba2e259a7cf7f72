/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/mx.h"

#include <string.h>

#include "lib/base/cur.h"

void mx_list_put(struct buf *b, const struct mx_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct mx_next *next = &list->hosts[i];
		buf_put_u16(b, next->preference);
		buf_put_str(b, next->name);
		buf_put_u8(b, (uint8_t)next->count);
		for (size_t k = 0; k < next->count; k++)
			buf_bytes(b, next->ips[k].octets, sizeof next->ips[k].octets);
	}
}

static bool next_get(struct cur *c, struct mx_next *next)
{
	struct ip ip;
	next->preference = cur_u16(c);
	next->name = cur_str(c);
	next->count = cur_u8(c);
	if (c->bad || next->count == 0 || next->count > MX_ADDRESSES_MAX) return false;
	if (!dns_name_is_host(next->name) && !ip_parse(next->name, &ip)) return false;
	for (size_t i = 0; i < next->count; i++) {
		struct str octets = cur_bytes(c, sizeof next->ips[i].octets);
		if (c->bad) return false;
		memcpy(next->ips[i].octets, octets.at, octets.len);
	}
	return true;
}

bool mx_list_get(struct str record, struct mx_list *list)
{
	struct cur c = cur_of(record);
	bool good = true;
	list->count = 0;
	while (good && c.left && list->count < MX_HOSTS_MAX) {
		good = next_get(&c, &list->hosts[list->count]);
		if (good) list->count++;
	}
	if (!good || !cur_done(&c)) list->count = 0;
	return list->count > 0;
}
