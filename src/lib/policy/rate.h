/* SPDX-License-Identifier: Apache-2.0 */
/* The stage "how many": blocks `rate` of the configuration, the baseline of users, and
 * greylisting. Pure but for the tally, which is given. Texts of verdicts stand in `text`, with
 * REPLY_MAX octets of room. Where nothing is configured nothing is looked at. */
#ifndef IMS_POLICY_RATE_H
#define IMS_POLICY_RATE_H

#include "lib/policy/facts.h"
#include "lib/policy/tally.h"

enum rate_what { RATE_CONNECTIONS, RATE_MESSAGES, RATE_RECIPIENTS, RATE_WHATS };
enum { RATE_REPLY_MAX = 320 };

struct rate_clock {
	int64_t now_ms;  /* monotonic */
	int64_t wall_ms;
};

/* Counts one of them if no limit is in the way; else says which. f->client, user, sender
 * and listener are asked for. */
struct verdict policy_rate(const struct facts *f, struct tally *t, enum rate_what what,
			   struct rate_clock clock, struct buf *text);
/* Counts a recipient of the user, who has logged in. `*tell`: the first that is too much in
 * this window; the postmaster wants to know. */
struct verdict policy_baseline(const struct facts *f, struct tally *t, struct rate_clock clock,
			       struct buf *text, bool *tell);
/* `recipient`: the address. `*again`: it came again just now, after so many milliseconds
 * (else -1). */
struct verdict policy_grey(const struct facts *f, struct tally *t, struct str recipient,
			   struct rate_clock clock, struct buf *text, int64_t *again_ms);

/* For `explain`: how things stand, nothing is counted. False: it does not hold for that
 * client. */
bool policy_rate_look(const struct facts *f, struct tally *t, const struct conf_rate *r,
		      enum rate_what what, struct rate_clock clock, struct bucket_state *out);
bool policy_baseline_look(const struct facts *f, struct tally *t, struct rate_clock clock,
			  struct baseline_state *out);
bool policy_grey_look(const struct facts *f, struct tally *t, struct str recipient,
		      struct rate_clock clock, struct grey_state *out, bool *seen);
/* "connections" and so on. */
const char *rate_what_word(enum rate_what what);
const struct conf_rate_value *rate_limit_of(const struct conf_rate *r, enum rate_what what);

#endif
