/* SPDX-License-Identifier: Apache-2.0 */
/* Role `directory`: tells receive whether an address exists, and who logs in. Looks into
 * SQLite databases that the role can only reach with its own user's rights, and asks other
 * directories through backends (backend.h). */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/os/memfile.h"
#include "services/directory/auth.h"
#include "services/directory/keep.h"
#include "services/directory/pam.h"

static int directory_open(struct frame *f)
{
	struct directory *d = calloc(1, sizeof *d);
	/* A thread that is on its way out when the process ends must find the library as it was. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	if (!d) return EX_OSERR;
	f->role = d;
	d->frame = f;
	d->user = f->user;
	sources_set(d, f->conf);
	for (size_t i = 0; i < d->count; i++) source_prepare(d, &d->sources[i]);
	list_init(&d->lookups);
	if (!remotes_open(d)) return EX_OSERR;
	d->keep = keep_new(d);
	if (!d->keep) return EX_OSERR;
	d->auth = auth_new(d);
	d->aliases = aliases_new(d);
	return d->auth && d->aliases ? 0 : EX_OSERR;
}

/* A helper has rights that are no longer ours to give. */
static void helper_ended(void *arg) { frame_leave(arg); }

/* Only now, so that SQLite's files belong to the role's user. */
static int directory_serve(struct frame *f)
{
	struct directory *d = f->role;
	for (size_t i = 0; i < d->count; i++) (void)source_ready(d, &d->sources[i]);
	if (pam_helpers_watch(f->loop, helper_ended, f) != 0) return EX_OSERR;
	return auth_start(d->auth) == 0 && keep_start(d->keep) == 0 && aliases_start(d->aliases) ? 0 : EX_OSERR;
}

static void directory_reload(struct frame *f, struct conf *old)
{
	struct directory *d = f->role;
	sources_set(d, f->conf);
	aliases_reload(d->aliases, f->conf);
	/* What they need cannot be opened with the rights that are left. */
	bool fits = !d->auth || auth_reload(d->auth);
	fits &= sources_are_prepared(d) && !remotes_differ(old, f->conf);
	if (!fits) frame_leave(f);
}

static void directory_drain(struct frame *f, bool now)
{
	struct directory *d = f->role;
	(void)now;
	auth_free(d->auth);
	d->auth = NULL;
	aliases_free(d->aliases);
	d->aliases = NULL;
	lookups_forget(d, NULL);
	remotes_free(d);
	keep_now(d->keep);
	keep_free(d->keep);
	d->keep = NULL;
	pam_helpers_end();
	for (size_t i = 0; i < d->count; i++) source_free(&d->sources[i]);
	d->count = 0;
	frame_leave(f);
}

/* One that comes in the place of another will not ask for what that began. */
static void directory_peer(struct frame *f, struct channel *ch)
{
	struct directory *d = f->role;
	if (channel_peer(ch) != ROLE_RECEIVE || !d->auth) return;
	auth_forget(d->auth, channel_peer_index(ch));
	lookups_forget(d, ch);
	aliases_forget(d->aliases, ch);
}

/* A set-up without them, or an empty one, is fine: then none is named. */
static void secrets(struct frame *f, int fd)
{
	struct str record;
	if (fd < 0 || !memfile_map(fd, SECRETS_MAX, &record)) return;
	struct directory *d = f->role;
	bool fits = auth_secrets(d->auth, record);
	if (!remotes_secrets(d, record) || !fits) frame_leave(f);
	memfile_unmap(record);
}

static void directory_message(struct frame *f, struct channel *ch, enum msg_type type,
			      struct str payload, int fd)
{
	struct directory *d = f->role;
	union {
		struct msg_lookup lookup;
		struct msg_auth_begin begin;
		struct msg_auth_step step;
		struct msg_auth_end end;
	} m;
	if (type == MSG_secrets && d->auth) secrets(f, fd);
	if (fd >= 0) (void)close(fd);
	if (!d->auth) return; /* on its way out */
	if (type == MSG_lookup && msg_lookup_get(payload, &m.lookup))
		lookup_ask(d, ch, &m.lookup);
	else if (type == MSG_auth_begin && msg_auth_begin_get(payload, &m.begin))
		auth_begin(d->auth, ch, &m.begin);
	else if (type == MSG_auth_step && msg_auth_step_get(payload, &m.step))
		auth_step(d->auth, ch, &m.step);
	else if (type == MSG_auth_end && msg_auth_end_get(payload, &m.end))
		auth_end(d->auth, ch, m.end.query);
}

const struct role_ops directory_role = {
	.role = ROLE_DIRECTORY,
	.open = directory_open,
	.serve = directory_serve,
	.peer_up = directory_peer,
	.peer_down = directory_peer,
	.message = directory_message,
	.reload = directory_reload,
	.drain = directory_drain,
};
