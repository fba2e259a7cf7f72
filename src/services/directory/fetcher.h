/* SPDX-License-Identifier: Apache-2.0 */
/* Asks web servers (libcurl), which can take seconds, on helper threads: the loop only hands
 * over and takes back. No redirects, nothing but https (and http to this machine), an answer
 * of a bounded size in a bounded time, always with the server's certificate checked. */
#ifndef IMS_DIRECTORY_FETCHER_H
#define IMS_DIRECTORY_FETCHER_H

#include "lib/base/buf.h"
#include "lib/os/loop.h"

enum {
	FETCHER_THREADS = 2,
	FETCHER_JOBS_MAX = 256, /* that wait or are at work */
	FETCHER_ANSWER_MAX = 64 * 1024,
	FETCHER_MS = 5000,       /* from start to end */
	FETCHER_WAIT_MS = 10000, /* what has waited longer for a thread is not asked */
};

/* What is to be fetched; all strings are copied, and `form` and `login` wiped after use. */
struct fetch {
	struct str url;
	struct str ca;    /* PEM; borrowed for the life of the fetcher, not copied */
	struct str form;  /* application/x-www-form-urlencoded; empty: GET */
	struct str login; /* user:password as RFC 6749 2.3.1 writes them; empty: none */
};

/* The text of the answer, or why there is none (empty: there is). On the loop, once for each
 * job; both live until it returns. */
typedef void fetcher_fn(void *arg, uint64_t id, struct str text, struct str why);

struct fetcher;

/* Before rights are given up: loads all that the library would look for. */
bool fetcher_prepare(void);
struct fetcher *fetcher_new(struct loop *loop, fetcher_fn *fn, void *arg); /* NULL: no memory */
/* Jobs are dropped; those at work are broken off and waited for. NULL is fine. */
void fetcher_free(struct fetcher *f);
bool fetcher_put(struct fetcher *f, uint64_t id, const struct fetch *what); /* false: no room */

#endif
