/* SPDX-License-Identifier: Apache-2.0 */
/* imsctl: the administrator's tool. One file a verb; every verb gets its words behind
 * the verb and returns a sysexits code. It talks to the running service through the
 * control socket, and reads the spool, the log and the directory themselves where it
 * only looks. */
#ifndef IMS_CTL_CTL_H
#define IMS_CTL_CTL_H

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/conf/conf.h"

enum { CTL_WORDS_MAX = 64 };

struct ctl {
	const char *config_path;
	struct conf *conf; /* NULL for verbs that do without */
	/* The file has errors: `conf` serves to reach the running service, nothing else. */
	bool conf_broken;
	bool json, yes, dry_run;
};

/* Options that every verb understands are taken out of argv: --json --yes --dry-run.
 * `--name VALUE` and `--name=VALUE`; NULL if absent. */
const char *ctl_option(int *argc, char **argv, const char *name);
bool ctl_flag(int *argc, char **argv, const char *name);
/* The words left, joined by blanks. False if they do not fit. */
bool ctl_join(int argc, char **argv, struct buf *out);

/* "imsctl: ..." on standard error; returns `status`. */
int ctl_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is in `text`, with everything that is not printable escaped, so that mail cannot
 * drive the terminal. */
void ctl_print_safe(struct str text);
/* Asks "... [y/N]" on the terminal. Without one, or with --yes, no and yes. */
bool ctl_confirm(const struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- control.c ------------------------------------------------------------------- */

/* Sends one request (an object, taken over) and calls `row` for every answer but the
 * last. Returns the status of the last one, or EX_UNAVAILABLE if no service answers.
 * `count` and `text` (CTL_TEXT_MAX bytes) get the last one's; NULL is fine. */
enum { CTL_TEXT_MAX = 512 };
int ctl_ask(const struct ctl *ctl, json_t *request, void (*row)(void *arg, json_t *row),
            void *arg, uint64_t *count, char *text);
/* Whether a service listens on the control socket. */
bool ctl_is_running(const struct ctl *ctl);

/* --- verbs ------------------------------------------------------------------------ */
int ctl_status(struct ctl *ctl, int argc, char **argv);
int ctl_metrics(struct ctl *ctl, int argc, char **argv);
int ctl_reload(struct ctl *ctl, int argc, char **argv);
int ctl_queue(struct ctl *ctl, int argc, char **argv);
int ctl_msg(struct ctl *ctl, int argc, char **argv);
int ctl_act(struct ctl *ctl, int argc, char **argv); /* argv[0]: the action */
int ctl_explain(struct ctl *ctl, int argc, char **argv);
int ctl_spool(struct ctl *ctl, int argc, char **argv);

#endif
