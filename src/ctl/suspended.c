/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/suspended.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/offline.h"
#include "lib/base/units.h"

enum { SUSPENDED_ARENA = 2 * 1024 * 1024 };

static int take(void *ctx, struct str key, struct str value)
{
	struct suspended *s = ctx;
	struct suspension what;
	if (s->count == SPOOL_NOTES_MAX || !suspend_read(key, value, &what)) return 0;
	what.name = arena_str(&s->arena, what.name);
	what.reason = arena_str(&s->arena, what.reason);
	s->at[s->count++] = what;
	return 0;
}

int suspended_load(struct store *store, struct suspended *out)
{
	out->count = 0;
	arena_init(&out->arena, SUSPENDED_ARENA);
	int error = store_notes(store, SUSPEND_PREFIX, take, out);
	if (error) arena_free(&out->arena);
	return error ? ctl_fail(EX_IOERR, "the spool cannot be read: %s", strerror(-error)) : 0;
}

void suspended_free(struct suspended *s)
{
	arena_free(&s->arena);
}

static const struct suspension *find(const struct suspended *s, enum suspend_kind kind,
                                     struct str name)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct suspension *what = &s->at[i];
		if (what->kind != kind) continue;
		/* A domain's name stands there in lower case. */
		if (kind == SUSPEND_ROUTE ? str_eq(what->name, name) : str_eq_nocase(what->name, name))
			return what;
	}
	return NULL;
}

const struct suspension *suspended_find(const struct suspended *s, struct str route,
                                        struct str domain)
{
	const struct suspension *what = find(s, SUSPEND_ROUTE, route);
	return what ? what : find(s, SUSPEND_DOMAIN, domain);
}

void suspended_text(struct buf *out, const struct suspension *s)
{
	buf_str(out, str_of(suspend_kind_name(s->kind)));
	buf_byte(out, ' ');
	buf_str(out, s->name);
	if (s->until_ms) {
		buf_str(out, STR(" until "));
		units_time_write(out, s->until_ms);
	}
	if (s->reason.len) buf_str(out, STR(": "));
	buf_str(out, s->reason);
}

static void time_at(struct json *json, struct str key, int64_t unix_ms)
{
	char text[40];
	struct buf b;
	buf_init_fixed(&b, text, sizeof text);
	if (unix_ms > 0) units_time_write(&b, unix_ms);
	json_str_at(json, key, buf_view(&b));
}

void suspended_json(struct json *json, const struct suspension *s)
{
	json_begin_object(json);
	json_str_at(json, STR("kind"), str_of(suspend_kind_name(s->kind)));
	json_str_at(json, STR("name"), s->name);
	time_at(json, STR("since"), s->since_ms);
	time_at(json, STR("until"), s->until_ms);
	json_str_at(json, STR("reason"), s->reason);
	json_end_object(json);
}

static void list(const struct ctl *ctl, const struct suspended *s)
{
	char line[4096];
	for (size_t i = 0; i < s->count; i++) {
		struct buf out;
		struct json json = { .out = &out };
		buf_init_fixed(&out, line, sizeof line);
		if (ctl->json) {
			suspended_json(&json, &s->at[i]);
			(void)fwrite(out.at, 1, out.len, stdout);
		} else {
			suspended_text(&out, &s->at[i]);
			ctl_print_safe(buf_view(&out));
		}
		putchar('\n');
	}
}

/* `suspend` alone: what is suspended. */
static int suspend_list(const struct ctl *ctl)
{
	struct store *store;
	struct suspended *s = malloc(sizeof *s);
	if (!s) return ctl_fail(EX_OSERR, "no memory");
	int status = offline_open(ctl, false, &store);
	if (status == 0) {
		status = suspended_load(store, s);
		if (status == 0) list(ctl, s);
		if (status == 0) suspended_free(s);
		store_close(store);
	}
	free(s);
	return status;
}

int ctl_suspend(struct ctl *ctl, int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "suspend") == 0) return suspend_list(ctl);
	return ctl_act(ctl, argc, argv);
}
