/* SPDX-License-Identifier: Apache-2.0 */
/* What the crash suite does to a spool: a script of batches that brings about every
 * transition of docs/spool.md. */
#ifndef IMS_TEST_CRASH_WORKLOAD_H
#define IMS_TEST_CRASH_WORKLOAD_H

#include "model.h"

enum { WORKLOAD_BATCHES_MAX = 64, WORKLOAD_OPS_MAX = 24 };
/* A report (the second) is committed with the outcome of recipient 0 of its cause. */
enum { WORKLOAD_CAUSE = 6, WORKLOAD_REPORT = 7 };

struct workload_run {
	size_t batches;
	/* The model after n batches, of operations with result 0. */
	struct model models[WORKLOAD_BATCHES_MAX + 1];
	/* If a batch ended in -EIO: the model in which all of it was done. */
	bool in_doubt;
	struct model doubt;
	size_t acked_at[WORKLOAD_BATCHES_MAX]; /* by `clock` */
	unsigned refused; /* operations with a result other than 0 */
	/* Of them those that stood beside arrivals, but not in a group with one. */
	unsigned refused_others;
};

/* Runs the script. `clock` tells how many steps the disk has made. */
void workload_run(struct store *s, struct workload_run *run, size_t clock(void *ctx),
		  void *ctx);

#endif
