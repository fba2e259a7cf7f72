/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/offline.h"
#include "ctl/summary.h"
#include "lib/base/json.h"
#include "lib/base/units.h"
#include "spool/action.h"

enum { LINE_MAX_B = 64 * 1024 * 1024 };

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
	json_str_at(json, STR("state"), action_rcpt_state(r));
	json_i64_at(json, STR("attempts"), r->attempts);
	if (r->doubts) json_i64_at(json, STR("doubts"), r->doubts);
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
	if (m->state == FILTER_HELD)
		json_str_at(&json, STR("until"), queue_time(text, sizeof text, m->msg.next_due_ms));
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
	printf("    %-11.*s ", STR_ARG(action_rcpt_state(r)));
	ctl_print_safe(r->address);
	if (r->attempts || r->reply.len) {
		if (r->attempts) printf("\n                attempt %u, next ", r->attempts);
		else printf("\n                not tried, next ");
		printf("%.*s: ", STR_ARG(queue_time(text, sizeof text, r->next_due_ms)));
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
	if (m->state == FILTER_HELD && m->msg.next_due_ms)
		printf("  until %.*s", STR_ARG(queue_time(text, sizeof text, m->msg.next_due_ms)));
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

static int queue_list(struct ctl *ctl, struct store *store, const struct filter *filter)
{
	struct listing listing = { .ctl = ctl };
	buf_init(&listing.out, LINE_MAX_B);
	int status = offline_walk(ctl, store, filter, list_one, &listing);
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
	json_t *paces = summary ? paces_load(ctl) : NULL;
	int status = offline_open(ctl, false, &store);
	if (status == 0) {
		status = summary ? summary_print(ctl, store, &filter, paces)
		                 : queue_list(ctl, store, &filter);
		store_close(store);
	}
	json_decref(paces);
	return status;
}
