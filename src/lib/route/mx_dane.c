/* SPDX-License-Identifier: Apache-2.0 */
/* DNSSEC and TLSA records of mail hosts (RFC 7672 2.2). */
#include <assert.h>
#include <string.h>

#include "lib/route/mx_parts.h"

void mx_secure_mx(struct mx *mx, bool secure)
{
	if (mx->by_mx) mx->secure = secure;
}

void mx_secure_ips(struct mx *mx, size_t host, enum mx_family family, bool secure,
		   struct str owner)
{
	assert(host < mx->count && family < MX_FAMILIES);
	struct mx_host *h = &mx->hosts[host];
	h->found[family].secure = secure;
	if (!secure || owner.len > DNS_NAME_MAX || h->found[family].count == 0) return;
	if (str_eq_nocase(owner, (struct str){ h->name, h->len })) return;
	memcpy(h->alias, owner.at, owner.len);
	h->alias_len = owner.len;
}

/* The MX answer names the host, and its addresses are its own: nobody on the way can have
 * put another one in its place. Where that is not so, TLSA records prove nothing. */
static bool is_secure(const struct mx *mx, const struct mx_host *h)
{
	size_t addresses = 0;
	for (size_t f = 0; f < MX_FAMILIES; f++) {
		if (h->found[f].count && !h->found[f].secure) return false;
		addresses += h->found[f].count;
	}
	return mx->secure && addresses > 0;
}

bool mx_tlsa_name(const struct mx *mx, size_t host, bool own, struct buf *name)
{
	const struct mx_host *h = &mx->hosts[host];
	struct str base = own || !h->alias_len ? (struct str){ h->name, h->len }
					       : (struct str){ h->alias, h->alias_len };
	if (!mx->dane || !is_secure(mx, h)) return false;
	buf_fmt(name, "_%u._tcp.", mx->port);
	buf_str(name, base);
	return true;
}

bool mx_take_tlsa(struct mx *mx, size_t host, bool own, enum dns_state state, bool secure,
		  struct str record)
{
	assert(host < mx->count);
	struct mx_host *h = &mx->hosts[host];
	h->dane_told = true;
	switch (state) {
	case DNS_FOUND: break;
	case DNS_NO_DATA: case DNS_NO_NAME: secure = false; break;
	case DNS_FAILED: case DNS_LATE: case DNS_BOGUS: h->dane = MX_DANE_UNKNOWN; return false;
	}
	h->dane = secure ? MX_DANE_FOUND : MX_DANE_NONE;
	if (!secure) return !own && h->alias_len > 0;
	h->tlsa = record;
	h->base = own || !h->alias_len ? (struct str){ h->name, h->len }
				       : (struct str){ h->alias, h->alias_len };
	return false;
}

void mx_dane_tell(const struct mx *mx, size_t host, struct mx_next *next)
{
	const struct mx_host *h = &mx->hosts[host];
	bool late = mx->dane && is_secure(mx, h) && !h->dane_told;
	next->dane = late ? MX_DANE_UNKNOWN : h->dane;
	bool found = next->dane == MX_DANE_FOUND;
	next->base = found ? h->base : STR("");
	next->tlsa = found ? h->tlsa : STR("");
}
