/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys: master reads the files, at the start, at a reload and when they
 * have changed, tries them, and hands the bytes to the receive workers, which have no
 * files. What is not good leaves what there was before in use. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cur.h"
#include "lib/base/map.h"
#include "lib/os/memfile.h"
#include "lib/os/tls.h"
#include "services/master/pem_file.h"

enum { LOOK_MS = 60 * 1000 };

/* The certificates of a listener block that are in use. */
struct certificates {
	char name[128];
	int fd;          /* what receive gets; -1: none was ever good */
	uint64_t stamp;  /* of the files when they were last looked at */
	uint64_t digest; /* of what `fd` holds */
	enum tls_profile profile;
	enum tls_clients clients;
	size_t count;
	struct certificate list[TLS_CERTIFICATES_MAX];
};

/* --- reading ---------------------------------------------------------------------------- */

/* The file of the i-th key. */
static struct str key_path(const struct conf_listener *l, size_t i)
{
	return l->keys.count ? l->keys.at[i].path : l->certificates.at[i].path;
}

struct trial {
	const struct conf_listener *listener;
	struct certificate *list; /* or NULL: only a trial */
	size_t count;             /* that are good */
	struct str fault;         /* path of the file that is not */
};

static void trial_told(void *arg, const struct tls_certificate *certificate)
{
	struct trial *t = arg;
	struct certificate *c = t->list ? &t->list[t->count] : NULL;
	if (c) {
		*c = (struct certificate){ .is = *certificate };
		(void)str_to_cstr(t->listener->certificates.at[t->count].path, c->path,
				  sizeof c->path);
	}
	t->count++;
}

/* Whom clients' certificates come from; a list of revoked ones may be missing. */
static bool add_clients(struct trial *t, struct buf *pairs, struct buf *why)
{
	const struct conf_listener *l = t->listener;
	t->fault = l->client_ca;
	if (!pem_file_add(l->client_ca, TLS_PEM_MAX, pairs, why)) return false;
	t->fault = l->client_crl;
	if (l->client_crl.len) return pem_file_add(l->client_crl, TLS_PEM_MAX, pairs, why);
	buf_put_str(pairs, STR(""));
	return true;
}

/* Tried apart from the certificates, so that the right file is named. */
static bool clients_try(struct trial *t, struct str pairs, struct buf *why)
{
	const struct conf_listener *l = t->listener;
	struct cur cur = cur_of(pairs);
	struct str ca = cur_str(&cur), crl = cur_str(&cur);
	struct tls_server *server = tls_server_new((enum tls_profile)l->profile);
	t->fault = l->client_ca;
	bool good = server && tls_server_ask(server, TLS_CLIENTS_ASK, ca, STR(""), why);
	tls_server_free(server);
	if (!good || !crl.len) return good;
	t->fault = l->client_crl;
	server = tls_server_new((enum tls_profile)l->profile);
	good = server && tls_server_ask(server, TLS_CLIENTS_ASK, ca, crl, why);
	tls_server_free(server);
	return good;
}

/* Reads and tries all of them. */
static bool trial_run(struct trial *t, struct buf *pairs, struct buf *why)
{
	const struct conf_listener *l = t->listener;
	if (l->client_certificate != CONF_CLIENT_CERTIFICATE_OFF && !add_clients(t, pairs, why))
		return false;
	for (size_t i = 0; i < l->certificates.count; i++) {
		t->fault = l->certificates.at[i].path;
		if (!pem_file_add(t->fault, TLS_PEM_MAX, pairs, why)) return false;
		t->fault = key_path(l, i);
		if (!pem_file_add(t->fault, TLS_PEM_MAX, pairs, why)) return false;
	}
	if (pairs->overflowed) {
		buf_fmt(why, "the files have more than %d bytes", TLS_PAIRS_MAX);
		return false;
	}
	if (l->client_certificate != CONF_CLIENT_CERTIFICATE_OFF &&
	    !clients_try(t, buf_view(pairs), why))
		return false;
	struct tls_server *server =
		tls_server_of((enum tls_profile)l->profile, (enum tls_clients)l->client_certificate,
			      buf_view(pairs), trial_told, t, why);
	if (!server && t->count < l->certificates.count)
		t->fault = l->certificates.at[t->count].path;
	tls_server_free(server);
	return server != NULL;
}

/* What changes when a file does. */
static uint64_t stamp_of(const struct conf_listener *l)
{
	uint64_t stamp = (uint64_t)l->profile | (uint64_t)l->client_certificate << 8;
	for (size_t i = 0; i < l->certificates.count; i++)
		stamp = pem_file_stamp(key_path(l, i),
				       pem_file_stamp(l->certificates.at[i].path, stamp));
	if (l->client_ca.len) stamp = pem_file_stamp(l->client_ca, stamp);
	return l->client_crl.len ? pem_file_stamp(l->client_crl, stamp) : stamp;
}

/* --- telling ---------------------------------------------------------------------------- */

static void tell_error(struct master *m, struct str listener, struct str path, struct str why)
{
	event_begin(&m->log, EVENT_certificate_error, 0, 0);
	event_str(&m->log, FIELD_listener, listener);
	event_str(&m->log, FIELD_path, path);
	event_str(&m->log, FIELD_error, why);
	event_end(&m->log);
}

static void warn_of_end(struct master *m, struct certificates *set)
{
	for (size_t i = 0; i < set->count; i++)
		certificate_warn(m, FIELD_listener, set->name, &set->list[i]);
}

/* --- handing out ------------------------------------------------------------------------ */

static void set_send(const struct certificates *set, struct channel *receive)
{
	if (set->fd < 0) return;
	struct msg_certificates msg = { str_of(set->name), (uint8_t)set->profile,
					(uint8_t)set->clients };
	channel_send_certificates_fd(receive, &msg, set->fd);
}

