/* SPDX-License-Identifier: Apache-2.0 */
/* explain msg ID: where each recipient goes, when it is tried, and why not yet. */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "ctl/explain.h"
#include "ctl/offline.h"
#include "ctl/route_why.h"
#include "ctl/suspended.h"
#include "lib/base/units.h"
#include "lib/queue/deadline.h"
#include "spool/action.h"

enum { TEXT_MAX = 16 * 1024, JSON_MAX = 64 * 1024 * 1024 };

struct msg_case {
	const struct ctl *ctl;
	const struct offline_msg *m;
	const struct suspended *suspended;
	struct json *json; /* NULL: text */
	bool running;
	int64_t now_ms;
};

static void time_write(struct buf *out, int64_t unix_ms)
{
	if (unix_ms > 0) units_time_write(out, unix_ms);
}

static struct deadline deadline(const struct msg_case *c)
{
	const struct envelope *e = &c->m->envelope;
	return deadline_of(c->ctl->conf, &(struct deadline_case){ .arrived_ms = c->m->msg.arrived_ms,
		.hold_until_ms = e->hold_until_ms, .by_ms = e->by_ms, .by = e->by,
		.priority = c->m->msg.priority });
}

/* --- why nothing happens now ---------------------------------------------------------------- */

static void because(struct buf *out, const char *what, int64_t until_ms, struct str reason)
{
	buf_str(out, str_of(what));
	if (until_ms) {
		buf_str(out, STR(" until "));
		units_time_write(out, until_ms);
	}
	if (reason.len) buf_str(out, STR(": "));
	buf_str(out, reason);
}

static void why_write(struct buf *out, const struct msg_case *c, const struct spool_rcpt *r,
                      const struct suspension *stop)
{
	const struct spool_msg *msg = &c->m->msg;
	if (!spool_rcpt_is_open(r->state)) because(out, "it is done", 0, STR(""));
	else if (msg->state == SPOOL_HELD) because(out, "held", msg->next_due_ms, msg->reason);
	else if (msg->state == SPOOL_POISON) because(out, "parked until it is released", 0, msg->reason);
	else if (stop) {
		buf_str(out, STR("suspended: "));
		suspended_text(out, stop);
	} else if (c->ctl->conf->transfer == CONF_TRANSFER_IN)
		because(out, "nothing is sent: transfer in", 0, STR(""));
	else if (r->next_due_ms > c->now_ms)
		because(out, "waits for its time", r->next_due_ms, r->reply);
	else if (!c->running) because(out, "it is its turn, but the service does not run", 0, STR(""));
	else because(out, "in line, or under way", 0, STR(""));
}

/* --- one recipient -------------------------------------------------------------------------- */

static void rcpt_json(const struct msg_case *c, const struct spool_rcpt *r,
                      const struct route *route, struct str why)
{
	struct json *json = c->json;
	char text[40];
	struct buf next;
	buf_init_fixed(&next, text, sizeof text);
	time_write(&next, r->next_due_ms);
	json_begin_object(json);
	json_str_at(json, STR("address"), r->address);
	json_str_at(json, STR("state"), action_rcpt_state(r));
	json_i64_at(json, STR("attempts"), r->attempts);
	json_str_at(json, STR("next"), buf_view(&next));
	json_str_at(json, STR("why"), why);
	json_str_at(json, STR("host"), r->host);
	json_str_at(json, STR("reply"), r->reply);
	json_str_at(json, STR("dsn"), r->dsn);
	json_key(json, STR("warned"));
	json_bool(json, r->warned);
	route_json(json, c->ctl->conf, r->address, route, c->now_ms);
	json_end_object(json);
}

static void rcpt_text(const struct msg_case *c, const struct spool_rcpt *r,
                      const struct route *route, struct str why)
{
	char memory[TEXT_MAX];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	putchar('\n');
	explain_line("recipient", r->address);
	printf("%-12s %.*s, %u attempt%s%s\n", "  state", STR_ARG(action_rcpt_state(r)),
		r->attempts, r->attempts == 1 ? "" : "s", r->warned ? ", its sender is warned" : "");
	explain_line("  why", why);
	buf_str(&b, r->dsn);
	if (r->dsn.len) buf_byte(&b, ' ');
	buf_str(&b, r->reply);
	explain_line("  last reply", buf_view(&b));
	explain_line("  host", r->host);
	buf_reset(&b);
	route_rule_write(&b, c->ctl->conf, r->address, route);
	explain_line("  rule", buf_view(&b));
	buf_reset(&b);
	route_key(&b, route);
	explain_line("  goes to", buf_view(&b));
}

