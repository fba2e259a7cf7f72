/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the role `directory` share: the databases that the configuration
 * names, each asked only while it has no trouble. */
#ifndef IMS_DIRECTORY_DIRECTORY_H
#define IMS_DIRECTORY_DIRECTORY_H

#include "lib/os/process.h"
#include "services/directory/db.h"
#include "services/frame.h"

enum { SOURCES_MAX = 64 };

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_LATER };

struct source {
	struct buf name, path;
	int folder;              /* of the database; or -errno of opening it */
	struct directory_db *db; /* NULL: not open */
	int64_t check_ms;        /* next look at the file */
	int64_t retry_ms;        /* not asked before */
	int64_t back_off_ms;
};

struct auth;

struct directory {
	struct frame *frame;
	struct process_user user;
	struct source sources[SOURCES_MAX];
	size_t count;
	struct auth *auth; /* NULL: the role leaves */
};

/* sources.c */
/* Makes the table again from the configuration; databases that stay keep what they have.
 * A folder that is new is opened with the rights of now. */
void sources_set(struct directory *d, const struct conf *conf);
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

#endif
