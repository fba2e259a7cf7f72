/* SPDX-License-Identifier: Apache-2.0 */
#include <sysexits.h>

#include "lib/base/json.h"
#include "lib/event/metrics.h"
#include "services/console/console.h"

static const struct metric_label none;

static void one(enum metric metric, int64_t value, struct buf *out)
{
	metric_head(metric, out);
	metric_line(metric, none, none, value, out);
}

static void of_roles(const struct console_client *client, struct buf *out)
{
	metric_head(METRIC_process_restarts_total, out);
	for (size_t i = 0; i < client->role_count; i++) {
		const struct console_role_row *row = &client->roles[i];
		char text[FRAME_TITLE_MAX];
		if (row->role >= ROLE_COUNT) continue;
		frame_title(text, (enum role)row->role, row->index);
		metric_line(METRIC_process_restarts_total,
			(struct metric_label){ "process", str_of(text) }, none, row->restarts, out);
	}
}

static void of_queue(const struct console_client *client, struct buf *out)
{
	const struct msg_totals *t = &client->totals;
	const struct { const char *state; uint64_t count; } states[] = {
		{ "active", t->active }, { "deferred", t->deferred },
		{ "held", t->held }, { "poison", t->poison },
	};
	int64_t now_ms = loop_wall_ms(client->console->frame->loop);
	metric_head(METRIC_queue_messages, out);
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		metric_line(METRIC_queue_messages,
			(struct metric_label){ "state", str_of(states[i].state) }, none,
			(int64_t)states[i].count, out);
	one(METRIC_queue_recipients, (int64_t)t->recipients, out);
	one(METRIC_queue_bytes, (int64_t)t->bytes, out);
	one(METRIC_queue_oldest_seconds,
		t->oldest_ms ? (now_ms - (int64_t)t->oldest_ms) / 1000 : 0, out);
	one(METRIC_spool_free_bytes, (int64_t)t->free, out);
	metric_head(METRIC_pressure_level, out);
	metric_line(METRIC_pressure_level, (struct metric_label){ "resource", STR("disk") }, none,
		t->disk_low, out);
}

static void of_certificates(const struct console_client *client, struct buf *out)
{
	metric_head(METRIC_cert_not_after_seconds, out);
	for (size_t i = 0; i < client->certificate_count; i++) {
		const struct console_certificate *row = &client->certificates[i];
		metric_line(METRIC_cert_not_after_seconds,
			(struct metric_label){ row->of_route ? "route" : "listener",
				str_of(row->owner) },
			(struct metric_label){ "name", str_of(row->name) }, row->until_s, out);
	}
}

/* What a process that restarts would have told is left out. */
void metrics_answer(struct console_client *client)
{
	struct buf text;
	struct json json = { .out = &client->out };
	buf_init(&text, CONSOLE_REPLY_MAX / 2);
	metric_head(METRIC_build_info, &text);
	metric_line(METRIC_build_info, (struct metric_label){ "version", STR(IMS_VERSION) }, none, 1,
		&text);
	one(METRIC_config_generation,
		client->role_count ? (int64_t)client->roles[0].generation : 0, &text);
	of_roles(client, &text);
	if (client->has_totals) of_queue(client, &text);
	of_certificates(client, &text);
	buf_str(&text, buf_view(&client->counts));
	json_begin_object(&json);
	json_str_at(&json, STR("metrics"), text.overflowed ? STR("") : buf_view(&text));
	json_end_object(&json);
	buf_byte(&client->out, '\n');
	client_finish(client, text.overflowed ? EX_TEMPFAIL : EX_OK, 0,
		text.overflowed ? STR("out of memory") : STR(""));
	buf_free(&text);
}
