/* SPDX-License-Identifier: Apache-2.0 */
/* Mail addresses as SMTP writes them: the Path of RFC 5321 4.1.2, with the UTF-8
 * forms of RFC 6531 3.3. Pure; results point into the input and live as long. */
#ifndef IMS_SMTP_ADDRESS_H
#define IMS_SMTP_ADDRESS_H

#include "lib/base/buf.h"

/* RFC 5321 4.5.3.1, in octets. The path counts its angle brackets; a source route,
 * which is thrown away, does not count. */
enum {
	SMTP_LOCAL_MAX = 64,
	SMTP_DOMAIN_MAX = 255,
	SMTP_PATH_MAX = 256,
	SMTP_LABEL_MAX = 63
};

enum smtp_path_kind {
	SMTP_REVERSE_PATH, /* MAIL FROM: <> is the null reverse-path */
	SMTP_FORWARD_PATH, /* RCPT TO: <postmaster> may stand without a domain */
};

enum smtp_path_result {
	SMTP_PATH_OK,
	SMTP_PATH_NO_BRACKETS,  /* the path is not in angle brackets */
	SMTP_PATH_NULL,         /* <> as forward-path (Q269611) */
	SMTP_PATH_NO_DOMAIN,    /* <user>: never sent on to a guess (Q156997) */
	SMTP_PATH_BAD_LOCAL,
	SMTP_PATH_BAD_DOMAIN,
	SMTP_PATH_BAD_UTF8,     /* 8-bit bytes that are not UTF-8 */
	SMTP_PATH_LOCAL_LONG,
	SMTP_PATH_DOMAIN_LONG,
	SMTP_PATH_LONG,
};

struct smtp_path {
	struct str whole;  /* local@domain as written, without brackets and route */
	struct str local;  /* as written, with its quotes if it has them */
	struct str domain; /* as written; empty for <> and <postmaster> */
	bool is_null;      /* <> */
	bool quoted;       /* local part is a quoted string */
	bool literal;      /* domain is an address literal, [192.0.2.1] or [IPv6:...] */
	bool utf8;         /* holds a byte above 127: wants SMTPUTF8 */
};

/* Parses the path at the head of `in` and leaves in `*rest` what follows its ">".
 * A source route is checked and dropped (RFC 5321 appendix C, Q140940). UTF-8 is
 * taken; the caller refuses path->utf8 where SMTPUTF8 was not asked for. On anything
 * but SMTP_PATH_OK, `*path` and `*rest` mean nothing. */
enum smtp_path_result smtp_path_parse(struct str in, enum smtp_path_kind kind,
				      struct smtp_path *path, struct str *rest);

/* Host name as RFC 5321 "Domain": labels of letters, digits, "-" and "_" (a host with
 * an underscore exists whatever RFC 1123 says), or UTF-8; a digit may come first
 * (Q146677). No empty label, trailing dot or blank. */
bool smtp_domain_is_valid(struct str domain);
/* "[192.0.2.1]" or "[IPv6:2001:db8::1]". No other tag has ever been registered. */
bool smtp_literal_is_valid(struct str domain);

/* Appends the local part without quotes and backslashes. */
void smtp_local_unquote(struct buf *out, struct str local);
/* Appends local@domain, quoted only if it has to be; nothing for the null path. */
void smtp_path_write(struct buf *out, const struct smtp_path *path);

/* The same mailbox: domains without regard to case, and local parts too, after
 * unquoting. RFC 5321 2.4 leaves case to the receiving host; no host tells two
 * mailboxes apart by it, and people do not either. */
bool smtp_path_eq(const struct smtp_path *a, const struct smtp_path *b);

/* Splits an address as smtp_path_write makes it at its last "@", which no domain can
 * hold. Without "@" the domain is empty. */
void smtp_address_split(struct str address, struct str *local, struct str *domain);
/* smtp_path_eq for such addresses. */
bool smtp_address_eq(struct str a, struct str b);

#endif
