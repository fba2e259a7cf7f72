/* SPDX-License-Identifier: Apache-2.0 */
/* What policy knows when it decides. The caller collects; the stages only read. */
#ifndef IMS_POLICY_FACTS_H
#define IMS_POLICY_FACTS_H

#include "lib/policy/verdict.h"

enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES, ANSWER_CANNOT_TELL };

struct facts {
	const struct conf *conf;
	const struct conf_listener *listener;
	const struct conf_host *host; /* rule of the client's address, or NULL */
	/* networks of `relay` that hold the client's address, or NULL */
	const struct conf_network *relay_from, *relay_never;

	/* connection */
	bool shunned;             /* present at two deaths of a worker */
	uint64_t sessions_all;    /* of all workers, this one counted */
	uint64_t sessions_listener;
	uint64_t sessions_client; /* from this address */

	/* session */
	bool authenticated;
	bool tls;

	/* what the spool says */
	bool spool_up;
	bool disk_low;

	/* recipient: as parsed, route stripped */
	struct str local;  /* unquoted */
	struct str domain; /* empty: <postmaster> alone */
	enum answer exists;
};

/* One function a stage; the first decision wins. */
struct verdict policy_connect(const struct facts *f);
struct verdict policy_sender(const struct facts *f);
struct verdict policy_recipient(const struct facts *f);

/* The postmaster of any local domain, or of this server (RFC 5321 4.5.1): exact, ASCII
 * case does not matter (Q245041: prefixes of it were taken for it). */
bool policy_is_postmaster(struct str local);

#endif
