/* SPDX-License-Identifier: Apache-2.0 */
/* retry, hold, release, drop, bounce, reroute, suspend, resume: by the running service, or on
 * the spool itself when no service runs. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/offline.h"
#include "lib/base/units.h"
#include "lib/queue/action.h"
#include "lib/queue/filter.h"
#include "lib/queue/suspend.h"

enum { SELECTOR_MAX = 4096, WHY_MAX = 256 };

/* What was asked for on the command line. */
struct wish {
	enum queue_action action;
	struct str selector;
	const char *reason, *lasts; /* "" if not given */
	int64_t lasts_ms;
	char text[SELECTOR_MAX];
};

static int act_request(const struct ctl *ctl, const struct wish *w, bool dry, uint64_t *count)
{
	char text[CTL_TEXT_MAX];
	json_t *request = json_pack("{s:s, s:s, s:s%, s:s, s:s, s:b}", "verb", "act", "action",
		queue_action_name(w->action), "selector", w->selector.at, w->selector.len, "reason",
		w->reason, "for", w->lasts, "dry_run", dry);
	if (!request) return ctl_fail(EX_DATAERR, "the words are not UTF-8");
	int status = ctl_ask(ctl, request, NULL, NULL, count, text);
	if (status != 0 && text[0]) return ctl_fail(status, "%s", text);
	return status;
}

static int act_once(const struct ctl *ctl, const struct wish *w, bool dry, uint64_t *count)
{
	if (ctl_is_running(ctl)) return act_request(ctl, w, dry, count);
	if (ctl->conf_broken) /* it ran a moment ago */
		return ctl_fail(EX_CONFIG, "the service has stopped, and %s has errors", ctl->config_path);
	return offline_act(ctl, &(struct offline_wish){ .action = w->action, .selector = w->selector,
		.reason = str_of(w->reason), .lasts_ms = w->lasts_ms, .dry = dry }, count);
}

static bool is_switch(enum queue_action action)
{
	return action == QUEUE_SUSPEND || action == QUEUE_RESUME;
}

static bool selector_is_good(const struct wish *w, struct filter *filter, struct buf *why)
{
	enum suspend_kind kind;
	struct str name;
	return filter_parse_selector(w->selector, filter, why) &&
	       (!is_switch(w->action) || suspend_parse(w->selector, &kind, &name, why));
}

static int wish_parse(struct wish *w, int argc, char **argv, struct filter *filter)
{
	char why_text[WHY_MAX];
	struct buf selector, why;
	const char *reason = ctl_option(&argc, argv, "--reason");
	const char *lasts = ctl_option(&argc, argv, "--for");
	buf_init_fixed(&selector, w->text, sizeof w->text);
	buf_init_fixed(&why, why_text, sizeof why_text);
	w->reason = reason ? reason : "";
	w->lasts = lasts ? lasts : "";
	w->lasts_ms = 0;
	if (!queue_action_parse(str_of(argv[0]), &w->action)) return ctl_fail(EX_USAGE, "no such action");
	if (lasts && !queue_action_has_end(w->action))
		return ctl_fail(EX_USAGE, "%s: --for goes with hold and suspend only", argv[0]);
	if (lasts && (!units_duration(str_of(lasts), &w->lasts_ms) || w->lasts_ms == 0))
		return ctl_fail(EX_USAGE, "--for wants a time such as 90s, 15m, 4h, 2d");
	if (is_switch(w->action) && argc < 2)
		return ctl_fail(EX_USAGE, "%s: say 'domain D' or 'route R'", argv[0]);
	if (argc < 2 || !ctl_join(argc - 1, argv + 1, &selector))
		return ctl_fail(EX_USAGE, "%s: say which messages: an id, 'domain D', 'route R', "
		                          "'sender A', a filter such as state=deferred, or 'all'", argv[0]);
	w->selector = buf_view(&selector);
	if (!selector_is_good(w, filter, &why)) return ctl_fail(EX_USAGE, "%.*s", STR_ARG(buf_view(&why)));
	return 0;
}

static void say(const struct ctl *ctl, const struct wish *w, bool dry, uint64_t count)
{
	const char *name = queue_action_name(w->action);
	if (ctl->json) {
		printf("{\"action\":\"%s\",\"count\":%llu,\"dry_run\":%s}\n", name,
			(unsigned long long)count, dry ? "true" : "false");
	} else if (is_switch(w->action) && !dry) {
		printf("%s: ", name);
		ctl_print_safe(w->selector);
		putchar('\n');
	} else {
		printf("%s: %llu message%s\n", name, (unsigned long long)count, count == 1 ? "" : "s");
	}
}

/* One message that is named by its id is meant; for more, and for what cannot be taken back,
 * how many is shown first. Nothing is lost by a suspension. */
static bool wants_question(const struct wish *w, const struct filter *filter)
{
	if (is_switch(w->action)) return false;
	return !filter->id || w->action == QUEUE_DROP || w->action == QUEUE_BOUNCE;
}

int ctl_act(struct ctl *ctl, int argc, char **argv)
{
	static struct wish w;
	struct filter filter;
	uint64_t count = 0;
	int status = wish_parse(&w, argc, argv, &filter);
	if (status) return status;
	if (ctl->dry_run || (!ctl->yes && wants_question(&w, &filter))) {
		status = act_once(ctl, &w, true, &count);
		if (status != 0) return status;
		if (ctl->dry_run) {
			say(ctl, &w, true, count);
			return 0;
		}
		if (!ctl_confirm(ctl, "%s %llu message%s?", queue_action_name(w.action),
			(unsigned long long)count, count == 1 ? "" : "s"))
			return EX_TEMPFAIL;
	}
	status = act_once(ctl, &w, false, &count);
	if (status == 0 || count > 0) say(ctl, &w, false, count);
	return status;
}
