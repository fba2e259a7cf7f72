/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that are asked through backends: from the configuration to pools. */
#include "lib/ipc/secrets.h"
#include "services/directory/directory.h"

enum { UNSURE_EVERY_MS = 10 * 1000 };

static void tell(struct directory *d, enum event_name event, struct str name,
		 struct str error)
{
	char memory[REMOTE_NAME_MAX + 16];
	struct buf path;
	buf_init_fixed(&path, memory, sizeof memory);
	buf_str(&path, STR("directory "));
	buf_str(&path, name);
	event_begin(d->frame->log, event, 0, 0);
	event_str(d->frame->log, FIELD_path, buf_view(&path));
	if (event != EVENT_directory_back) event_str(d->frame->log, FIELD_error, error);
	event_end(d->frame->log);
}

/* Of answers that cannot be used one is told now and then: who sends the mail decides how
 * many there are. */
static void news(void *arg, const struct backend_settings *c, enum pool_news what,
		 struct str why)
{
	struct remote *r = arg;
	int64_t now_ms = loop_now_ms(r->d->frame->loop);
	(void)c;
	if (what == POOL_UNSURE && now_ms < r->unsure_ms) return;
	if (what == POOL_UNSURE) r->unsure_ms = now_ms + UNSURE_EVERY_MS;
	static const enum event_name events[] = {
		[POOL_DOWN] = EVENT_directory_error,
		[POOL_BACK] = EVENT_directory_back,
		[POOL_UNSURE] = EVENT_directory_error,
		[POOL_NOTICE] = EVENT_directory_notice,
	};
	tell(r->d, events[what], str_of(r->name), why);
}

static struct pool *open_one(struct remote *r, const struct conf_directory *c,
			     const struct backend *backend)
{
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	struct backend_settings *settings = backend_settings_new(r->d->frame->conf, c);
	buf_init_fixed(&why, memory, sizeof memory);
	if (settings && backend->single) settings->connections = 1;
	if (settings && backend->prepare && !backend->prepare(settings, &why))
		tell(r->d, EVENT_directory_error, c->name, buf_view(&why));
	return settings ? pool_new(r->d->frame->loop, backend, settings, news, r) : NULL;
}

bool remotes_open(struct directory *d)
{
	const struct conf *conf = d->frame->conf;
	for (size_t i = 0; i < conf->directory_count && d->remote_count < SOURCES_MAX; i++) {
		const struct conf_directory *c = &conf->directories[i];
		const struct backend *lists = backend_lists(c), *checks = backend_checks(c);
		struct remote *r = &d->remotes[d->remote_count];
		*r = (struct remote){ .d = d };
		if ((!lists && !checks) || !str_to_cstr(c->name, r->name, sizeof r->name))
			continue;
		d->remote_count++;
		if (lists) r->list = open_one(r, c, lists);
		if (checks && checks == lists) r->checks = r->list;
		else if (checks) r->checks = open_one(r, c, checks);
		if ((lists && !r->list) || (checks && !r->checks)) return false;
	}
	return true;
}

void remotes_free(struct directory *d)
{
	for (size_t i = 0; i < d->remote_count; i++) {
		struct remote *r = &d->remotes[i];
		if (r->checks != r->list) pool_free(r->checks);
		pool_free(r->list);
	}
	d->remote_count = 0;
}

struct remote *remote_find(struct directory *d, struct str name)
{
	for (size_t i = 0; i < d->remote_count; i++)
		if (str_eq(str_of(d->remotes[i].name), name)) return &d->remotes[i];
	return NULL;
}

static bool is_remote(const struct conf_directory *c)
{
	return backend_lists(c) || backend_checks(c);
}

static size_t remote_count(const struct conf *conf)
{
	size_t count = 0;
	for (size_t i = 0; i < conf->directory_count; i++)
		count += is_remote(&conf->directories[i]);
	return count;
}

bool remotes_differ(const struct conf *old, const struct conf *conf)
{
	size_t count = remote_count(conf);
	if (count != remote_count(old)) return true;
	if (count && !str_eq(old->hostname, conf->hostname)) return true;
	for (size_t i = 0; i < conf->directory_count; i++) {
		const struct conf_directory *now = &conf->directories[i];
		const struct conf_directory *before = conf_directory_find(old, now->name);
		if (is_remote(now) && (!before || !conf_directory_is_same(before, now)))
			return true;
	}
	return false;
}

/* --- secrets ------------------------------------------------------------------------ */

static bool is_same_secret(const struct pool *pool, struct str text)
{
	const struct backend_settings *s = pool_settings(pool);
	return str_eq((struct str){ s->secret, s->secret_len }, text);
}

bool remotes_secrets(struct directory *d, struct str record)
{
	const struct conf *conf = d->frame->conf;
	for (size_t i = 0; i < d->remote_count; i++) {
		struct remote *r = &d->remotes[i];
		const struct conf_directory *c =
			conf_directory_find(conf, str_of(r->name));
		struct str text = c ? secrets_find(record, conf_directory_secret(c)) : STR("");
		struct pool *pools[] = { r->list, r->checks != r->list ? r->checks : NULL };
		for (size_t p = 0; p < 2; p++) {
			if (!pools[p] || is_same_secret(pools[p], text)) continue;
			if (d->has_secrets || !pool_secret(pools[p], text)) return false;
		}
	}
	d->has_secrets = true;
	return true;
}
