/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that the configuration names: master reads the files, with the rights that the
 * service was started with, at the start and at a reload, and hands the texts to the role
 * that needs them. They are in no configuration, log or answer. */
#include <string.h>
#include <unistd.h>

#include "lib/os/memfile.h"
#include "services/master/master.h"

enum { RECORD_MAX = 128 * 1024 };

/* Name and text. What cannot be read leaves nothing. */
static bool secret_add(const struct conf *conf, struct str name, struct buf *record,
		       char path[SECRET_PATH_MAX], const char **why)
{
	size_t before = record->len;
	buf_put_str(record, name);
	bool good = secret_put(conf, name, record, path, why);
	if (!good) record->len = before;
	return good;
}

/* The i-th place that may name one: directories, then issuers of tokens. */
static struct str directory_secret(const struct conf *conf, size_t i)
{
	if (i < conf->directory_count) return conf_directory_secret(&conf->directories[i]);
	return conf->auth.oauths[i - conf->directory_count].secret;
}

/* The same for tokens by which routes log in: each has two. */
static struct str token_secret(const struct conf *conf, size_t i)
{
	const struct conf_oauth_client *c = &conf->oauth_clients[i / 2];
	return i % 2 ? c->refresh : c->secret;
}

static size_t places(const struct conf *conf, enum secrets_of whose)
{
	return whose == SECRETS_OF_HTTP ? 2 * conf->oauth_client_count
					: conf->directory_count + conf->auth.oauth_count;
}

static struct str secret_name(const struct conf *conf, enum secrets_of whose, size_t i)
{
	return whose == SECRETS_OF_HTTP ? token_secret(conf, i) : directory_secret(conf, i);
}

typedef void told_fn(void *arg, const char *path, const char *why);

/* All that are named, each once; returns whether all are good. */
static bool secrets_read(const struct conf *conf, enum secrets_of whose, struct buf *record,
			 told_fn *told, void *arg)
{
	bool good = true;
	for (size_t i = 0; i < places(conf, whose); i++) {
		char path[SECRET_PATH_MAX];
		const char *why;
		struct str name = secret_name(conf, whose, i);
		bool again = false;
		for (size_t j = 0; j < i && !again; j++)
			again = str_eq(secret_name(conf, whose, j), name);
		if (!name.len || again || secret_add(conf, name, record, path, &why)) continue;
		good = false;
		told(arg, path, why);
	}
	return good;
}

static void told_event(void *arg, const char *path, const char *why)
{
	struct master *m = arg;
	event_begin(&m->log, EVENT_secret_error, 0, 0);
	event_str(&m->log, FIELD_path, str_of(path));
	event_str(&m->log, FIELD_error, str_of(why));
	event_end(&m->log);
}

static const enum role roles[] = {
	[SECRETS_OF_DIRECTORY] = ROLE_DIRECTORY,
	[SECRETS_OF_HTTP] = ROLE_HTTP,
};

void secrets_send(struct master *m, enum role role, struct channel *ch)
{
	for (size_t i = 0; i < SECRETS_OF_COUNT; i++)
		if (roles[i] == role && m->secrets_fd[i] >= 0)
			channel_send_secrets_fd(ch, &(struct msg_secrets){ 0 }, m->secrets_fd[i]);
}

/* When one cannot be read any more, what there was stays in use. */
static void load(struct master *m, enum secrets_of whose)
{
	struct buf record;
	int *fd = &m->secrets_fd[whose];
	buf_init(&record, RECORD_MAX);
	bool good = secrets_read(m->conf, whose, &record, told_event, m);
	bool use = good || *fd < 0, some = record.len > 0;
	int fresh = use && some ? memfile_write("ims-secrets", buf_view(&record)) : -1;
	buf_wipe(&record);
	if (fresh < 0 && (some || !use)) return;
	if (*fd >= 0) (void)close(*fd);
	*fd = fresh;
	struct child *child = child_find(m, roles[whose], 0);
	if (child && child->ch) secrets_send(m, roles[whose], child->ch);
}

void secrets_load(struct master *m)
{
	for (enum secrets_of i = 0; i < SECRETS_OF_COUNT; i++)
		if (m->roles[roles[i]]) load(m, i);
}

static void told_text(void *arg, const char *path, const char *why)
{
	struct buf *text = arg;
	buf_str(text, STR("secret "));
	buf_escaped(text, str_of(path));
	buf_fmt(text, ": %s\n", why);
}

bool secrets_check(const struct conf *conf, struct buf *text)
{
	struct buf record;
	buf_init(&record, RECORD_MAX);
	bool good = secrets_read(conf, SECRETS_OF_DIRECTORY, &record, told_text, text);
	good &= secrets_read(conf, SECRETS_OF_HTTP, &record, told_text, text);
	buf_wipe(&record);
	return good;
}
