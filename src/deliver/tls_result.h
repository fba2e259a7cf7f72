/* SPDX-License-Identifier: Apache-2.0 */
/* How encryption with a host of a domain went: told once for each session with a host that
 * the DNS names, and for each such host that was left out because of its domain's policy.
 * Sessions of routes that never encrypt, or lead to listed hosts, are not told. */
#ifndef IMS_DELIVER_TLS_RESULT_H
#define IMS_DELIVER_TLS_RESULT_H

#include "deliver/connection.h"
#include "lib/transport/failure.h"

/* Strings live for the call only. */
struct tls_result {
	struct str domain;    /* the policy's: of the recipients, as the job has it */
	enum transport_policy policy;
	struct str lines;     /* the policy as RFC 8460 4.2 wants it, a line each, LF */
	struct str mx;        /* name of the host; an address where the domain is one */
	struct ip ip;         /* none: it was not connected to */
	struct ip own;        /* our address then; none: not known */
	bool of_report;       /* for a report of ours on encryption: it is told in none, or they
			       * would go on for ever */
	enum transport_failure failure; /* GOOD: encrypted as the policy wants */
};

void tls_result(struct deliver *d, const struct tls_result *r);

/* The connection's target has `failure`, or GOOD, by what is known of it; nothing if it was
 * told since the socket was made. */
void tls_result_of(struct connection *c, enum transport_failure failure);
/* What the handshake failed of. */
enum transport_failure tls_result_defect(const struct tls *t);

#endif
