/* SPDX-License-Identifier: Apache-2.0 */
#include "services/console/console.h"

#include <jansson.h>
#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/json.h"
#include "lib/base/units.h"
#include "lib/queue/action.h"

enum { REASON_MAX = 512 };

static struct str request_text(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_string(value)) return STR("");
	return (struct str){ json_string_value(value), json_string_length(value) };
}

static bool request_query(struct console_client *client)
{
	struct console *c = client->console;
	client->query = ++c->next_query;
	return map_put(&c->queries, client->query, client);
}

static struct console_client *request_client(struct console *c, uint64_t query)
{
	return map_get(&c->queries, query);
}

/* --- status ---------------------------------------------------------------------- */

static void request_status_roles(struct console_client *client, struct json *json)
{
	json_key(json, STR("roles"));
	json_begin_array(json);
	for (size_t i = 0; i < client->role_count; i++) {
		const struct console_role_row *row = &client->roles[i];
		if (row->role >= ROLE_COUNT) continue;
		json_begin_object(json);
		json_str_at(json, STR("role"), str_of(role_name((enum role)row->role)));
		json_i64_at(json, STR("index"), row->index);
		json_i64_at(json, STR("pid"), row->pid);
		json_i64_at(json, STR("restarts"), row->restarts);
		json_end_object(json);
	}
	json_end_array(json);
}

static void request_status_queue(struct console_client *client, struct json *json)
{
	const struct msg_totals *t = &client->totals;
	int64_t now_ms = loop_wall_ms(client->console->frame->loop);
	json_key(json, STR("queue"));
	if (!client->has_totals) {
		json_nothing(json);
		return;
	}
	json_begin_object(json);
	json_i64_at(json, STR("messages"), (int64_t)t->messages);
	json_i64_at(json, STR("recipients"), (int64_t)t->recipients);
	json_i64_at(json, STR("bytes"), (int64_t)t->bytes);
	json_i64_at(json, STR("oldest_s"),
		t->oldest_ms ? (now_ms - (int64_t)t->oldest_ms) / 1000 : 0);
	json_key(json, STR("states"));
	json_begin_object(json);
	json_i64_at(json, STR("active"), (int64_t)t->active);
	json_i64_at(json, STR("deferred"), (int64_t)t->deferred);
	json_i64_at(json, STR("held"), (int64_t)t->held);
	json_i64_at(json, STR("poison"), (int64_t)t->poison);
	json_end_object(json);
	json_end_object(json);
}

static void request_status_certificates(struct console_client *client, struct json *json)
{
	json_key(json, STR("certificates"));
	json_begin_array(json);
	for (size_t i = 0; i < client->certificate_count; i++) {
		const struct console_certificate *row = &client->certificates[i];
		json_begin_object(json);
		json_str_at(json, row->of_route ? STR("route") : STR("listener"),
			str_of(row->owner));
		json_str_at(json, STR("name"), str_of(row->name));
		json_i64_at(json, STR("not_after"), row->until_s);
		json_end_object(json);
	}
	json_end_array(json);
}

static void request_status_answer(struct console_client *client)
{
	struct json json = { .out = &client->out };
	json_begin_object(&json);
	request_status_roles(client, &json);
	request_status_queue(client, &json);
	json_key(&json, STR("pressure"));
	json_begin_object(&json);
	if (client->has_totals) {
		json_key(&json, STR("disk_low"));
		json_bool(&json, client->totals.disk_low != 0);
		json_i64_at(&json, STR("disk_free"), (int64_t)client->totals.free);
	}
	json_end_object(&json);
	request_status_certificates(client, &json);
	json_i64_at(&json, STR("config_generation"),
		client->role_count ? (int64_t)client->roles[0].generation : 0);
	json_end_object(&json);
	buf_byte(&client->out, '\n');
	client_finish(client, EX_OK, client->role_count, STR(""));
}

/* Once all parts that can be had are here. */
static void request_status_done(struct console_client *client)
{
	if (!client->roles_done || !client->totals_done || !client->counts_done) return;
	if (client->metrics) metrics_answer(client);
	else request_status_answer(client);
}

static void request_status(struct console_client *client, bool metrics)
{
	struct console *c = client->console;
	client->roles = calloc(CONSOLE_ROLES_MAX, sizeof *client->roles);
	if (!client->roles || !request_query(client)) {
		client_finish(client, EX_TEMPFAIL, 0, STR("out of memory"));
		return;
	}
	client->metrics = metrics;
	client->counts_done = !metrics || !c->journal;
	if (!client->counts_done)
		channel_send_ask_counts(c->journal, &(struct msg_ask_counts){ client->query });
	channel_send_ask_roles(c->frame->master, &(struct msg_ask_roles){ client->query });
	if (c->spool) channel_send_ask_totals(c->spool, &(struct msg_ask_totals){ client->query });
	else client->totals_done = true;
}

void request_role_row(struct console *c, const struct msg_role_row *m)
{
	struct console_client *client = request_client(c, m->query);
	if (!client || !client->roles || client->role_count == CONSOLE_ROLES_MAX) return;
	client->roles[client->role_count++] = (struct console_role_row){
		m->role, m->index, m->pid, m->restarts, m->generation };
}

void request_certificate_row(struct console *c, const struct msg_certificate_row *m)
{
	struct console_client *client = request_client(c, m->query);
	if (!client || !client->roles || client->certificate_count == CONSOLE_CERTIFICATES_MAX) return;
	if (!client->certificates)
		client->certificates = calloc(CONSOLE_CERTIFICATES_MAX, sizeof *client->certificates);
	if (!client->certificates) return;
	struct console_certificate *row = &client->certificates[client->certificate_count++];
	row->until_s = (int64_t)m->until_s;
	row->of_route = m->route.len > 0;
	(void)str_to_cstr(row->of_route ? m->route : m->listener, row->owner, sizeof row->owner);
	(void)str_to_cstr(m->name, row->name, sizeof row->name);
}

