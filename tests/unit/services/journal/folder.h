/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for one test, with paths in it. */
#ifndef IMS_TEST_JOURNAL_FOLDER_H
#define IMS_TEST_JOURNAL_FOLDER_H

#include "lib/base/str.h"

/* Setup and teardown of a cmocka test: makes the folder, removes it with all in it. */
int folder_make(void **state);
int folder_remove(void **state);

/* "FOLDER/name"; good until eight more are asked for. */
const char *folder_path(const char *name);
/* What a file holds, empty if it is not there; good until the next call. */
struct str folder_read(const char *name);
void folder_write(const char *name, struct str text);
size_t folder_lines(const char *name);
bool folder_has(const char *name, const char *text); /* in the file of that name */

#endif
