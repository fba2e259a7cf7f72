/* SPDX-License-Identifier: Apache-2.0 */
/* How encryption with other domains went, counted for reports as RFC 8460 wants them: by
 * domain, policy, host and kind of failure, over one period. Bounded: what does not fit is
 * counted without its details, or not at all. Pure; all memory is one arena, and goes at once. */
#ifndef IMS_TRANSPORT_RESULTS_H
#define IMS_TRANSPORT_RESULTS_H

#include "lib/base/arena.h"
#include "lib/base/cur.h"
#include "lib/base/ip.h"
#include "lib/base/map.h"
#include "lib/transport/failure.h"

enum {
	RESULTS_DOMAINS_MAX = 20000,
	RESULTS_POLICIES_MAX = 4, /* of a domain: one that changes within a period */
	RESULTS_FAILURES_MAX = 64, /* of a policy, that differ */
	RESULTS_LINES_MAX = 8 * 1024, /* octets of a policy's text that are kept */
	RESULTS_MEMORY_MAX = 64 * 1024 * 1024,
	RESULTS_RECORD_MAX = 64 * 1024 * 1024,
};

/* One session with a host, or one that did not come about. */
struct result {
	struct str domain; /* of the policy: the recipients' */
	enum transport_policy policy;
	struct str lines;  /* the policy's text, a line each, LF */
	struct str mx;     /* name of the host */
	struct ip own;     /* our address; none: not known */
	struct ip peer;    /* the host's; none: it was not connected to */
	enum transport_failure failure;
};

struct result_failure {
	struct result_failure *next;
	struct str mx;
	struct ip own, peer;
	enum transport_failure failure;
	uint64_t count;
};

struct result_policy {
	struct result_policy *next;
	enum transport_policy policy;
	struct str lines;
	uint64_t good, bad;
	struct result_failure *failures; /* in the order in which they came */
	size_t failure_count;
};

struct result_domain {
	struct result_domain *next;
	struct str name; /* in lower case */
	struct result_policy *policies;
	size_t policy_count;
	/* The sender's own: */
	uint8_t sent;  /* a bit for each address that has its report */
	bool done;     /* there is nothing left to send */
	bool busy;     /* and these two are not kept */
	unsigned tries;
	int64_t again_ms;
};

struct results {
	int64_t begin_ms, end_ms; /* since 1970; the end is the begin of the next */
	struct result_domain *first, *last; /* in the order in which they came */
	size_t count;
	uint64_t lost; /* results that are not counted */
	struct map map; /* hash of the name, or what is free behind it -> struct result_domain */
	uint64_t seed;
	struct arena arena;
};

/* An empty one. `seed` is random: names come from others. */
void results_init(struct results *r, int64_t begin_ms, int64_t end_ms, uint64_t seed);
void results_free(struct results *r);
/* False: it is not counted, as the domain is none (an address, or not ASCII), or there is no
 * room. */
bool results_add(struct results *r, const struct result *one);
struct result_domain *results_find(const struct results *r, struct str domain);

/* The record in which it outlives the process. Sets out->overflowed if it is too large. */
void results_write(const struct results *r, struct buf *out);
/* Puts what the record at the head of `c` says into an empty one. False: it is damaged, or
 * no memory; then `r` is empty but for its seed. */
bool results_read(struct results *r, struct cur *c);

#endif
