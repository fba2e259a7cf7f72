/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/conf_show.h"
#include "ctl/events.h"
#include "ctl/suspended.h"
#include "ctl/track.h"
#include "ctl/user.h"

static int verb_user(struct ctl *ctl, int argc, char **argv)
{
	return ctl_user(ctl->conf, ctl->json, ctl->yes, argc, argv);
}

static int verb_track(struct ctl *ctl, int argc, char **argv)
{
	return ctl_track(ctl->conf, ctl->json, argc, argv);
}

static int verb_events(struct ctl *ctl, int argc, char **argv)
{
	return ctl_events(ctl->conf, ctl->json, argc, argv);
}

static int verb_check(struct ctl *ctl, int argc, char **argv)
{
	if (argc > 1) return ctl_fail(EX_USAGE, "check [FILE]");
	return ctl_check(argc == 1 ? argv[0] : ctl->config_path);
}

static int verb_config(struct ctl *ctl, int argc, char **argv)
{
	enum conf_show_mode mode = CONF_SHOW_CHANGED;
	if (ctl_flag(&argc, argv, "--effective")) mode = CONF_SHOW_EFFECTIVE;
	(void)ctl_flag(&argc, argv, "--changed");
	if (ctl->json) mode = CONF_SHOW_JSON;
	if (argc > 0) return ctl_fail(EX_USAGE, "config --changed | --effective | --json");
	return ctl_config(ctl->config_path, mode);
}

enum { BARE = 1, SERVICE = 2, NAMED = 4 };

static const struct verb {
	const char *name;
	int (*run)(struct ctl *ctl, int argc, char **argv);
	/* BARE: does without a good configuration; SERVICE: asks the running service, which
	 * has a good one even if the file is broken now; NAMED: gets its name as argv[0]. */
	unsigned how;
	const char *help;
} verbs[] = {
	{ "status", ctl_status, SERVICE, "status                      processes, queue totals, pressure" },
	{ "metrics", ctl_metrics, SERVICE, "metrics                     counters and gauges in the text format of Prometheus" },
	{ "queue", ctl_queue, 0, "queue list|summary [FILTER] what waits, and why" },
	{ "msg", ctl_msg, 0, "msg show ID [--body]        one message; msg export ID: as RFC 5322" },
	{ "retry", ctl_act, SERVICE | NAMED, "retry SELECTOR              try now" },
	{ "hold", ctl_act, SERVICE | NAMED, "hold SELECTOR               do not try until released" },
	{ "release", ctl_act, SERVICE | NAMED, "release SELECTOR            let held or parked messages go on" },
	{ "drop", ctl_act, SERVICE | NAMED, "drop SELECTOR               remove without a report" },
	{ "bounce", ctl_act, SERVICE | NAMED, "bounce SELECTOR             return to the sender with a report" },
	{ "reroute", ctl_act, SERVICE | NAMED, "reroute SELECTOR            try now, by the routes of today" },
	{ "suspend", ctl_suspend, SERVICE | NAMED, "suspend [domain D|route R]  try nothing there; alone: what is suspended" },
	{ "resume", ctl_suspend, SERVICE | NAMED, "resume domain D|route R     go on there" },
	{ "explain", ctl_explain, 0, "explain route A@B|msg ID    where mail goes, when, and why not yet\n"
		"  explain client IP|rcpt ...  who may send what: --client IP --helo H --user U --from A --to A" },
	{ "track", verb_track, 0, "track [--from A] [--to A] [--id X] [--message-id M] [--since T]" },
	{ "events", verb_events, 0, "events [--follow] [--since T] [--number N] [--event NAME]" },
	{ "user", verb_user, 0, "user add|passwd|del ADDRESS, user list" },
	{ "check", verb_check, BARE, "check [FILE]                is the configuration good?" },
	{ "config", verb_config, BARE, "config [--effective|--json] what is set" },
	{ "reload", ctl_reload, SERVICE, "reload                      read the configuration again" },
	{ "spool", ctl_spool, 0, "spool verify|backup DIR|compact" },
};