void request_counts(struct console *c, const struct msg_counts *m)
{
	struct console_client *client = request_client(c, m->query);
	if (!client || client->finished) return;
	buf_str(&client->counts, m->text);
	client->counts_done = true;
	request_status_done(client);
}

void request_journal_lost(struct console *c)
{
	LIST_EACH(it, &c->clients) {
		struct console_client *client = CONTAINER(it, struct console_client, link);
		if (!client->query || client->finished || !client->roles) continue;
		client->counts_done = true;
		request_status_done(client);
	}
}

void request_totals(struct console *c, const struct msg_totals *m)
{
	struct console_client *client = request_client(c, m->query);
	if (!client || client->finished) return;
	client->totals = *m;
	client->has_totals = client->totals_done = true;
	request_status_done(client);
}

/* --- what other roles do --------------------------------------------------------- */

static void request_reload(struct console_client *client)
{
	client->reloading = true; /* master's business, whatever becomes of spool */
	if (!request_query(client)) client_finish(client, EX_TEMPFAIL, 0, STR("out of memory"));
	else
		channel_send_ask_reload(client->console->frame->master,
			&(struct msg_ask_reload){ client->query });
}

/* Told before it is done; each message that it meets becomes an event of its own. */
static void request_audit(struct console_client *client, const json_t *request)
{
	struct event_log *log = client->console->frame->log;
	char text[16], what[REASON_MAX];
	struct buf user, reason;
	buf_init_fixed(&user, text, sizeof text);
	buf_u64(&user, client->uid);
	buf_init_fixed(&reason, what, sizeof what);
	buf_str(&reason, request_text(request, "action"));
	buf_byte(&reason, ' ');
	buf_str(&reason, str_sub(request_text(request, "selector"), 0, REASON_MAX / 2));
	event_begin(log, EVENT_admin, 0, 0);
	event_str(log, FIELD_user, buf_view(&user));
	event_str(log, FIELD_reason, buf_view(&reason));
	event_end(log);
}

/* "for": until when a hold or a suspension lasts; 0: nothing was said. */
static bool request_until(struct console_client *client, const json_t *request,
                          enum queue_action action, uint64_t *until_ms)
{
	struct str text = request_text(request, "for");
	int64_t for_ms;
	*until_ms = 0;
	if (text.len == 0) return true;
	if (!queue_action_has_end(action)) {
		client_finish(client, EX_USAGE, 0, STR("only hold and suspend last for a time"));
		return false;
	}
	if (!units_duration(text, &for_ms) || for_ms == 0) {
		client_finish(client, EX_USAGE, 0, STR("'for' wants a time such as 90s, 15m, 4h, 2d"));
		return false;
	}
	*until_ms = (uint64_t)(loop_wall_ms(client->console->frame->loop) + for_ms);
	return true;
}

static void request_act(struct console_client *client, const json_t *request)
{
	struct console *c = client->console;
	enum queue_action action;
	uint64_t until_ms;
	if (!queue_action_parse(request_text(request, "action"), &action)) {
		client_finish(client, EX_USAGE, 0, STR("no such action"));
		return;
	}
	if (!request_until(client, request, action, &until_ms)) return;
	if (!c->spool) {
		client_finish(client, EX_TEMPFAIL, 0, STR("the mail store is restarting"));
		return;
	}
	if (!request_query(client)) {
		client_finish(client, EX_TEMPFAIL, 0, STR("out of memory"));
		return;
	}
	bool dry = json_is_true(json_object_get(request, "dry_run"));
	if (!dry) request_audit(client, request);
	channel_send_act(c->spool, &(struct msg_act){
		.query = client->query,
		.action = (uint8_t)action,
		.selector = request_text(request, "selector"),
		.reason = str_sub(request_text(request, "reason"), 0, QUEUE_REASON_MAX),
		.dry = dry,
		.until_ms = until_ms,
	});
}

void request_answer(struct console *c, const struct msg_answer *m)
{
	struct console_client *client = request_client(c, m->query);
	if (!client || client->finished) return;
	if (client->roles) {
		client->roles_done = true;
		request_status_done(client);
		return;
	}
	client_finish(client, m->status, m->count, m->text);
}

void request_spool_lost(struct console *c)
{
	LIST_EACH(it, &c->clients) {
		struct console_client *client = CONTAINER(it, struct console_client, link);
		if (!client->query || client->finished || client->reloading || client->destination) continue;
		if (client->roles) {
			client->totals_done = true;
			request_status_done(client);
		} else {
			client_finish(client, EX_TEMPFAIL, 0, STR("the mail store is restarting"));
		}
	}
}

void request_run(struct console_client *client, struct str line)
{
	json_error_t error;
	json_t *request = json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES, &error);
	struct str verb = request ? request_text(request, "verb") : STR("");
	if (str_eq(verb, STR("status"))) request_status(client, false);
	else if (str_eq(verb, STR("metrics"))) request_status(client, true);
	else if (str_eq(verb, STR("reload"))) request_reload(client);
	else if (str_eq(verb, STR("act"))) request_act(client, request);
	else if (str_eq(verb, STR("limits"))) limits_run(client, request);
	else if (str_eq(verb, STR("paces"))) paces_run(client);
	else if (str_eq(verb, STR("destination"))) destination_run(client, request);
	else if (!request) client_finish(client, EX_DATAERR, 0, STR("a request is one JSON object"));
	else client_finish(client, EX_USAGE, 0, STR("the verbs are status, metrics, reload, act, limits, paces, destination"));
	json_decref(request);
}
