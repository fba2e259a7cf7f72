/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail for a domain goes: from the DNS's answers to an ordered list of hosts with
 * addresses, or to the reason why there is none (RFC 5321 5.1, RFC 7505). Pure: who asks
 * the DNS owns time and network, feeds the answers in and takes the decision out. What
 * the DNS says is not trusted: lists are cut, names that are no hosts and addresses that
 * mean "here" are left out. */
#ifndef IMS_ROUTE_MX_H
#define IMS_ROUTE_MX_H

#include "lib/base/rng.h"
#include "lib/conf/conf.h"
#include "lib/route/answer.h"
#include "lib/route/self.h"

enum {
	MX_HOSTS_MAX = 16,
	MX_ADDRESSES_MAX = 8, /* of one host */
	MX_TEXT_MAX = 384,
};

/* What to ask next. */
enum mx_step {
	MX_ASK_MX,    /* the domain's MX: give the answer to mx_take_mx */
	MX_ASK_HOSTS, /* both families of every host: give each answer to mx_take_ips */
	MX_READY,     /* nothing: mx_decide */
};

/* What is known of a host's TLSA records. */
enum mx_dane {
	MX_DANE_NONE,    /* there are none, or the answers are not secure (DNSSEC) */
	MX_DANE_FOUND,
	MX_DANE_UNKNOWN, /* it could not be told: the host must not be used (RFC 7672 2.1.1) */
	MX_DANE_COUNT
};

enum mx_family { MX_V6, MX_V4, MX_FAMILIES };

/* Why a question has the end that it has. */
enum mx_end {
	MX_END_OPEN, /* hosts, if they have addresses */
	MX_END_BAD_NAME,
	MX_END_NO_DOMAIN,
	MX_END_NULL_MX,
	MX_END_NO_HOST,
	MX_END_LOOP,
	MX_END_NO_ADDRESS,
	MX_END_FAILED,
	MX_END_LATE,
	MX_END_BOGUS,
	MX_END_COUNT
};

struct mx_found {
	enum dns_state state;
	bool secure; /* DNSSEC */
	size_t count;
	struct ip ips[MX_ADDRESSES_MAX];
};

struct mx_host {
	uint16_t preference;
	uint64_t order; /* random, among equal preferences */
	size_t len;
	char name[DNS_NAME_MAX];
	struct mx_found found[MX_FAMILIES];
	size_t alias_len; /* where its aliases lead; 0: it has none */
	char alias[DNS_NAME_MAX];
	enum mx_dane dane;
	bool dane_told;
	struct str base, tlsa; /* DANE_FOUND: name (one of both) and records, borrowed */
};

/* One question and what is known of it so far; names in lower case. */
struct mx {
	size_t len;
	char name[DNS_NAME_MAX];
	bool by_mx; /* the MX of a domain; else the addresses of a host */
	bool dane;  /* TLSA records, too */
	bool secure; /* the MX answer is, or none was needed */
	uint16_t port;
	enum mx_end end;
	size_t count;
	struct mx_host hosts[MX_HOSTS_MAX]; /* in the order in which they are tried */
};

enum mx_result {
	MX_HOSTS, /* here they are */
	MX_NEVER, /* no such destination, for ever */
	MX_LATER, /* cannot tell now */
	MX_RESULTS
};

/* One host of the list: at least one address, IPv6 and IPv4 in turns (RFC 8305 4). */
struct mx_next {
	uint16_t preference;
	struct str name; /* a host's, or an address as text */
	bool secure;     /* an MX answer that is secure names it */
	enum mx_dane dane;
	struct str base, tlsa; /* DANE_FOUND: the records stand at _PORT._tcp.BASE */
	size_t count;
	struct ip ips[MX_ADDRESSES_MAX];
};

struct mx_list {
	size_t count;
	struct mx_next hosts[MX_HOSTS_MAX];
};

struct mx_verdict {
	enum mx_result result;
	struct str dsn;  /* enhanced status code; empty with MX_HOSTS */
	struct buf text; /* a sentence for log and report, over `memory` */
	char memory[MX_TEXT_MAX];
};

/* Begins a question. `name` is a domain or a host (a final dot is dropped), or an address
 * with or without brackets, which needs no DNS at all. */
enum mx_step mx_begin(struct mx *mx, struct str name, bool by_mx, uint16_t port);
/* The MX answer. No MX makes the domain its own host; any that is there forbids that.
 * Equal preferences are shuffled; hosts that are as far away as we are, or farther, are
 * left out, of the rest MX_HOSTS_MAX are kept. */
enum mx_step mx_take_mx(struct mx *mx, enum dns_state state, const struct dns_mx *answers,
			size_t count, struct str hostname, struct rng *rng);
/* Addresses of hosts[host]. An answer that is never given counts as late. */
void mx_take_ips(struct mx *mx, size_t host, enum mx_family family, enum dns_state state,
		 const struct ip *ips, size_t count);
/* What DNSSEC says of the answer that was taken last: of the MX; of a host's addresses,
 * which stand at `owner` (its own name, or where its aliases lead). */
void mx_secure_mx(struct mx *mx, bool secure);
void mx_secure_ips(struct mx *mx, size_t host, enum mx_family family, bool secure,
		   struct str owner);
/* Once all addresses are known, for each host until it is false: which TLSA records to ask
 * for (RFC 7672 2.2.3: where the aliases lead, then at the host's own name). */
bool mx_tlsa_name(const struct mx *mx, size_t host, bool own, struct buf *name);
/* The answer to that. `record` is borrowed until the decision has been used. True: ask for
 * the own name, too. */
bool mx_take_tlsa(struct mx *mx, size_t host, bool own, enum dns_state state, bool secure,
		  struct str record);
/* The decision; the list (empty unless MX_HOSTS) points into `mx`. A host is this server if it is
 * an MX of our name, or if a listener of ours serves one of its addresses. */
void mx_decide(struct mx *mx, const struct route_self *self, struct mx_verdict *verdict,
	       struct mx_list *list);
/* The decision that nothing but `end` is known. */
void mx_verdict_set(struct mx_verdict *verdict, enum mx_end end, struct str subject);

/* The list between processes: for each host u16 preference, str name, u8 secure, u8 dane,
 * str base, str tlsa, u8 count, 16 octets for each address. get: false, and an empty list, if the record is not exactly such a
 * list with at least one host; names point into it. */
void mx_list_put(struct buf *b, const struct mx_list *list);
bool mx_list_get(struct str record, struct mx_list *list);

#endif
