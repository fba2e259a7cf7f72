/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a unix socket that says what a test tells it to, one connection after the
 * other, on a thread of its own. */
#ifndef IMS_TESTS_DIRECTORY_SCRIPTED_H
#define IMS_TESTS_DIRECTORY_SCRIPTED_H

#include <pthread.h>

#include "lib/base/str.h"

/* What happens on a connection: `say` is sent, then a line is read if `hear`, or `frames`
 * of PostgreSQL's messages, and so on. */
struct scripted_step {
	struct str say;
	bool hear;
	size_t repeat; /* `say` so many times more */
	bool hang;     /* then silence until the other side goes */
	size_t frames;
};

struct scripted {
	char folder[32], path[64];
	const struct scripted_step *steps;
	size_t count;
	int listener, connections;
	char heard[4096]; /* all that was read */
	size_t heard_len;
	pthread_t thread;
};

void scripted_start(struct scripted *s, const struct scripted_step *steps, size_t count);
void scripted_end(struct scripted *s);

#endif
