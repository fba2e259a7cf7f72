/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/mem/fake_disk.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/rng.h"

enum step_kind {
	STEP_WRITE,
	STEP_TRUNCATE,
	STEP_SYNC,
	STEP_SYNC_FOLDER,
	STEP_NAME,  /* `to` becomes a name of the file */
	STEP_RENAME,
	STEP_UNLINK
};

struct step {
	enum step_kind kind;
	int file;
	bool through;
	uint64_t offset; /* or size */
	char *bytes;
	size_t len;
	char from[FAKE_NAME_MAX], to[FAKE_NAME_MAX];
};

struct file {
	char *bytes;
	size_t len, cap;
};

struct name {
	char text[FAKE_NAME_MAX];
	int file;
};

struct fake_disk {
	pthread_mutex_t lock;
	bool record, has_failed;
	enum fake_call fail_call;
	unsigned fail_nth;
	int fail_error;
	uint64_t limit, used;
	struct file *files;
	struct name *names;
	struct step *steps;
	size_t files_count, names_count, steps_count;
	size_t files_cap, names_cap, steps_cap;
	struct step none; /* takes what is not recorded */
};

/* Room for one more of `size`; tests have memory or end. */
static void *grown(void *at, size_t count, size_t *cap, size_t size)
{
	if (count < *cap) return at;
	*cap = *cap ? 2 * *cap : 16;
	at = realloc(at, *cap * size);
	assert(at);
	return at;
}

static void lock(struct fake_disk *d) { (void)pthread_mutex_lock(&d->lock); }
static int unlock(struct fake_disk *d, int result)
{
	(void)pthread_mutex_unlock(&d->lock);
	return result;
}

struct fake_disk *fake_disk_new(bool record)
{
	struct fake_disk *d = calloc(1, sizeof *d);
	if (!d) return NULL;
	d->record = record;
	d->limit = UINT64_MAX;
	(void)pthread_mutex_init(&d->lock, NULL);
	return d;
}

void fake_disk_free(struct fake_disk *d)
{
	if (!d) return;
	for (size_t i = 0; i < d->files_count; i++) free(d->files[i].bytes);
	for (size_t i = 0; i < d->steps_count; i++) free(d->steps[i].bytes);
	free(d->files);
	free(d->names);
	free(d->steps);
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
}

static struct step *step_add(struct fake_disk *d, enum step_kind kind, int file)
{
	if (!d->record) return &d->none;
	d->steps = grown(d->steps, d->steps_count, &d->steps_cap, sizeof *d->steps);
	struct step *s = &d->steps[d->steps_count++];
	*s = (struct step){ .kind = kind, .file = file };
	return s;
}

static void step_names(struct step *s, const char *from, const char *to)
{
	(void)snprintf(s->from, sizeof s->from, "%s", from);
	(void)snprintf(s->to, sizeof s->to, "%s", to);
}

/* ---- content --------------------------------------------------------------------- */

static struct name *name_find(struct fake_disk *d, const char *text)
{
	for (size_t i = 0; i < d->names_count; i++)
		if (str_eq(str_of(d->names[i].text), str_of(text))) return &d->names[i];
	return NULL;
}

static void file_resize(struct fake_disk *d, struct file *f, size_t len)
{
	if (len > f->cap) {
		size_t cap = f->cap ? f->cap : 4096;
		while (cap < len) cap *= 2;
		f->bytes = realloc(f->bytes, cap);
		assert(f->bytes);
		f->cap = cap;
	}
	if (len > f->len) memset(f->bytes + f->len, 0, len - f->len);
	d->used = d->used - f->len + len;
	f->len = len;
}

static void file_write(struct fake_disk *d, int file, uint64_t offset, struct str bytes)
{
	struct file *f = &d->files[file];
	if (!bytes.len) return;
	if (offset + bytes.len > f->len) file_resize(d, f, (size_t)offset + bytes.len);
	memcpy(f->bytes + offset, bytes.at, bytes.len);
}

