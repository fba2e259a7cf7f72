/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/summary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/offline.h"
#include "ctl/route_why.h"
#include "lib/base/units.h"
#include "spool/action.h"

enum {
	SUMMARY_SLICE = 1000,
	SUMMARY_SHOWN = 50, /* lines of the text form */
	SUMMARY_DOMAINS_MAX = 1000 * 1000,
	SUMMARY_ARENA = 512 * 1024 * 1024,
	SUMMARY_LINE_MAX = 16 * 1024,
};

/* --- destinations ----------------------------------------------------------------------- */

static struct summary_row *row_of(struct summary *s, const struct route *route)
{
	char memory[ROUTE_KEY_MAX + 8];
	struct buf key;
	buf_init_fixed(&key, memory, sizeof memory);
	route_key(&key, route);
	uint64_t hash = hash_str(buf_view(&key), hash_str(route_name(route), 0));
	struct summary_row *row = map_get(&s->rows, hash);
	if (row) return row;
	row = arena_alloc(&s->arena, sizeof *row);
	if (!row) return NULL;
	row->route = *route;
	row->route.mailbox = arena_str(&s->arena, route->mailbox);
	row->key = arena_str(&s->arena, buf_view(&key));
	return map_put(&s->rows, hash, row) ? row : NULL;
}

/* Of the message that is looked at; decoded when somebody needs it. */
static const struct envelope *envelope_of(struct summary *s)
{
	struct cur cur = cur_of(s->msg.envelope);
	if (s->envelope.rcpt_count > 0 || s->msg.envelope.len == 0) return &s->envelope;
	if (envelope_decode(&cur, &s->envelope_arena, &s->envelope) != ENVELOPE_OK)
		s->envelope = (struct envelope){ 0 };
	s->msg.envelope.len = 0;
	return &s->envelope;
}

static struct summary_domain domain_new(struct summary *s, const struct route_ask *ask)
{
	struct route route = route_find(s->conf, ask);
	return (struct summary_domain){ row_of(s, &route),
		suspended_find(&s->suspended, route_name(&route), route_domain_of(ask->address)) };
}

/* All recipients of a domain go to one place, but for its postmaster, and but for where it
 * depends on who sends. */
static bool is_by_domain(const struct summary *s, struct str address)
{
	static const struct str name = STR_INIT("postmaster");
	if (conf_routes_are_narrowed(s->conf)) return false;
	if (!str_starts_nocase(address, name)) return true;
	return address.len != name.len && address.at[name.len] != '@';
}

static struct summary_domain domain_of(struct summary *s, const struct spool_rcpt *rcpt)
{
	struct route_ask ask = { .address = rcpt->address };
	if (!is_by_domain(s, rcpt->address)) {
		const struct envelope *e = envelope_of(s);
		ask.exists = action_existed(e, rcpt->index);
		ask.sender = e->sender;
		ask.user = e->user;
		return domain_new(s, &ask);
	}
	uint64_t hash = hash_str_nocase(route_domain_of(rcpt->address), (uint64_t)s->now_ms);
	struct summary_domain *known = map_get(&s->domains, hash);
	if (known) return *known;
	struct summary_domain found = domain_new(s, &ask);
	known = found.row ? arena_alloc(&s->arena, sizeof *known) : NULL;
	if (known) *known = found;
	if (known) (void)map_put(&s->domains, hash, known); /* full: it is only slower */
	return found;
}

/* --- counting --------------------------------------------------------------------------- */

static int count_msg(void *ctx, const struct spool_msg *msg)
{
	struct summary *s = ctx;
	const struct filter *filter = s->filter;
	if (filter->id && msg->id != filter->id) return 1;
	s->msg = *msg;
	s->envelope = (struct envelope){ 0 };
	arena_free(&s->envelope_arena);
	if (msg->rcpts == 0) return SPOOL_PASS; /* damaged */
	struct filter_facts facts = { .id = msg->id, .state = action_state(msg),
		.age_ms = s->now_ms - msg->arrived_ms, .size_b = msg->size };
	if (filter->from.len > 0) {
		facts.from = envelope_of(s)->sender;
		if (s->envelope.rcpt_count == 0) return SPOOL_PASS;
	}
	return filter_matches(filter, &facts) ? 0 : SPOOL_PASS;
}

