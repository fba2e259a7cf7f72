/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/offline.h"
#include "lib/base/json.h"
#include "lib/base/units.h"

enum { LINE_MAX_B = 64 * 1024 * 1024, SUMMARY_MAX = 100000, SUMMARY_SHOWN = 50 };

static struct str queue_time(char *text, size_t size, int64_t unix_ms)
{
	struct buf b;
	buf_init_fixed(&b, text, size);
	if (unix_ms > 0) units_time_write(&b, unix_ms);
	return buf_view(&b);
}

/* --- list --------------------------------------------------------------------------- */

static int list_json_rcpt(void *ctx, const struct spool_rcpt *r)
{
	struct json *json = ctx;
	char text[40];
	json_begin_object(json);
	json_str_at(json, STR("address"), r->address);
	json_str_at(json, STR("state"), spool_rcpt_state_name(r->state));
	json_i64_at(json, STR("attempts"), r->attempts);
	json_str_at(json, STR("next"), queue_time(text, sizeof text, r->next_due_ms));
	json_str_at(json, STR("host"), r->host);
	json_str_at(json, STR("reply"), r->reply);
	json_str_at(json, STR("dsn"), r->dsn);
	json_end_object(json);
	return 0;
}

static void list_json(struct store *store, const struct offline_msg *m, struct buf *out)
{
	struct json json = { .out = out };
	char id[17], text[40];
	struct buf id_text;
	buf_init_fixed(&id_text, id, sizeof id);
	buf_hex64(&id_text, m->msg.id);
	json_begin_object(&json);
	json_str_at(&json, STR("id"), buf_view(&id_text));
	json_str_at(&json, STR("sender"), m->envelope.sender);
	json_i64_at(&json, STR("size"), (int64_t)m->msg.size);
	json_str_at(&json, STR("arrived"), queue_time(text, sizeof text, m->msg.arrived_ms));
	json_i64_at(&json, STR("priority"), m->msg.priority);
	json_str_at(&json, STR("state"), offline_state_name(m->state));
	if (m->msg.reason.len) json_str_at(&json, STR("reason"), m->msg.reason);
	json_key(&json, STR("recipients"));
	json_begin_array(&json);
	(void)store_read_rcpts(store, m->msg.id, 0, SPOOL_RCPTS_MAX, list_json_rcpt, &json);
	json_end_array(&json);
	json_end_object(&json);
	buf_byte(out, '\n');
}

static int list_text_rcpt(void *ctx, const struct spool_rcpt *r)
{
	char text[40];
	(void)ctx;
	printf("    %-9.*s ", STR_ARG(spool_rcpt_state_name(r->state)));
	ctl_print_safe(r->address);
	if (r->attempts) {
		printf("\n              attempt %u, next %.*s: ", r->attempts,
			STR_ARG(queue_time(text, sizeof text, r->next_due_ms)));
		ctl_print_safe(r->dsn);
		putchar(' ');
		ctl_print_safe(r->reply);
	}
	putchar('\n');
	return 0;
}

static void list_text(struct store *store, const struct offline_msg *m)
{
	char text[40];
	printf("%016llx  %-8.*s  %.*s  %9llu  <", (unsigned long long)m->msg.id,
		STR_ARG(offline_state_name(m->state)),
		STR_ARG(queue_time(text, sizeof text, m->msg.arrived_ms)),
		(unsigned long long)m->msg.size);
	ctl_print_safe(m->envelope.sender);
	putchar('>');
	if (m->msg.reason.len) {
		fputs("  ", stdout);
		ctl_print_safe(m->msg.reason);
	}
	putchar('\n');
	(void)store_read_rcpts(store, m->msg.id, 0, SPOOL_RCPTS_MAX, list_text_rcpt, NULL);
}

struct listing {
	const struct ctl *ctl;
	struct buf out;
	unsigned long long count;
};

static int list_one(void *ctx, struct store *store, const struct offline_msg *m)
{
	struct listing *listing = ctx;
	listing->count++;
	if (!listing->ctl->json) {
		list_text(store, m);
		return 0;
	}
	buf_reset(&listing->out);
	list_json(store, m, &listing->out);
	if (listing->out.overflowed) return ctl_fail(EX_SOFTWARE, "a message does not fit in a line");
	(void)fwrite(listing->out.at, 1, listing->out.len, stdout);
	return ferror(stdout) ? EX_IOERR : 0;
}

/* --- summary ------------------------------------------------------------------------- */

struct summary_row {
	char *domain;
	unsigned long long recipients, deferred;
	int64_t oldest_ms, next_ms;
	char reply[120];
};

struct summary {
	struct summary_row *rows;
	size_t count, cap;
	int64_t arrived_ms;
};

static struct summary_row *summary_row(struct summary *s, struct str domain)
{
	for (size_t i = 0; i < s->count; i++)
		if (str_eq_nocase(str_of(s->rows[i].domain), domain)) return &s->rows[i];
	if (s->count == SUMMARY_MAX) return NULL;
	if (s->count == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		void *rows = realloc(s->rows, cap * sizeof *s->rows);
		if (!rows) return NULL;
		s->rows = rows;
		s->cap = cap;
	}
	char *name = strndup(domain.at ? domain.at : "", domain.len);
	if (!name) return NULL;
	s->rows[s->count] = (struct summary_row){ .domain = name };
	return &s->rows[s->count++];
}

