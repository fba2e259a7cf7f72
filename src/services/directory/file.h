/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that is a text file, one user in each line:
 *
 *   ADDRESS:HASH[:HOME]
 *
 * HASH is one of crypt(5), {SCHEME} before it is fine; empty, or beginning with * or !, lets
 * nobody log in. Lines with more fields are those of other programs' passwd files, of which
 * what stands behind HASH is not looked at. Empty lines and those that begin with # are
 * nothing. A line that is wrong is skipped and told. */
#ifndef IMS_DIRECTORY_FILE_H
#define IMS_DIRECTORY_FILE_H

#include "services/directory/backend.h"

enum { FILE_LINES_MAX = 1000000, FILE_OCTETS_MAX = 128 * 1024 * 1024 };

struct file_user {
	struct str address, verifier, home;
};

enum file_line { FILE_LINE_USER, FILE_LINE_NOTHING, FILE_LINE_WRONG };

/* One line without its end; the strings point into it. WRONG: `why` is a sentence. */
enum file_line file_line_read(struct str line, struct file_user *user, const char **why);

/* All users of a text, which they point into. */
struct file_table;

/* Takes over `text` (malloc; also when it fails). `why`: the first lines that were skipped, if
 * any. NULL: no memory. */
struct file_table *file_table_new(char *text, size_t len, struct buf *why);
void file_table_free(struct file_table *t); /* NULL is fine */
size_t file_table_count(const struct file_table *t);
/* ASCII case does not matter. NULL: nobody. */
const struct file_user *file_table_find(const struct file_table *t, struct str address);

extern const struct backend backend_file;
/* A recipient, asked for once: as he is, then without his "+detail". For `imsctl explain`. */
enum backend_result file_ask(const struct backend_settings *c, struct str address,
			     struct backend_entry *entry, struct buf *why);

#endif
