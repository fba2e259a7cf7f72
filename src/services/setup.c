/* SPDX-License-Identifier: Apache-2.0 */
#include "services/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/os/memfile.h"

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

static struct conf *conf_of_record(struct str record, unsigned lists, struct buf *why)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	struct conf *conf = NULL;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	bool good = conf_bundle_decode(record, &bundle);
	if (!good) buf_str(why, STR("the configuration that master sent is damaged"));
	if (good) conf_bundle_keep_lists(&bundle, lists);
	if (good) conf = conf_parse(&bundle, &errors);
	if (good && !conf) conf_errors_write(&errors, why);
	conf_errors_free(&errors);
	conf_bundle_free(&bundle);
	return conf;
}

struct conf *setup_conf_read(int fd, unsigned lists, struct buf *why)
{
	struct conf *conf = NULL;
	struct str record;
	if (!memfile_map(fd, CONF_BUNDLE_MAX, &record)) {
		buf_str(why, STR("the configuration that master sent cannot be read"));
	} else {
		conf = conf_of_record(record, lists, why);
		memfile_unmap(record);
	}
	(void)close(fd);
	return conf;
}

int setup_conf_write(const struct conf_bundle *bundle)
{
	struct buf record;
	buf_init(&record, CONF_BUNDLE_MAX);
	conf_bundle_encode(bundle, &record);
	int fd = record.overflowed ? -EFBIG
				   : memfile_write("ims-conf", buf_view(&record));
	buf_free(&record);
	return fd;
}
