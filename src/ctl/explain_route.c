/* SPDX-License-Identifier: Apache-2.0 */
/* explain route A@B: the answer, as text and as an object. */
#include "ctl/explain_live.h"

#include <stdio.h>

#include "ctl/explain.h"
#include "ctl/route_why.h"
#include "lib/base/units.h"
#include "lib/conf/value.h"
#include "lib/queue/retry.h"

static const struct { const char *name; enum mail_priority priority; } priorities[] = {
	{ "urgent", MAIL_PRIORITY_URGENT },
	{ "normal", MAIL_PRIORITY_NORMAL },
	{ "non_urgent", MAIL_PRIORITY_NON_URGENT },
};
enum { PRIORITIES = sizeof priorities / sizeof *priorities };

enum { JSON_TEXT_MAX = 1024 * 1024 };

/* --- text --------------------------------------------------------------------------------- */

static void text_hosts(const struct route_case *c)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	if (c->route.kind == ROUTE_MX) {
		buf_str(&b, STR("those that the DNS names for "));
		buf_str(&b, route_domain_of(c->route.mailbox));
		buf_str(&b, STR(", port "));
		buf_i64(&b, c->route.via->port);
		buf_str(&b, STR("; asked when a message is sent"));
	} else if (c->route.kind != ROUTE_NONE && c->route.kind != ROUTE_MAILBOX) {
		route_destination_write(&b, &c->route);
	}
	explain_line("hosts", buf_view(&b));
}

static void text_times(const struct conf *conf)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	for (size_t i = 0; i < conf->retry.after.count; i++) {
		if (i) buf_byte(&b, ' ');
		conf_value_write_duration(conf->retry.after.at[i], &b);
	}
	explain_line("retry after", buf_view(&b));
	for (size_t i = 0; i < PRIORITIES; i++) {
		unsigned priority = priorities[i].priority;
		int64_t warn_ms = retry_warn_ms(conf, priority);
		buf_reset(&b);
		buf_str(&b, str_of(priorities[i].name));
		buf_str(&b, STR(" mail is returned after "));
		conf_value_write_duration(retry_expire_ms(conf, priority), &b);
		if (warn_ms) buf_str(&b, STR(", its sender is warned after "));
		if (warn_ms) conf_value_write_duration(warn_ms, &b);
		explain_line(i ? "" : "expiry", buf_view(&b));
	}
}

static void text_queue(const struct route_case *c)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	if (c->suspended) suspended_text(&b, c->suspended);
	explain_line("suspended", buf_view(&b));
	if (!c->row) return;
	printf("%-12s %llu messages, %llu recipients, %llu of them deferred\n", "queue",
		(unsigned long long)c->row->messages, (unsigned long long)c->row->recipients,
		(unsigned long long)c->row->deferred);
	explain_line("last reply", (struct str){ c->row->reply, c->row->reply_len });
	buf_reset(&b);
	if (c->row->next_ms) units_time_write(&b, c->row->next_ms);
	explain_line("next try", buf_view(&b));
}

