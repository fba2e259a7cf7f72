/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a pool (pool.h) and the questions that they share with its loop: a
 * question is the loop's, then a thread's while it works on it, then the loop's again. */
#ifndef IMS_DIRECTORY_THREADS_H
#define IMS_DIRECTORY_THREADS_H

#include "services/directory/pool.h"

enum threads_kind { THREADS_RECIPIENT, THREADS_LOGIN, THREADS_VERIFY };

struct question {
	struct link link; /* waits, or is done; under the lock, as `begun` */
	bool begun;       /* a thread has it, or had */
	/* what is asked */
	enum threads_kind kind;
	char address[POOL_ADDRESS_MAX];
	size_t address_len;
	char password[POOL_PASSWORD_MAX];
	size_t password_len;
	bool too_long; /* the password; it is as good as any other wrong one */
	/* the answer */
	enum backend_result result;
	struct backend_entry entry;
	char why[BACKEND_WHY_MAX];
	size_t why_len;
	/* the loop's own */
	struct link live, asks;
	uint64_t key;
	int64_t deadline_ms;
	bool dropped; /* answered without it: nobody waits */
};

void question_free(struct question *q); /* wipes the password */

struct threads;

/* NULL: no memory or descriptors; then the settings are still the caller's. */
struct threads *threads_new(const struct backend *backend, struct backend_settings *settings);
/* The loop goes: what waits is dropped, threads end when they come back, and the last one
 * gives everything back. */
void threads_leave(struct threads *t);
int threads_fd(const struct threads *t); /* an eventfd: threads_done has something */
/* Hands over; false: too many wait, or there is no thread and none can be started. */
bool threads_put(struct threads *t, struct question *q);
/* True: no thread had begun it; it is the caller's again. */
bool threads_take_back(struct threads *t, struct question *q);
/* Moves all that are done to the end of `to`. */
void threads_done(struct threads *t, struct link *to);

#endif