static int summary_rcpt(void *ctx, const struct spool_rcpt *r)
{
	struct summary *s = ctx;
	ptrdiff_t at = str_rfind(r->address, '@');
	if (!spool_rcpt_is_open(r->state)) return 0;
	struct summary_row *row = summary_row(s, str_from(r->address, (size_t)(at + 1)));
	if (!row) return -ENOMEM;
	row->recipients++;
	if (!row->oldest_ms || s->arrived_ms < row->oldest_ms) row->oldest_ms = s->arrived_ms;
	if (r->state != SPOOL_DEFERRED) return 0;
	row->deferred++;
	if (!row->next_ms || r->next_due_ms < row->next_ms) row->next_ms = r->next_due_ms;
	(void)str_to_cstr(r->reply, row->reply, sizeof row->reply);
	return 0;
}

static int summary_one(void *ctx, struct store *store, const struct offline_msg *m)
{
	struct summary *s = ctx;
	s->arrived_ms = m->msg.arrived_ms;
	(void)store_read_rcpts(store, m->msg.id, 0, SPOOL_RCPTS_MAX, summary_rcpt, s);
	return 0;
}

static int summary_order(const void *a, const void *b)
{
	const struct summary_row *x = a, *y = b;
	return (x->recipients < y->recipients) - (x->recipients > y->recipients);
}

static void summary_print(const struct ctl *ctl, const struct summary *s)
{
	char oldest[40], next[40], line[2048];
	if (!ctl->json) printf("%10s %9s  %-24s  %-24s  %s\n", "recipients", "deferred", "oldest", "next", "domain");
	for (size_t i = 0; i < s->count && (ctl->json || i < SUMMARY_SHOWN); i++) {
		const struct summary_row *row = &s->rows[i];
		struct str oldest_text = queue_time(oldest, sizeof oldest, row->oldest_ms);
		struct str next_text = queue_time(next, sizeof next, row->next_ms);
		if (!ctl->json) {
			printf("%10llu %9llu  %-24.*s  %-24.*s  ", row->recipients, row->deferred,
				STR_ARG(oldest_text), STR_ARG(next_text));
			ctl_print_safe(str_of(row->domain));
			if (row->reply[0]) fputs(": ", stdout);
			ctl_print_safe(str_of(row->reply));
			putchar('\n');
			continue;
		}
		struct buf out;
		buf_init_fixed(&out, line, sizeof line);
		struct json json = { .out = &out };
		json_begin_object(&json);
		json_str_at(&json, STR("domain"), str_of(row->domain));
		json_i64_at(&json, STR("recipients"), (int64_t)row->recipients);
		json_i64_at(&json, STR("deferred"), (int64_t)row->deferred);
		json_str_at(&json, STR("oldest"), oldest_text);
		json_str_at(&json, STR("next"), next_text);
		json_str_at(&json, STR("reply"), str_of(row->reply));
		json_end_object(&json);
		printf("%.*s\n", STR_ARG(buf_view(&out)));
	}
}

static int queue_summary(struct ctl *ctl, struct store *store, const struct filter *filter)
{
	struct summary s = { 0 };
	int status = offline_walk(store, filter, summary_one, &s);
	if (s.count) qsort(s.rows, s.count, sizeof *s.rows, summary_order);
	if (status == 0) summary_print(ctl, &s);
	for (size_t i = 0; i < s.count; i++) free(s.rows[i].domain);
	free(s.rows);
	return status;
}

static int queue_list(struct ctl *ctl, struct store *store, const struct filter *filter)
{
	struct listing listing = { .ctl = ctl };
	buf_init(&listing.out, LINE_MAX_B);
	int status = offline_walk(store, filter, list_one, &listing);
	buf_free(&listing.out);
	if (status == 0 && !ctl->json)
		printf("%llu message%s\n", listing.count, listing.count == 1 ? "" : "s");
	return status;
}

int ctl_queue(struct ctl *ctl, int argc, char **argv)
{
	char text[4096], why_text[256];
	struct buf words, why;
	struct filter filter;
	struct store *store;
	bool summary = argc > 0 && strcmp(argv[0], "summary") == 0;
	bool list = argc > 0 && strcmp(argv[0], "list") == 0;
	if (argc > 0 && !summary && !list && !strchr(argv[0], '=') && !strchr(argv[0], '>') &&
	    !strchr(argv[0], '<'))
		return ctl_fail(EX_USAGE, "queue: 'list' or 'summary', not '%s'", argv[0]);
	buf_init_fixed(&words, text, sizeof text);
	buf_init_fixed(&why, why_text, sizeof why_text);
	int skip = summary || list;
	if (!ctl_join(argc - skip, argv + skip, &words)) return ctl_fail(EX_USAGE, "the filter is too long");
	if (!filter_parse(buf_view(&words), &filter, &why))
		return ctl_fail(EX_USAGE, "%.*s", STR_ARG(buf_view(&why)));
	int status = offline_open(ctl, false, &store);
	if (status) return status;
	status = summary ? queue_summary(ctl, store, &filter) : queue_list(ctl, store, &filter);
	store_close(store);
	return status;
}