static void count_reply(struct summary_row *row, const struct spool_rcpt *rcpt)
{
	if (rcpt->last_ms == 0 || rcpt->last_ms < row->reply_ms) return;
	row->reply_ms = rcpt->last_ms;
	row->reply_len = rcpt->reply.len < sizeof row->reply ? rcpt->reply.len : sizeof row->reply;
	if (row->reply_len) memcpy(row->reply, rcpt->reply.at, row->reply_len);
}

static int count_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	struct summary *s = ctx;
	if (!spool_rcpt_is_open(rcpt->state)) return 0;
	struct summary_domain d = domain_of(s, rcpt);
	struct summary_row *row = d.row;
	if (!row) {
		s->full = true;
		return -ENOMEM;
	}
	if (!filter_matches_recipient(s->filter, rcpt->address, route_name(&row->route))) return 0;
	if (row->last_id != s->msg.id) row->messages++;
	row->last_id = s->msg.id;
	row->recipients++;
	if (rcpt->state == SPOOL_DEFERRED) row->deferred++;
	if (!row->oldest_ms || s->msg.arrived_ms < row->oldest_ms) row->oldest_ms = s->msg.arrived_ms;
	bool may = s->msg.state == SPOOL_ACTIVE && !d.suspended;
	if (may && (!row->next_ms || rcpt->next_due_ms < row->next_ms)) row->next_ms = rcpt->next_due_ms;
	if (d.suspended) row->suspended = d.suspended;
	count_reply(row, rcpt);
	return 0;
}

static int count_all(struct summary *s, struct store *store)
{
	struct spool_walk walk = { count_msg, NULL, count_rcpt, s };
	uint64_t from = s->filter->id, before;
	do {
		before = from;
		int error = store_walk_rcpts(store, from, s->filter->id ? 1 : SUMMARY_SLICE, &walk);
		if (error) return error;
		from = s->msg.id + 1;
	} while (from > before && !s->filter->id);
	return 0;
}

int summary_make(const struct ctl *ctl, struct store *store, const struct filter *filter,
                 struct summary *out)
{
	*out = (struct summary){ .conf = ctl->conf, .filter = filter, .now_ms = offline_now_ms() };
	int status = suspended_load(store, &out->suspended);
	if (status) return status;
	arena_init(&out->arena, SUMMARY_ARENA);
	arena_init(&out->envelope_arena, OFFLINE_ARENA);
	map_init(&out->rows, SUMMARY_ROWS_MAX, (uint64_t)out->now_ms);
	map_init(&out->domains, SUMMARY_DOMAINS_MAX, (uint64_t)out->now_ms);
	int error = count_all(out, store);
	if (error >= 0) return 0;
	bool full = out->full;
	summary_free(out);
	if (full) return ctl_fail(EX_DATAERR, "too many destinations; say which with a filter");
	return ctl_fail(EX_IOERR, "the queue cannot be read: %s", strerror(-error));
}

void summary_free(struct summary *s)
{
	suspended_free(&s->suspended);
	arena_free(&s->envelope_arena);
	map_free(&s->rows);
	map_free(&s->domains);
	arena_free(&s->arena);
}

const struct summary_row *summary_find(const struct summary *s, struct str key)
{
	const struct summary_row *row;
	size_t at = 0;
	while ((row = map_next(&s->rows, &at, NULL)))
		if (row->recipients && str_eq(row->key, key)) return row;
	return NULL;
}

/* --- printing ---------------------------------------------------------------------------- */

static struct str time_text(char *text, size_t size, int64_t unix_ms)
{
	struct buf b;
	buf_init_fixed(&b, text, size);
	if (unix_ms > 0) units_time_write(&b, unix_ms);
	return buf_view(&b);
}

static void row_json(const struct summary *s, const struct summary_row *row, struct buf *out)
{
	char text[SUMMARY_LINE_MAX / 4];
	struct json json = { .out = out };
	struct buf destination;
	buf_init_fixed(&destination, text, sizeof text);
	route_destination_write(&destination, &row->route);
	json_begin_object(&json);
	json_str_at(&json, STR("route"), route_name(&row->route));
	json_str_at(&json, STR("destination"), buf_view(&destination));
	json_str_at(&json, STR("key"), row->key);
	json_i64_at(&json, STR("messages"), (int64_t)row->messages);
	json_i64_at(&json, STR("recipients"), (int64_t)row->recipients);
	json_i64_at(&json, STR("deferred"), (int64_t)row->deferred);
	json_str_at(&json, STR("oldest"), time_text(text, sizeof text, row->oldest_ms));
	json_str_at(&json, STR("next"), time_text(text, sizeof text, row->next_ms));
	json_str_at(&json, STR("reply"), (struct str){ row->reply, row->reply_len });
	json_key(&json, STR("suspended"));
	if (row->suspended) suspended_json(&json, row->suspended);
	else json_nothing(&json);
	json_key(&json, STR("pace"));
	paces_json(s->paces, row->key, &json);
	json_end_object(&json);
	buf_byte(out, '\n');
}

