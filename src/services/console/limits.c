/* SPDX-License-Identifier: Apache-2.0 */
/* How a client stands against the limits in time. The counts lie in memory that all
 * processes share; here they are only looked at. */
#include <jansson.h>
#include <sysexits.h>

#include "lib/base/json.h"
#include "lib/ipc/scoreboard.h"
#include "lib/policy/rate.h"
#include "services/console/console.h"

struct limits_case {
	struct console_client *client;
	struct facts facts;
	struct tally *tally;
	struct str recipient;
	struct rate_clock clock;
	uint64_t rows;
};

static struct str text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_string(value)) return STR("");
	return (struct str){ json_string_value(value), json_string_length(value) };
}

static void row_end(struct limits_case *c, struct json *json)
{
	json_end_object(json);
	buf_byte(&c->client->out, '\n');
	c->rows++;
}

static void limits_rate(struct limits_case *c, const struct conf_rate *r, enum rate_what what)
{
	struct bucket_state state;
	struct json json = { .out = &c->client->out };
	if (!policy_rate_look(&c->facts, c->tally, r, what, c->clock, &state)) return;
	json_begin_object(&json);
	json_str_at(&json, STR("rate"), r->name);
	json_str_at(&json, STR("what"), str_of(rate_what_word(what)));
	json_i64_at(&json, STR("used"), state.used);
	json_i64_at(&json, STR("limit"), rate_limit_of(r, what)->count);
	json_i64_at(&json, STR("every_ms"), rate_limit_of(r, what)->every_ms);
	json_i64_at(&json, STR("wait_ms"), state.wait_ms);
	row_end(c, &json);
}

static void limits_baseline(struct limits_case *c)
{
	struct baseline_state state;
	struct json json = { .out = &c->client->out };
	if (!policy_baseline_look(&c->facts, c->tally, c->clock, &state)) return;
	json_begin_object(&json);
	json_i64_at(&json, STR("baseline"), (int64_t)state.count);
	json_i64_at(&json, STR("usual"), (int64_t)state.usual);
	json_i64_at(&json, STR("limit"), (int64_t)state.limit);
	json_i64_at(&json, STR("every_ms"), c->facts.conf->baseline.window_ms);
	row_end(c, &json);
}

static struct str grey_word(enum grey_answer answer, bool seen)
{
	switch (answer) {
	case GREY_WAITS: return seen ? STR("waits") : STR("new");
	case GREY_KNOWN: return STR("known");
	case GREY_AGAIN:
	case GREY_PASSES: break;
	}
	return STR("passes");
}

static void limits_grey(struct limits_case *c)
{
	bool seen;
	struct grey_state state;
	struct json json = { .out = &c->client->out };
	if (!c->recipient.len ||
	    !policy_grey_look(&c->facts, c->tally, c->recipient, c->clock, &state, &seen))
		return;
	json_begin_object(&json);
	json_str_at(&json, STR("greylist"), grey_word(state.answer, seen));
	json_i64_at(&json, STR("wait_s"), state.answer == GREY_WAITS ? state.wait_s : 0);
	row_end(c, &json);
}

static const struct conf_listener *limits_listener(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (!name.len || str_eq(conf->listeners[i].name, name)) return &conf->listeners[i];
	return NULL;
}

static bool limits_facts(struct limits_case *c, const json_t *request)
{
	const struct conf *conf = c->client->console->frame->conf;
	struct census *census = scoreboard_census();
	struct facts *f = &c->facts;
	c->tally = scoreboard_tally();
	c->recipient = text_of(request, "to");
	*f = (struct facts){ .conf = conf, .listener = limits_listener(conf, text_of(request, "listener")),
		.seed = census ? census->seed : 0, .user = text_of(request, "user"),
		.sender = text_of(request, "from") };
	if (!f->listener || !c->tally || !ip_parse(text_of(request, "client"), &f->client)) return false;
	f->authenticated = f->user.len > 0;
	f->host = conf_host_find(conf, f->client);
	f->relay_from = conf_network_find(&conf->relay.from, f->client);
	f->relay_never = conf_network_find(&conf->relay.never, f->client);
	return true;
}

void limits_run(struct console_client *client, const json_t *request)
{
	struct loop *loop = client->console->frame->loop;
	struct limits_case c = { .client = client, .clock = { loop_now_ms(loop), loop_wall_ms(loop) } };
	if (!limits_facts(&c, request)) {
		client_finish(client, EX_USAGE, 0, STR("limits wants the address of a client, and a listener that is there"));
		return;
	}
	const struct conf *conf = c.facts.conf;
	for (size_t i = 0; i < conf->rate_count; i++)
		for (int what = 0; what < RATE_WHATS; what++)
			limits_rate(&c, &conf->rates[i], (enum rate_what)what);
	limits_baseline(&c);
	limits_grey(&c);
	client_finish(client, EX_OK, c.rows, STR(""));
}