static int file_add(struct fake_disk *d)
{
	d->files = grown(d->files, d->files_count, &d->files_cap, sizeof *d->files);
	d->files[d->files_count] = (struct file){ 0 };
	return (int)d->files_count++;
}

static void name_set(struct fake_disk *d, const char *text, int file)
{
	struct name *n = name_find(d, text);
	if (!n) {
		d->names =
			grown(d->names, d->names_count, &d->names_cap, sizeof *d->names);
		n = &d->names[d->names_count++];
		(void)snprintf(n->text, sizeof n->text, "%s", text);
	}
	n->file = file;
}

static void name_remove(struct fake_disk *d, const char *text)
{
	struct name *n = name_find(d, text);
	if (n) *n = d->names[--d->names_count];
}

/* A file without a name frees its bytes, except in a disk that may still be asked for
 * them by number. */
static bool file_has_name(const struct fake_disk *d, int file)
{
	for (size_t i = 0; i < d->names_count; i++)
		if (d->names[i].file == file) return true;
	return false;
}

/* ---- faults ---------------------------------------------------------------------- */

void fake_disk_fail(struct fake_disk *d, enum fake_call call, unsigned nth, int error)
{
	d->fail_call = call;
	d->fail_nth = nth;
	d->fail_error = error;
	d->has_failed = false;
}

bool fake_disk_failed(const struct fake_disk *d) { return d->has_failed; }

static int fault(struct fake_disk *d, enum fake_call call)
{
	if (!d->fail_nth || d->fail_call != call || --d->fail_nth) return 0;
	d->has_failed = true;
	return -d->fail_error;
}

int fake_disk_fault(struct fake_disk *d, enum fake_call call)
{
	lock(d);
	return unlock(d, fault(d, call));
}

/* ---- calls ----------------------------------------------------------------------- */

int fake_disk_create(struct fake_disk *d, const char *name)
{
	lock(d);
	int r = fault(d, FAKE_CREATE);
	if (r) return unlock(d, r);
	if (name_find(d, name)) return unlock(d, -EEXIST);
	int file = file_add(d);
	name_set(d, name, file);
	step_names(step_add(d, STEP_NAME, file), "", name);
	return unlock(d, file);
}

int fake_disk_find(struct fake_disk *d, const char *name)
{
	lock(d);
	int r = fault(d, FAKE_OPEN);
	if (r) return unlock(d, r);
	struct name *n = name_find(d, name);
	return unlock(d, n ? n->file : -ENOENT);
}

static void write_and_note(struct fake_disk *d, int file, uint64_t offset,
			   struct str bytes, bool through)
{
	file_write(d, file, offset, bytes);
	if (!d->record) return;
	struct step *s = step_add(d, STEP_WRITE, file);
	s->through = through;
	s->offset = offset;
	s->len = bytes.len;
	s->bytes = malloc(bytes.len ? bytes.len : 1);
	assert(s->bytes);
	if (bytes.len) memcpy(s->bytes, bytes.at, bytes.len);
}

int fake_disk_write(struct fake_disk *d, int file, uint64_t offset, struct str bytes,
		    bool through)
{
	lock(d);
	assert(file >= 0 && (size_t)file < d->files_count);
	int r = fault(d, FAKE_WRITE);
	if (r) return unlock(d, r);
	uint64_t end = offset + bytes.len;
	uint64_t more = end > d->files[file].len ? end - d->files[file].len : 0;
	if (d->used > d->limit || more > d->limit - d->used) return unlock(d, -ENOSPC);
	r = fault(d, FAKE_SHORT_WRITE);
	if (r) bytes = str_sub(bytes, 0, bytes.len / 2);
	write_and_note(d, file, offset, bytes, through);
	return unlock(d, r);
}

