/* SPDX-License-Identifier: Apache-2.0 */
/* Compares passwords with crypt(5) hashes, which takes tens of milliseconds each by
 * design, on helper threads: the loop only hands over and takes back. */
#ifndef IMS_DIRECTORY_CHECKER_H
#define IMS_DIRECTORY_CHECKER_H

#include "lib/base/str.h"
#include "lib/os/loop.h"

enum {
	CHECKER_THREADS_MAX = 4,
	CHECKER_JOBS_MAX = 256, /* that wait; two seconds' work or so */
	CHECKER_PASSWORD_MAX = 511, /* octets; what crypt(3) takes, less its NUL */
	CHECKER_HASH_MAX = 512,
};

enum check_result {
	CHECK_NO,
	CHECK_YES,
	CHECK_CANNOT, /* no memory, or not a hash that the library knows */
};

typedef void checker_fn(void *arg, uint64_t id, enum check_result result);

struct checker;

/* Starts as many threads as there are processors, at most CHECKER_THREADS_MAX. `fn` is
 * called on the loop, once for each job. NULL: no memory or threads. */
struct checker *checker_new(struct loop *loop, checker_fn *fn, void *arg);
/* Jobs that wait are dropped; those at work are waited for. NULL is fine. */
void checker_free(struct checker *c);
/* Copies both. A password that is too long is no; false: too many wait, or no memory. */
bool checker_put(struct checker *c, uint64_t id, struct str password, struct str hash);

#endif
