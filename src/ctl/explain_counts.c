/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/explain_counts.h"

#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/explain.h"
#include "lib/conf/value.h"

enum { LINE_LEN = 256 };

static void set_text(char *at, size_t size, const char *text)
{
	(void)snprintf(at, size, "%s", text ? text : "");
}

static void on_row(void *arg, json_t *row)
{
	struct counts *counts = arg;
	const json_t *rate = json_object_get(row, "rate"), *grey = json_object_get(row, "greylist");
	const json_t *baseline = json_object_get(row, "baseline");
	if (counts->count == COUNTS_MAX || (!rate && !grey && !baseline)) return;
	struct count_row *r = &counts->rows[counts->count++];
	r->kind = rate ? COUNT_RATE : grey ? COUNT_GREYLIST : COUNT_BASELINE;
	set_text(r->name, sizeof r->name, json_string_value(rate));
	set_text(r->what, sizeof r->what, json_string_value(grey ? grey : json_object_get(row, "what")));
	r->used = json_integer_value(baseline ? baseline : json_object_get(row, "used"));
	r->usual = json_integer_value(json_object_get(row, "usual"));
	r->limit = json_integer_value(json_object_get(row, "limit"));
	r->every_ms = json_integer_value(json_object_get(row, "every_ms"));
	r->wait_s = grey ? json_integer_value(json_object_get(row, "wait_s"))
	                 : (json_integer_value(json_object_get(row, "wait_ms")) + 999) / 1000;
}

static void put(json_t *request, const char *key, struct str text)
{
	if (text.len) (void)json_object_set_new(request, key, json_stringn(text.at, text.len));
}

void counts_ask(const struct who *w, struct counts *counts)
{
	char memory[64];
	struct buf client;
	counts->count = 0;
	if (!ctl_is_running(w->ctl)) return;
	buf_init_fixed(&client, memory, sizeof memory);
	ip_write(&client, w->client);
	json_t *request = json_object();
	put(request, "verb", STR("limits"));
	put(request, "client", buf_view(&client));
	put(request, "listener", w->facts.listener->name);
	put(request, "user", w->facts.user);
	put(request, "from", w->facts.sender);
	put(request, "to", w->to);
	/* What it does not answer is left out: the rest needs no service. */
	if (ctl_ask(w->ctl, request, on_row, counts, NULL, NULL) != 0) counts->count = 0;
}

static void row_text(const struct count_row *r)
{
	char memory[LINE_LEN], name[LINE_LEN];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	if (r->kind == COUNT_RATE) {
		buf_fmt(&b, "%s: %lld of %lld in ", r->what, (long long)r->used, (long long)r->limit);
		conf_value_write_duration(r->every_ms, &b);
		if (r->wait_s) buf_fmt(&b, ", again in %lld seconds", (long long)r->wait_s);
	} else if (r->kind == COUNT_BASELINE) {
		buf_fmt(&b, "%lld recipients in this ", (long long)r->used);
		conf_value_write_duration(r->every_ms, &b);
		buf_fmt(&b, ", usually %lld, too much above %lld", (long long)r->usual, (long long)r->limit);
	} else if (r->what[0] == 'w') {
		buf_fmt(&b, "waits, %lld seconds more", (long long)r->wait_s);
	} else {
		buf_str(&b, r->what[0] == 'n' ? STR("not seen yet: it would be put off")
			: r->what[0] == 'k' ? STR("the network is known") : STR("came again before"));
	}
	(void)snprintf(name, sizeof name, r->kind == COUNT_RATE ? "rate %s" : "%s",
		r->kind == COUNT_RATE ? r->name : r->kind == COUNT_BASELINE ? "baseline" : "greylist");
	explain_line(name, buf_view(&b));
}

void counts_text(const struct counts *counts)
{
	for (size_t i = 0; i < counts->count; i++) row_text(&counts->rows[i]);
}

static void row_json(struct json *j, const struct count_row *r)
{
	json_begin_object(j);
	if (r->kind == COUNT_RATE) json_str_at(j, STR("rate"), str_of(r->name));
	if (r->kind != COUNT_BASELINE)
		json_str_at(j, r->kind == COUNT_RATE ? STR("what") : STR("state"), str_of(r->what));
	if (r->kind != COUNT_GREYLIST) {
		json_i64_at(j, STR("used"), r->used);
		json_i64_at(j, STR("limit"), r->limit);
		json_i64_at(j, STR("every_s"), r->every_ms / 1000);
	}
	if (r->kind == COUNT_BASELINE) json_i64_at(j, STR("usual"), r->usual);
	else json_i64_at(j, STR("wait_s"), r->wait_s);
	json_end_object(j);
}

static void one_json(struct json *j, const struct counts *counts, enum count_kind kind)
{
	for (size_t i = 0; i < counts->count; i++) {
		if (counts->rows[i].kind != kind) continue;
		row_json(j, &counts->rows[i]);
		return;
	}
	json_nothing(j);
}

void counts_json(struct json *j, const struct counts *counts)
{
	json_key(j, STR("rates"));
	json_begin_array(j);
	for (size_t i = 0; i < counts->count; i++)
		if (counts->rows[i].kind == COUNT_RATE) row_json(j, &counts->rows[i]);
	json_end_array(j);
	json_key(j, STR("baseline"));
	one_json(j, counts, COUNT_BASELINE);
	json_key(j, STR("greylist"));
	one_json(j, counts, COUNT_GREYLIST);
}
