/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/ims-journal-XXXXXX";

int folder_make(void **state)
{
	(void)state;
	(void)strcpy(folder + sizeof folder - 7, "XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

int folder_remove(void **state)
{
	(void)state;
	DIR *dir = opendir(folder);
	if (!dir) return -1;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.') (void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	return rmdir(folder);
}

const char *folder_path(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];
	(void)snprintf(path, sizeof paths[0], "%s%s%s", folder, *name ? "/" : "", name);
	return path;
}

struct str folder_read(const char *name)
{
	static char text[8 * 1024 * 1024];
	FILE *file = fopen(folder_path(name), "rb");
	if (!file) return STR("");
	size_t len = fread(text, 1, sizeof text, file);
	(void)fclose(file);
	return (struct str){ text, len };
}

void folder_write(const char *name, struct str text)
{
	FILE *file = fopen(folder_path(name), "wb");
	if (!file) abort();
	(void)fwrite(text.at, 1, text.len, file);
	(void)fclose(file);
}

size_t folder_lines(const char *name)
{
	size_t count = 0;
	struct str text = folder_read(name);
	for (size_t i = 0; i < text.len; i++) count += text.at[i] == '\n';
	return count;
}

bool folder_has(const char *name, const char *text)
{
	struct str whole = folder_read(name);
	return memmem(whole.at, whole.len, text, strlen(text)) != NULL;
}
