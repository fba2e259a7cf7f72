/* SPDX-License-Identifier: Apache-2.0 */
#include "services/journal/feed.h"

#include <errno.h>
#include <sys/stat.h>

void feed_init(struct feed *f, void (*trouble)(void *, bool, struct str, int), void *arg)
{
	*f = (struct feed){
		.reader = { .fd = -1 }, .rescan = true, .trouble = trouble, .arg = arg
	};
	f->checked_ms = f->retry_ms = INT64_MIN / 2;
}

static void feed_shut(struct feed *f)
{
	log_reader_close(&f->reader);
	logfiles_free(&f->files);
	if (f->open) trackdb_close(&f->db);
	f->open = false;
	f->rescan = true;
}

void feed_free(struct feed *f) { feed_shut(f); }

void feed_place(struct feed *f, const struct log_place *place)
{
	struct buf path;
	feed_shut(f);
	f->place = *place;
	f->retry_ms = INT64_MIN / 2;
	buf_init_fixed(&path, f->path, sizeof f->path);
	buf_str(&path, str_of(place->folder));
	buf_bytes(&path, "/index.db", sizeof "/index.db");
	if (path.overflowed) f->path[0] = '\0';
}

static uint64_t inode_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Damage: begin again. Anything else: later, and say so once. */
static void feed_failed(struct feed *f, int error, int64_t now_ms)
{
	feed_shut(f);
	if (error == -EILSEQ) trackdb_delete(f->path);
	else f->retry_ms = now_ms + FEED_RETRY_MS;
	if (error == -EILSEQ || f->told != error)
		f->trouble(f->arg, error == -EILSEQ, str_of(f->path), -error);
	f->told = error;
}

/* "Delete the index and it is made again" holds while it is open, too. */
static void check_there(struct feed *f, int64_t now_ms)
{
	if (!f->open || now_ms - f->checked_ms < FEED_CHECK_MS) return;
	f->checked_ms = now_ms;
	if (inode_of(f->path) == f->inode) return;
	feed_shut(f);
	trackdb_delete(f->path);
}

static bool open_index(struct feed *f, int64_t now_ms)
{
	check_there(f, now_ms);
	if (f->open) return true;
	if (!f->path[0] || now_ms < f->retry_ms) return false;
	int rc = trackdb_open(&f->db, f->path);
	if (rc == -EILSEQ) {
		feed_failed(f, rc, now_ms);
		rc = trackdb_open(&f->db, f->path);
	}
	if (rc != 0) {
		feed_failed(f, rc == -EILSEQ ? -EIO : rc, now_ms);
		return false;
	}
	f->open = true;
	f->inode = inode_of(f->path);
	f->checked_ms = now_ms;
	return true;
}

/* Opens the next file of the list that has something unread, or the last: it may grow.
 * 1: done, 0: there is none any more, -errno of the index. */
static int open_next(struct feed *f)
{
	for (unsigned i = 0; f->next < f->files.count && i < FEED_FILES; i++) {
		const struct logfile *file = &f->files.at[f->next++];
		struct log_reader reader;
		uint64_t offset;
		int64_t number;
		if (log_reader_open(&reader, file->path, 0) != 0) continue;
		uint64_t head = logfile_head(reader.fd);
		int rc = head ? trackdb_file(&f->db, file, head, &number, &offset) : 0;
		bool last = f->next == f->files.count;
		if (!head || rc != 0 || (offset >= file->size && !last)) {
			log_reader_close(&reader);
			if (!head)
				f->rescan =
					f->rescan || last; /* begun, but no line yet */
			if (rc != 0) return rc;
			continue;
		}
		log_reader_close(&f->reader);
		f->reader = reader;
		f->reader.offset = offset;
		f->file = number;
		return 1;
	}
	return f->next < f->files.count;
}

/* What grows is read last, and stays open: times of change may be equal. */
static void active_last(struct feed *f)
{
	struct logfile *at = f->files.at;
	for (size_t i = 0; f->active && i + 1 < f->files.count; i++) {
		if (at[i].inode != f->active) continue;
		struct logfile swap = at[i];
		at[i] = at[f->files.count - 1];
		at[f->files.count - 1] = swap;
		return;
	}
}

/* What is read is at its end: the next file, or a new look at which there are. */
static int go_on(struct feed *f)
{
	if (f->next < f->files.count) return open_next(f);
	logfiles_free(&f->files);
	if (!f->rescan) return 0;
	f->rescan = false;
	f->next = 0;
	int rc = logfiles_list(&f->place, &f->files);
	active_last(f);
	return rc == 0 ? open_next(f) : rc;
}

bool feed_step(struct feed *f, int64_t now_ms, int64_t since_ms)
{
	int rc = 0;
	if (!open_index(f, now_ms)) return false;
	if (f->reader.fd >= 0)
		rc = trackdb_feed(&f->db, &f->reader, f->file, since_ms, FEED_SLICE_US);
	if (rc == 0) rc = go_on(f);
	if (rc >= 0) {
		if (rc > 0) f->told = 0;
		return rc > 0;
	}
	feed_failed(f, rc, now_ms);
	return rc == -EILSEQ;
}

bool feed_purge(struct feed *f, int64_t before_ms)
{
	if (!f->open) return false;
	return trackdb_purge(&f->db, before_ms, FEED_PURGE_ROWS) == FEED_PURGE_ROWS;
}
