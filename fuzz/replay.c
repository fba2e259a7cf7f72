/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file of a corpus folder, so that each find stays found
 * in ordinary test runs. Also over every prefix of each file up to 4 KiB: truncated input
 * is the commonest hostile input of all. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1024 * 1024, PREFIX_MAX = 4096 };

static void replay(const uint8_t *bytes, size_t len)
{
	/* A copy of exact size, so that the sanitizer sees one byte too far. */
	uint8_t *input = malloc(len ? len : 1);
	if (!input) abort();
	if (len) memcpy(input, bytes, len);
	(void)LLVMFuzzerTestOneInput(input, len);
	free(input);
}

int main(int argc, char **argv)
{
	static uint8_t bytes[INPUT_MAX];
	unsigned files = 0;
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 64;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[4096];
		if (entry->d_name[0] == '.') continue;
		(void)snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
		FILE *file = fopen(path, "rb");
		if (!file) continue;
		size_t len = fread(bytes, 1, sizeof bytes, file);
		(void)fclose(file);
		replay(bytes, len);
		for (size_t cut = 0; cut < len && cut < PREFIX_MAX; cut++) replay(bytes, cut);
		files++;
	}
	(void)closedir(dir);
	printf("%u files\n", files);
	return files ? 0 : 65;
}
