/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `paces`: how fast mail goes, to whom, and why. */
#include <sysexits.h>

#include "lib/base/json.h"
#include "lib/base/units.h"
#include "services/console/console.h"

void paces_run(struct console_client *client)
{
	struct console *c = client->console;
	if (!c->spool) {
		client_finish(client, EX_TEMPFAIL, 0, STR("the mail store is restarting"));
		return;
	}
	client->query = ++c->next_query;
	if (!map_put(&c->queries, client->query, client)) {
		client_finish(client, EX_TEMPFAIL, 0, STR("out of memory"));
		return;
	}
	channel_send_ask_paces(c->spool, &(struct msg_ask_paces){ client->query });
}

void paces_row(struct console *c, const struct msg_pace_row *m)
{
	struct console_client *client = map_get(&c->queries, m->query);
	char text[40];
	struct buf until;
	if (!client || client->finished) return;
	buf_init_fixed(&until, text, sizeof text);
	if (m->until_ms) units_time_write(&until, (int64_t)m->until_ms);
	struct json json = { .out = &client->out };
	json_begin_object(&json);
	json_str_at(&json, STR("key"), m->key);
	json_str_at(&json, STR("site"), m->site);
	json_i64_at(&json, STR("connections"), m->connections);
	json_i64_at(&json, STR("connections_max"), m->connections_max);
	json_i64_at(&json, STR("used"), m->used);
	json_i64_at(&json, STR("rate_percent"), m->percent);
	json_str_at(&json, STR("reason"), m->reason);
	json_str_at(&json, STR("reply"), m->why);
	json_str_at(&json, STR("until"), buf_view(&until));
	json_end_object(&json);
	buf_byte(&client->out, '\n');
}
