/* SPDX-License-Identifier: Apache-2.0 */
/* MTA-STS (RFC 8461): the record that announces a domain's policy, and the policy itself.
 * What either holds comes from strangers. Pure. */
#ifndef IMS_TRANSPORT_MTASTS_H
#define IMS_TRANSPORT_MTASTS_H

#include "lib/base/buf.h"

enum {
	MTASTS_FILE_MAX = 64 * 1024, /* octets of a policy */
	MTASTS_MX_MAX = 128,         /* patterns; a policy with more is none */
	MTASTS_ID_MAX = 32,
	MTASTS_AGE_MAX_S = 31557600, /* RFC 8461 3.2: a year; more counts as that */
	/* of what mtasts_policy_write writes */
	MTASTS_TEXT_MAX = MTASTS_MX_MAX * 264 + 128,
};

enum mtasts_mode { MTASTS_NONE, MTASTS_TESTING, MTASTS_ENFORCE };

/* Strings point into the text that was read. */
struct mtasts_policy {
	enum mtasts_mode mode;
	uint32_t max_age_s;
	size_t mx_count;
	struct str mx[MTASTS_MX_MAX]; /* a host's name, or "*." and a domain */
};

/* The id in a domain's TXT records at _mta-sts (each as buf_put_str writes it). False: there
 * is no policy: none of them is such a record, or several are, or its id is no good. */
bool mtasts_record_find(struct str records, struct str *id);

/* The file at https://mta-sts.DOMAIN/.well-known/mta-sts.txt. Lines end with CRLF or LF,
 * unknown keys are ignored, of one that stands twice the first counts. False: it is not
 * valid, and so no policy. */
bool mtasts_policy_parse(struct str file, struct mtasts_policy *policy);
/* The same again, line by line with LF. */
void mtasts_policy_write(struct buf *out, const struct mtasts_policy *policy);

/* Whether the policy lists the host (RFC 8461 4.1): a pattern's star is one whole label. */
bool mtasts_policy_has(const struct mtasts_policy *policy, struct str host);

#endif
