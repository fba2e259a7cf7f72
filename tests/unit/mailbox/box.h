/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary folder with mailboxes, for the tests of this directory. */
#ifndef IMS_TESTS_MAILBOX_BOX_H
#define IMS_TESTS_MAILBOX_BOX_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailbox/folder.h"
#include "mailbox/maildir.h"

struct box_test {
	char root[64];
	int prefix;
	struct maildir_batch *batch;
};

static int box_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int box_setup(void **state)
{
	struct box_test *t = calloc(1, sizeof *t);
	(void)snprintf(t->root, sizeof t->root, "/tmp/ims-mailbox-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	t->prefix = folder_prefix_open(str_of(t->root), (uid_t)-1, (gid_t)-1);
	assert_true(t->prefix >= 0);
	t->batch = maildir_batch_new();
	assert_non_null(t->batch);
	*state = t;
	return 0;
}

static inline int box_teardown(void **state)
{
	struct box_test *t = *state;
	maildir_batch_free(t->batch);
	(void)close(t->prefix);
	(void)nftw(t->root, box_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static inline const char *box_path(const struct box_test *t, const char *below)
{
	static char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", t->root, below);
	return path;
}

/* Number of files in a folder; -1: no folder. The last one's path goes to `last`. */
static inline int box_files(const struct box_test *t, const char *below, char *last)
{
	DIR *list = opendir(box_path(t, below));
	if (!list) return -1;
	int count = 0;
	for (struct dirent *entry; (entry = readdir(list));) {
		if (entry->d_name[0] == '.') continue;
		count++;
		if (last)
			(void)snprintf(last, 600, "%s/%s/%s", t->root, below,
				       entry->d_name);
	}
	(void)closedir(list);
	return count;
}

/* Content of the only file in a folder. */
static inline struct str box_content(const struct box_test *t, const char *below)
{
	static char content[4 << 20];
	char path[600];
	assert_int_equal(box_files(t, below, path), 1);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t len = fread(content, 1, sizeof content, f);
	(void)fclose(f);
	return (struct str){ content, len };
}

static const struct str box_body = STR_INIT("Subject: hi\r\n\r\nHello\r\n");

static inline struct letter box_letter(const struct str *pieces, size_t count)
{
	return (struct letter){ .sender = STR_INIT("s@x.example"),
				.recipient = STR_INIT("joe@a.example"),
				.original = STR_INIT("joe@a.example"),
				.fd = -1,
				.pieces = pieces,
				.piece_count = count };
}

#endif
