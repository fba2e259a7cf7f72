/* SPDX-License-Identifier: Apache-2.0 */
/* The role spool on a bench: its own code with the real loop, helper thread and database
 * in a folder of its own; receive[0], mailbox[0] and console are played by the test. */
#ifndef IMS_TEST_SPOOL_ROLE_BENCH_H
#define IMS_TEST_SPOOL_ROLE_BENCH_H

/* clang-format off: cmocka wants these before it */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lib/mail/job.h"
#include "spool/kvstore.h"
#include "spool/record.h"
#include "spool/spool.h"

enum { BENCH_WINDOW = 1 << 20 };

struct bench {
	struct frame frame;
	struct event_log log;
	struct spool *spool;
	struct channel *near[ROLE_COUNT], *far[ROLE_COUNT];
	struct window *window; /* receive's */
	bool left;
	size_t events[EVENT_COUNT];
	char folder[64];
	/* What the role has sent. */
	size_t sent[MSG_COUNT];
	struct msg_committed committed; /* the last ones */
	unsigned refused_code;
	uint64_t refused;
	struct msg_destination destination; /* its numbers */
	bool destination_slow; /* with a reason and a reply */
	uint64_t job, job_id, answer_count;
	uint64_t relay, report_job; /* or the notice asked for last */
	int64_t report_by_ms;    /* these two of the report asked for last */
	char report_status[16];  /* of its first recipient */
	uint64_t report_jobs[64]; /* those since the test emptied it */
	size_t report_count;
	struct msg_relay relayed; /* the last relay job, without its strings */
	struct str relay_sender; /* of the last relay job, in relay_text */
	char relay_text[256];
	char relay_site[64], relay_key[64], relay_route[64];
	unsigned relay_flags;
	unsigned turned; /* the last one's result */
	uint64_t turned_recipients;
	uint32_t relay_connections, relay_messages;
	unsigned body_result;
	unsigned answer_status;
	uint64_t program; /* the last one asked for */
	unsigned released; /* the last one's result */
	uint64_t released_query, released_count;
	/* Called for each job. */
	void (*on_job)(struct bench *b, const struct msg_job *m);
};

int bench_setup(void **state);
int bench_setup_relay(void **state); /* with a deliver[0] */
int bench_teardown(void **state);
void bench_up(struct bench *b, enum role role); /* a new channel and the role is told */
void bench_down(struct bench *b, enum role role);
/* Another configuration: that of the bench, mail for all others by MX, and `more`. */
void bench_reload(struct bench *b, const char *more);
void bench_reload_alone(struct bench *b, const char *more); /* without a way for all others */
void bench_run(struct bench *b, int64_t ms); /* lets the loop turn for that long */
/* Turns until `*count` is at least `wanted`; fails after some seconds. */
void bench_until(struct bench *b, const size_t *count, size_t wanted);
/* A message with a window block of `len` bytes for joe@`domain`. */
void bench_commit(struct bench *b, uint64_t id, const char *domain, size_t len);
void bench_arrive(struct bench *b, uint64_t id, const char *domain); /* and it is durable */
void bench_commit_as(struct bench *b, const struct msg_commit *m, const char *domain);
void bench_piece(struct bench *b, uint64_t handle, struct window_range range);
void bench_delivered(struct bench *b, uint64_t job);
void bench_act(struct bench *b, enum queue_action action, const char *selector);
struct kvstore *bench_kv(struct bench *b);
struct spool_totals bench_totals(struct bench *b);
/* As bounce: the report that was asked for last, in its window. */
void bench_write_letter(struct bench *b, struct window *letters);

#endif
