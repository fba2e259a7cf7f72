/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/base/map.h"

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

enum { MAPPED_BITS = 96, IP_TEXT_MAX = 46 };

struct ip ip_of_v4(uint32_t host_order)
{
	struct ip ip;
	memcpy(ip.octets, mapped_prefix, sizeof mapped_prefix);
	for (int i = 0; i < 4; i++) ip.octets[12 + i] = (unsigned char)(host_order >> (24 - 8 * i));
	return ip;
}

bool ip_is_v4(struct ip ip)
{
	return memcmp(ip.octets, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool ip_is_none(struct ip ip)
{
	return ip_eq(ip, (struct ip){ 0 });
}

bool ip_is_loopback(struct ip ip)
{
	static const struct ip v6_loopback = { .octets = { [15] = 1 } };
	return ip_is_v4(ip) ? ip.octets[12] == 127 : ip_eq(ip, v6_loopback);
}

bool ip_eq(struct ip a, struct ip b)
{
	return memcmp(a.octets, b.octets, sizeof a.octets) == 0;
}

uint64_t ip_hash(struct ip ip, uint64_t seed)
{
	return hash_str((struct str){ (const char *)ip.octets, sizeof ip.octets }, seed);
}

bool ip_parse(struct str s, struct ip *out)
{
	char text[IP_TEXT_MAX];
	struct in_addr v4;
	/* inet_pton stops at a NUL: a text that holds one is no address. */
	if (str_find(s, '\0') >= 0 || !str_to_cstr(s, text, sizeof text)) return false;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = ip_of_v4(ntohl(v4.s_addr));
		return true;
	}
	return inet_pton(AF_INET6, text, out->octets) == 1;
}

void ip_write(struct buf *b, struct ip ip)
{
	char text[IP_TEXT_MAX];
	bool v4 = ip_is_v4(ip);
	if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? ip.octets + 12 : ip.octets, text, sizeof text))
		buf_str(b, str_of(text));
}

static void ip_mask(struct ip *ip, unsigned prefix)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = prefix > i * 8 ? prefix - i * 8 : 0;
		if (bits < 8) ip->octets[i] &= (unsigned char)(0xff00u >> bits);
	}
}

bool ip_net_parse(struct str s, struct ip_net *out)
{
	struct str rest = s;
	struct str address = str_cut(&rest, '/');
	bool has_prefix = address.len < s.len;
	uint64_t prefix;
	if (!ip_parse(address, &out->base)) return false;
	unsigned first = str_find(address, ':') < 0 ? MAPPED_BITS : 0;
	if (!has_prefix) prefix = 128 - first;
	else if (!str_to_u64(rest, &prefix) || prefix > 128 - first) return false;
	out->prefix = (unsigned)prefix + first;
	ip_mask(&out->base, out->prefix);
	return true;
}

bool ip_net_has(const struct ip_net *net, struct ip ip)
{
	ip_mask(&ip, net->prefix);
	return ip_eq(ip, net->base);
}

void ip_net_write(struct buf *b, const struct ip_net *net)
{
	bool v4 = net->prefix >= MAPPED_BITS && ip_is_v4(net->base);
	ip_write(b, net->base);
	buf_byte(b, '/');
	buf_u64(b, v4 ? net->prefix - MAPPED_BITS : net->prefix);
}

/* The address of IPv4 that one of IPv6 stands for; false: none. */
static bool inner_v4(struct ip ip, struct ip *out)
{
	static const struct { unsigned char prefix[12]; size_t len, at; } forms[] = {
		{ { 0x00, 0x64, 0xff, 0x9b }, 12, 12 }, /* translated */
		{ { 0x20, 0x02 }, 2, 2 },               /* 6to4 */
		{ { 0 }, 12, 12 },                      /* "compatible" */
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		const unsigned char *v4 = ip.octets + forms[i].at;
		if (memcmp(ip.octets, forms[i].prefix, forms[i].len) != 0) continue;
		*out = ip_of_v4((uint32_t)v4[0] << 24 | (uint32_t)v4[1] << 16 | (uint32_t)v4[2] << 8 | v4[3]);
		return true;
	}
	return false;
}

bool ip_is_public(struct ip ip)
{
	struct ip inner;
	if (ip_is_loopback(ip) || ip_is_none(ip) || ip_is_private(ip)) return false;
	if (ip_is_v4(ip)) return ip.octets[12] != 0 && ip.octets[12] < 224;
	if (ip.octets[0] == 0xff) return false;
	return !inner_v4(ip, &inner) || ip_is_public(inner);
}

bool ip_is_private(struct ip ip)
{
	static const struct {
		unsigned char first, second, mask; /* of the second octet */
		bool v4;
	} nets[] = {
		{ 10, 0, 0, true },        { 172, 16, 0xf0, true },  { 192, 168, 0xff, true },
		{ 100, 64, 0xc0, true },   { 169, 254, 0xff, true }, { 0xfc, 0, 0, false },
		{ 0xfd, 0, 0, false },     { 0xfe, 0x80, 0xc0, false },
	};
	bool v4 = ip_is_v4(ip);
	const unsigned char *at = ip.octets + (v4 ? 12 : 0);
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
		if (nets[i].v4 == v4 && at[0] == nets[i].first &&
		    (at[1] & nets[i].mask) == nets[i].second)
			return true;
	return false;
}

void ip_write_reversed(struct buf *b, struct ip ip)
{
	static const char digits[] = "0123456789abcdef";
	size_t first = ip_is_v4(ip) ? 12 : 0;
	for (size_t i = sizeof ip.octets; i-- > first;) {
		unsigned octet = ip.octets[i];
		if (first) {
			buf_u64(b, octet);
		} else {
			buf_byte(b, digits[octet & 15]);
			buf_byte(b, '.');
			buf_byte(b, digits[octet >> 4]);
		}
		if (i > first) buf_byte(b, '.');
	}
}
