/* SPDX-License-Identifier: Apache-2.0 */
/* What the routes need of files: who is trusted, certificates to show, and passwords. Read
 * and tried as those of listeners (certificates.c), and handed to the deliver workers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cur.h"
#include "lib/base/map.h"
#include "lib/os/memfile.h"
#include "services/master/pem_file.h"

enum { FAULT_MAX = 1024 };
enum { FILES_MAX = TLS_TRUST_MAX + 2 * TLS_PEM_MAX + SECRET_MAX + 64 };

struct route_files {
	char name[128];
	int fd;          /* what deliver gets; -1: never was good */
	uint64_t stamp;  /* of the files when they were last looked at */
	uint64_t digest; /* of what `fd` holds */
	enum tls_profile profile;
	struct certificate own; /* path empty: none */
	char why[FAULT_MAX]; /* nothing was ever good: path and what is wrong with it */
};

static struct str key_path(const struct conf_route *r)
{
	return r->key.len ? r->key : r->certificate;
}

/* A system without authorities is none to complain about before a route says `verify`: what a
 * domain's policy then demands cannot be met, and its mail waits. */
static bool wants_trust(const struct conf_route *r)
{
	char path[SECRET_PATH_MAX];
	if (r->tls == CONF_ROUTE_TLS_OFF) return false;
	return r->tls == CONF_ROUTE_TLS_VERIFY || r->ca_from.line > 0 ||
	       (str_to_cstr(r->ca, path, sizeof path) && access(path, F_OK) == 0);
}

static uint64_t stamp_of(const struct conf_route *r)
{
	uint64_t stamp = pem_file_stamp(r->ca, (uint64_t)r->profile);
	if (r->certificate.len)
		stamp = pem_file_stamp(key_path(r), pem_file_stamp(r->certificate, stamp));
	return stamp;
}

/* --- reading ---------------------------------------------------------------------------- */

/* What is wrong with which file. */
struct fault {
	struct str path;
	bool secret;
	struct buf why;
	char text[256], memory[SECRET_PATH_MAX];
};

static void fault_init(struct fault *fault)
{
	fault->path = STR("");
	fault->secret = false;
	buf_init_fixed(&fault->why, fault->text, sizeof fault->text);
}

/* A file of a route, or an empty string where it has none. */
static bool add(struct str path, bool wanted, size_t max, struct buf *files,
		struct fault *fault)
{
	if (!wanted) {
		buf_put_str(files, STR(""));
		return true;
	}
	fault->path = path;
	return pem_file_add(path, max, files, &fault->why);
}

static bool add_secret(const struct conf *conf, const struct conf_route *r, struct buf *files,
		       struct fault *fault)
{
	const char *why = NULL;
	if (!r->secret.len) {
		buf_put_str(files, STR(""));
		return true;
	}
	if (secret_put(conf, r->secret, files, fault->memory, &why)) return true;
	fault->secret = true;
	fault->path = str_of(fault->memory);
	buf_str(&fault->why, str_of(why));
	return false;
}

/* The parts are tried one by one, so that the right file is named. */
static bool try_all(const struct conf_route *r, struct str files, struct certificate *own,
		    struct fault *fault)
{
	struct cur c = cur_of(files);
	struct str trust = cur_str(&c), chain = cur_str(&c), key = cur_str(&c), none = STR("");
	enum tls_profile profile = (enum tls_profile)r->profile;
	fault->path = r->ca;
	struct tls_client *client = tls_client_new(profile, trust, none, none, &fault->why);
	tls_client_free(client);
	if (!client || !chain.len) return client != NULL;
	fault->path = r->certificate;
	struct tls_server *server = tls_server_new(profile);
	bool good = server && tls_server_add(server, chain, key, &own->is, &fault->why);
	tls_server_free(server);
	if (good) (void)str_to_cstr(r->certificate, own->path, sizeof own->path);
	return good;
}

