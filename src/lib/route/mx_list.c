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
		buf_put_u8(b, next->secure);
		buf_put_u8(b, (uint8_t)next->dane);
		buf_put_str(b, next->base);
		buf_put_str(b, next->tlsa);
		buf_put_u8(b, (uint8_t)next->count);
		for (size_t k = 0; k < next->count; k++)
			buf_bytes(b, next->ips[k].octets, sizeof next->ips[k].octets);
	}
}

/* Records only where there are some, and none that cannot be read. */
static bool dane_get(struct cur *c, struct mx_next *next)
{
	struct dns_tlsa record;
	uint8_t secure = cur_u8(c), dane = cur_u8(c);
	next->base = cur_str(c);
	next->tlsa = cur_str(c);
	if (c->bad || secure > 1 || dane >= MX_DANE_COUNT) return false;
	next->secure = secure;
	next->dane = (enum mx_dane)dane;
	if (next->dane != MX_DANE_FOUND) return next->base.len == 0 && next->tlsa.len == 0;
	struct cur records = cur_of(next->tlsa);
	size_t count = 0;
	while (dns_tlsa_next(&records, &record)) count++;
	return cur_done(&records) && count <= DNS_TLSA_MAX &&
	       next->tlsa.len <= DNS_TLSA_BYTES && dns_name_is_host(next->base);
}

static bool next_get(struct cur *c, struct mx_next *next)
{
	struct ip ip;
	next->preference = cur_u16(c);
	next->name = cur_str(c);
	if (!dane_get(c, next)) return false;
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
