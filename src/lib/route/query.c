/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/query.h"

#include <arpa/nameser.h>
#include <string.h>

enum { HEAD = 12, TYPE_AND_CLASS = 4, RECURSE = 0x0100, SOA_NUMBERS = 20 };

static void put_net16(struct buf *out, unsigned value)
{
	buf_byte(out, (char)(value >> 8));
	buf_byte(out, (char)value);
}

static char letter(char c, const uint8_t *caps, size_t at)
{
	bool upper = caps[at / 8] >> at % 8 & 1;
	c = ascii_lower(c);
	return upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* A label is as long as it says, so its length is written when it is known. */
static void put_name(struct buf *out, struct str name, const uint8_t *caps)
{
	for (size_t at = 0; at < name.len; at++) {
		struct str rest = str_from(name, at);
		struct str label = str_cut(&rest, '.');
		buf_byte(out, (char)label.len);
		for (size_t i = 0; i < label.len; i++)
			buf_byte(out, letter(label.at[i], caps, at + i));
		at += label.len;
	}
	buf_byte(out, '\0');
}

void dns_query_write(struct buf *out, uint16_t id, struct str name, enum dns_type type,
		     const uint8_t caps[(DNS_NAME_MAX + 7) / 8])
{
	static const unsigned counts[] = { 1, 0, 0, 1 };
	put_net16(out, id);
	put_net16(out, RECURSE);
	for (size_t i = 0; i < 4; i++) put_net16(out, counts[i]);
	put_name(out, name, caps);
	put_net16(out, type);
	put_net16(out, ns_c_in);
	/* RFC 6891 6.1.2: how much we take; no flags, no options. */
	buf_byte(out, '\0');
	put_net16(out, ns_t_opt);
	put_net16(out, DNS_REPLY_MAX);
	for (size_t i = 0; i < 3; i++) put_net16(out, 0);
}

/* -- Answers ------------------------------------------------------------------------- */

/* The question comes back octet by octet. */
static bool same_question(struct str packet, struct str query)
{
	size_t at = HEAD;
	while (at < query.len && query.at[at]) at += (unsigned char)query.at[at] + 1u;
	size_t len = at + 1 + TYPE_AND_CLASS - HEAD;
	return str_eq(str_sub(packet, HEAD, len), str_sub(query, HEAD, len));
}

/* An answer of somebody who knows, or has asked those who do: a referral is none. */
static bool is_final(const ns_msg *msg)
{
	unsigned code = (unsigned)ns_msg_getflag(*msg, ns_f_rcode);
	return ns_msg_getflag(*msg, ns_f_opcode) == ns_o_query &&
	       !ns_msg_getflag(*msg, ns_f_tc) &&
	       (ns_msg_getflag(*msg, ns_f_ra) || ns_msg_getflag(*msg, ns_f_aa)) &&
	       (code == ns_r_noerror || code == ns_r_nxdomain);
}

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* RFC 2181 8: what has the highest bit set means no time at all. */
static uint32_t seconds_of(uint32_t ttl) { return ttl > INT32_MAX ? 0 : ttl; }

/* The shortest time of the answer's records. False: damaged. */
static bool keep_found(ns_msg *msg, uint32_t *keep_s)
{
	ns_rr rr;
	*keep_s = DNS_KEEP_MAX_S;
	for (int i = 0; i < ns_msg_count(*msg, ns_s_an); i++) {
		if (ns_parserr(msg, ns_s_an, i, &rr) != 0) return false;
		*keep_s = min_u32(*keep_s, seconds_of(ns_rr_ttl(rr)));
	}
	return true;
}

/* RFC 2308 5: the SOA record says it, with its own time and its last number. */
static bool keep_nothing(ns_msg *msg, uint32_t *keep_s)
{
	ns_rr rr;
	*keep_s = 0;
	for (int i = 0; i < ns_msg_count(*msg, ns_s_ns); i++) {
		if (ns_parserr(msg, ns_s_ns, i, &rr) != 0) return false;
		if (ns_rr_type(rr) != ns_t_soa || ns_rr_rdlen(rr) < SOA_NUMBERS) continue;
		uint32_t minimum = (uint32_t)ns_get32(ns_rr_rdata(rr) + ns_rr_rdlen(rr) - 4);
		*keep_s = min_u32(seconds_of(ns_rr_ttl(rr)), seconds_of(minimum));
		*keep_s = min_u32(*keep_s, DNS_KEEP_NOTHING_MAX_S);
	}
	return true;
}

enum dns_reply dns_reply_read(struct str packet, struct str query, enum dns_type type,
			      uint32_t *keep_s)
{
	ns_msg msg;
	*keep_s = 0;
	if (packet.len < HEAD || memcmp(packet.at, query.at, 2) != 0) return DNS_REPLY_OTHER;
	if (packet.len > DNS_REPLY_MAX ||
	    ns_initparse((const unsigned char *)packet.at, (int)packet.len, &msg) != 0 ||
	    !ns_msg_getflag(msg, ns_f_qr) || ns_msg_count(msg, ns_s_qd) != 1 ||
	    !same_question(packet, query) || !is_final(&msg))
		return DNS_REPLY_ODD;
	bool nothing = ns_msg_count(msg, ns_s_an) == 0;
	/* What follows from aliases without an end the complete resolver finds out. */
	if (!nothing && dns_read_state(packet, type) != DNS_FOUND) return DNS_REPLY_ODD;
	if (nothing ? keep_nothing(&msg, keep_s) : keep_found(&msg, keep_s))
		return DNS_REPLY_PLAIN;
	*keep_s = 0;
	return DNS_REPLY_ODD;
}
