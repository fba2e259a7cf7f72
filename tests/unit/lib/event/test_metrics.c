/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/event/metrics.h"

static struct metrics *metrics;
static char text[256 * 1024];

static void count(void *arg, struct str record)
{
	static struct event_view view;
	(void)arg;
	assert_true(event_view_read(&view, record));
	metrics_count(metrics, &view);
}

static int64_t wall_ms(void *arg)
{
	(void)arg;
	return 1;
}

static struct event_log event_log;

static int setup(void **state)
{
	(void)state;
	metrics = metrics_new();
	event_log_init(&event_log, "test", count, wall_ms, NULL);
	return metrics ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	metrics_free(metrics);
	event_log_free(&event_log);
	return 0;
}

static const char *written(void)
{
	struct buf out;
	buf_init_fixed(&out, text, sizeof text - 1);
	metrics_write(metrics, &out);
	assert_false(out.overflowed);
	text[out.len] = '\0';
	return text;
}

static void has(const char *line)
{
	if (!strstr(written(), line)) fail_msg("no %s in\n%s", line, text);
}

static void refusal(const char *stage)
{
	event_begin(&event_log, EVENT_refuse, 0, 0);
	event_str(&event_log, FIELD_stage, str_of(stage));
	event_end(&event_log);
}

static void test_counts(void **state)
{
	(void)state;
	has("\nims_messages_received_total 0\n");
	has("ims_events_total{event=\"refuse\"} 0\n");
	refusal("sender");
	refusal("sender");
	refusal("recipient");
	event_begin(&event_log, EVENT_refuse, 0, 0); /* without a stage */
	event_end(&event_log);
	event_begin(&event_log, EVENT_auth_fail, 0, 0);
	event_str(&event_log, FIELD_mechanism, STR("PLAIN"));
	event_end(&event_log);
	event_begin(&event_log, EVENT_receive, 0, 0);
	event_end(&event_log);
	has("\nims_messages_received_total 1\n");
	has("\nims_rejects_total{stage=\"sender\"} 2\n");
	has("\nims_rejects_total{stage=\"recipient\"} 1\n");
	has("\nims_rejects_total{stage=\"-\"} 1\n");
	has("\nims_auth_total{mech=\"PLAIN\",result=\"failed\"} 1\n");
	has("\nims_events_total{event=\"refuse\"} 4\n");
	has("# TYPE ims_rejects_total counter\n");
}

/* However many values there are, the lines are bounded, and none is lost. */
static void test_bounded(void **state)
{
	char stage[128];
	unsigned lines = 0;
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(stage, sizeof stage, "stage%u", i);
		refusal(stage);
	}
	has("\nims_rejects_total{stage=\"stage31\"} 1\n");
	has("\nims_rejects_total{stage=\"other\"} 68\n");
	for (const char *at = written(); (at = strstr(at, "\nims_rejects_total{")); at++) lines++;
	assert_int_equal(lines, METRICS_VALUES_MAX + 1);
	memset(stage, 'x', sizeof stage - 1);
	stage[sizeof stage - 1] = '\0';
	refusal(stage); /* too long, and too late for a place of its own */
	has("\nims_rejects_total{stage=\"other\"} 69\n");
}

static void test_quoting(void **state)
{
	struct buf out;
	(void)state;
	buf_init_fixed(&out, text, sizeof text - 1);
	metric_line(METRIC_build_info, (struct metric_label){ "version", STR("a\"b\\c\nd") },
		(struct metric_label){ 0 }, -1, &out);
	text[out.len] = '\0';
	assert_string_equal(text, "ims_build_info{version=\"a\\\"b\\\\c\\nd\"} -1\n");
	refusal("a\"b\n}");
	has("\nims_rejects_total{stage=\"a\\\"b\\n}\"} 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quoting, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
