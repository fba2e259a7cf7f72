/* SPDX-License-Identifier: Apache-2.0 */
/* The role receive on a bench: its own code, with a loop, a clock, channels and a spool
 * that the test plays. Clients are ends of socket pairs. One bench at a time. */
#ifndef IMS_TEST_RECEIVE_BENCH_H
#define IMS_TEST_RECEIVE_BENCH_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/rng.h"
#include "receive/receive.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Domains us.example (any user) and asked.example (directory staff), listener "in", relay
 * for 10.0.0.0/8, command-timeout 20s, data-timeout 60s. */
extern const char bench_conf[];

struct bench {
	struct receive *rx;
	struct frame frame;
	struct event_log log;
	size_t blocks;
	size_t events[EVENT_COUNT];
	unsigned left; /* calls of frame_leave */
	struct channel *spool, *directory, *dns;
	size_t backlog; /* of every channel */
	int64_t now_ms, wall_ms;
};

/* Spool and directory are up, the listener "in" is open. A test that hangs is killed. */
struct bench *bench_new(const char *conf_text, size_t window_blocks);
/* Stops all at once; every block must be free and every session gone. */
void bench_free(struct bench *b);

struct channel *bench_channel(enum role peer);
void bench_up(struct bench *b, struct channel *ch);
void bench_down(struct bench *b, struct channel *ch); /* as the frame tells it; freed */
/* A message from `ch` with the payload of `record`, which is emptied. */
void bench_message(struct bench *b, struct channel *ch, enum msg_type type, struct buf *record);
void bench_committed(struct bench *b, uint64_t handle);
void bench_refused(struct bench *b, uint64_t handle, unsigned code, const char *dsn);
void bench_taken(struct bench *b, uint64_t handle, uint32_t count);
void bench_found(struct bench *b, uint64_t query, unsigned result);
/* An address that stands for others: + or - and an address, one a line. */
void bench_found_targets(struct bench *b, uint64_t query, unsigned how, struct str targets);
void bench_found_owner(struct bench *b, uint64_t query, const char *address, const char *home);
void bench_dns(struct bench *b, uint64_t query, unsigned state, const char *records, size_t len);
/* Number of the question that was asked for that name; 0: there is none. */
uint64_t bench_dns_asked(const char *name, unsigned type);
void bench_listener(struct bench *b, const char *name);
/* What master sends; `fd` is the role's then. */
void bench_certificates(struct bench *b, const char *name, unsigned profile, int fd);
void bench_listener_end(struct bench *b, const char *name);
void bench_reload(struct bench *b, const char *conf_text);

/* The first message of that type that the role has sent and that was not asked for yet;
 * false if there is none. The payload lives until the next call. */
bool bench_sent(enum msg_type type, struct str *payload);
/* Handle of the first commit that waits; fails if there is none. */
uint64_t bench_commit(void);

/* deliver's end of the line that spool was given last; -1: none. The test closes it. */
extern int bench_line;

/* A client connects to the listener "in"; its end of the connection. */
int bench_connect(struct bench *b, const char *client);
struct session *bench_session(struct bench *b, int client); /* NULL: gone */
void bench_say(struct bench *b, int client, const char *text);
void bench_say_bytes(struct bench *b, int client, struct str bytes);
/* Sends without a turn; returns what the socket took. */
size_t bench_push(int client, struct str bytes);
/* Everything that came since the last call, NUL-terminated. */
const char *bench_heard(int client);
bool bench_is_closed(int client); /* after bench_heard: the server said no more */
void bench_vanish(int client); /* its end is closed; no turn */
/* EHLO, MAIL, RCPT x@us.example and DATA, all of them accepted. */
void bench_begin(struct bench *b, int client);

/* Until no descriptor has anything to say; fails if that does not end. */
void bench_turn(struct bench *b);
/* Lets time pass second by second, with the timers and turns that belong to it. */
void bench_wait(struct bench *b, int64_t ms);
/* Calls the session's loop function although poll would not. */
void bench_poke(struct session *s, unsigned ready);

struct ip bench_ip(const char *text);

#endif
