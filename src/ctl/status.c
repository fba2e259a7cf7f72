/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void status_text(json_t *row)
{
	size_t i;
	json_t *role;
	const json_t *queue = json_object_get(row, "queue");
	const json_t *states = json_object_get(queue, "states");
	const json_t *pressure = json_object_get(row, "pressure");
	printf("configuration generation %" JSON_INTEGER_FORMAT "\n",
		number(row, "config_generation"));
	printf("%-12s %8s %9s\n", "process", "pid", "restarts");
	json_array_foreach(json_object_get(row, "roles"), i, role) {
		char name[32];
		(void)snprintf(name, sizeof name, "%s[%d]",
			json_string_value(json_object_get(role, "role")), (int)number(role, "index"));
		printf("%-12s %8d %9d\n", name, (int)number(role, "pid"),
			(int)number(role, "restarts"));
	}
	json_array_foreach(json_object_get(row, "certificates"), i, role) {
		const char *route = json_string_value(json_object_get(role, "route"));
		printf("certificate of %s%s for %s ends in %lld days\n", route ? "route " : "",
			route ? route : json_string_value(json_object_get(role, "listener")),
			json_string_value(json_object_get(role, "name")),
			((long long)number(role, "not_after") - (long long)time(NULL)) / 86400);
	}
	if (!json_is_object(queue)) {
		printf("queue: the mail store is restarting\n");
		return;
	}
	printf("queue: %" JSON_INTEGER_FORMAT " messages, %" JSON_INTEGER_FORMAT
	       " recipients, %" JSON_INTEGER_FORMAT " bytes; oldest %" JSON_INTEGER_FORMAT " s\n",
		number(queue, "messages"), number(queue, "recipients"), number(queue, "bytes"),
		number(queue, "oldest_s"));
	printf("       active %d, deferred %d, held %d, poison %d\n", (int)number(states, "active"),
		(int)number(states, "deferred"), (int)number(states, "held"),
		(int)number(states, "poison"));
	printf("disk: %" JSON_INTEGER_FORMAT " MiB free%s\n", number(pressure, "disk_free") >> 20,
		json_is_true(json_object_get(pressure, "disk_low"))
			? ", NEARLY FULL: new mail is put off" : "");
}

static void status_row(void *arg, json_t *row)
{
	const struct ctl *ctl = arg;
	if (!ctl->json) {
		status_text(row);
		return;
	}
	char *text = json_dumps(row, JSON_COMPACT);
	if (text) puts(text);
	free(text);
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
	char text[CTL_TEXT_MAX];
	(void)argv;
	if (argc > 0) return ctl_fail(EX_USAGE, "status takes no words");
	int status = ctl_ask(ctl, json_pack("{s:s}", "verb", "status"), status_row, ctl, NULL, text);
	if (status != 0 && text[0]) return ctl_fail(status, "%s", text);
	return status;
}

static void metrics_row(void *arg, json_t *row)
{
	const char *text = json_string_value(json_object_get(row, "metrics"));
	(void)arg;
	if (text) fputs(text, stdout);
}

int ctl_metrics(struct ctl *ctl, int argc, char **argv)
{
	char text[CTL_TEXT_MAX];
	(void)argv;
	if (argc > 0) return ctl_fail(EX_USAGE, "metrics takes no words");
	int status = ctl_ask(ctl, json_pack("{s:s}", "verb", "metrics"), metrics_row, NULL, NULL, text);
	if (status != 0 && text[0]) return ctl_fail(status, "%s", text);
	return status;
}

int ctl_reload(struct ctl *ctl, int argc, char **argv)
{
	char text[CTL_TEXT_MAX];
	(void)argv;
	if (argc > 0) return ctl_fail(EX_USAGE, "reload takes no words");
	int status = ctl_ask(ctl, json_pack("{s:s}", "verb", "reload"), NULL, NULL, NULL, text);
	if (status != 0) return text[0] ? ctl_fail(status, "%s", text) : status;
	/* Warnings, if any. */
	fputs(text[0] ? text : "the new configuration is in use\n", stdout);
	return 0;
}