int explain_route_text(const struct route_case *c)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	struct pace_case pace;
	explain_pace(c, &pace);
	if (!c->live) live_text(c);
	explain_line("address", c->address);
	route_rule_write(&b, c->ctl->conf, c->address, &c->route);
	explain_line("rule", buf_view(&b));
	explain_line("kind", str_of(route_kind_text(c->route.kind)));
	explain_line("route", route_name(&c->route));
	buf_reset(&b);
	route_place_write(&b, &c->route);
	explain_line("place", buf_view(&b));
	buf_reset(&b);
	route_key(&b, &c->route);
	explain_line("destination", buf_view(&b));
	if (!str_eq(c->unknown.mailbox, c->route.mailbox)) {
		buf_reset(&b);
		route_rule_write(&b, c->ctl->conf, c->address, &c->unknown);
		explain_line("if unknown", buf_view(&b));
	}
	text_hosts(c);
	if (c->live) live_text(c);
	buf_reset(&b);
	route_dearer_write(&b, c->ctl->conf, &c->ask);
	explain_line("if dead", buf_view(&b));
	buf_reset(&b);
	route_tls_write(&b, c->ctl->conf, &c->route, c->now_ms);
	explain_line("tls", buf_view(&b));
	buf_reset(&b);
	const struct conf_tls_policy *exception = route_exception(c->ctl->conf, &c->route, c->now_ms);
	if (exception) route_exception_write(&b, exception);
	explain_line("tls by", buf_view(&b));
	buf_reset(&b);
	route_egress_write(&b, c->ctl->conf, &c->route, c->now_ms);
	explain_line("egress", buf_view(&b));
	buf_reset(&b);
	route_login_write(&b, &c->route);
	explain_line("login", buf_view(&b));
	explain_pace_text(c, &pace);
	text_times(c->ctl->conf);
	text_queue(c);
	for (size_t i = c->outcomes.count; i > 0; i--) {
		struct str line = c->outcomes.at[i - 1].line;
		(void)fwrite(line.at, 1, line.len, stdout);
	}
	return 0;
}

/* --- JSON --------------------------------------------------------------------------------- */

static void json_times(struct json *json, const struct conf *conf)
{
	json_key(json, STR("retry_s"));
	json_begin_array(json);
	for (size_t i = 0; i < conf->retry.after.count; i++)
		json_i64(json, conf->retry.after.at[i] / 1000);
	json_end_array(json);
	for (int warn = 0; warn < 2; warn++) {
		json_key(json, warn ? STR("warn_s") : STR("expire_s"));
		json_begin_object(json);
		for (size_t i = 0; i < PRIORITIES; i++)
			json_i64_at(json, str_of(priorities[i].name),
				(warn ? retry_warn_ms(conf, priorities[i].priority)
				      : retry_expire_ms(conf, priorities[i].priority)) / 1000);
		json_end_object(json);
	}
}

static void json_queue(struct json *json, const struct summary_row *row)
{
	char text[40];
	struct buf next;
	json_key(json, STR("queue"));
	if (!row) {
		json_nothing(json);
		return;
	}
	buf_init_fixed(&next, text, sizeof text);
	if (row->next_ms) units_time_write(&next, row->next_ms);
	json_begin_object(json);
	json_i64_at(json, STR("messages"), (int64_t)row->messages);
	json_i64_at(json, STR("recipients"), (int64_t)row->recipients);
	json_i64_at(json, STR("deferred"), (int64_t)row->deferred);
	json_str_at(json, STR("next"), buf_view(&next));
	json_str_at(json, STR("reply"), (struct str){ row->reply, row->reply_len });
	json_end_object(json);
}

static void json_egress(struct json *json, const struct route_case *c)
{
	char memory[EXPLAIN_TEXT_MAX];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	route_egress_write(&text, c->ctl->conf, &c->route, c->now_ms);
	json_str_at(json, STR("egress"), buf_view(&text));
}

int explain_route_json(const struct route_case *c)
{
	static char memory[JSON_TEXT_MAX];
	struct buf out;
	struct json json = { .out = &out };
	struct pace_case pace;
	explain_pace(c, &pace);
	buf_init_fixed(&out, memory, sizeof memory);
	json_begin_object(&json);
	json_str_at(&json, STR("address"), c->address);
	route_json(&json, c->ctl->conf, c->address, &c->route, c->now_ms);
	route_dearer_json(&json, c->ctl->conf, &c->ask);
	json_egress(&json, c);
	if (c->route.kind == ROUTE_MX) json_i64_at(&json, STR("port"), c->route.via->port);
	explain_pace_json(c, &pace, &json);
	json_times(&json, c->ctl->conf);
	json_queue(&json, c->row);
	json_key(&json, STR("suspended"));
	if (c->suspended) suspended_json(&json, c->suspended);
	else json_nothing(&json);
	live_json(c, &json);
	json_key(&json, STR("outcomes"));
	outcomes_json(&c->outcomes, &json);
	json_end_object(&json);
	return explain_print(&out);
}
