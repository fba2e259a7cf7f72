/* SPDX-License-Identifier: Apache-2.0 */
/* Policies on disk: one file for each domain, whose name it has. A file is written whole under
 * another name, and then renamed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cur.h"
#include "lib/os/file.h"
#include "services/http/sts.h"

enum { FORM = 1, RECORD_MAX = MTASTS_TEXT_MAX + 128 };

static const char fresh[] = "=fresh"; /* no domain has such a name */

static void record_write(const struct sts_domain *d, struct buf *out)
{
	buf_put_u8(out, FORM);
	buf_put_str(out, str_of(d->id));
	buf_put_u64(out, (uint64_t)d->fetched_ms);
	buf_put_u64(out, (uint64_t)d->until_ms);
	buf_put_str(out, (struct str){ d->text, d->text_len });
}

int sts_store_put(const struct sts_domain *d)
{
	struct buf record;
	buf_init(&record, RECORD_MAX);
	record_write(d, &record);
	int rc = record.overflowed ? -ENOMEM
				   : file_replace(d->all->folder, d->name, fresh, buf_view(&record), FILE_OCTETS);
	buf_free(&record);
	return rc;
}

void sts_store_drop(const struct sts_domain *d)
{
	if (d->all->folder >= 0) (void)unlinkat(d->all->folder, d->name, 0);
}

/* --- reading ------------------------------------------------------------------------------ */

static bool record_take(struct sts *s, struct str name, struct str record)
{
	struct mtasts_policy policy;
	struct cur c = cur_of(record);
	if (cur_u8(&c) != FORM) return false;
	struct str id = cur_str(&c);
	int64_t fetched_ms = (int64_t)cur_u64(&c), until_ms = (int64_t)cur_u64(&c);
	struct str text = cur_str(&c);
	if (!cur_done(&c) || id.len > MTASTS_ID_MAX || !mtasts_policy_parse(text, &policy) ||
	    until_ms <= loop_wall_ms(s->loop))
		return false;
	struct sts_domain *d = sts_domain_get(s, name);
	if (!d || !sts_domain_set(d, text, id, until_ms)) return false;
	d->fetched_ms = fetched_ms;
	return true;
}

static bool file_take(struct sts *s, const char *name)
{
	static char bytes[RECORD_MAX + 1];
	ssize_t len = -1;
	int fd = openat(s->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) return false;
	len = read(fd, bytes, sizeof bytes);
	(void)close(fd);
	return len > 0 && len <= RECORD_MAX &&
	       record_take(s, str_of(name), (struct str){ bytes, (size_t)len });
}

void sts_store_load(struct sts *s)
{
	int fd = s->folder < 0 ? -1 : openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0) (void)close(fd);
		return;
	}
	for (const struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.') continue;
		bool full = s->domains.count == STS_DOMAINS_MAX;
		if (full || !file_take(s, e->d_name)) (void)unlinkat(s->folder, e->d_name, 0);
	}
	(void)closedir(dir);
}