static void row_text(const struct summary *s, const struct summary_row *row)
{
	char oldest[40], next[40], text[SUMMARY_LINE_MAX];
	struct buf b;
	bool now = row->next_ms > 0 && row->next_ms <= s->now_ms;
	printf("%8llu %10llu %8llu  %-24.*s  %-24.*s  ", (unsigned long long)row->messages,
		(unsigned long long)row->recipients, (unsigned long long)row->deferred,
		STR_ARG(time_text(oldest, sizeof oldest, row->oldest_ms)),
		STR_ARG(now ? STR("now") : time_text(next, sizeof next, row->next_ms)));
	buf_init_fixed(&b, text, sizeof text);
	buf_str(&b, route_name(&row->route));
	buf_byte(&b, ' ');
	route_destination_write(&b, &row->route);
	if (row->reply_len) buf_str(&b, STR(": "));
	buf_str(&b, (struct str){ row->reply, row->reply_len });
	if (row->suspended) {
		buf_str(&b, STR(" [suspended: "));
		suspended_text(&b, row->suspended);
		buf_byte(&b, ']');
	}
	if (paces_has(s->paces, row->key)) paces_text(s->paces, row->key, &b);
	ctl_print_safe(buf_view(&b));
	putchar('\n');
}

static int row_order(const void *a, const void *b)
{
	const struct summary_row *x = *(const struct summary_row *const *)a;
	const struct summary_row *y = *(const struct summary_row *const *)b;
	if (x->recipients != y->recipients) return x->recipients < y->recipients ? 1 : -1;
	return str_cmp(x->key, y->key);
}

/* In order as far as they are shown; a hundred thousand need not be sorted for fifty. */
static void rows_sort(const struct summary_row **rows, size_t count, size_t shown)
{
	if (shown > count) shown = count;
	if (shown == 0) return;
	qsort(rows, shown, sizeof *rows, row_order);
	for (size_t i = shown; i < count; i++) {
		const struct summary_row *row = rows[i];
		size_t at = shown - 1;
		if (row_order(&row, &rows[at]) > 0) continue;
		rows[i] = rows[at];
		for (; at > 0 && row_order(&row, &rows[at - 1]) < 0; at--) rows[at] = rows[at - 1];
		rows[at] = row;
	}
}

static void rows_print(const struct ctl *ctl, const struct summary *s,
                       const struct summary_row **rows, size_t count)
{
	char line[SUMMARY_LINE_MAX];
	if (!ctl->json)
		printf("%8s %10s %8s  %-24s  %-24s  %s\n", "messages", "recipients", "deferred", "oldest",
			"next", "route, destination and last reply");
	for (size_t i = 0; i < count && (ctl->json || i < SUMMARY_SHOWN); i++) {
		struct buf out;
		buf_init_fixed(&out, line, sizeof line);
		if (ctl->json) row_json(s, rows[i], &out);
		else row_text(s, rows[i]);
		(void)fwrite(out.at, 1, out.len, stdout);
	}
	if (!ctl->json && count > SUMMARY_SHOWN)
		printf("and %zu more destinations (--json shows all)\n", count - SUMMARY_SHOWN);
}

int summary_print(const struct ctl *ctl, struct store *store, const struct filter *filter,
                  const json_t *paces)
{
	static struct summary s;
	const struct summary_row *row, **rows;
	size_t count = 0, at = 0;
	int status = summary_make(ctl, store, filter, &s);
	if (status) return status;
	rows = calloc(s.rows.count + 1, sizeof *rows);
	while (rows && (row = map_next(&s.rows, &at, NULL)))
		if (row->recipients) rows[count++] = row;
	if (count) rows_sort(rows, count, ctl->json ? count : SUMMARY_SHOWN);
	s.paces = paces;
	if (rows) rows_print(ctl, &s, rows, count);
	else status = ctl_fail(EX_OSERR, "no memory");
	free(rows);
	summary_free(&s);
	return status;
}
