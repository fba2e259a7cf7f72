/* SPDX-License-Identifier: Apache-2.0 */
/* The file that outlives the process: STATE/http/tlsrpt. A record of its own version with a
 * checksum, written beside the old one, which it then replaces. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/crc32c.h"
#include "lib/os/file.h"
#include "services/http/reports.h"

static const uint32_t record_magic = 0x494d5352; /* IMSR */
enum { RECORD_VERSION = 1, CHECKSUM = 4, FILE_MAX = 2 * RESULTS_RECORD_MAX + 64 };
static const char file_name[] = "tlsrpt", fresh_name[] = "tlsrpt.new";

void reports_tell_error(struct reports *r, struct str domain, struct str to, struct str error)
{
	struct event_log *log = r->frame->log;
	event_begin(log, EVENT_tls_report_error, 0, 0);
	event_str(log, FIELD_domain, domain);
	event_str(log, FIELD_to, to);
	event_str(log, FIELD_error, error);
	event_end(log);
}

/* Told once until it goes well again. */
static void keep_failed(struct reports *r, struct str error)
{
	if (r->kept_failed) return;
	r->kept_failed = true;
	reports_tell_error(r, STR(""), STR(""), error);
}

void reports_keep(struct reports *r)
{
	struct buf record;
	buf_init(&record, FILE_MAX);
	buf_put_u32(&record, record_magic);
	buf_put_u8(&record, RECORD_VERSION);
	buf_put_u8(&record, r->has_due);
	results_write(&r->now, &record);
	if (r->has_due) results_write(&r->due, &record);
	if (!record.overflowed) buf_put_u32(&record, crc32c(0, record.at, record.len));
	int rc = record.overflowed ? -ENOMEM
				   : file_replace(r->folder, file_name, fresh_name, buf_view(&record), FILE_LATER);
	buf_free(&record);
	r->keep_ms = loop_now_ms(r->frame->loop) + REPORTS_KEEP_MS;
	r->changed = rc != 0;
	if (rc != 0) keep_failed(r, str_of(strerror(-rc)));
	else r->kept_failed = false;
}

/* The present period's, if it still is that one; else they are due. */
static bool record_read(struct reports *r, struct str record)
{
	struct results kept;
	if (record.len < CHECKSUM) return false;
	struct str text = str_sub(record, 0, record.len - CHECKSUM);
	struct cur sum = cur_of(str_from(record, text.len)), c = cur_of(text);
	if (cur_u32(&sum) != crc32c(0, text.at, text.len) || cur_u32(&c) != record_magic ||
	    cur_u8(&c) != RECORD_VERSION)
		return false;
	bool has_due = cur_u8(&c) != 0;
	results_init(&kept, 0, 0, r->seed);
	if (!results_read(&kept, &c) || (has_due && !results_read(&r->due, &c)) || !cur_done(&c)) {
		results_free(&kept);
		results_free(&r->due);
		return false;
	}
	results_free(&r->now);
	r->now = kept; /* the next tick ends it, where it is over */
	r->has_due = has_due;
	return true;
}

void reports_load(struct reports *r)
{
	struct buf record;
	int fd = r->folder < 0 ? -1 : openat(r->folder, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		if (r->folder < 0 || errno != ENOENT) keep_failed(r, str_of(strerror(r->folder < 0 ? -r->folder : errno)));
		return;
	}
	buf_init(&record, FILE_MAX);
	if (file_read_all(fd, &record) != 0 || !record_read(r, buf_view(&record)))
		keep_failed(r, STR("the file of results is damaged; it is begun anew"));
	buf_free(&record);
	(void)close(fd);
}
