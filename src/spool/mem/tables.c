/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/mem/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cur.h"

size_t tables_find(const struct tables *t, enum kv_table table, struct str key,
		   bool *exact)
{
	const struct table *tab = &t->tables[table];
	size_t low = 0, high = tab->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (str_cmp(entry_key(&tab->entries[middle]), key) < 0) low = middle + 1;
		else high = middle;
	}
	*exact = low < tab->count && str_eq(entry_key(&tab->entries[low]), key);
	return low;
}

static bool grow(void **at, size_t count, size_t *cap, size_t size)
{
	if (count < *cap) return true;
	size_t more = *cap ? 2 * *cap : 64;
	void *moved = realloc(*at, more * size);
	if (!moved) return false;
	*at = moved;
	*cap = more;
	return true;
}

static bool entry_make(struct entry *e, struct str key, size_t len)
{
	*e = (struct entry){ malloc(key.len + len + 1), key.len, len };
	if (!e->bytes) return false;
	memcpy(e->bytes, key.at, key.len);
	return true;
}

static bool insert(struct table *tab, size_t at, struct entry e)
{
	void *entries = tab->entries;
	if (!grow(&entries, tab->count, &tab->cap, sizeof e)) return false;
	tab->entries = entries;
	memmove(tab->entries + at + 1, tab->entries + at, (tab->count - at) * sizeof e);
	tab->entries[at] = e;
	tab->count++;
	return true;
}

static void take_out(struct table *tab, size_t at)
{
	tab->count--;
	memmove(tab->entries + at, tab->entries + at + 1,
		(tab->count - at) * sizeof *tab->entries);
}

static bool change_room(struct tables *t)
{
	void *changes = t->changes;
	if (!grow(&changes, t->changes_count, &t->changes_cap, sizeof *t->changes))
		return false;
	t->changes = changes;
	return true;
}

char *tables_put(struct tables *t, enum kv_table table, struct str key, size_t len)
{
	struct table *tab = &t->tables[table];
	struct change c = { .table = table };
	struct entry e;
	size_t at = tables_find(t, table, key, &c.existed);
	if (!change_room(t) || !entry_make(&e, key, len)) return NULL;
	if (c.existed) {
		c.old = tab->entries[at];
		tab->entries[at] = e;
	} else if (!entry_make(&c.old, key, 0)) {
		free(e.bytes);
		return NULL;
	} else if (!insert(tab, at, e)) {
		free(e.bytes);
		free(c.old.bytes);
		return NULL;
	}
	t->changes[t->changes_count++] = c;
	return e.bytes + key.len;
}

int tables_del(struct tables *t, enum kv_table table, struct str key)
{
	struct change c = { .table = table, .existed = true };
	bool exact;
	size_t at = tables_find(t, table, key, &exact);
	if (!exact) return -ENOENT;
	if (!change_room(t)) return -ENOMEM;
	c.old = t->tables[table].entries[at];
	take_out(&t->tables[table], at);
	t->changes[t->changes_count++] = c;
	return 0;
}

void tables_undo(struct tables *t, size_t mark)
{
	while (t->changes_count > mark) {
		struct change *c = &t->changes[--t->changes_count];
		struct table *tab = &t->tables[c->table];
		bool exact;
		size_t at = tables_find(t, c->table, entry_key(&c->old), &exact);
		if (exact) {
			free(tab->entries[at].bytes);
			take_out(tab, at);
		}
		/* There is room: the entry was in the table before. */
		if (!c->existed || !insert(tab, at, c->old)) free(c->old.bytes);
	}
}

void tables_settle(struct tables *t)
{
	for (size_t i = 0; i < t->changes_count; i++) free(t->changes[i].old.bytes);
	t->changes_count = 0;
}

void tables_free(struct tables *t)
{
	tables_settle(t);
	free(t->changes);
	for (unsigned n = 0; n < KV_TABLES; n++) {
		for (size_t i = 0; i < t->tables[n].count; i++)
			free(t->tables[n].entries[i].bytes);
		free(t->tables[n].entries);
	}
	*t = (struct tables){ 0 };
}

/* ---- records --------------------------------------------------------------------- */

static void put_entry(struct buf *out, unsigned table, struct str key,
		      const struct str *value)
{
	buf_put_u8(out, (uint8_t)table);
	buf_put_u8(out, value ? 1 : 0);
	buf_put_str(out, key);
	if (value) buf_put_str(out, *value);
}

void tables_write_changes(const struct tables *t, struct buf *out)
{
	for (size_t i = 0; i < t->changes_count; i++) {
		const struct change *c = &t->changes[i];
		bool exact;
		struct str key = entry_key(&c->old);
		size_t at = tables_find(t, c->table, key, &exact);
		struct str value = STR("");
		if (exact) value = entry_value(&t->tables[c->table].entries[at]);
		put_entry(out, c->table, key, exact ? &value : NULL);
	}
}

void tables_write_all(const struct tables *t, struct buf *out)
{
	for (unsigned n = 0; n < KV_TABLES; n++) {
		for (size_t i = 0; i < t->tables[n].count; i++) {
			struct str value = entry_value(&t->tables[n].entries[i]);
			put_entry(out, n, entry_key(&t->tables[n].entries[i]), &value);
		}
	}
}

bool tables_read(struct tables *t, struct str record)
{
	struct cur c = cur_of(record);
	while (c.left && !c.bad) {
		unsigned table = cur_u8(&c);
		bool present = cur_u8(&c) != 0;
		struct str key = cur_str(&c);
		struct str value = present ? cur_str(&c) : STR("");
		if (c.bad || table >= KV_TABLES) return false;
		if (!present) {
			(void)tables_del(t, (enum kv_table)table, key);
			continue;
		}
		char *at = tables_put(t, (enum kv_table)table, key, value.len);
		if (!at) return false;
		if (value.len) memcpy(at, value.at, value.len);
	}
	return !c.bad;
}
