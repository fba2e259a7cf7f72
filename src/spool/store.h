/* SPDX-License-Identifier: Apache-2.0 */
/* The spool store: where mail is kept, as docs/spool.md tells it (states of a message,
 * what a crash leaves, what each error means).
 *
 * Threads: store_commit on one thread at a time; every other function on one other thread
 * at a time, also while a commit runs. No callback calls back into the store.
 * Nothing here logs, exits or aborts for a disk error: functions return 0 or -errno.
 * Times are milliseconds since 1970 (>= 0; less counts as 0). Message ids are > 0 and
 * should grow with time. */
#ifndef IMS_SPOOL_STORE_H
#define IMS_SPOOL_STORE_H

#include "lib/base/arena.h"
#include "lib/base/str.h"

enum {
	SPOOL_INLINE_MAX = 256 * 1024,   /* bytes of a body in the database; more: big */
	SPOOL_ENVELOPE_MAX = 256 * 1024, /* bytes */
	SPOOL_RCPTS_MAX = 10000,         /* of one message */
	SPOOL_ADDRESS_MAX = 1024,        /* bytes; longer: -EMSGSIZE */
	SPOOL_HOST_MAX = 255, /* bytes; this and the next are cut when longer */
	SPOOL_REPLY_MAX = 1024,
	SPOOL_DSN_MAX = 16,
	SPOOL_REASON_MAX = 256,
	SPOOL_BATCH_MAX = 4096, /* operations of one commit */
	SPOOL_BIGS_MAX = 1024,  /* big bodies arriving at once */
	SPOOL_NOTES_MAX = 1000,
	SPOOL_NOTE_KEY_MAX = 320,    /* bytes */
	SPOOL_NOTE_VALUE_MAX = 1024, /* bytes */
};

enum spool_msg_state { SPOOL_ACTIVE, SPOOL_HELD, SPOOL_POISON, SPOOL_MSG_STATES };
enum spool_rcpt_state {
	SPOOL_PENDING,  /* not tried yet */
	SPOOL_DEFERRED, /* tried, to be tried again; these two are "open" */
	SPOOL_DELIVERED,
	SPOOL_RELAYED,
	SPOOL_FAILED,
	SPOOL_EXPIRED,
	SPOOL_RCPT_STATES
};
enum spool_body_kind { SPOOL_BODY_INLINE, SPOOL_BODY_BIG, SPOOL_BODY_KINDS };

/* Whether a message with these has an entry in the due-list. */
static inline bool spool_is_listed(enum spool_msg_state state, int64_t next_due_ms)
{
	return state == SPOOL_ACTIVE || (state == SPOOL_HELD && next_due_ms > 0);
}

struct str spool_msg_state_name(enum spool_msg_state state);   /* "active" ... */
struct str spool_rcpt_state_name(enum spool_rcpt_state state); /* "pending" ... */
static inline bool spool_rcpt_is_open(enum spool_rcpt_state state)
{
	return state == SPOOL_PENDING || state == SPOOL_DEFERRED;
}

struct spool_msg {
	uint64_t id;
	int64_t arrived_ms;
	uint64_t size; /* bytes of the body */
	uint32_t crc;  /* CRC-32C of the body */
	enum spool_body_kind body;
	enum spool_msg_state state;
	uint8_t priority; /* the caller's meaning */
	uint32_t deaths;
	uint32_t rcpts, rcpts_open, rcpts_deferred;
	/* Active: the earliest time of its open recipients. Held: the end of the hold, when it
	 * is listed as due although it is held; 0: it has no end. Poison: 0. */
	int64_t next_due_ms;
	struct str reason;   /* of a hold */
	struct str envelope; /* opaque, as given at arrival */
};

struct spool_rcpt {
	uint32_t index; /* 0 to rcpts - 1, in the order of arrival */
	enum spool_rcpt_state state;
	uint32_t attempts;
	int64_t next_due_ms; /* 0 once closed */
	int64_t last_ms;     /* of the last outcome; 0: none */
	bool warned;         /* the sender was told of the delay */
	uint8_t doubts;      /* how often a host took the text and did not answer */
	bool in_doubt;       /* the last time it did: that is what next_due_ms is for */
	struct str address, host, reply, dsn;
};

