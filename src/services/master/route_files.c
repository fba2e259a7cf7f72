/* SPDX-License-Identifier: Apache-2.0 */
/* What TLS of the routes needs of files: who is trusted, and certificates to show. Read and
 * tried as those of listeners (certificates.c), and handed to the deliver workers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cur.h"
#include "lib/base/map.h"
#include "lib/os/memfile.h"
#include "services/master/pem_file.h"

enum { FILES_MAX = TLS_TRUST_MAX + 2 * TLS_PEM_MAX + 64 };

struct route_files {
	char name[128];
	int fd;          /* what deliver gets; -1: never was good */
	uint64_t stamp;  /* of the files when they were last looked at */
	uint64_t digest; /* of what `fd` holds */
	enum tls_profile profile;
	struct certificate own; /* path empty: none */
};

static struct str key_path(const struct conf_route *r)
{
	return r->key.len ? r->key : r->certificate;
}

static bool verifies(const struct conf_route *r) { return r->tls == CONF_ROUTE_TLS_VERIFY; }

static uint64_t stamp_of(const struct conf_route *r)
{
	uint64_t stamp = (uint64_t)r->profile;
	if (verifies(r)) stamp = pem_file_stamp(r->ca, stamp);
	if (r->certificate.len)
		stamp = pem_file_stamp(key_path(r), pem_file_stamp(r->certificate, stamp));
	return stamp;
}

/* --- reading ---------------------------------------------------------------------------- */

/* A file of a route, or an empty string where it has none. `*fault` is its path, for `why`. */
static bool add(struct str path, bool wanted, size_t max, struct buf *files, struct str *fault,
		struct buf *why)
{
	if (!wanted) {
		buf_put_str(files, STR(""));
		return true;
	}
	*fault = path;
	return pem_file_add(path, max, files, why);
}

/* The parts are tried one by one, so that the right file is named. */
static bool try_all(const struct conf_route *r, struct str files, struct certificate *own,
		    struct str *fault, struct buf *why)
{
	struct cur c = cur_of(files);
	struct str trust = cur_str(&c), chain = cur_str(&c), key = cur_str(&c), none = STR("");
	enum tls_profile profile = (enum tls_profile)r->profile;
	*fault = r->ca;
	struct tls_client *client = tls_client_new(profile, trust, none, none, why);
	tls_client_free(client);
	if (!client || !chain.len) return client != NULL;
	*fault = r->certificate;
	struct tls_server *server = tls_server_new(profile);
	bool good = server && tls_server_add(server, chain, key, &own->is, why);
	tls_server_free(server);
	if (good) (void)str_to_cstr(r->certificate, own->path, sizeof own->path);
	return good;
}

static bool read_all(const struct conf_route *r, struct buf *files, struct certificate *own,
		     struct str *fault, struct buf *why)
{
	bool pair = r->certificate.len > 0;
	return add(r->ca, verifies(r), TLS_TRUST_MAX, files, fault, why) &&
	       add(r->certificate, pair, TLS_PEM_MAX, files, fault, why) &&
	       add(key_path(r), pair, TLS_PEM_MAX, files, fault, why) &&
	       try_all(r, buf_view(files), own, fault, why);
}

/* --- handing out ------------------------------------------------------------------------ */

static void files_send(const struct route_files *f, struct channel *deliver)
{
	if (f->fd < 0) return;
	struct msg_route_files msg = { str_of(f->name), (uint8_t)f->profile };
	channel_send_route_files_fd(deliver, &msg, f->fd);
}

void route_files_send(struct master *m, struct channel *deliver)
{
	for (size_t i = 0; i < m->route_files_count; i++)
		files_send(m->route_files[i], deliver);
}

static void files_use(struct master *m, struct route_files *f, const struct certificate *own,
		      int fd)
{
	if (f->fd >= 0) (void)close(f->fd);
	f->fd = fd;
	f->own = *own;
	for (size_t i = 0; i < m->child_count; i++)
		if (m->children[i].role == ROLE_DELIVER && m->children[i].ch)
			files_send(f, m->children[i].ch);
	if (own->path[0])
		certificate_tell(m, EVENT_certificate, FIELD_route, f->name, &f->own);
}