static int one_rcpt(void *ctx, const struct spool_rcpt *r)
{
	const struct msg_case *c = ctx;
	char memory[TEXT_MAX];
	struct buf why;
	struct route route = action_route(c->ctl->conf, &c->m->envelope, r);
	const struct suspension *stop =
		suspended_find(c->suspended, route_name(&route), route_domain_of(r->address));
	buf_init_fixed(&why, memory, sizeof memory);
	why_write(&why, c, r, stop);
	if (c->json) rcpt_json(c, r, &route, buf_view(&why));
	else rcpt_text(c, r, &route, buf_view(&why));
	return 0;
}

/* --- the message ---------------------------------------------------------------------------- */

static int rcpts_failed(int error)
{
	return error ? ctl_fail(EX_IOERR, "its recipients cannot be read: the record is damaged") : 0;
}

static int msg_text(struct msg_case *c, struct store *store)
{
	const struct spool_msg *msg = &c->m->msg;
	char text[64];
	struct buf b;
	buf_init_fixed(&b, text, sizeof text);
	printf("%-12s %016llx\n", "message", (unsigned long long)msg->id);
	printf("%-12s <", "sender");
	ctl_print_safe(c->m->envelope.sender);
	printf(">\n");
	explain_line("state", offline_state_name(c->m->state));
	explain_line("reason", msg->reason);
	time_write(&b, msg->arrived_ms);
	explain_line("arrived", buf_view(&b));
	printf("%-12s %llu\n", "size", (unsigned long long)msg->size);
	buf_reset(&b);
	time_write(&b, deadline(c).end_ms);
	explain_line("expires", buf_view(&b));
	buf_reset(&b);
	time_write(&b, deadline(c).warn_ms);
	explain_line("warning", buf_view(&b));
	return rcpts_failed(store_read_rcpts(store, msg->id, 0, SPOOL_RCPTS_MAX, one_rcpt, c));
}

static int msg_json(struct msg_case *c, struct store *store)
{
	const struct spool_msg *msg = &c->m->msg;
	char text[64];
	struct buf out, b;
	struct json json = { .out = &out };
	buf_init(&out, JSON_MAX);
	buf_init_fixed(&b, text, sizeof text);
	c->json = &json;
	json_begin_object(&json);
	buf_hex64(&b, msg->id);
	json_str_at(&json, STR("id"), buf_view(&b));
	json_str_at(&json, STR("sender"), c->m->envelope.sender);
	json_str_at(&json, STR("state"), offline_state_name(c->m->state));
	json_str_at(&json, STR("reason"), msg->reason);
	json_i64_at(&json, STR("size"), (int64_t)msg->size);
	const struct { struct str key; int64_t ms; } times[] = {
		{ STR("arrived"), msg->arrived_ms },
		{ STR("expires"), deadline(c).end_ms },
		{ STR("warning"), deadline(c).warn_ms },
		{ STR("until"), msg->state == SPOOL_HELD ? msg->next_due_ms : 0 },
	};
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		buf_reset(&b);
		time_write(&b, times[i].ms);
		json_str_at(&json, times[i].key, buf_view(&b));
	}
	json_key(&json, STR("recipients"));
	json_begin_array(&json);
	int error = store_read_rcpts(store, msg->id, 0, SPOOL_RCPTS_MAX, one_rcpt, c);
	json_end_array(&json);
	json_end_object(&json);
	int status = error ? rcpts_failed(error) : explain_print(&out);
	buf_free(&out);
	return status;
}

static int explain_in(const struct ctl *ctl, struct store *store, uint64_t id,
                      struct suspended *suspended)
{
	struct arena arena;
	struct offline_msg m;
	struct msg_case c = { .ctl = ctl, .m = &m, .suspended = suspended,
		.running = ctl_is_running(ctl), .now_ms = offline_now_ms() };
	int status = suspended_load(store, suspended);
	if (status) return status;
	arena_init(&arena, OFFLINE_ARENA);
	status = offline_read(store, id, &arena, &m);
	if (status == 0) status = ctl->json ? msg_json(&c, store) : msg_text(&c, store);
	arena_free(&arena);
	suspended_free(suspended);
	return status;
}

int explain_msg(const struct ctl *ctl, const char *word)
{
	static struct suspended suspended;
	struct store *store;
	uint64_t id;
	int status = offline_id(word, &id);
	if (status == 0) status = offline_open(ctl, false, &store);
	if (status) return status;
	status = explain_in(ctl, store, id, &suspended);
	store_close(store);
	return status;
}
