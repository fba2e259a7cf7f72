/* SPDX-License-Identifier: Apache-2.0 */
/* retry, hold, release, drop: by the running service, or on the spool itself when no
 * service runs. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/offline.h"
#include "lib/queue/action.h"
#include "lib/queue/filter.h"

enum { SELECTOR_MAX = 4096 };

static int act_request(const struct ctl *ctl, const char *action, struct str selector,
                       const char *reason, bool dry, uint64_t *count)
{
	char text[CTL_TEXT_MAX];
	json_t *request = json_pack("{s:s, s:s, s:s%, s:s, s:b}", "verb", "act", "action", action,
		"selector", selector.at, selector.len, "reason", reason, "dry_run", dry);
	if (!request) return ctl_fail(EX_DATAERR, "the words are not UTF-8");
	int status = ctl_ask(ctl, request, NULL, NULL, count, text);
	if (status != 0 && text[0]) return ctl_fail(status, "%s", text);
	return status;
}

static int act_once(const struct ctl *ctl, enum queue_action action, struct str selector,
                    const char *reason, bool dry, uint64_t *count)
{
	if (ctl_is_running(ctl))
		return act_request(ctl, queue_action_name(action), selector, reason, dry, count);
	if (ctl->conf_broken) /* it ran a moment ago */
		return ctl_fail(EX_CONFIG, "the service has stopped, and %s has errors", ctl->config_path);
	return offline_act(ctl, action, selector, str_of(reason), dry, count);
}

static const char *act_plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

int ctl_act(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = ctl_option(&argc, argv, "--reason");
	char text[SELECTOR_MAX], why_text[256];
	struct buf selector, why;
	struct filter filter;
	enum queue_action action;
	uint64_t count = 0;
	buf_init_fixed(&selector, text, sizeof text);
	buf_init_fixed(&why, why_text, sizeof why_text);
	if (!queue_action_parse(str_of(argv[0]), &action)) return ctl_fail(EX_USAGE, "no such action");
	if (argc < 2 || !ctl_join(argc - 1, argv + 1, &selector))
		return ctl_fail(EX_USAGE, "%s: say which messages: an id, 'domain D', 'sender A', "
		                          "a filter such as state=deferred, or 'all'", argv[0]);
	if (!filter_parse_selector(buf_view(&selector), &filter, &why))
		return ctl_fail(EX_USAGE, "%.*s", STR_ARG(buf_view(&why)));
	if (!reason) reason = "";
	/* One message that is named by its id is meant; for more, show how many first. */
	bool ask = ctl->dry_run || !filter.id || action == QUEUE_DROP;
	if (ask && (ctl->dry_run || !ctl->yes)) {
		int status = act_once(ctl, action, buf_view(&selector), reason, true, &count);
		if (status != 0) return status;
		if (ctl->dry_run) {
			printf("%s: %llu message%s\n", argv[0], (unsigned long long)count,
				act_plural(count));
			return 0;
		}
		if (!ctl_confirm(ctl, "%s %llu message%s?", argv[0], (unsigned long long)count,
			act_plural(count)))
			return EX_TEMPFAIL;
	}
	int status = act_once(ctl, action, buf_view(&selector), reason, false, &count);
	if (status == 0)
		printf("%s: %llu message%s\n", argv[0], (unsigned long long)count, act_plural(count));
	return status;
}
