/* SPDX-License-Identifier: Apache-2.0 */
/* The role deliver on a bench: its own code and real sockets, with a loop, a clock,
 * channels, a spool and a dns that the test plays. Other hosts are scripted peers on
 * loopback addresses, driven by the same loop. One bench at a time. */
#ifndef IMS_TEST_DELIVER_BENCH_H
#define IMS_TEST_DELIVER_BENCH_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../bench_loop.h"
#include "deliver/deliver.h"
#include "lib/transport/failure.h"
#include "pem.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* --- peers --------------------------------------------------------------------------- */

enum peer_step {
	AT_NONE, AT_ACCEPT, AT_BANNER, AT_EHLO, AT_HELO, AT_MAIL, AT_RCPT, AT_DATA, AT_BODY,
	AT_DOT, AT_RSET, AT_QUIT, AT_STARTTLS, AT_HANDSHAKE, PEER_STEPS
};
enum peer_act { DO_WELL, DO_CLOSE, DO_RESET, DO_SILENCE, DO_SAY };

/* What a peer does. At `step` it does `act` (the first `times` times, 0: always), else
 * what a good server does. Recipients that begin with "no" are refused with 550, with
 * "later" 450. */
struct peer_script {
	const char *caps; /* blank-separated lines of EHLO, with ~ for a blank */
	enum peer_step step;
	enum peer_act act;
	const char *say; /* DO_SAY: without CRLF */
	unsigned times;
	unsigned rcpts;     /* accepted in one transaction, then 452; 0: all */
	bool bye;           /* says 421 and closes after the first message */
	bool lmtp;
	bool no_ehlo;       /* 502 to EHLO */
	const char *auth;   /* what it says to AUTH */
	const char *atrn;   /* and to ATRN */
	const struct pem *pem; /* STARTTLS with this certificate */
	bool implicit;      /* TLS from the first octet */
};

struct peer {
	struct peer_script script;
	struct loop_io *io;
	int fd;
	uint16_t port;
	char name[128]; /* "127.0.0.1", or a path */
	unsigned acted, connections, open, mails, messages, rcpts, ehlos, helos, quits, resets;
	unsigned texts_begun, starttls, secured;
	struct tls_server *tls;
	struct buf text;   /* the last whole message, without the added dots */
	struct buf heard;  /* commands of all connections, a line each */
};

/* Listens on 127.0.0.N (port of the first peer), or on a path. */
struct peer *peer_new(unsigned n, const struct peer_script *script);
struct peer *peer_new_unix(const char *path, const struct peer_script *script);
void peer_close_all(struct peer *p); /* its open connections */
void peers_free(void);
void peers_forget(void); /* what a failed test left */
uint16_t peers_port(void);
/* What dns answers, by bench.dns_answer: the result, and the record of the hosts. */
uint8_t peers_list(const char *answer, struct buf *out);

/* --- the role ------------------------------------------------------------------------- */

/* "out 20, per-destination 4, timeouts of 10 to 60 s". */
extern const char bench_conf[];
/* Our end of the connection that spool was given last; -1: none. The test closes it. */
extern int bench_visit;

struct bench_result {
	uint32_t index;
	enum job_outcome outcome;
	bool dsn_passed;
	char dsn[16], text[512], host[160], tls[96];
};

enum { BENCH_RESULTS_MAX = 4096 };

struct bench_done {
	uint64_t job;
	bool host_failed, moved, looked;
	uint32_t took_ms;
	char host[160], site[64];
	int count;
	struct bench_result results[BENCH_RESULTS_MAX];
};

struct bench {
	struct deliver *d;
	struct frame frame;
	struct event_log log;
	struct channel *spool, *dns, *http;
	struct msg_hop hop; /* what console was told last */
	unsigned tokens_refused; /* of which http was told, and the last of them */
	struct msg_token_refused refused;
	size_t events[EVENT_COUNT];
	struct buf records[EVENT_COUNT]; /* the last of each name */
	unsigned last;                   /* which name came last; 0: none */
	unsigned left;
	int64_t now_ms;
	/* What spool and dns do. */
	struct str text;      /* of every message */
	int text_fd;          /* >= 0: handed over instead */
	bool text_broken, text_silent, dns_silent;
	unsigned asked, texts_asked;
	/* Of each host that dns names. */
	bool dns_secure;
	enum mx_dane dane;
	struct str tlsa;
	/* What http says of each domain. */
	const char *sts; /* NULL: no policy */
	enum transport_failure sts_failure;
	bool sts_silent;
	unsigned sts_asked;
	const char *dns_answer; /* "127.0.0.1 127.0.0.2", "never", "loop", "later" or "junk" */
	uint64_t next_job;
	/* What http was told of encryption. */
	unsigned tls_results;
	unsigned tls_failure, tls_policy; /* of the last */
	bool tls_own;                     /* it had our address */
	unsigned dones;
	struct bench_done done; /* the last */
	unsigned lines_gone;
	uint32_t pooled, pooled_max; /* connections, as spool was told */
};

struct bench *bench_new(const char *conf_text);
/* Leaves at once; nothing may be left of connections, jobs and destinations. */
void bench_free(struct bench *b);
void bench_reload(struct bench *b, const char *conf_text);
void bench_up(struct bench *b, enum role peer);
/* What console is told of a host of a list. */
const struct msg_hop *bench_hop(struct bench *b, const char *host, bool mx);
void bench_down(struct bench *b, enum role peer);
void bench_text(struct bench *b, const char *text);

struct bench_job {
	const char *to;    /* recipients with blanks between; "*250": so many */
	const char *mx;    /* a domain, or NULL */
	const char *hops;  /* hosts with blanks between, mx:NAME, or paths */
	bool spread;
	const char *key;   /* NULL: the one of mx or hops */
	const char *sender;
	enum mail_tls_wish tls_wish;
	bool lmtp;
	uint8_t flags;
	const char *site;
	uint32_t connections, messages;
	const char *route; /* NULL: out */
};

/* Gives the role a job, without a turn; its number. */
uint64_t bench_give(struct bench *b, const struct bench_job *j);
/* The same, and waits (no time passes) until nothing moves. */
uint64_t bench_relay(struct bench *b, const struct bench_job *j);
void bench_message(struct bench *b, struct channel *ch, enum msg_type type,
                   struct buf *record, int fd);
/* Until no descriptor has anything to say. */
void bench_turn(struct bench *b);
void bench_wait(struct bench *b, int64_t ms);
/* The only result of the last job, which must have come. */
const struct bench_result *bench_result(struct bench *b);
/* Whether the record of the last kept event holds this text. */
bool bench_said(const struct bench *b, const char *text);
/* The same of the last event of that name. */
bool bench_told(const struct bench *b, unsigned event, const char *text);

/* bench_conf with other words for the route; until the next call. */
const char *bench_conf_with(const char *words);
/* As master: the files of a route, or of all that say nothing (no name). */
void bench_route_files(struct bench *b, struct str name, struct str trust, struct str chain,
		       struct str key, struct str secret);

extern struct bench *bench_now;

#endif
