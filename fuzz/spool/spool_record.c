/* SPDX-License-Identifier: Apache-2.0 */
/* Records and keys of the spool. The first byte chooses: with bit 7 the rest is a record
 * as it is, else one to which the right CRC is added, so that the fields behind it are
 * reached. What can be read must be written again byte for byte. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/crc32c.h"
#include "spool/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char record[RECORD_MAX], again[RECORD_MAX];

static void must(bool truth)
{
	if (!truth) abort();
}

static void check_same(const struct buf *b, struct str s)
{
	must(!b->overflowed && b->len == s.len && !memcmp(b->at, s.at, s.len));
}

static void try_records(struct str s)
{
	struct buf b;
	struct spool_msg msg = { .id = 1 };
	struct spool_rcpt rcpt = { .index = 1 };
	struct spool_totals totals;
	struct str note;
	buf_init_fixed(&b, again, sizeof again);
	if (record_get_msg(s, &msg)) {
		must(msg.id == 1 && msg.rcpts_open && msg.rcpts_open <= msg.rcpts);
		record_put_msg(&b, &msg);
		check_same(&b, s);
	}
	buf_reset(&b);
	if (record_get_rcpt(s, &rcpt)) {
		must(rcpt.index == 1 && (unsigned)rcpt.state < SPOOL_RCPT_STATES);
		record_put_rcpt(&b, &rcpt);
		check_same(&b, s);
	}
	buf_reset(&b);
	if (record_get_totals(s, &totals)) {
		record_put_totals(&b, &totals);
		check_same(&b, s);
	}
	buf_reset(&b);
	if (record_get_note(s, &note)) {
		record_put_note(&b, note);
		check_same(&b, s);
	}
}

static void try_keys(struct str s)
{
	uint64_t id;
	uint32_t index;
	struct spool_due due;
	struct key k;
	if (key_to_id(s, &id)) {
		k = key_of_id(id);
		must(str_eq(key_view(&k), s));
	}
	if (key_to_rcpt(s, &id, &index)) {
		k = key_of_rcpt(id, index);
		must(str_eq(key_view(&k), s));
	}
	if (key_to_due(s, &due)) {
		k = key_of_due(due);
		must(str_eq(key_view(&k), s));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b;
	if (!size) return 0;
	struct str rest = { (const char *)data + 1, size - 1 };
	if (rest.len > sizeof record - 4) return 0;
	try_keys(rest);
	buf_init_fixed(&b, record, sizeof record);
	buf_str(&b, rest);
	if (!(data[0] & 0x80)) buf_put_u32(&b, crc32c(0, record, b.len));
	try_records(buf_view(&b));
	return 0;
}