int fake_disk_truncate(struct fake_disk *d, int file, uint64_t size)
{
	lock(d);
	file_resize(d, &d->files[file], (size_t)size);
	step_add(d, STEP_TRUNCATE, file)->offset = size;
	return unlock(d, 0);
}

int fake_disk_sync(struct fake_disk *d, int file)
{
	lock(d);
	int r = fault(d, FAKE_SYNC);
	if (!r) (void)step_add(d, STEP_SYNC, file);
	return unlock(d, r);
}

int fake_disk_sync_folder(struct fake_disk *d, const char *folder)
{
	lock(d);
	int r = fault(d, FAKE_SYNC);
	if (!r) step_names(step_add(d, STEP_SYNC_FOLDER, -1), folder, "");
	return unlock(d, r);
}

int fake_disk_rename(struct fake_disk *d, const char *from, const char *to)
{
	lock(d);
	int r = fault(d, FAKE_RENAME);
	struct name *n = name_find(d, from);
	if (r || !n) return unlock(d, r ? r : -ENOENT);
	int file = n->file;
	name_remove(d, from);
	name_set(d, to, file);
	step_names(step_add(d, STEP_RENAME, file), from, to);
	return unlock(d, 0);
}

int fake_disk_unlink(struct fake_disk *d, const char *name)
{
	lock(d);
	struct name *n = name_find(d, name);
	if (!n) return unlock(d, -ENOENT);
	int file = n->file;
	name_remove(d, name);
	step_names(step_add(d, STEP_UNLINK, file), name, "");
	if (!file_has_name(d, file)) d->used -= d->files[file].len;
	if (!file_has_name(d, file)) d->files[file].len = 0;
	return unlock(d, 0);
}

int64_t fake_disk_read(struct fake_disk *d, int file, uint64_t offset, void *memory,
		       size_t len)
{
	lock(d);
	const struct file *f = &d->files[file];
	size_t n = 0;
	if (offset < f->len)
		n = f->len - (size_t)offset < len ? f->len - (size_t)offset : len;
	if (n) memcpy(memory, f->bytes + offset, n);
	(void)unlock(d, 0);
	return (int64_t)n;
}

int64_t fake_disk_size(struct fake_disk *d, int file)
{
	lock(d);
	int64_t size = (int64_t)d->files[file].len;
	(void)unlock(d, 0);
	return size;
}

int fake_disk_list(struct fake_disk *d, struct str prefix,
		   int fn(void *ctx, struct str name), void *ctx)
{
	/* From the end: an unlink moves the last name into the hole. */
	for (size_t i = d->names_count; i-- > 0;) {
		char text[FAKE_NAME_MAX];
		if (i >= d->names_count) continue;
		memcpy(text, d->names[i].text, sizeof text);
		if (!str_starts(str_of(text), prefix)) continue;
		int r = fn(ctx, str_from(str_of(text), prefix.len));
		if (r) return r;
	}
	return 0;
}

void fake_disk_limit(struct fake_disk *d, uint64_t bytes) { d->limit = bytes; }

uint64_t fake_disk_free_bytes(struct fake_disk *d)
{
	lock(d);
	uint64_t left = d->limit > d->used ? d->limit - d->used : 0;
	(void)unlock(d, 0);
	return left;
}

size_t fake_disk_steps(const struct fake_disk *d) { return d->steps_count; }

/* ---- power cut ------------------------------------------------------------------- */

static bool in_folder(const char *name, const char *folder)
{
	bool big = str_starts(str_of(name), STR("big/"));
	return big == str_eq(str_of(folder), STR("big"));
}

static bool is_synced_by(const struct step *s, const struct step *sync)
{
	switch (s->kind) {
	case STEP_WRITE:
	case STEP_TRUNCATE: return sync->kind == STEP_SYNC && sync->file == s->file;
	case STEP_NAME:
	case STEP_RENAME:
		return sync->kind == STEP_SYNC_FOLDER && in_folder(s->to, sync->from);
	case STEP_UNLINK:
		return sync->kind == STEP_SYNC_FOLDER && in_folder(s->from, sync->from);
	case STEP_SYNC:
	case STEP_SYNC_FOLDER: break;
	}
	return false;
}

