/* SPDX-License-Identifier: Apache-2.0 */
#include "services/http/token_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/os/file.h"

enum { RECORD_MAX = 8192, PATH_LEN_MAX = 255 };

static bool path_of(struct str name, const char *end, char path[PATH_LEN_MAX + 1])
{
	struct buf b;
	buf_init_fixed(&b, path, PATH_LEN_MAX + 1);
	buf_str(&b, name);
	buf_str(&b, str_of(end));
	buf_byte(&b, '\0');
	return !b.overflowed && str_find(name, '/') < 0;
}

/* The first line says of which secret it is, the second is the token. */
int token_keep_write(int folder, struct str name, struct str given, struct str fresh)
{
	char memory[RECORD_MAX], path[PATH_LEN_MAX + 1], beside[PATH_LEN_MAX + 1];
	struct buf record;
	if (folder < 0) return folder;
	if (!path_of(name, ".refresh", path) || !path_of(name, ".refresh.new", beside))
		return -ENAMETOOLONG;
	buf_init_fixed(&record, memory, sizeof memory);
	buf_hex64(&record, hash_str(given, 0));
	buf_byte(&record, '\n');
	buf_str(&record, fresh);
	buf_byte(&record, '\n');
	int rc = record.overflowed ? -EMSGSIZE
				   : file_replace(folder, path, beside, buf_view(&record), FILE_WHOLE);
	explicit_bzero(memory, sizeof memory);
	return rc;
}

void token_keep_read(int folder, struct str name, struct str given, struct buf *out)
{
	char memory[RECORD_MAX], path[PATH_LEN_MAX + 1];
	uint64_t hash;
	if (folder < 0 || !path_of(name, ".refresh", path)) return;
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return;
	ssize_t n = read(fd, memory, sizeof memory);
	(void)close(fd);
	struct str rest = { memory, n > 0 ? (size_t)n : 0 };
	struct str first = str_cut(&rest, '\n');
	bool whole = str_find(rest, '\n') > 0;
	struct str token = str_cut(&rest, '\n');
	if (whole && str_from_hex64(first, &hash) && hash == hash_str(given, 0)) {
		buf_reset(out);
		buf_str(out, token);
	}
	explicit_bzero(memory, sizeof memory);
}

int token_ca_read(struct str path, struct buf *out)
{
	char name[PATH_MAX];
	if (!str_to_cstr(path, name, sizeof name)) return -ENAMETOOLONG;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return -errno;
	int rc = file_read_all(fd, out);
	(void)close(fd);
	return rc == 0 && !out->len ? -ENODATA : rc;
}
