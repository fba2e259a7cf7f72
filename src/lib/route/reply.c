/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/reply.h"

#include <arpa/nameser.h>

enum { SOA_NUMBERS = 20 };

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
		uint32_t minimum =
			(uint32_t)ns_get32(ns_rr_rdata(rr) + ns_rr_rdlen(rr) - 4);
		*keep_s = min_u32(seconds_of(ns_rr_ttl(rr)), seconds_of(minimum));
		*keep_s = min_u32(*keep_s, DNS_KEEP_NOTHING_MAX_S);
	}
	return true;
}

bool dns_reply_is_plain(struct str packet, enum dns_type type, uint32_t *keep_s)
{
	ns_msg msg;
	*keep_s = 0;
	if (packet.len > DNS_REPLY_MAX ||
	    ns_initparse((const unsigned char *)packet.at, (int)packet.len, &msg) != 0 ||
	    !ns_msg_getflag(msg, ns_f_qr) || !is_final(&msg))
		return false;
	bool nothing = ns_msg_count(msg, ns_s_an) == 0;
	/* What follows from aliases without an end the complete resolver finds out. */
	if (!nothing && dns_read_state(packet, type) != DNS_FOUND) return false;
	if (nothing ? keep_nothing(&msg, keep_s) : keep_found(&msg, keep_s)) return true;
	*keep_s = 0;
	return false;
}
