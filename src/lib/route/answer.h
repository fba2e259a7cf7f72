/* SPDX-License-Identifier: Apache-2.0 */
/* What the DNS said to one question. The packet is the peer's, so it is read with the C
 * library's parser, which knows compression and its tricks; only records that belong to
 * the question, over its chain of aliases, count. Pure. */
#ifndef IMS_ROUTE_ANSWER_H
#define IMS_ROUTE_ANSWER_H

#include "lib/base/buf.h"
#include "lib/base/cur.h"
#include "lib/base/ip.h"

enum {
	DNS_NAME_MAX = 253,   /* octets of a name as text, without a final dot */
	DNS_CHAIN_MAX = 16,   /* aliases that are followed */
	DNS_RECORDS_MAX = 100, /* of one answer that are looked at */
	DNS_TXT_MAX = 32,      /* texts that are kept of one answer */
	DNS_TXT_BYTES = 4096,  /* of all of them; what is larger is left out */
	DNS_TLSA_MAX = 32,   /* records that are kept of one answer */
	DNS_TLSA_BYTES = 4096, /* of all of them; what is larger is left out */
};

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52 };

enum dns_state {
	DNS_FOUND,
	DNS_NO_DATA, /* the name exists, without records of that type */
	DNS_NO_NAME, /* NXDOMAIN */
	DNS_FAILED,  /* SERVFAIL and the like, or an answer that cannot be read */
	DNS_LATE,    /* no answer in time */
	DNS_BOGUS,   /* DNSSEC: signatures do not fit */
};

/* Whether the answer has records of that type, as the functions below say it. */
enum dns_state dns_read_state(struct str packet, enum dns_type type);

struct dns_mx {
	uint16_t preference;
	size_t len;
	char name[DNS_NAME_MAX]; /* "." is the root; empty: does not fit, so is no host */
};

/* Records of the answer to an MX question, at most the best DNS_RECORDS_MAX, in the packet's
 * order. DNS_FOUND with at least one, DNS_NO_DATA, DNS_NO_NAME, or DNS_FAILED: the packet
 * says so or cannot be read. */
enum dns_state dns_read_mx(struct str packet, struct dns_mx out[DNS_RECORDS_MAX],
			   size_t *count);
/* The same of a question for addresses (DNS_A or DNS_AAAA), at most `max`. */
enum dns_state dns_read_ips(struct str packet, enum dns_type type, struct ip *out,
			    size_t max, size_t *count);

struct dns_name {
	size_t len;
	char text[DNS_NAME_MAX];
};

/* The names of an answer to a PTR question, at most `max`: those that dns_name_is_host is true
 * of, for whoever has an address may write anything there. */
enum dns_state dns_read_ptr(struct str packet, struct dns_name *out, size_t max,
			    size_t *count);

/* The same of a question for texts: appended to `out`, each as a string with its length (u32);
 * what a record has in several pieces is joined. `count` is what was appended. Octets are as
 * they came. */
enum dns_state dns_read_txt(struct str packet, struct buf *out, size_t *count);

/* A TLSA record (RFC 6698 2.1). */
struct dns_tlsa {
	uint8_t usage, selector, matching;
	struct str data;
};

/* The same of a question for TLSA records: appended to `out` as dns_tlsa_next reads them.
 * `count` is what the answer has, also where not all are kept. */
enum dns_state dns_read_tlsa(struct str packet, struct buf *out, size_t *count);
/* The next record; false at the end, or where it is damaged: cur_done tells which. */
bool dns_tlsa_next(struct cur *c, struct dns_tlsa *record);

/* Where the aliases of an answer lead: the name at which its records stand. False: the
 * packet cannot be read, or that is no host's name. */
bool dns_read_owner(struct str packet, char out[DNS_NAME_MAX], size_t *len);

/* The name of a host as it may stand in a record or a report: letters, digits, '-' and
 * '_' in labels of 1 to 63 octets, no final dot, and not an IPv4 address in disguise (the
 * last label has a character that is no digit). */
bool dns_name_is_host(struct str name);

#endif
