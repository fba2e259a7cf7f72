/* SPDX-License-Identifier: Apache-2.0 */
/* Alias files on disk: read with their list files, and looked at for changes. Used by the
 * directory role and by `imsctl explain`. */
#ifndef IMS_DIRECTORY_ALIAS_FILE_H
#define IMS_DIRECTORY_ALIAS_FILE_H

#include "lib/alias/table.h"

enum { ALIAS_PATH_MAX = 1024, ALIAS_FOLDERS_MAX = 256 };

/* Folders are kept open: a role that has given up its rights may not be able to walk
 * there any more. */
struct alias_folders {
	struct alias_folder {
		char path[ALIAS_PATH_MAX];
		int fd;
		bool prepared; /* opened with the first rights */
	} *at[ALIAS_FOLDERS_MAX];
	size_t count;
	bool preparing; /* what is opened now, is; then each is named to the sandbox */
};

struct alias_file {
	struct alias_folders *folders;
	struct buf path;
	struct buf watched; /* it and its list files: paths, each with a NUL behind it */
	uint64_t seen;      /* what they were when they were read */
	uint64_t changed;   /* what they have been since; 0: no change was seen */
};

void alias_folders_free(struct alias_folders *folders);
/* Whether all folders that have been opened so far were with the first rights. */
bool alias_folders_are_prepared(const struct alias_folders *folders);

/* Takes the folders by reference. False: the path is too long. */
bool alias_file_init(struct alias_file *f, struct alias_folders *folders, struct str path);
void alias_file_free(struct alias_file *f);
/* Reads it into `table`, which is the caller's then, good or not. False: it has problems;
 * a file that cannot be read is one. */
bool alias_file_read(struct alias_file *f, struct alias_table *table);
/* Whether it or a list file is another one than was read, and the same as at the last
 * call: one that is just being written is left alone. */
bool alias_file_has_changed(struct alias_file *f);

#endif
