/* SPDX-License-Identifier: Apache-2.0 */
/* By which policy a host was to be spoken to, and what went wrong with it, in the words of
 * RFC 8460 (TLS-RPT) 4.2 and 4.3. Pure. */
#ifndef IMS_TRANSPORT_FAILURE_H
#define IMS_TRANSPORT_FAILURE_H

#include "lib/base/str.h"

/* In records: append only. */
enum transport_policy {
	TRANSPORT_NO_POLICY,
	TRANSPORT_STS,  /* MTA-STS, RFC 8461 */
	TRANSPORT_TLSA, /* DANE, RFC 7672 */
	TRANSPORT_POLICIES
};

enum transport_failure {
	TRANSPORT_GOOD,
	TRANSPORT_STARTTLS_NOT_SUPPORTED,
	TRANSPORT_CERTIFICATE_HOST_MISMATCH,
	TRANSPORT_CERTIFICATE_EXPIRED,
	TRANSPORT_CERTIFICATE_NOT_TRUSTED,
	TRANSPORT_VALIDATION_FAILURE, /* whatever has no word of its own */
	TRANSPORT_TLSA_INVALID,
	TRANSPORT_DNSSEC_INVALID,
	TRANSPORT_DANE_REQUIRED,
	TRANSPORT_STS_FETCH_ERROR,
	TRANSPORT_STS_POLICY_INVALID,
	TRANSPORT_STS_WEBPKI_INVALID,
	TRANSPORT_FAILURES
};

/* "no-policy-found", "sts", "tlsa". */
struct str transport_policy_word(enum transport_policy policy);
/* "starttls-not-supported" and the like; empty: GOOD. */
struct str transport_failure_word(enum transport_failure failure);

#endif
