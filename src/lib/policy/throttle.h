/* SPDX-License-Identifier: Apache-2.0 */
/* What failed logins cost: the answers to a client, and to those who try one user name,
 * get slower with each, and after so many in a while there are no answers for a while.
 * Pure; time is an argument (milliseconds of any clock that does not go back). The table
 * is bounded: where it is full, what has been quiet for longest is forgotten. */
#ifndef IMS_POLICY_THROTTLE_H
#define IMS_POLICY_THROTTLE_H

#include "lib/base/ip.h"

enum {
	THROTTLE_DELAY_TIMES = 8, /* the longest delay is that many first ones */
	THROTTLE_KNOWN_MS = 7 * 24 * 60 * 60 * 1000, /* a user's client stays known */
};

struct throttle_limits {
	uint32_t failures;  /* until a ban; 0: never */
	int64_t window_ms;  /* in which they are counted */
	int64_t ban_ms;
	int64_t delay_ms;   /* of the first failed login's answer */
};

/* One address of IPv4, or a network of 64 bits of IPv6, which is what one customer has;
 * and a user name as given, ASCII case does not matter (empty: not known yet). */
struct throttle_who {
	struct ip client;
	struct str account;
};

enum throttle_ban { THROTTLE_OPEN, THROTTLE_CLIENT, THROTTLE_ACCOUNT };

struct throttle_result {
	int64_t delay_ms;       /* of the answer */
	enum throttle_ban ban;  /* that this failure began */
};

struct throttle;

/* Room for `max` clients, and as many accounts and known clients (rounded up). `seed` keeps chosen names from
 * colliding. NULL: no memory. */
struct throttle *throttle_new(size_t max, uint64_t seed);
void throttle_free(struct throttle *t);

/* Whether a login may be tried now. A ban of the account does not keep out a client from
 * which it has logged in: or anybody could lock anybody out. */
enum throttle_ban throttle_check(const struct throttle *t, const struct throttle_who *who,
				 int64_t now_ms);
/* Notes a failure. `guess` is a hash of what was tried, the same as the last time is not
 * counted again (a device with an old password), only slowed down; 0: not known. */
struct throttle_result throttle_fail(struct throttle *t,
				     const struct throttle_limits *limits,
				     const struct throttle_who *who, uint64_t guess,
				     int64_t now_ms);
void throttle_success(struct throttle *t, const struct throttle_who *who, int64_t now_ms);

#endif