void certificates_send(struct master *m, struct channel *receive)
{
	for (size_t i = 0; i < m->certificates_count; i++)
		set_send(m->certificates[i], receive);
}

static void set_send_all(struct master *m, const struct certificates *set)
{
	for (size_t c = 0; c < m->child_count; c++)
		if (m->children[c].role == ROLE_RECEIVE && m->children[c].ch)
			set_send(set, m->children[c].ch);
}

static void set_use(struct master *m, struct certificates *set, struct certificates *next,
		    int fd)
{
	if (set->fd >= 0) (void)close(set->fd);
	next->stamp = set->stamp;
	*set = *next;
	set->fd = fd;
	set_send_all(m, set);
	for (size_t i = 0; i < set->count; i++)
		certificate_tell(m, EVENT_certificate, FIELD_listener, set->name,
				 &set->list[i]);
}

/* Reads the files of a block; what is the same as before changes nothing. */
static void set_load(struct master *m, struct certificates *set, const struct conf_listener *l)
{
	static struct certificates next; /* 40 KiB: not for a stack */
	char text[256];
	struct buf pairs, why;
	next = (struct certificates){ .profile = (enum tls_profile)l->profile,
				      .clients = (enum tls_clients)l->client_certificate };
	memcpy(next.name, set->name, sizeof next.name);
	buf_init(&pairs, TLS_PAIRS_MAX);
	buf_init_fixed(&why, text, sizeof text);
	struct trial trial = { .listener = l, .list = next.list };
	bool good = trial_run(&trial, &pairs, &why);
	next.count = trial.count;
	next.digest = hash_str(buf_view(&pairs), 0);
	bool same = set->fd >= 0 && next.digest == set->digest && next.profile == set->profile &&
		    next.clients == set->clients;
	int fd = good && !same ? memfile_write("ims-keys", buf_view(&pairs)) : -1;
	if (fd >= 0) set_use(m, set, &next, fd);
	else if (good && !same) tell_error(m, l->name, trial.fault, STR("no memory"));
	else if (!good) tell_error(m, l->name, trial.fault, buf_view(&why));
	buf_wipe(&pairs);
}

/* --- life ------------------------------------------------------------------------------- */

static struct certificates *set_for(struct master *m, const struct conf_listener *l)
{
	for (size_t i = 0; i < m->certificates_count; i++)
		if (str_eq(str_of(m->certificates[i]->name), l->name)) return m->certificates[i];
	struct certificates *set = NULL;
	if (m->certificates_count < MASTER_LISTENERS_MAX) set = calloc(1, sizeof *set);
	if (!set) return NULL;
	set->fd = -1;
	(void)str_to_cstr(l->name, set->name, sizeof set->name);
	return m->certificates[m->certificates_count++] = set;
}

static void set_free(struct certificates *set)
{
	if (set->fd >= 0) (void)close(set->fd);
	free(set);
}

static bool is_wanted(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (str_eq(conf->listeners[i].name, str_of(name)))
			return conf->listeners[i].tls != CONF_LISTENER_TLS_OFF;
	return false;
}

static void certificates_look(struct master *m, bool all)
{
	for (size_t i = 0; i < m->conf->listener_count; i++) {
		const struct conf_listener *l = &m->conf->listeners[i];
		struct certificates *set =
			l->tls != CONF_LISTENER_TLS_OFF ? set_for(m, l) : NULL;
		if (!set) continue;
		uint64_t stamp = stamp_of(l);
		if (all || stamp != set->stamp) {
			set->stamp = stamp;
			set_load(m, set, l);
		}
		warn_of_end(m, set);
	}
	route_files_look(m, all);
	exceptions_look(m, all);
	loop_timer_set(m->certificate_timer, LOOK_MS);
}

void certificates_load(struct master *m)
{
	for (size_t i = m->certificates_count; i-- > 0;) {
		if (is_wanted(m->conf, m->certificates[i]->name)) continue;
		set_free(m->certificates[i]);
		m->certificates[i] = m->certificates[--m->certificates_count];
	}
	certificates_look(m, true);
}

void certificates_tell(struct master *m, struct channel *console, uint64_t query)
{
	for (size_t i = 0; i < m->certificates_count; i++) {
		const struct certificates *set = m->certificates[i];
		for (size_t j = 0; j < set->count; j++)
			channel_send_certificate_row(console, &(struct msg_certificate_row){
				.query = query,
				.listener = str_of(set->name),
				.name = str_of(set->list[j].is.name),
				.until_s = (uint64_t)set->list[j].is.until_s });
	}
	route_files_tell(m, console, query);
}

void certificates_timer(void *arg) { certificates_look(arg, false); }

void certificates_free(struct master *m)
{
	while (m->certificates_count > 0) set_free(m->certificates[--m->certificates_count]);
	route_files_free(m);
}

bool certificates_check(const struct conf *conf, struct buf *text)
{
	bool good = true;
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];
		char reason[256];
		struct buf pairs, why;
		if (l->tls == CONF_LISTENER_TLS_OFF) continue;
		buf_init(&pairs, TLS_PAIRS_MAX);
		buf_init_fixed(&why, reason, sizeof reason);
		struct trial trial = { .listener = l };
		if (!trial_run(&trial, &pairs, &why)) {
			good = false;
			buf_fmt(text, "listener '%.*s': ", STR_ARG(l->name));
			buf_escaped(text, trial.fault);
			buf_fmt(text, ": %.*s\n", STR_ARG(buf_view(&why)));
		}
		buf_wipe(&pairs);
	}
	return route_files_check(conf, text) && good;
}
