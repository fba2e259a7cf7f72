/* SPDX-License-Identifier: Apache-2.0 */
/* An alias file: names that stand for other addresses, as in aliases(5) of sendmail and
 * Postfix. Pure.
 *
 *   # comment, also between the lines of an entry
 *   info: ann, bob@far.example,
 *       :include:/etc/ims/staff
 *   "long name": ann
 *   sales@one.example: bob
 *   @two.example: ann
 *
 * A line that begins with a blank goes on with the entry before it. A name is a local
 * part, of every domain that uses the file, or an address, or "@domain": what no other
 * name and no user of that domain fits. Behind a name with an "@" the colon may be missing,
 * as in Postfix's virtual(5). A target is an address, or a local part, which then is one
 * of the domain that was written to; a backslash before it says that it is not to be
 * expanded any more. A list file has targets only. Programs and files are no targets: a
 * role that meets the Internet runs nothing and writes nothing but mailboxes. */
#ifndef IMS_ALIAS_TABLE_H
#define IMS_ALIAS_TABLE_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/map.h"

enum {
	ALIAS_TEXT_MAX = 16 * 1024 * 1024,    /* octets of a file and its list files */
	ALIAS_MEMORY_MAX = 256 * 1024 * 1024, /* octets of a table */
	ALIAS_ENTRIES_MAX = 500 * 1000,
	ALIAS_LISTS_MAX = 64, /* uses of list files in one alias file */
	ALIAS_ADDRESS_MAX = 320,
	ALIAS_PROBLEMS_MAX = 10, /* kept; the rest is counted */
};

struct alias_target {
	struct str address; /* local@domain or a local part, as smtp_path_write has it */
	bool final;         /* not to be expanded any more */
};

struct alias {
	struct str name; /* local part, local@domain or @domain */
	struct alias *next; /* another one with the same hash */
	struct alias_target *targets;
	uint32_t count; /* at least 1 */
	uint32_t line;
};

struct alias_problem {
	struct str file;
	uint32_t line;
	char sentence[200]; /* without control characters */
};

struct alias_table {
	struct str path;
	struct arena arena; /* everything that the table points to */
	struct map index;
	size_t count, targets;
	struct alias_problem problems[ALIAS_PROBLEMS_MAX];
	size_t problem_count; /* found in all */
};

/* Appends the text of a list file; 0 or -errno. */
typedef int alias_list_read(void *arg, struct str path, struct buf *text);

/* Reads the text of the file `path` into a table; end it with alias_table_free, good or
 * not. False: there are problems, and what was good of it is in the table. */
bool alias_table_read(struct alias_table *t, struct str path, struct str text,
		      alias_list_read *list, void *arg);
void alias_table_free(struct alias_table *t);

/* The entry for exactly this address: its own, else that of its local part; "@domain" has
 * only its own. ASCII case does not matter. NULL: none. */
const struct alias *alias_find(const struct alias_table *t, struct str address);

/* "FILE:LINE: sentence". */
void alias_problem_write(const struct alias_problem *problem, struct buf *out);

#endif
