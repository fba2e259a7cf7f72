/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of MAIL that are not for everybody, and the values of their parameters:
 * REQUIRETLS (RFC 8689), MT-PRIORITY (RFC 6710), FUTURERELEASE (RFC 4865), DELIVERBY (RFC
 * 2852). Pure. */
#ifndef IMS_SMTP_EXTRA_H
#define IMS_SMTP_EXTRA_H

#include "lib/base/str.h"

/* Bits: what a session offers, and what a MAIL asks for. */
enum smtp_extra {
	SMTP_EXTRA_REQUIRETLS = 1,
	SMTP_EXTRA_PRIORITY = 2,
	SMTP_EXTRA_FUTURE = 4,
	SMTP_EXTRA_BY = 8,
	SMTP_EXTRA_ALL = 15,
};

enum smtp_hold { SMTP_HOLD_NONE, SMTP_HOLD_FOR, SMTP_HOLD_UNTIL };
enum smtp_by { SMTP_BY_NONE, SMTP_BY_NOTIFY, SMTP_BY_RETURN };

enum {
	SMTP_PRIORITY_MAX = 9,      /* -9 to 9 */
	SMTP_BY_MAX_S = 999999999,  /* -999999999 to 999999999 */
};

struct smtp_extra_params {
	int64_t hold_s;   /* HOLDFOR: seconds; HOLDUNTIL: since 1970 */
	int32_t by_s;     /* from now on; negative: ago */
	int8_t priority;
	uint8_t hold, by; /* enum smtp_hold, enum smtp_by */
	uint8_t asks;     /* enum smtp_extra: what was given */
	bool by_trace;
};

/* Each fills in its part of `*p` if the value is good. */
bool smtp_extra_priority(struct str value, struct smtp_extra_params *p);
bool smtp_extra_hold_for(struct str value, struct smtp_extra_params *p);
bool smtp_extra_hold_until(struct str value, struct smtp_extra_params *p);
bool smtp_extra_by(struct str value, struct smtp_extra_params *p);

/* "2026-11-22T12:00:00Z", with a fraction, which is cut, or an offset (RFC 3339 5.6);
 * seconds since 1970. False if it is none. */
bool smtp_date_time_parse(struct str text, int64_t *unix_s);

#endif
