/* SPDX-License-Identifier: Apache-2.0 */
/* imsctl events: the log, oldest first, in text or JSON whatever form it has on disk. */
#ifndef IMS_CTL_EVENTS_H
#define IMS_CTL_EVENTS_H

#include <signal.h>
#include <stdio.h>

#include "lib/conf/conf.h"
#include "lib/event/logfile.h"

enum { EVENTS_POLL_MS = 200 /* between two looks of --follow */ };

struct events_args {
	struct log_place place;
	bool json, follow;
	int64_t since_ms; /* -1: what the current log file has */
	uint64_t number;  /* 0: any */
	struct str event; /* empty: any */
	FILE *out, *err;
	const volatile sig_atomic_t *stop; /* ends --follow when not 0; NULL: never */
};

/* `words` are those behind the verb: [--follow] [--since T] [--number N] [--event NAME].
 * A sysexits code: nothing found is 0, with a sentence on standard error in text form. */
int ctl_events(const struct conf *conf, bool json, int argc, char **argv);
int events_run(const struct events_args *args);

/* Where the log of this configuration can be read. False: its paths are too long. */
bool events_place(const struct conf *conf, struct log_place *place);

#endif
