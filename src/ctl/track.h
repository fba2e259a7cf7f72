/* SPDX-License-Identifier: Apache-2.0 */
/* imsctl track: what became of messages, from the tracking index and the end of the log
 * that is not in it yet. Works on a stopped service, and without an index. */
#ifndef IMS_CTL_TRACK_H
#define IMS_CTL_TRACK_H

#include <stdio.h>

#include "lib/conf/conf.h"
#include "lib/event/logfile.h"

enum {
	TRACK_ATTEMPTS_MAX = 1000,  /* the newest events that `attempts` looks at */
	TRACK_MESSAGES_MAX = 10000, /* shown at once; refusals likewise */
	TRACK_SKEW_MS =
		3600 * 1000, /* rows are in the order of time but for this at most */
	TRACK_SCAN_MAX = 256 * 1024 * 1024, /* octets of the log read beside the index */
};

/* Selectors that are empty do not select. An address is the whole of it, or a domain that
 * begins with @, or a part without @; <> is the null sender. ASCII case does not matter.
 */
struct track_args {
	struct log_place place;
	bool json;
	bool attempts; /* with `id`: a row for each answer of a host, and nothing else */
	bool sender_null; /* --from '' or '<>' */
	struct str from, to, message_id;
	uint64_t id;
	int64_t since_ms; /* -1: any time */
	FILE *out, *err;
};

/* `words` behind the verb: [--from A] [--to A] [--id X] [--message-id M] [--since T], one
 * at least. JSON: one event a line with the keys of the log, the events of a message
 * together. Nothing found is 0, with a sentence on standard error in text form. */
int ctl_track(const struct conf *conf, bool json, int argc, char **argv);
int track_run(const struct track_args *args);

#endif
