/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool keeps beside the mail (struct spool_note). */
#include "spool/note.h"

#include <errno.h>
#include <string.h>

#include "spool/apply.h"
#include "spool/kvstore.h"
#include "spool/record.h"

static const struct str prefix_of_all = STR_INIT("note/");

void note_key_set(struct note_key *k, struct str name)
{
	name = str_sub(name, 0, SPOOL_NOTE_KEY_MAX);
	memcpy(k->at, prefix_of_all.at, prefix_of_all.len);
	if (name.len) memcpy(k->at + prefix_of_all.len, name.at, name.len);
	k->len = prefix_of_all.len + name.len;
}

void note_key_after(struct note_key *k, struct str name)
{
	note_key_set(k, name);
	k->at[k->len++] = '\0';
}

bool note_key_name(struct str key, struct str *name)
{
	*name = str_from(key, prefix_of_all.len);
	return str_starts(key, prefix_of_all);
}

/* How many there are; damaged ones, too. */
static int notes_count(struct kv *kv, size_t *count)
{
	struct note_key at;
	struct str key, value, name;
	int r;
	*count = 0;
	note_key_set(&at, STR(""));
	while (!(r = kv_seek(kv, KV_META, note_key_view(&at), &key, &value))) {
		if (!note_key_name(key, &name)) return 0;
		note_key_after(&at, name);
		++*count;
	}
	return r == -ENOENT ? 0 : r;
}

int apply_note(struct apply *a, const struct spool_note *note)
{
	struct note_key key;
	struct str old;
	size_t count = 0;
	if (note->key.len == 0) return -EINVAL;
	if (note->key.len > SPOOL_NOTE_KEY_MAX || note->value.len > SPOOL_NOTE_VALUE_MAX)
		return -EMSGSIZE;
	note_key_set(&key, note->key);
	if (note->value.len == 0) return kv_del(a->kv, KV_META, note_key_view(&key));
	int r = kv_get(a->kv, KV_META, note_key_view(&key), &old);
	if (r == -ENOENT) {
		if ((r = notes_count(a->kv, &count))) return r;
		if (count >= SPOOL_NOTES_MAX) return -EINVAL;
	}
	if (r) return r;
	buf_reset(a->scratch);
	record_put_note(a->scratch, note->value);
	if (a->scratch->overflowed) return -ENOMEM;
	return kv_put(a->kv, KV_META, note_key_view(&key), buf_view(a->scratch));
}

static int notes_read(struct kv *kv, struct str prefix, spool_note_fn *fn, void *ctx)
{
	struct note_key at;
	struct str key, value, name, text;
	int r;
	note_key_set(&at, prefix);
	while (!(r = kv_seek(kv, KV_META, note_key_view(&at), &key, &value))) {
		if (!note_key_name(key, &name) || !str_starts(name, prefix)) return 0;
		note_key_after(&at, name);
		if (record_get_note(value, &text) && (r = fn(ctx, name, text))) return r;
	}
	return r == -ENOENT ? 0 : r;
}

int kvstore_notes(struct store *s, struct str prefix, spool_note_fn *fn, void *ctx)
{
	struct kvstore *ks = (struct kvstore *)(void *)s;
	struct kv *kv;
	int r = ks->engine->read_begin(ks->env, &kv);
	if (r) return r;
	r = notes_read(kv, prefix, fn, ctx);
	ks->engine->read_end(kv);
	return r;
}
