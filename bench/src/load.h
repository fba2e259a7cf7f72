/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator: many SMTP sessions on one thread, bounded in count and time. */
#ifndef IMS_BENCH_LOAD_H
#define IMS_BENCH_LOAD_H

#include <netinet/in.h>

#include "lib/base/buf.h"

enum { SESSIONS_MAX = 100000, MESSAGES_MAX = 10000000, REPLY_MAX = 8192, COMMANDS_MAX = 4 << 20 };

struct options {
	struct sockaddr_in address;
	const char *from;
	const char *to;          /* %d: number of the message modulo `modulus`; with several
	                          * recipients their number */
	unsigned sessions;       /* at one time */
	unsigned messages;       /* in all */
	unsigned per_session;    /* messages on one connection */
	unsigned recipients;     /* of one message */
	unsigned modulus;
	size_t size;             /* octets of a message */
	bool pipeline;           /* MAIL, RCPT and DATA in one segment */
	bool setup_only;         /* greeting, EHLO, QUIT */
	double limit_s;
	double hold_s;           /* < 0: no idle test */
};

enum step { CONNECTING, BANNER, HELLO, SENDER, RECIPIENT, DATA, FINAL, QUIT, IDLE, OVER };

struct session {
	int fd;
	enum step step;
	bool wants_write;     /* as epoll was told */
	unsigned number;      /* of the message in hand */
	unsigned started;     /* messages of this connection */
	unsigned answered;    /* recipients of the message in hand that have a reply */
	struct buf out;       /* commands and headers not sent yet */
	struct str body;      /* rest of the body, follows `out` */
	struct buf in;
	int64_t opened_us, sent_us;
};

struct totals {
	unsigned issued, ok, failed;
	unsigned recipients_ok, recipients_failed;
	unsigned sessions_ok, sessions_failed, open, idle;
	unsigned *latency_us; /* of each final 250, `ok` of them */
	char last_failure[160];
};

struct load {
	struct options opt;
	struct totals sum;
	struct session *sessions;
	struct str text; /* lines of the body with the final dot; every message sends its end */
	int epoll;
	bool stopping;
};

int64_t now_us(void);
/* dialogue.c */
void session_reply(struct load *l, struct session *s, struct str line, bool last);
void session_failed(struct load *l, struct str why);
/* Closes, counts, and opens the next one while messages are left. */
void session_end(struct load *l, struct session *s, bool good);
void session_open(struct load *l, struct session *s);
/* Writes what stands in `out` and `body`; false: the connection is broken. */
bool session_flush(struct load *l, struct session *s);

#endif
