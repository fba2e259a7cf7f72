/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries into Maildirs, many at a time. Each goes the way of the convention: written
 * whole under tmp, made durable, renamed into new, and the rename made durable. A batch
 * takes each of these steps for all its letters before the next, so that the disk is
 * waited for twice a batch and not three times a letter. */
#ifndef IMS_MAILBOX_MAILDIR_H
#define IMS_MAILBOX_MAILDIR_H

#include "mailbox/letter.h"

enum {
	MAILDIR_BATCH_MAX = 64,
	/* More files than this on one file system are made durable by one syncfs. */
	MAILDIR_FSYNC_MAX = 4,
	/* Every so many openings of a folder, its tmp is searched for leftovers. */
	MAILDIR_CLEAN_EVERY = 64,
	MAILDIR_NAME_MAX = 160,
};

/* How files are made durable: by the count, or (for measurements and tests) one way. */
enum maildir_sync { MAILDIR_SYNC_BEST, MAILDIR_SYNC_EACH, MAILDIR_SYNC_WHOLE };

struct maildir_batch;

/* NULL: no memory. Freeing drops what is not committed. */
struct maildir_batch *maildir_batch_new(void);
void maildir_batch_free(struct maildir_batch *b);
void maildir_batch_how(struct maildir_batch *b, enum maildir_sync how);

size_t maildir_batch_count(const struct maildir_batch *b);

/* Writes the letter into tmp of the Maildir at `path` below `prefix` (a descriptor, see
 * folder_prefix_open; it must stay open until the batch is cleared). The letter is not
 * needed afterwards. The batch must not be full. Returns the place in the batch. */
size_t maildir_batch_add(struct maildir_batch *b, int prefix, struct str path,
			 const struct letter *letter);

/* Takes the batch through the steps after that; then maildir_batch_error tells of each
 * letter: 0, it is in new and will be there after a power cut; or a negative errno, and
 * nothing of it is left (or, where the very last step failed, it may be delivered twice:
 * it must be tried again, for it may also be gone). */
void maildir_batch_commit(struct maildir_batch *b);
int maildir_batch_error(const struct maildir_batch *b, size_t at);
/* Empties the batch. Letters that are not committed are removed from tmp. */
void maildir_batch_clear(struct maildir_batch *b);

/* The steps of maildir_batch_commit, in order. */
void maildir_batch_sync(struct maildir_batch *b);
void maildir_batch_rename(struct maildir_batch *b);
void maildir_batch_settle(struct maildir_batch *b);

/* A name that no other delivery has: time.MusecPpidQcount.host; in `host`, "/" becomes
 * \057 and ":" \072. */
void maildir_name(struct buf *out, int64_t wall_us, long pid, unsigned count,
		  struct str host);

/* What to tell of an error: enhanced status code and a sentence. */
const char *maildir_dsn(int error);
void maildir_reason(struct buf *out, int error);

#endif
