/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator: many SMTP sessions on one thread, bounded in count and time. */
#ifndef IMS_BENCH_LOAD_H
#define IMS_BENCH_LOAD_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/types.h>

#include "lib/base/buf.h"

enum { SESSIONS_MAX = 100000, MESSAGES_MAX = 10000000, REPLY_MAX = 8192, COMMANDS_MAX = 4 << 20 };

enum tls_mode { TLS_NONE, TLS_STARTTLS, TLS_IMPLICIT };

struct options {
	struct sockaddr_in address;
	enum tls_mode tls;
	const char *user;        /* for AUTH PLAIN, NULL: none; %d: number of the connection
	                          * modulo `modulus` */
	const char *password;    /* %d: number of the connection */
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
	bool setup_only;         /* no messages: sessions are what is counted */
	double limit_s;
	double hold_s;           /* < 0: no idle test */
};

enum step { CONNECTING, SECURING, BANNER, HELLO, STARTTLS, LOGIN, SENDER, RECIPIENT, DATA, FINAL, QUIT, IDLE, OVER };

struct session {
	int fd;
	SSL *tls;             /* NULL: in the clear */
	bool secured;         /* the handshake is done */
	enum step step;
	bool wants_write;     /* as epoll was told */
	unsigned connection;  /* number of it */
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
	unsigned sessions_ok, sessions_failed, open, opened, idle;
	unsigned *latency_us; /* of each final 250 or each session, `ok` of them */
	char last_failure[160];
};

struct load {
	struct options opt;
	struct totals sum;
	struct session *sessions;
	struct str text; /* lines of the body with the final dot; every message sends its end */
	int epoll;
	SSL_CTX *tls;    /* NULL: in the clear */
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
void session_watch(struct load *l, struct session *s, int operation, bool write);
/* secure.c */
bool secure_prepare(struct load *l);
/* Begins TLS, or goes on with its handshake, and with the dialogue when that is done; false:
 * it has failed. */
bool secure_step(struct load *l, struct session *s);
void secure_end(struct session *s);
/* As read and sendmsg of what stands in `out` and `body`, with errno. */
ssize_t secure_read(struct session *s, void *into, size_t room);
ssize_t secure_write(struct session *s);
/* Decrypted octets wait that epoll does not tell of. */
bool secure_has_more(const struct session *s);

#endif