struct spool_totals {
	uint64_t messages;
	uint64_t held, poison; /* of them */
	uint64_t deferred;     /* of them: active, and a recipient is deferred */
	uint64_t rcpts, rcpts_open;
	uint64_t bytes; /* of bodies */
};

struct spool_health {
	bool usable;         /* false: every commit gives -EIO; close and open again */
	int error;           /* why not, -errno; 0 if usable */
	uint64_t free_bytes; /* of the file system, for us */
	uint64_t used_bytes; /* of the database file */
};

struct store;
struct spool_big;

/* ---- operations ------------------------------------------------------------------ */

enum spool_op_kind {
	SPOOL_OP_ARRIVE,
	SPOOL_OP_OUTCOME,
	SPOOL_OP_STATE,
	SPOOL_OP_DUE,
	SPOOL_OP_DEATH,
	SPOOL_OP_REMOVE,
	SPOOL_OP_UNLIST,
	SPOOL_OP_NOTE
};

struct spool_rcpt_new {
	struct str address;
	int64_t next_due_ms;
};

/* -EEXIST: the id is taken; -EINVAL: no recipient or too many; -EMSGSIZE: over a limit.
 * The body is `spans` in order (at most SPOOL_INLINE_MAX bytes; each byte is read once,
 * so they may stand in memory that a peer can change), or `big`. A big body is consumed
 * when the result is 0 (then NULL here); otherwise it stays the caller's, to try again or
 * abort. */
struct spool_arrive {
	int64_t arrived_ms;
	uint8_t priority;
	enum spool_msg_state state;
	struct str reason;
	struct str envelope;
	const struct spool_rcpt_new *rcpts;
	uint32_t rcpts_count;
	const struct str *spans;
	size_t spans_count;
	struct spool_big *big;
	int64_t hold_until_ms; /* of a held one: then the hold ends; 0: by hand */
};

/* -ENOENT: no such message or index; -EALREADY: that recipient is closed. When the last
 * open recipient closes, the message is removed in the same transaction. */
struct spool_outcome {
	uint32_t index;
	enum spool_rcpt_state state;
	uint32_t attempts;
	int64_t next_due_ms; /* if the new state is open */
	int64_t last_ms;
	bool warned; /* once true it stays */
	uint8_t doubts; /* never less than before */
	bool in_doubt;
	struct str host, reply, dsn;
	uint32_t open_left; /* out; 0: the message is gone */
};

/* To active: open recipients keep their times if next_due_ms < 0, else all get it. To held:
 * until next_due_ms, 0: until it is released. */
struct spool_set_state {
	enum spool_msg_state state;
	int64_t next_due_ms;
	struct str reason;
};

/* Something that the spool keeps beside the mail, by name; its meaning is the caller's. An
 * empty value removes it (-ENOENT: there is none). -EINVAL: no key, or one note more than
 * SPOOL_NOTES_MAX; -EMSGSIZE: over a limit. */
struct spool_note {
	struct str key, value;
};

struct spool_op {
	enum spool_op_kind kind;
	/* Operations that stand side by side with the same group > 0 fall or stand
	 * together: the one that failed has its error, the others -ECANCELED. */
	uint32_t group;
	uint64_t id;
	int result; /* out */
	/* DUE, if > 0: a recipient in doubt keeps its time, as long as that is no further off than so
	 * long after the first doubt, and twice as long after each other. */
	int64_t doubt_ms;
	union {
		struct spool_arrive arrive;
		struct spool_outcome outcome;
		struct spool_set_state state;
		/* DUE: all open recipients get this time (retry now). UNLIST: removes the
		 * due entry at this time, as store_due_list gave it, of a message that is
		 * missing or damaged; -EEXIST if the message is in order. */
		int64_t next_due_ms;
		struct spool_note note;
		uint32_t deaths; /* DEATH: out, the new count; poison is the caller's */
	};
};

/* ---- reading --------------------------------------------------------------------- */

/* Callbacks get views that end with the call; a result other than 0 ends the walk and is
 * returned. */
typedef int spool_msg_fn(void *ctx, const struct spool_msg *msg);
typedef int spool_rcpt_fn(void *ctx, const struct spool_rcpt *rcpt);

