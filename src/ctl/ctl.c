/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void ctl_remove(int *argc, char **argv, int at, int count)
{
	for (int i = at; i + count <= *argc; i++) argv[i] = argv[i + count];
	*argc -= count;
}

const char *ctl_option(int *argc, char **argv, const char *name)
{
	size_t len = strlen(name);
	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], name) == 0 && i + 1 < *argc) {
			const char *value = argv[i + 1];
			ctl_remove(argc, argv, i, 2);
			return value;
		}
		if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') {
			const char *value = argv[i] + len + 1;
			ctl_remove(argc, argv, i, 1);
			return value;
		}
	}
	return NULL;
}

bool ctl_flag(int *argc, char **argv, const char *name)
{
	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], name) != 0) continue;
		ctl_remove(argc, argv, i, 1);
		return true;
	}
	return false;
}

bool ctl_join(int argc, char **argv, struct buf *out)
{
	for (int i = 0; i < argc; i++) {
		if (i > 0) buf_byte(out, ' ');
		buf_str(out, str_of(argv[i]));
	}
	return !out->overflowed;
}

int ctl_fail(int status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("imsctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

void ctl_print_safe(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		/* C1 controls come as UTF-8 (C2 80 to C2 9F): terminals obey them too. */
		bool c1 = c == 0xc2 && i + 1 < text.len && (unsigned char)text.at[i + 1] < 0xa0;
		if (ascii_is_ctl((char)c) || c1) printf("\\x%02x", c);
		else putchar(c);
	}
}

bool ctl_confirm(const struct ctl *ctl, const char *format, ...)
{
	char answer[16];
	va_list args;
	if (ctl->yes) return true;
	if (!isatty(STDIN_FILENO)) {
		fputs("imsctl: not a terminal: say --yes to go ahead\n", stderr);
		return false;
	}
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(" [y/N] ", stderr);
	if (!fgets(answer, sizeof answer, stdin)) return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}