static int usage(FILE *to, int status)
{
	fputs("usage: imsctl [--config FILE] [--json] [--yes] [--dry-run] VERB ...\n", to);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) fprintf(to, "  %s\n", verbs[i].help);
	fputs("SELECTOR: message id, 'domain D', 'route R', 'sender A', FILTER, 'all'; with them\n"
	      "          --reason TEXT, and for hold and suspend --for 2h\n"
	      "FILTER:   state=deferred to=@example.com route=R from=a@b older=1h size>1M\n", to);
	return status;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
	return NULL;
}

/* Warnings are for `check`; here only what makes the file useless is said. */
static int load(struct ctl *ctl, bool service)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	if (conf_load(ctl->config_path, &bundle, &errors))
		ctl->conf = conf_parse_partly(&bundle, &errors);
	ctl->conf_broken = errors.errors > 0;
	if (ctl->conf_broken && !(service && ctl->conf && ctl_is_running(ctl))) {
		conf_free(ctl->conf);
		ctl->conf = NULL;
	}
	if (!ctl->conf) {
		struct buf text;
		buf_init(&text, 1 << 20);
		conf_errors_write(&errors, &text);
		fprintf(stderr, "%.*s", STR_ARG(buf_view(&text)));
		buf_free(&text);
	} else if (ctl->conf_broken) {
		fprintf(stderr, "imsctl: %s has errors (imsctl check); the service that runs "
			"has the one from before\n", ctl->config_path);
	}
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	return ctl->conf ? 0 : EX_CONFIG;
}

static int run(struct ctl *ctl, const struct verb *verb, int argc, char **argv)
{
	const char *path = ctl_option(&argc, argv, "--config");
	if (path) ctl->config_path = path;
	ctl->json = ctl_flag(&argc, argv, "--json") || ctl->json;
	ctl->yes = ctl_flag(&argc, argv, "--yes") || ctl->yes;
	ctl->dry_run = ctl_flag(&argc, argv, "--dry-run") || ctl->dry_run;
	if (ctl_flag(&argc, argv, "--help")) return usage(stdout, 0);
	int status = verb->how & BARE ? 0 : load(ctl, verb->how & SERVICE);
	if (status) return status;
	int skip = verb->how & NAMED ? 0 : 1;
	status = verb->run(ctl, argc - skip, argv + skip);
	conf_free(ctl->conf);
	if (fflush(stdout) != 0 && status == 0) status = EX_IOERR;
	return status;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .config_path = "/etc/ims/ims.conf" };
	(void)signal(SIGPIPE, SIG_DFL);
	argc--;
	argv++;
	while (argc > 0 && argv[0][0] == '-') {
		const char *path = NULL;
		if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) return usage(stdout, 0);
		if (strcmp(argv[0], "--version") == 0) return puts("imsctl " IMS_VERSION) < 0;
		if (strcmp(argv[0], "--json") == 0) ctl.json = true;
		else if (strcmp(argv[0], "--yes") == 0) ctl.yes = true;
		else if (strcmp(argv[0], "--dry-run") == 0) ctl.dry_run = true;
		else if (strncmp(argv[0], "--config=", 9) == 0) path = argv[0] + 9;
		else if (strcmp(argv[0], "--config") == 0 && argc > 1) {
			path = argv[1];
			argc--;
			argv++;
		} else return usage(stderr, EX_USAGE);
		if (path) ctl.config_path = path;
		argc--;
		argv++;
	}
	const struct verb *verb = argc > 0 ? find_verb(argv[0]) : NULL;
	if (argc > 0 && !verb) (void)ctl_fail(EX_USAGE, "no verb '%s'", argv[0]);
	if (!verb) return usage(stderr, EX_USAGE);
	return run(&ctl, verb, argc, argv);
}
