/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the role `directory` share: the databases that the configuration
 * names, each asked only while it has no trouble. */
#ifndef IMS_DIRECTORY_DIRECTORY_H
#define IMS_DIRECTORY_DIRECTORY_H

#include "lib/os/process.h"
#include "services/directory/db.h"
#include "services/directory/pool.h"
#include "services/frame.h"

enum {
	SOURCES_MAX = 64,
	REMOTE_NAME_MAX = 64,
	LOOKUPS_MAX = 65536,             /* that wait */
	SECRETS_MAX = SOURCES_MAX * 2048, /* octets of master's record */
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_LATER };
enum { ANSWER_CIRCLE = 3 }; /* in `found`: aliases are wrong */

struct source {
	struct buf name, path;
	int folder;              /* of the database; or -errno of opening it */
	struct directory_db *db; /* NULL: not open */
	bool prepared;           /* its files were named to the sandbox */
	int64_t check_ms;        /* next look at the file */
	int64_t retry_ms;        /* not asked before */
	int64_t back_off_ms;
};

/* A directory that is asked through a pool (remote.c). What there is of them stays the
 * same as long as the process: what they need is opened with the first rights. */
struct remote {
	struct directory *d;
	char name[REMOTE_NAME_MAX + 1];
	struct pool *list;   /* says who there is; NULL: a source does, or nobody can */
	struct pool *checks; /* compares passwords; may be `list`; NULL: verifiers are in the list */
	int64_t unsure_ms;   /* when an answer that cannot be used may be told of again */
};

struct auth;
struct keep;
struct aliases;

struct directory {
	struct frame *frame;
	struct process_user user;
	struct source sources[SOURCES_MAX];
	size_t count;
	struct remote remotes[SOURCES_MAX];
	size_t remote_count;
	bool has_secrets;      /* they came once */
	struct link lookups;   /* that wait for a remote */
	size_t lookup_count;
	struct auth *auth; /* NULL: the role leaves */
	struct keep *keep; /* the same */
	struct aliases *aliases;
};

/* sources.c */
/* Makes the table again from the configuration; databases that stay keep what they have.
 * A folder that is new is opened with the rights of now. */
void sources_set(struct directory *d, const struct conf *conf);
/* False: one of them is new, and what it needs can be opened by a fresh process only. */
bool sources_are_prepared(const struct directory *d);
/* With the first rights: the files, made for the role's user if they are missing. */
void source_prepare(struct directory *d, struct source *s);
void source_free(struct source *s);
struct source *source_find(struct directory *d, struct str name); /* NULL: none */
/* Whether the source can be asked now. */
bool source_ready(struct directory *d, struct source *s);
/* The strings of the results live until the next question. `s` may be NULL: later. */
enum answer source_lookup(struct directory *d, struct source *s, struct str address,
			  struct directory_entry *entry);
enum answer source_login(struct directory *d, struct source *s, struct str address,
			 struct directory_login *login);

/* remote.c */
/* With the first rights: those of the configuration. */
bool remotes_open(struct directory *d); /* false: no memory */
void remotes_free(struct directory *d); /* those who wait are not answered */
struct remote *remote_find(struct directory *d, struct str name); /* NULL: none */
/* Whether the new configuration needs others: then the process has to be made anew. */
bool remotes_differ(const struct conf *old, const struct conf *conf);
/* Master's record: name, text, name, text ... False: they are others than before, so the
 * process has to be made anew. */
bool remotes_secrets(struct directory *d, struct str record);

/* lookup.c: whether an address exists, for receive. */
void lookup_ask(struct directory *d, struct channel *ch, const struct msg_lookup *q);
void lookups_forget(struct directory *d, const struct channel *ch); /* NULL: all */

/* aliases.c */
/* With the first rights: folders are opened, and files read when it starts, then looked at
 * every second. NULL: no memory. */
struct aliases *aliases_new(struct directory *d);
bool aliases_start(struct aliases *a);
void aliases_reload(struct aliases *a, const struct conf *conf);
void aliases_free(struct aliases *a); /* NULL is fine */
/* Answers the question, at once or when the directories have, where more than one directory
 * has a say; false: that is all. */
bool aliases_ask(struct aliases *a, struct channel *ch, const struct msg_lookup *q);
void aliases_forget(struct aliases *a, const struct channel *ch);

#endif
