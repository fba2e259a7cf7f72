/* SPDX-License-Identifier: Apache-2.0 */
/* What comes next in one attempt to send a message to a list of hosts: after each ending
 * of a connection or a transaction, the same connection, a new one, HELO, the next
 * address, or the end with an outcome for each recipient.
 *
 *   - Each address is used once, with these exceptions: once more with HELO after a
 *     failed EHLO; once more in the clear after TLS failed, where that is allowed; once
 *     more for a reused connection that turned out to be stale; and
 *     more often while the peer itself limits what one connection takes and each of them
 *     gets recipients on their way.
 *     An address that stands there again under another name was used already; only where
 *     it did not get over TLS the other name may do better.
 *   - SENT, and PERMANENT from a reply (RFC 5321 5.1: the host that answers speaks for
 *     its domain), are final for the recipient.
 *   - In doubt is final for this attempt: TEMPORARY, because another host now would make
 *     a second copy likelier.
 *   - TEMPORARY, and PERMANENT only for this host, go on to the next address (next host).
 *     When all have been tried, TEMPORARY beats host-scoped PERMANENT where they
 *     disagree: the host that failed today may be the one that can.
 *   - A greeting or HELO refused with 5xx, or anything else about a host, is TEMPORARY, but that
 *     it lacks what the message demands: PERMANENT for this host.
 *   - No socket here is no host's fault: the attempt stops.
 *
 * Pure; never more than SMTP_ATTEMPT_TARGETS_MAX addresses, never a loop. */
#ifndef IMS_SMTP_ATTEMPT_H
#define IMS_SMTP_ATTEMPT_H

#include "lib/base/arena.h"
#include "lib/smtp/client.h"

enum {
	SMTP_ATTEMPT_TARGETS_MAX = 10,     /* addresses; more are left alone */
	SMTP_ATTEMPT_CONNECTIONS_MAX = 20, /* to one address */
};

enum smtp_attempt_action {
	SMTP_ATTEMPT_SEND,         /* the OPEN and NOT_TRIED on this connection */
	SMTP_ATTEMPT_RESEND,       /* the same on a fresh connection, same address */
	SMTP_ATTEMPT_WITH_HELO,    /* a new connection to it, with helo_only */
	SMTP_ATTEMPT_WITHOUT_TLS,  /* a new connection to it, in the clear */
	SMTP_ATTEMPT_NEXT_ADDRESS, /* connect to attempt.target, of the same host */
	SMTP_ATTEMPT_NEXT_HOST,    /* connect to attempt.target, of another one */
	SMTP_ATTEMPT_STOP,         /* every recipient has its final outcome */
};

enum smtp_attempt_how {
	SMTP_ATTEMPT_NOT_CONNECTED, /* refused, unreachable, timeout: `cause` */
	SMTP_ATTEMPT_NO_SOCKET,     /* nothing could be tried: `cause` */
	SMTP_ATTEMPT_DONE,          /* a transaction is over, the connection is READY */
	SMTP_ATTEMPT_CLOSED,        /* the machine said CLOSED */
};

struct smtp_attempt_end {
	enum smtp_attempt_how how;
	enum smtp_client_end end;          /* CLOSED: smtp_client.end */
	bool stale;                        /* CLOSED: smtp_client_was_stale */
	bool may_clear;                    /* TLS_FAILED: this address may do without */
	bool lacking;                      /* `cause`: the host lacks what the message demands */
	const struct smtp_outcome *cause;  /* why, but for DONE; text is copied */
};

/* A recipient in this attempt. `now` is what the next transaction works on: copied to and
 * from smtp_client_rcpt.outcome by the caller. */
struct smtp_attempt_rcpt {
	struct smtp_outcome now;
	struct smtp_outcome kept; /* the best answer of earlier addresses */
	/* After NEXT_ADDRESS or NEXT_HOST: what the address that was left said of this
	 * recipient itself; OPEN: nothing, or the recipient is no longer tried. */
	struct smtp_outcome left;
	bool final;
};

struct smtp_attempt {
	/* To be read by the caller. */
	uint32_t target; /* where to connect */
	bool helo;       /* with helo_only */
	bool clear;      /* without TLS */

	/* The machine's own. */
	const uint32_t *hosts, *same;
	uint32_t target_count, rcpt_count, connections;
	struct smtp_attempt_rcpt *rcpts;
	struct arena texts;
	struct str last_text;
	bool resent, progress, served, stopped;
	uint32_t used; /* addresses (1 << same) that need not be asked again */
};

/* `hosts` has, for each address in the order of use, the number of its host; so addresses
 * of one host stand together; `same` the first one with the same address and port (itself
 * where it is the first), or NULL: all differ. They and `rcpts` belong to the caller and stay; `rcpts` needs
 * no contents. Afterwards attempt.target is the first; without any address the attempt
 * has stopped: TEMPORARY 4.4.4. */
void smtp_attempt_init(struct smtp_attempt *a, const uint32_t *hosts,
		       const uint32_t *same, uint32_t target_count, struct smtp_attempt_rcpt *rcpts,
		       uint32_t rcpt_count);
/* The texts of the outcomes live until then. */
void smtp_attempt_free(struct smtp_attempt *a);

/* After DONE, for each recipient of the transaction, before smtp_attempt_next. */
void smtp_attempt_heard(struct smtp_attempt *a, uint32_t rcpt,
			const struct smtp_outcome *outcome);

/* Whenever something ended: what to do. `now` is set for the next transaction (OPEN or
 * NOT_TRIED: to be tried in it), at STOP to the final SENT, TEMPORARY or PERMANENT. If
 * it is neither SEND nor, after CLOSED, the end, the connection wants a QUIT. */
enum smtp_attempt_action smtp_attempt_next(struct smtp_attempt *a,
					   const struct smtp_attempt_end *end);

#endif
