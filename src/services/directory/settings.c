/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says of a directory, as its backend gets it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf/conf.h"
#include "services/directory/backend.h"
#include "services/directory/db.h"

enum { SETTINGS_MAX = 64 * 1024 };

/* Sticky: NULL once there was no memory. */
static const char *keep(struct arena *memory, bool *good, struct str text)
{
	char *copy = arena_alloc(memory, text.len + 1);
	if (!copy) *good = false;
	else if (text.len) memcpy(copy, text.at, text.len);
	return copy;
}

static bool keep_ldap(struct backend_settings *s, const struct conf_ldap *l)
{
	bool good = true;
	struct arena *m = &s->memory;
	const size_t max = sizeof s->ldap.urls / sizeof *s->ldap.urls;
	for (size_t i = 0; i < l->urls.count && i < max; i++)
		s->ldap.urls[s->ldap.url_count++] = keep(m, &good, l->urls.at[i]);
	s->ldap.base = keep(m, &good, l->base);
	s->ldap.bind = keep(m, &good, l->bind);
	s->ldap.filter = keep(m, &good, l->filter);
	s->ldap.address = keep(m, &good, l->address);
	s->ldap.aliases = keep(m, &good, l->aliases);
	s->ldap.home = keep(m, &good, l->home);
	s->ldap.certificates = keep(m, &good, l->certificates);
	s->ldap.starttls = l->tls == CONF_LDAP_TLS_START;
	s->ldap.active_directory = l->profile == CONF_LDAP_AD;
	return good;
}

static bool keep_others(struct backend_settings *s, const struct conf_directory *c)
{
	bool good = true;
	struct arena *m = &s->memory;
	const struct conf_texts *where = &c->postgres.conninfo, *service = &c->pam.service;
	s->postgres.conninfo = keep(m, &good, where->count ? where->at[0] : STR(""));
	s->postgres.find = keep(m, &good, c->postgres.find);
	s->dovecot.auth = keep(m, &good, c->dovecot.auth);
	s->dovecot.userdb = keep(m, &good, c->dovecot.userdb);
	s->pam.service = keep(m, &good, service->count ? service->at[0] : STR(""));
	s->pam.folder = keep(m, &good, c->pam.folder);
	s->pam.local = c->pam.names == CONF_PAM_LOCAL;
	return good;
}

struct backend_settings *backend_settings_new(const struct conf *conf,
					      const struct conf_directory *c)
{
	struct backend_settings *s = calloc(1, sizeof *s);
	bool good = true;
	if (!s) return NULL;
	arena_init(&s->memory, SETTINGS_MAX);
	s->folder = -ENOENT;
	s->directory = keep(&s->memory, &good, c->name);
	s->hostname = keep(&s->memory, &good, conf->hostname);
	s->home = keep(&s->memory, &good, c->home.len ? c->home : conf->hostname);
	s->timeout_ms = c->timeout_ms;
	s->cache_ms = c->cache_ms;
	s->connections = (unsigned)c->connections;
	s->secret = "";
	s->folder = c->file.len ? directory_db_folder(c->file, false, 0, 0) : -ENOENT;
	s->path = keep(&s->memory, &good, c->file);
	good &= keep_ldap(s, &c->ldap) && keep_others(s, c);
	if (good) return s;
	backend_settings_free(s);
	return NULL;
}

bool backend_settings_secret(struct backend_settings *c, struct str text)
{
	char *copy = arena_alloc(&c->memory, text.len + 1);
	if (!copy) return false;
	if (text.len) memcpy(copy, text.at, text.len);
	c->secret = copy;
	c->secret_len = text.len;
	return true;
}

void backend_settings_free(struct backend_settings *c)
{
	if (!c) return;
	if (c->secret_len) explicit_bzero((void *)(uintptr_t)c->secret, c->secret_len);
	if (c->folder >= 0) (void)close(c->folder);
	arena_free(&c->memory);
	free(c);
}