static void tell_error(struct master *m, struct str route, struct str path, struct str why)
{
	event_begin(&m->log, EVENT_certificate_error, 0, 0);
	event_str(&m->log, FIELD_route, route);
	event_str(&m->log, FIELD_path, path);
	event_str(&m->log, FIELD_error, why);
	event_end(&m->log);
}

/* What is the same as before changes nothing; what cannot be used leaves what there was. */
static void files_load(struct master *m, struct route_files *f, const struct conf_route *r)
{
	struct certificate own = { .path = "" };
	char text[256];
	struct buf files, why;
	struct str fault = STR("");
	buf_init(&files, FILES_MAX);
	buf_init_fixed(&why, text, sizeof text);
	bool good = read_all(r, &files, &own, &fault, &why) && !files.overflowed;
	uint64_t digest = hash_str(buf_view(&files), (uint64_t)r->profile);
	bool same = f->fd >= 0 && digest == f->digest;
	int fd = good && !same ? memfile_write("ims-route", buf_view(&files)) : -1;
	if (fd >= 0) {
		f->digest = digest;
		f->profile = (enum tls_profile)r->profile;
		files_use(m, f, &own, fd);
	} else if (!same) {
		tell_error(m, r->name, fault, good ? STR("no memory") : buf_view(&why));
	}
	pem_files_free(&files);
}

/* --- life ------------------------------------------------------------------------------- */

static struct route_files *files_for(struct master *m, const struct conf_route *r)
{
	for (size_t i = 0; i < m->route_files_count; i++)
		if (str_eq(str_of(m->route_files[i]->name), r->name)) return m->route_files[i];
	struct route_files *f = NULL;
	if (m->route_files_count < CONF_ROUTE_FILES_MAX) f = calloc(1, sizeof *f);
	if (!f) return NULL;
	f->fd = -1;
	(void)str_to_cstr(r->name, f->name, sizeof f->name);
	return m->route_files[m->route_files_count++] = f;
}

static void files_free(struct route_files *f)
{
	if (f->fd >= 0) (void)close(f->fd);
	free(f);
}

static void drop_unwanted(struct master *m)
{
	for (size_t i = m->route_files_count; i-- > 0;) {
		struct str name = str_of(m->route_files[i]->name);
		const struct conf_route *r = conf_route_find(m->conf, name);
		if (r && conf_route_has_files(r)) continue;
		files_free(m->route_files[i]);
		m->route_files[i] = m->route_files[--m->route_files_count];
	}
}

void route_files_look(struct master *m, bool all)
{
	if (all) drop_unwanted(m);
	for (size_t i = 0; i < m->conf->route_count; i++) {
		const struct conf_route *r = &m->conf->routes[i];
		struct route_files *f = conf_route_has_files(r) ? files_for(m, r) : NULL;
		if (!f) continue;
		uint64_t stamp = stamp_of(r);
		if (all || stamp != f->stamp) {
			f->stamp = stamp;
			files_load(m, f, r);
		}
		if (f->own.path[0]) certificate_warn(m, FIELD_route, f->name, &f->own);
	}
}

void route_files_tell(struct master *m, struct channel *console, uint64_t query)
{
	for (size_t i = 0; i < m->route_files_count; i++) {
		const struct route_files *f = m->route_files[i];
		if (!f->own.path[0]) continue;
		channel_send_certificate_row(console, &(struct msg_certificate_row){
			.query = query,
			.route = str_of(f->name),
			.name = str_of(f->own.is.name),
			.until_s = (uint64_t)f->own.is.until_s });
	}
}

void route_files_free(struct master *m)
{
	while (m->route_files_count > 0) files_free(m->route_files[--m->route_files_count]);
}

bool route_files_check(const struct conf *conf, struct buf *text)
{
	bool good = true;
	for (size_t i = 0; i < conf->route_count; i++) {
		const struct conf_route *r = &conf->routes[i];
		struct certificate own;
		char reason[256];
		struct buf files, why;
		struct str fault = STR("");
		if (!conf_route_has_files(r)) continue;
		buf_init(&files, FILES_MAX);
		buf_init_fixed(&why, reason, sizeof reason);
		if (!read_all(r, &files, &own, &fault, &why)) {
			good = false;
			buf_fmt(text, "route '%.*s': ", STR_ARG(r->name));
			buf_escaped(text, fault);
			buf_fmt(text, ": %.*s\n", STR_ARG(buf_view(&why)));
		}
		pem_files_free(&files);
	}
	return good;
}