static bool read_all(const struct conf *conf, const struct conf_route *r, struct buf *files,
		     struct certificate *own, struct fault *fault)
{
	fault_init(fault);
	bool pair = r->certificate.len > 0;
	return add(r->ca, wants_trust(r), TLS_TRUST_MAX, files, fault) &&
	       add(r->certificate, pair, TLS_PEM_MAX, files, fault) &&
	       add(key_path(r), pair, TLS_PEM_MAX, files, fault) &&
	       add_secret(conf, r, files, fault) && try_all(r, buf_view(files), own, fault);
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

/* --- without them ----------------------------------------------------------------------- */

static void state_send(const struct route_files *f, struct channel *spool)
{
	channel_send_route_state(spool, &(struct msg_route_state){
		.name = str_of(f->name), .why = str_of(f->why) });
}

void route_states_send(struct master *m, struct channel *spool)
{
	for (size_t i = 0; i < m->route_files_count; i++)
		if (m->route_files[i]->why[0]) state_send(m->route_files[i], spool);
}

static void state_send_all(struct master *m, const struct route_files *f)
{
	for (size_t i = 0; i < m->child_count; i++)
		if (m->children[i].role == ROLE_SPOOL && m->children[i].ch)
			state_send(f, m->children[i].ch);
}

/* Spool does not try what cannot be sent: the mail waits where its sender is told of it. */
static void disable(struct master *m, struct route_files *f, struct str path, struct str error)
{
	char text[FAULT_MAX];
	struct buf why;
	/* What many routes share is no route: each of them knows what to do without it. */
	if (!f->name[0]) return;
	buf_init_fixed(&why, text, sizeof text - 1);
	buf_escaped(&why, path);
	buf_str(&why, STR(": "));
	buf_escaped(&why, error);
	if (str_eq(buf_view(&why), str_of(f->why))) return;
	(void)str_to_cstr(buf_view(&why), f->why, sizeof f->why);
	event_begin(&m->log, EVENT_route_disabled, 0, 0);
	event_str(&m->log, FIELD_route, str_of(f->name));
	event_str(&m->log, FIELD_path, path);
	event_str(&m->log, FIELD_error, error);
	event_end(&m->log);
	state_send_all(m, f);
}

/* `gone`: nobody has such a route any more. */
static void enable(struct master *m, struct route_files *f, bool gone)
{
	if (!f->why[0]) return;
	f->why[0] = '\0';
	state_send_all(m, f);
	if (gone) return;
	event_begin(&m->log, EVENT_route_enabled, 0, 0);
	event_str(&m->log, FIELD_route, str_of(f->name));
	event_end(&m->log);
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
	enable(m, f, false);
}

static void tell_error(struct master *m, struct str route, const struct fault *fault,
		       struct str why)
{
	event_begin(&m->log, fault->secret ? EVENT_secret_error : EVENT_certificate_error, 0, 0);
	event_str(&m->log, FIELD_route, route);
	event_str(&m->log, FIELD_path, fault->path);
	event_str(&m->log, FIELD_error, why);
	event_end(&m->log);
}

/* What is the same as before changes nothing; what cannot be used leaves what there was. `loud`:
 * something is new, so what is wrong with it is, too. */
static void files_load(struct master *m, struct route_files *f, const struct conf_route *r, bool loud)
{
	struct certificate own = { .path = "" };
	struct fault fault;
	struct buf files;
	buf_init(&files, FILES_MAX);
	bool good = read_all(m->conf, r, &files, &own, &fault) && !files.overflowed;
	uint64_t digest = hash_str(buf_view(&files), (uint64_t)r->profile);
	bool same = f->fd >= 0 && digest == f->digest;
	int fd = good && !same ? memfile_write("ims-route", buf_view(&files)) : -1;
	if (fd >= 0) {
		f->digest = digest;
		f->profile = (enum tls_profile)r->profile;
		files_use(m, f, &own, fd);
	} else if (!same) {
		struct str why = good ? STR("no memory") : buf_view(&fault.why);
		if (loud) tell_error(m, r->name, &fault, why);
		if (f->fd < 0) disable(m, f, fault.path, why);
	}
	buf_wipe(&files);
}

/* --- life ------------------------------------------------------------------------------- */

static struct route_files *files_for(struct master *m, struct str name)
{
	for (size_t i = 0; i < m->route_files_count; i++)
		if (str_eq(str_of(m->route_files[i]->name), name)) return m->route_files[i];
	struct route_files *f = NULL;
	if (m->route_files_count < MASTER_ROUTE_FILES_MAX) f = calloc(1, sizeof *f);
	if (!f) return NULL;
	f->fd = -1;
	(void)str_to_cstr(name, f->name, sizeof f->name);
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
		if (conf_route_with_files(m->conf, name)) continue;
		enable(m, m->route_files[i], !conf_route_find(m->conf, name));
		files_free(m->route_files[i]);
		m->route_files[i] = m->route_files[--m->route_files_count];
	}
}

void route_files_look(struct master *m, bool all)
{
	if (all) drop_unwanted(m);
	for (size_t i = 0; i < m->conf->route_count; i++) {
		const struct conf_route *r = &m->conf->routes[i];
		struct str name = conf_route_files_name(r);
		if (conf_route_with_files(m->conf, name) != r) continue;
		struct route_files *f = files_for(m, name);
		if (!f) continue;
		uint64_t stamp = stamp_of(r);
		bool news = all || stamp != f->stamp;
		f->stamp = stamp;
		/* The stamp says nothing of the secret, for which a route may wait. */
		if (news || f->fd < 0) files_load(m, f, r, news);
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
		struct fault fault;
		struct buf files;
		if (conf_route_with_files(conf, conf_route_files_name(r)) != r) continue;
		buf_init(&files, FILES_MAX);
		if (!read_all(conf, r, &files, &own, &fault)) {
			good = false;
			buf_fmt(text, "route '%.*s': ", STR_ARG(r->name));
			buf_escaped(text, fault.path);
			buf_fmt(text, ": %.*s\n", STR_ARG(buf_view(&fault.why)));
		}
		buf_wipe(&files);
	}
	return good;
}
