/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/buf.h"
#include "lib/base/cur.h"
#include "lib/conf/conf.h"

enum {
	BUNDLE_MAGIC = 0x31666e63, /* "cnf1" */
	NAME_LEN_MAX = 4096,
	HOSTNAME_LEN_MAX = 255,
	/* names, and what the arena adds to each allocation */
	BUNDLE_EXTRA = CONF_FILES_MAX * (NAME_LEN_MAX + 64),
};

void conf_bundle_init(struct conf_bundle *bundle)
{
	*bundle = (struct conf_bundle){ 0 };
	arena_init(&bundle->arena, CONF_BUNDLE_MAX + BUNDLE_EXTRA);
}

void conf_bundle_free(struct conf_bundle *bundle)
{
	arena_free(&bundle->arena);
	conf_bundle_init(bundle);
}

static size_t bundle_size(const struct conf_bundle *bundle)
{
	size_t size = 0;
	for (size_t i = 0; i < bundle->count; i++) size += bundle->files[i].text.len;
	return size;
}

bool conf_bundle_add(struct conf_bundle *bundle, enum conf_source_kind kind,
		     struct str name, struct str text)
{
	if (bundle->count == CONF_FILES_MAX || text.len > CONF_FILE_MAX ||
	    name.len > NAME_LEN_MAX)
		return false;
	if (text.len > CONF_BUNDLE_MAX - bundle_size(bundle)) return false;
	struct conf_source source = { kind, arena_str(&bundle->arena, name),
				      arena_str(&bundle->arena, text) };
	if (!source.name.at || !source.text.at) return false;
	bundle->files[bundle->count++] = source;
	return true;
}

void conf_bundle_keep_lists(struct conf_bundle *bundle, unsigned lists)
{
	static const enum conf_lists of[CONF_SOURCE_COUNT] = {
		[CONF_SOURCE_HOSTS] = CONF_LISTS_CLIENTS,
		[CONF_SOURCE_SENDERS] = CONF_LISTS_CLIENTS,
		[CONF_SOURCE_MATCHES] = CONF_LISTS_MATCHES,
	};
	for (size_t i = 0; i < bundle->count; i++) {
		enum conf_lists list = of[bundle->files[i].kind];
		if (list != CONF_LISTS_NONE && !(lists & list)) bundle->files[i].text = STR("");
	}
}

bool conf_bundle_set_hostname(struct conf_bundle *bundle, struct str hostname)
{
	if (hostname.len > HOSTNAME_LEN_MAX) return false;
	bundle->system_hostname = arena_str(&bundle->arena, hostname);
	return bundle->system_hostname.at;
}

void conf_bundle_encode(const struct conf_bundle *bundle, struct buf *out)
{
	buf_put_u32(out, BUNDLE_MAGIC);
	buf_put_u64(out, bundle->generation);
	buf_put_str(out, bundle->system_hostname);
	buf_put_u32(out, (uint32_t)bundle->count);
	for (size_t i = 0; i < bundle->count; i++) {
		buf_put_u8(out, (uint8_t)bundle->files[i].kind);
		buf_put_str(out, bundle->files[i].name);
		buf_put_str(out, bundle->files[i].text);
	}
}

static bool decode_file(struct cur *c, struct conf_bundle *bundle)
{
	uint8_t kind = cur_u8(c);
	struct str name = cur_str(c), text = cur_str(c);
	if (c->bad || kind >= CONF_SOURCE_COUNT) return false;
	return conf_bundle_add(bundle, (enum conf_source_kind)kind, name, text);
}

bool conf_bundle_decode(struct str record, struct conf_bundle *bundle)
{
	struct cur c = cur_of(record);
	conf_bundle_init(bundle);
	bool good = cur_u32(&c) == BUNDLE_MAGIC;
	bundle->generation = cur_u64(&c);
	good = good && conf_bundle_set_hostname(bundle, cur_str(&c));
	uint32_t count = cur_u32(&c);
	good = good && !c.bad && count <= CONF_FILES_MAX;
	for (uint32_t i = 0; good && i < count; i++) good = decode_file(&c, bundle);
	if (good && cur_done(&c)) return true;
	conf_bundle_free(bundle);
	return false;
}
