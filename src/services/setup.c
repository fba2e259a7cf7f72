/* SPDX-License-Identifier: Apache-2.0 */
#include "services/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void setup_queue_init(struct setup_queue *q)
{
	list_init(&q->list);
	q->count = 0;
}

bool setup_queue_put(struct setup_queue *q, enum msg_type type, struct str payload,
		     int fd)
{
	struct setup_message *m = NULL;
	if (q->count < SETUP_WAITING_MAX) m = calloc(1, sizeof *m + payload.len);
	if (!m) {
		if (fd >= 0) (void)close(fd);
		return false;
	}
	m->type = type;
	m->fd = fd;
	m->len = payload.len;
	if (payload.len) memcpy(m->payload, payload.at, payload.len);
	list_add_tail(&q->list, &m->link);
	q->count++;
	return true;
}

struct setup_message *setup_queue_take(struct setup_queue *q)
{
	struct link *l = list_take(&q->list);
	if (!l) return NULL;
	q->count--;
	return CONTAINER(l, struct setup_message, link);
}

static struct conf *conf_of_record(struct str record, struct buf *why)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	struct conf *conf = NULL;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	if (!conf_bundle_decode(record, &bundle))
		buf_str(why, STR("the configuration that master sent is damaged"));
	else if (!(conf = conf_parse(&bundle, &errors))) conf_errors_write(&errors, why);
	conf_errors_free(&errors);
	conf_bundle_free(&bundle);
	return conf;
}

struct conf *setup_conf_read(int fd, struct buf *why)
{
	/* Sealed against shrinking, or reading the map could be deadly. */
	const int needed = F_SEAL_SHRINK | F_SEAL_WRITE;
	struct conf *conf = NULL;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	void *at = MAP_FAILED;
	if (seals >= 0 && (seals & needed) == needed && fstat(fd, &st) == 0 &&
	    st.st_size > 0 && st.st_size <= CONF_BUNDLE_MAX)
		at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		buf_str(why, STR("the configuration that master sent cannot be read"));
	} else {
		conf = conf_of_record((struct str){ at, (size_t)st.st_size }, why);
		(void)munmap(at, (size_t)st.st_size);
	}
	(void)close(fd);
	return conf;
}

static int write_all(int fd, struct str s)
{
	while (s.len) {
		ssize_t n = write(fd, s.at, s.len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -errno;
		s = str_from(s, (size_t)n);
	}
	return 0;
}

int setup_conf_write(const struct conf_bundle *bundle)
{
	struct buf record;
	buf_init(&record, CONF_BUNDLE_MAX);
	conf_bundle_encode(bundle, &record);
	int rc = record.overflowed ? -EFBIG : 0;
	int fd = -1;
	if (rc == 0) {
		fd = memfd_create("ims-conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		rc = fd < 0 ? -errno : write_all(fd, buf_view(&record));
	}
	if (rc == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		rc = -errno;
	buf_free(&record);
	if (rc == 0) return fd;
	if (fd >= 0) (void)close(fd);
	return rc;
}
