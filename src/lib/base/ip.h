/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and networks as values. IPv4 is kept as an IPv4-mapped IPv6 address,
 * so that one comparison and one prefix rule serve both. */
#ifndef IMS_BASE_IP_H
#define IMS_BASE_IP_H

#include "lib/base/buf.h"

struct ip {
	unsigned char octets[16]; /* network order; all zero: none */
};

struct ip_net {
	struct ip base;  /* host bits are zero */
	unsigned prefix; /* 0 to 128, counted in the mapped form */
};

struct ip ip_of_v4(uint32_t host_order);
bool ip_is_v4(struct ip ip);
bool ip_is_none(struct ip ip);
bool ip_is_loopback(struct ip ip);
/* Of a network that the Internet has no routes to: private (RFC 1918, RFC 6598, RFC 4193) or
 * of one link (RFC 3927, RFC 4291 2.5.6). */
bool ip_is_private(struct ip ip);
/* One that anybody may name: not of this machine (loopback, "this network"), of a private network, or of
 * a group; of IPv6 none that stands for such an address of IPv4: translated, 6to4, "compatible". */
bool ip_is_public(struct ip ip);
bool ip_eq(struct ip a, struct ip b);
uint64_t ip_hash(struct ip ip, uint64_t seed);

/* Textual IPv4 or IPv6 address, whole string, no scope, no brackets. */
bool ip_parse(struct str s, struct ip *out);
void ip_write(struct buf *b, struct ip ip);
/* As names below in-addr.arpa, ip6.arpa and DNS lists begin: octets from the last to the
 * first, of IPv6 its half octets (RFC 1035 3.5, RFC 3596 2.5, RFC 5782 2). No dot at the end. */
void ip_write_reversed(struct buf *b, struct ip ip);

/* "ADDRESS" or "ADDRESS/PREFIX"; host bits are cleared (Q258140: a rule entered with
 * host bits set matched nobody). */
bool ip_net_parse(struct str s, struct ip_net *out);
bool ip_net_has(const struct ip_net *net, struct ip ip);
void ip_net_write(struct buf *b, const struct ip_net *net);

#endif
