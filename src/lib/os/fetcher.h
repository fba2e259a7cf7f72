/* SPDX-License-Identifier: Apache-2.0 */
/* Asks web servers (libcurl), which can take seconds, on helper threads: the loop only hands
 * over and takes back. No redirects, nothing but https (and http to this machine), an answer
 * of a bounded size in a bounded time, always with the server's certificate checked. */
#ifndef IMS_OS_FETCHER_H
#define IMS_OS_FETCHER_H

#include "lib/base/buf.h"
#include "lib/os/loop.h"

enum {
	FETCHER_JOBS_MAX = 256, /* that wait or are at work */
	FETCHER_ANSWER_MAX = 64 * 1024,
	FETCHER_WAIT_MS = 10000, /* what has waited longer for a thread is not asked */
};

/* What is to be fetched; all strings but `ca` are copied, and `body` and `login` wiped after
 * use. An empty string is none. */
struct fetch {
	struct str url;
	struct str ca;    /* PEM; borrowed for the life of the fetcher */
	struct str body;  /* to be posted; none: GET */
	struct str type;  /* of the body; none: application/x-www-form-urlencoded */
	struct str login; /* user:password as RFC 6749 2.3.1 writes them */
	/* Where the host is: "+HOST:PORT:ADDRESS[,ADDRESS…]" as CURLOPT_RESOLVE takes it; with the
	 * plus it is forgotten after a while. None: the C library looks. */
	struct str at;
};

struct fetched {
	struct str text; /* of the answer: also beside a code that is not 200 */
	struct str type; /* Content-Type as the server said it */
	struct str why;  /* why it is not an answer with code 200; empty: it is */
	bool untrusted;  /* it is none because the server's certificate is not good */
	long code;       /* 0: the server did not get as far */
};

/* On the loop, once for each job; all strings live until it returns. */
typedef void fetcher_fn(void *arg, uint64_t id, const struct fetched *result);

struct fetcher;

struct fetcher_spec {
	size_t threads; /* at most WORKERS_THREADS_MAX */
	long timeout_ms; /* of one job from start to end */
	fetcher_fn *fn;
	void *arg;
};

/* Before rights are given up: loads all that the library would look for. */
bool fetcher_prepare(void);
struct fetcher *fetcher_new(struct loop *loop, const struct fetcher_spec *spec); /* NULL: no memory */
/* Jobs are dropped; those at work are broken off and waited for. NULL is fine. */
void fetcher_free(struct fetcher *f);
bool fetcher_put(struct fetcher *f, uint64_t id, const struct fetch *what); /* false: no room */

#endif
