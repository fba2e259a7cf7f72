/* SPDX-License-Identifier: Apache-2.0 */
#include "services/master/pem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/event/instant.h"

enum { WARN_S = 14 * 24 * 60 * 60, WARN_AGAIN_S = 24 * 60 * 60 };

/* The whole file, or -errno. */
static ssize_t file_read(int fd, char *into, size_t max)
{
	size_t len = 0;
	for (;;) {
		ssize_t got = read(fd, into + len, max - len);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return -errno;
		len += (size_t)got;
		if (got == 0 || len == max) return (ssize_t)len;
	}
}

/* 0 or -errno. */
static int file_is_fit(int fd, size_t max)
{
	struct stat st;
	if (fstat(fd, &st) != 0) return -errno;
	if (!S_ISREG(st.st_mode)) return -EINVAL;
	return st.st_size > (off_t)max ? -EFBIG : 0;
}

bool pem_file_add(struct str name, size_t max, struct buf *out, struct buf *why)
{
	char path[PEM_PATH_MAX];
	char *text = malloc(max);
	int fd = text && str_to_cstr(name, path, sizeof path)
			 ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	ssize_t len = fd < 0 ? (text ? -errno : -ENOMEM) : file_is_fit(fd, max);
	if (len == 0) len = file_read(fd, text, max);
	if (len < 0) buf_str(why, str_of(strerror((int)-len)));
	else buf_put_str(out, (struct str){ text, (size_t)len });
	if (fd >= 0) (void)close(fd);
	if (len > 0) explicit_bzero(text, (size_t)len);
	free(text);
	return len >= 0;
}

uint64_t pem_file_stamp(struct str name, uint64_t stamp)
{
	char path[PEM_PATH_MAX];
	struct stat st;
	uint64_t file[6] = { 0 };
	if (str_to_cstr(name, path, sizeof path) && stat(path, &st) == 0) {
		file[0] = st.st_dev;
		file[1] = st.st_ino;
		file[2] = (uint64_t)st.st_size;
		file[3] = (uint64_t)st.st_mtim.tv_sec;
		file[4] = (uint64_t)st.st_mtim.tv_nsec;
		file[5] = (uint64_t)st.st_ctim.tv_sec;
	}
	return hash_str((struct str){ (const char *)file, sizeof file }, hash_str(name, stamp));
}

void certificate_tell(struct master *m, enum event_name event, enum event_field field,
		      const char *of, const struct certificate *c)
{
	char text[32];
	struct buf until;
	buf_init_fixed(&until, text, sizeof text);
	event_time_write(&until, c->is.until_s * 1000);
	event_begin(&m->log, event, 0, 0);
	event_str(&m->log, field, str_of(of));
	event_str(&m->log, FIELD_host, str_of(c->is.name));
	event_str(&m->log, FIELD_expires, buf_view(&until));
	event_str(&m->log, FIELD_path, str_of(c->path));
	event_end(&m->log);
}

void certificate_warn(struct master *m, enum event_field field, const char *of,
		      struct certificate *c)
{
	int64_t now_s = loop_wall_ms(m->loop) / 1000;
	bool again = c->warned_s && now_s - c->warned_s < WARN_AGAIN_S;
	if (c->is.until_s - now_s >= WARN_S || again) return;
	c->warned_s = now_s;
	certificate_tell(m, EVENT_certificate_expiry, field, of, c);
}
