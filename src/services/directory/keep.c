/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/keep.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"
#include "lib/os/file.h"
#include "lib/os/sandbox.h"
#include "lib/policy/tally.h"

enum { SECRET_FILE_MAX = 2 * 4096 }; /* what file_read_all wants to see that it is longer */

struct keep {
	struct directory *d;
	struct tally *tally;
	struct loop_timer *timer;
	struct buf path;  /* of the folder, for the log */
	int folder;       /* or -errno of opening it */
	uint64_t written; /* tally->changes then */
	char secret[DIRECTORY_SECRET];
	bool fresh;       /* the secret is still to be written */
	bool failed;      /* told once until it goes well again */
};

static const char file_name[] = "tally", fresh_name[] = "tally.new";
static const char secret_name[] = "secret", secret_fresh[] = "secret.new";

static void keep_failed(struct keep *k, struct str error)
{
	if (k->failed) return;
	k->failed = true;
	struct event_log *log = k->d->frame->log;
	event_begin(log, EVENT_directory_error, 0, 0);
	event_str(log, FIELD_path, buf_view(&k->path));
	event_str(log, FIELD_error, error);
	event_end(log);
}

static void keep_read(struct keep *k)
{
	struct buf record;
	int fd = openat(k->folder, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		if (errno != ENOENT) keep_failed(k, str_of(strerror(errno)));
		return;
	}
	buf_init(&record, TALLY_RECORD_MAX);
	if (file_read_all(fd, &record) != 0 || !tally_read(k->tally, buf_view(&record)))
		keep_failed(k, STR("the file of counts is damaged; it is begun anew"));
	buf_free(&record);
	(void)close(fd);
}

/* What cannot be read is not written over: it is right the next time, perhaps. */
static void secret_read(struct keep *k)
{
	struct buf octets;
	int fd = openat(k->folder, secret_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	k->fresh = fd < 0 && errno == ENOENT;
	if (fd < 0) {
		if (!k->fresh) keep_failed(k, str_of(strerror(errno)));
		return;
	}
	buf_init(&octets, SECRET_FILE_MAX);
	int rc = file_read_all(fd, &octets);
	if (rc == 0 && octets.len == sizeof k->secret) {
		memcpy(k->secret, octets.at, sizeof k->secret);
	} else {
		k->fresh = rc == 0 || rc == -EFBIG;
		keep_failed(k, STR("the file of the secret is damaged; it is begun anew"));
	}
	buf_wipe(&octets);
	(void)close(fd);
}

static void keep_open(struct keep *k)
{
	char path[PATH_MAX];
	buf_init(&k->path, PATH_MAX);
	buf_fmt(&k->path, "%.*s/counts", STR_ARG(k->d->frame->conf->state));
	k->folder = -ENAMETOOLONG;
	if (str_to_cstr(buf_view(&k->path), path, sizeof path))
		k->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->folder == -1) k->folder = -errno;
	if (k->folder < 0) return;
	if (!k->d->frame->restarted) keep_read(k);
	secret_read(k);
	int error = sandbox_allow_fd(k->folder, true);
	if (error) keep_failed(k, str_of(strerror(-error)));
}

struct keep *keep_new(struct directory *d)
{
	struct keep *k = calloc(1, sizeof *k);
	uint64_t seed = 0;
	if (!k) return NULL;
	k->d = d;
	k->tally = scoreboard_tally();
	assert(k->tally);
	while (getrandom(k->secret, sizeof k->secret, 0) != (ssize_t)sizeof k->secret) {}
	keep_open(k);
	while (!k->tally->seed) {
		if (getrandom(&seed, sizeof seed, 0) != sizeof seed) continue;
		k->tally->seed = seed;
	}
	k->written = k->d->frame->restarted ? 0 : slots_read(&k->tally->changes);
	return k;
}

static int keep_write(struct keep *k)
{
	struct buf record;
	buf_init(&record, TALLY_RECORD_MAX);
	tally_write(k->tally, &record);
	int rc = record.overflowed ? -ENOMEM
				   : file_replace(k->folder, file_name, fresh_name, buf_view(&record), FILE_LATER);
	buf_free(&record);
	return rc;
}

void keep_now(struct keep *k)
{
	if (!k) return;
	uint64_t changes = slots_read(&k->tally->changes);
	if (changes == k->written) return;
	int rc = keep_write(k);
	if (rc != 0) {
		keep_failed(k, str_of(strerror(-rc)));
		return;
	}
	k->written = changes;
	k->failed = false;
}

static void keep_timer(void *arg)
{
	struct keep *k = arg;
	keep_now(k);
	loop_timer_set(k->timer, KEEP_EVERY_MS);
}

void keep_secret(const struct keep *k, char secret[DIRECTORY_SECRET])
{
	memcpy(secret, k->secret, DIRECTORY_SECRET);
}

/* Only now, so that it belongs to the role's user. */
static void secret_write(struct keep *k)
{
	struct str octets = { k->secret, sizeof k->secret };
	int rc = k->fresh ? file_replace(k->folder, secret_name, secret_fresh, octets, FILE_WHOLE) : 0;
	if (rc != 0) keep_failed(k, str_of(strerror(-rc)));
	k->fresh = false;
}

int keep_start(struct keep *k)
{
	secret_write(k);
	k->timer = loop_timer_new(k->d->frame->loop, keep_timer, k);
	if (!k->timer) return -ENOMEM;
	loop_timer_set(k->timer, KEEP_EVERY_MS);
	return 0;
}

void keep_free(struct keep *k)
{
	if (!k) return;
	loop_timer_free(k->timer);
	if (k->folder >= 0) (void)close(k->folder);
	buf_free(&k->path);
	explicit_bzero(k->secret, sizeof k->secret);
	free(k);
}
