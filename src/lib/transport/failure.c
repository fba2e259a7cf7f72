/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/transport/failure.h"

#include <assert.h>

struct str transport_policy_word(enum transport_policy policy)
{
	static const struct str words[TRANSPORT_POLICIES] = {
		[TRANSPORT_NO_POLICY] = STR_INIT("no-policy-found"),
		[TRANSPORT_STS] = STR_INIT("sts"),
		[TRANSPORT_TLSA] = STR_INIT("tlsa"),
	};
	assert(policy < TRANSPORT_POLICIES);
	return words[policy];
}

struct str transport_failure_word(enum transport_failure failure)
{
	static const struct str words[TRANSPORT_FAILURES] = {
		[TRANSPORT_GOOD] = STR_INIT(""),
		[TRANSPORT_STARTTLS_NOT_SUPPORTED] = STR_INIT("starttls-not-supported"),
		[TRANSPORT_CERTIFICATE_HOST_MISMATCH] = STR_INIT("certificate-host-mismatch"),
		[TRANSPORT_CERTIFICATE_EXPIRED] = STR_INIT("certificate-expired"),
		[TRANSPORT_CERTIFICATE_NOT_TRUSTED] = STR_INIT("certificate-not-trusted"),
		[TRANSPORT_VALIDATION_FAILURE] = STR_INIT("validation-failure"),
		[TRANSPORT_TLSA_INVALID] = STR_INIT("tlsa-invalid"),
		[TRANSPORT_DNSSEC_INVALID] = STR_INIT("dnssec-invalid"),
		[TRANSPORT_DANE_REQUIRED] = STR_INIT("dane-required"),
		[TRANSPORT_STS_FETCH_ERROR] = STR_INIT("sts-policy-fetch-error"),
		[TRANSPORT_STS_POLICY_INVALID] = STR_INIT("sts-policy-invalid"),
		[TRANSPORT_STS_WEBPKI_INVALID] = STR_INIT("sts-webpki-invalid"),
	};
	assert(failure < TRANSPORT_FAILURES);
	return words[failure];
}