/* A walk over messages with their recipients. `begin` returns 0 to get the recipients, or
 * SPOOL_PASS to do without; `rcpt` returns 0, or SPOOL_PASS when it has seen enough of this
 * message; `end` follows the recipients. Anything else ends the walk. Of a damaged message
 * `begin` gets id and rcpts = 0 only; a damaged recipient is left out. */
enum { SPOOL_PASS = INT32_MAX };
struct spool_walk {
	spool_msg_fn *begin, *end; /* end: may be NULL */
	spool_rcpt_fn *rcpt;
	void *ctx;
};

typedef int spool_note_fn(void *ctx, struct str key, struct str value);

/* Where a walk over due messages goes on; {0, 0}: from the start. */
struct spool_due {
	int64_t due_ms;
	uint64_t id;
};
typedef int spool_due_fn(void *ctx, struct spool_due due);

/* ---- verify ---------------------------------------------------------------------- */

enum spool_finding_kind {
	SPOOL_BAD_MSG,      /* message record damaged */
	SPOOL_BAD_RCPT,     /* recipient record damaged, missing or one too many */
	SPOOL_BAD_COUNTS,   /* message record disagrees with its recipients */
	SPOOL_BODY_MISSING, /* no body, or of another length */
	SPOOL_BODY_CRC,     /* body damaged */
	SPOOL_BODY_ORPHAN,  /* body without message */
	SPOOL_RCPT_ORPHAN,
	SPOOL_DUE_MISSING, /* active message that would never be tried */
	SPOOL_DUE_ORPHAN,  /* due entry that its message does not know */
	SPOOL_BAD_TOTALS,
	SPOOL_BAD_NOTE, /* damaged: it is not read */
	SPOOL_BIG_ORPHAN, /* harmless: swept at the next start */
	SPOOL_FINDINGS
};
struct spool_finding {
	enum spool_finding_kind kind;
	bool harmless;
	uint64_t id; /* of the message; 0: none */
};
struct str spool_finding_name(enum spool_finding_kind kind); /* "body-crc" ... */
typedef int spool_finding_fn(void *ctx, const struct spool_finding *finding);

/* ---- the interface --------------------------------------------------------------- */

struct fake_disk;

struct store_options {
	uint64_t map_size; /* bytes of address space (sparse); 0: 1 TiB */
	bool read_only;    /* beside a writer; store_commit then gives -EROFS */
	struct fake_disk *disk; /* `mem` only; borrowed */
};

struct store_backend {
	const char *name;
	int (*open)(const char *path, const struct store_options *options,
		    struct store **out);
	void (*close)(struct store *s);
	void (*commit)(struct store *s, struct spool_op *ops, size_t count);
	int (*big_begin)(struct store *s, struct spool_big **out);
	int (*big_append)(struct store *s, struct spool_big *big, const struct str *spans,
			  size_t count);
	void (*big_abort)(struct store *s, struct spool_big *big);
	int (*read_msg)(struct store *s, uint64_t id, struct arena *arena,
			struct spool_msg *out);
	int (*read_rcpts)(struct store *s, uint64_t id, uint32_t from, uint32_t limit,
			  spool_rcpt_fn *fn, void *ctx);
	int (*read_body)(struct store *s, uint64_t id, uint64_t offset, void *memory,
			 size_t len, uint32_t *crc, size_t *got);
	int (*open_big)(struct store *s, uint64_t id);
	int (*due_list)(struct store *s, int64_t now_ms, struct spool_due *from,
			size_t limit, spool_due_fn *fn, void *ctx);
	int (*walk)(struct store *s, uint64_t from, size_t limit, spool_msg_fn *fn,
		    void *ctx);
	int (*walk_rcpts)(struct store *s, uint64_t from, size_t limit,
			  const struct spool_walk *walk);
	int (*notes)(struct store *s, struct str prefix, spool_note_fn *fn, void *ctx);
	int (*totals)(struct store *s, struct spool_totals *out);
	void (*health)(struct store *s, struct spool_health *out);
	int (*verify)(struct store *s, bool bodies, spool_finding_fn *fn, void *ctx);
	int (*backup)(struct store *s, const char *folder);
	int (*compact)(const char *path, const struct store_options *options);
	void (*trim)(struct store *s);
};

