/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: verb, argument and the ESMTP parameters of MAIL and RCPT
 * (RFC 5321 4.1.1.11, 1870 SIZE, 6152 BODY, 6531 SMTPUTF8, 3461 DSN; extra.h has more).
 * Pure; results point into the input. */
#ifndef IMS_SMTP_COMMAND_H
#define IMS_SMTP_COMMAND_H

#include "lib/base/buf.h"
#include "lib/smtp/extra.h"

/* RFC 3461 4.4 (decoded) and 4.2 (as written). */
enum { SMTP_ENVID_MAX = 100, SMTP_ORCPT_MAX = 500 };

struct smtp_command {
	struct str verb; /* letters and digits */
	struct str arg;  /* without blanks at its ends */
};

/* `line` has no line end. False if it is no command: no verb at its head, or a control
 * character (a NUL, say) anywhere. */
bool smtp_command_split(struct str line, struct smtp_command *cmd);

/* Expects "FROM:" or "TO:" (`word`) and blanks, which RFC 5321 does not want and
 * many clients send; leaves the rest in `*arg`. */
bool smtp_command_word(struct str *arg, struct str word);

/* BODY= of MAIL (RFC 6152). */
enum smtp_body { SMTP_BODY_UNSAID, SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };
enum smtp_ret { SMTP_RET_UNSAID, SMTP_RET_FULL, SMTP_RET_HDRS };
/* Bits; none: NOTIFY was not given. NEVER stands alone. */
enum smtp_notify {
	SMTP_NOTIFY_NEVER = 1,
	SMTP_NOTIFY_SUCCESS = 2,
	SMTP_NOTIFY_FAILURE = 4,
	SMTP_NOTIFY_DELAY = 8,
};

struct smtp_mail_params {
	uint64_t size; /* octets, UINT64_MAX if it does not fit; 0: not said */
	enum smtp_body body;
	enum smtp_ret ret;
	bool smtputf8;
	struct str envid; /* xtext as written, valid; at->NULL if not given */
	struct smtp_extra_params extra; /* extra.asks: whether they may is the caller's to know */
};

struct smtp_rcpt_params {
	uint8_t notify;   /* enum smtp_notify */
	struct str orcpt; /* "type;xtext" as written, valid; at->NULL if not given */
};

enum smtp_params_result {
	SMTP_PARAMS_OK,
	SMTP_PARAMS_UNKNOWN,   /* 555 5.5.4 */
	SMTP_PARAMS_DUPLICATE, /* 501 5.5.4 */
	SMTP_PARAMS_BAD_VALUE, /* 501 5.5.4 */
};

/* `in` is what follows the path. `*params` is filled in only as far as parsing went. */
enum smtp_params_result smtp_mail_params_parse(struct str in,
					       struct smtp_mail_params *params);
/* `utf8`: the transaction has SMTPUTF8; ORCPT=utf-8;... may hold it (RFC 6533 3). */
enum smtp_params_result smtp_rcpt_params_parse(struct str in, bool utf8,
					       struct smtp_rcpt_params *params);

/* RFC 3461 4. Decoding appends what the text stands for, which may be any byte, and
 * says false (having appended something or nothing) if it is not xtext. */
bool smtp_xtext_is_valid(struct str xtext);
bool smtp_xtext_decode(struct buf *out, struct str xtext);
void smtp_xtext_encode(struct buf *out, struct str text);

#endif
