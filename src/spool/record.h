/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and records as they stand in the tables of the spool (docs/spool.md). Pure.
 * Keys are big-endian, so that byte order is the order of time. Records are
 * little-endian, begin with a version and end with a CRC-32C of all before; reading
 * checks that, every limit and every enum, so that a record which is read is one that
 * could have been written. */
#ifndef IMS_SPOOL_RECORD_H
#define IMS_SPOOL_RECORD_H

#include "lib/base/buf.h"
#include "spool/store.h"

enum { RECORD_VERSION = 1, KEY_MAX = 16 };
enum {
	/* Upper bound of a written record, for buffers. */
	RECORD_MAX = SPOOL_ENVELOPE_MAX + SPOOL_REASON_MAX + SPOOL_ADDRESS_MAX +
		     SPOOL_REPLY_MAX + SPOOL_HOST_MAX + SPOOL_DSN_MAX + 256
};

struct key {
	char at[KEY_MAX];
	size_t len;
};
struct key key_of_id(uint64_t id);
struct key key_of_rcpt(uint64_t id, uint32_t index);
struct key key_of_due(struct spool_due due); /* negative times count as 0 */
struct key key_of_name(struct str name);     /* meta; name.len <= KEY_MAX */
static inline struct str key_view(const struct key *k)
{
	return (struct str){ k->at, k->len };
}
/* False if the key has another length or a time beyond int64. */
bool key_to_id(struct str key, uint64_t *id);
bool key_to_rcpt(struct str key, uint64_t *id, uint32_t *index);
bool key_to_due(struct str key, struct spool_due *due);

/* Texts over their limit are cut (reason, host, reply, dsn). `id` and `index` are in the
 * key, not in the record: reading leaves them alone. Views point into `record`. */
void record_put_msg(struct buf *out, const struct spool_msg *msg);
bool record_get_msg(struct str record, struct spool_msg *msg);
void record_put_rcpt(struct buf *out, const struct spool_rcpt *rcpt);
bool record_get_rcpt(struct str record, struct spool_rcpt *rcpt);
void record_put_totals(struct buf *out, const struct spool_totals *totals);
void record_put_note(struct buf *out, struct str value);
bool record_get_note(struct str record, struct str *value);
bool record_get_totals(struct str record, struct spool_totals *totals);

#endif