extern const struct store_backend store_lmdb;
extern const struct store_backend store_mem;

struct store {
	const struct store_backend *backend;
};

/* Opens the spool in the folder `path` (made with mode 0700 if only its last part is
 * missing; "." is good for a role that stands in it) and sweeps what a crash left.
 * -EBUSY: another writer has it; -EPROTO: made by a newer version; -ENOTEMPTY: big bodies
 * without a database. */
int store_open(const struct store_backend *backend, const char *path,
	       const struct store_options *options, struct store **out);
/* Big bodies that were not committed must have been aborted. NULL is fine. */
void store_close(struct store *s);

/* Does all operations in order in one transaction with one sync and sets each `result`;
 * blocks for the disk. An operation does not refer to a message that arrives in the same
 * batch. count <= SPOOL_BATCH_MAX. */
void store_commit(struct store *s, struct spool_op *ops, size_t count);

/* A body that is streamed into a file of its own. -EMFILE: too many of them. */
int store_big_begin(struct store *s, struct spool_big **out);
/* An error stays with the body: the commit would give it too. */
int store_big_append(struct store *s, struct spool_big *big, const struct str *spans,
		     size_t count);
void store_big_abort(struct store *s, struct spool_big *big); /* NULL is fine */

/* Reason and envelope are copied into `arena` (-ENOMEM: full). -EBADMSG: damaged. */
int store_read_msg(struct store *s, uint64_t id, struct arena *arena,
		   struct spool_msg *out);
/* Recipients from index `from`, at most `limit`. -ENOENT: no such message. */
int store_read_rcpts(struct store *s, uint64_t id, uint32_t from, uint32_t limit,
		     spool_rcpt_fn *fn, void *ctx);
/* Copies up to `len` bytes from `offset`; *got < len only at the end of the body. `crc`
 * (may be NULL) carries the check over the pieces: 0 before the first piece, at offset 0,
 * then passed on unchanged. The piece that completes a damaged body gives -EBADMSG
 * and *got = 0: park the message. */
int store_read_body(struct store *s, uint64_t id, uint64_t offset, void *memory,
		    size_t len, uint32_t *crc, size_t *got);
/* Read-only descriptor of a big body, the caller's to close. -EINVAL: it is inline. */
int store_open_big(struct store *s, uint64_t id);
/* Messages due at `now_ms` or before, earliest first, after *from, at most `limit`; moves
 * *from on, so that messages in flight need not be seen again. */
int store_due_list(struct store *s, int64_t now_ms, struct spool_due *from, size_t limit,
		   spool_due_fn *fn, void *ctx);
/* Messages with id >= from in order of id, at most `limit`. A damaged record comes as a
 * message with id and rcpts = 0 only. */
int store_walk(struct store *s, uint64_t from, size_t limit, spool_msg_fn *fn, void *ctx);
/* The same with their recipients, in one read transaction. */
int store_walk_rcpts(struct store *s, uint64_t from, size_t limit,
		     const struct spool_walk *walk);
/* Notes whose key begins with `prefix`, in order of the key. Damaged ones are left out. */
int store_notes(struct store *s, struct str prefix, spool_note_fn *fn, void *ctx);
int store_totals(struct store *s, struct spool_totals *out);
/* Any thread. */
void store_health(struct store *s, struct spool_health *out);
/* Walks everything in slices; `bodies`: reads and checks bodies too. 0 if it came to the
 * end, whatever it found. */
int store_verify(struct store *s, bool bodies, spool_finding_fn *fn, void *ctx);
/* A copy that can be opened as a spool, in a folder that it makes (-EEXIST). */
int store_backup(struct store *s, const char *folder);
/* Writes the database anew without its free space. Offline: takes the writer's lock. */
int store_compact(const struct store_backend *backend, const char *path,
		  const struct store_options *options);
/* Gives mapped pages back to the system (they count as resident memory of the process)
 * and lets go of dead readers. Cheap; for a timer. While the store works it also trims
 * itself, every 64 MiB or so. */
void store_trim(struct store *s);

#endif