/* Syncs count only when they are over: step `count` (the last) is still under way. */
static bool is_durable(const struct fake_disk *d, size_t at, size_t count)
{
	if (at + 1 < count && d->steps[at].through) return true;
	for (size_t i = at + 1; i + 1 < count && i < d->steps_count; i++)
		if (is_synced_by(&d->steps[at], &d->steps[i])) return true;
	return false;
}

static void replay(struct fake_disk *to, const struct step *s)
{
	switch (s->kind) {
	case STEP_WRITE:
		file_write(to, s->file, s->offset, (struct str){ s->bytes, s->len });
		break;
	case STEP_TRUNCATE:
		file_resize(to, &to->files[s->file], (size_t)s->offset);
		break;
	case STEP_RENAME:
		name_remove(to, s->from);
		name_set(to, s->to, s->file);
		break;
	case STEP_NAME:
		name_set(to, s->to, s->file);
		break;
	case STEP_UNLINK:
		name_remove(to, s->from);
		break;
	case STEP_SYNC:
	case STEP_SYNC_FOLDER:
		break;
	}
}

/* Only some sectors arrive; the file may have its full length nevertheless. */
static void replay_torn(struct fake_disk *to, const struct step *s, bool prefix,
			struct rng *rng)
{
	size_t sectors = s->len / FAKE_SECTOR + 1, cut = rng_below(rng, sectors);
	size_t end = (size_t)s->offset + s->len;
	if (!prefix && rng_below(rng, 2) && end > to->files[s->file].len)
		file_resize(to, &to->files[s->file], end);
	for (size_t i = 0; i < sectors; i++) {
		struct str sector = str_sub((struct str){ s->bytes, s->len },
					    i * FAKE_SECTOR, FAKE_SECTOR);
		if (prefix ? i < cut : rng_below(rng, 2) != 0)
			file_write(to, s->file, s->offset + i * FAKE_SECTOR, sector);
	}
}

enum chance { CHANCE_LOST, CHANCE_KEPT, CHANCE_TORN };

static enum chance chance(const struct step *s, enum fake_cut cut, bool last,
			  struct rng *rng)
{
	bool write = s->kind == STEP_WRITE;
	switch (cut) {
	case FAKE_LOST: return CHANCE_LOST;
	case FAKE_TORN: return write && last ? CHANCE_TORN : CHANCE_KEPT;
	case FAKE_SUBSET:
		if (rng_below(rng, 2)) return CHANCE_LOST;
		return write && !rng_below(rng, 3) ? CHANCE_TORN : CHANCE_KEPT;
	case FAKE_KEPT:
	case FAKE_CUTS: break;
	}
	return CHANCE_KEPT;
}

struct fake_disk *fake_disk_cut(const struct fake_disk *d, size_t steps,
				enum fake_cut cut, uint64_t seed)
{
	struct fake_disk *to = fake_disk_new(false);
	struct rng rng = { seed };
	size_t end = steps < d->steps_count ? steps : d->steps_count,
	       last_write = SIZE_MAX;
	if (!to) return NULL;
	for (size_t i = 0; i < d->files_count; i++) (void)file_add(to);
	for (size_t i = 0; i < end; i++)
		if (d->steps[i].kind == STEP_WRITE) last_write = i;
	for (size_t i = 0; i < end; i++) {
		const struct step *s = &d->steps[i];
		enum chance c = CHANCE_KEPT;
		if (!is_durable(d, i, steps)) c = chance(s, cut, i == last_write, &rng);
		if (c == CHANCE_KEPT) replay(to, s);
		if (c == CHANCE_TORN) replay_torn(to, s, cut == FAKE_TORN, &rng);
	}
	return to;
}
