/* SPDX-License-Identifier: Apache-2.0 */
/* Ordered tables in memory with an undo list, for the backend of tests. */
#ifndef IMS_SPOOL_MEM_TABLES_H
#define IMS_SPOOL_MEM_TABLES_H

#include "lib/base/buf.h"
#include "spool/kv.h"

struct entry {
	char *bytes; /* key, then value */
	size_t key_len, value_len;
};

struct table {
	struct entry *entries; /* in order of key */
	size_t count, cap;
};

/* What a change replaced. */
struct change {
	enum kv_table table;
	struct entry old; /* the whole entry, or the key alone */
	bool existed;
};

struct tables {
	struct table tables[KV_TABLES];
	struct change *changes;
	size_t changes_count, changes_cap;
};

static inline struct str entry_key(const struct entry *e)
{
	return (struct str){ e->bytes, e->key_len };
}
static inline struct str entry_value(const struct entry *e)
{
	return (struct str){ e->bytes + e->key_len, e->value_len };
}

/* Position of the first entry with key >= `key`; *exact: it has that key. */
size_t tables_find(const struct tables *t, enum kv_table table, struct str key,
		   bool *exact);
/* The value, to be written by the caller; NULL: no memory. */
char *tables_put(struct tables *t, enum kv_table table, struct str key, size_t len);
int tables_del(struct tables *t, enum kv_table table, struct str key);
/* Takes changes back until `mark` of them are left. */
void tables_undo(struct tables *t, size_t mark);
/* Forgets how to undo. */
void tables_settle(struct tables *t);
void tables_free(struct tables *t);

/* Record of the changes since the last settle, or of everything. */
void tables_write_changes(const struct tables *t, struct buf *out);
void tables_write_all(const struct tables *t, struct buf *out);
bool tables_read(struct tables *t, struct str record);

#endif
