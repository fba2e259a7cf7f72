/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/tally.h"

#include "lib/base/crc32c.h"
#include "lib/base/cur.h"

static const uint32_t record_magic = 0x494d5354; /* IMST */
enum { RECORD_VERSION = 2, RECORD_WITHOUT_QUOTAS = 1, CHECKSUM = 4 };

static uint64_t oldest_first(uint64_t word) { return word; }

static void put_slots(struct buf *out, const struct slot *slots, const uint64_t *beside, size_t count)
{
	uint32_t used = 0;
	for (size_t i = 0; i < count; i++) used += slots_read(&slots[i].key) != 0;
	buf_put_u32(out, used);
	for (size_t i = 0; i < count && used > 0; i++) {
		uint64_t key = slots_read(&slots[i].key);
		if (!key) continue;
		used--;
		buf_put_u64(out, key);
		buf_put_u64(out, slots_read(&slots[i].word));
		if (beside) buf_put_u64(out, slots_read(&beside[i]));
	}
}

void tally_write(const struct tally *t, struct buf *out)
{
	size_t begin = out->len;
	buf_put_u32(out, record_magic);
	buf_put_u8(out, RECORD_VERSION);
	buf_put_u64(out, slots_read(&t->seed));
	put_slots(out, t->baselines.slots, t->baselines.usual, BASELINES);
	put_slots(out, t->grey.triplets, NULL, GREY_TRIPLETS);
	put_slots(out, t->grey.networks, NULL, GREY_NETWORKS);
	put_slots(out, t->quotas.slots, NULL, QUOTAS);
	if (!out->overflowed) buf_put_u32(out, crc32c(0, out->at + begin, out->len - begin));
}

/* What is there already was counted since, and stays. `slots` may be NULL: only looked at. */
static void get_slots(struct cur *c, struct slot *slots, uint64_t *beside, bool has_beside, size_t count)
{
	uint32_t used = cur_u32(c);
	if (used > count) c->bad = true;
	for (uint32_t i = 0; i < used && !c->bad; i++) {
		bool fresh;
		uint64_t key = cur_u64(c), word = cur_u64(c), more = has_beside ? cur_u64(c) : 0;
		if (c->bad || !key || !slots) continue;
		struct slot *slot = slots_take(slots, count, key, oldest_first, &fresh);
		if (fresh) __atomic_store_n(&slot->word, word, __ATOMIC_RELAXED);
		if (beside) __atomic_store_n(&beside[slot - slots], more, __ATOMIC_RELAXED);
	}
}

static bool walk(struct str record, struct tally *t, uint64_t *seed)
{
	struct cur c = cur_of(record);
	if (cur_u32(&c) != record_magic) return false;
	uint8_t version = cur_u8(&c);
	if (version != RECORD_VERSION && version != RECORD_WITHOUT_QUOTAS) return false;
	*seed = cur_u64(&c);
	get_slots(&c, t ? t->baselines.slots : NULL, t ? t->baselines.usual : NULL, true, BASELINES);
	get_slots(&c, t ? t->grey.triplets : NULL, NULL, false, GREY_TRIPLETS);
	get_slots(&c, t ? t->grey.networks : NULL, NULL, false, GREY_NETWORKS);
	if (version != RECORD_WITHOUT_QUOTAS)
		get_slots(&c, t ? t->quotas.slots : NULL, NULL, false, QUOTAS);
	return cur_done(&c) && *seed != 0;
}

bool tally_read(struct tally *t, struct str record)
{
	uint64_t seed;
	if (record.len < CHECKSUM) return false;
	struct str text = str_sub(record, 0, record.len - CHECKSUM);
	struct cur sum = cur_of(str_from(record, text.len));
	if (cur_u32(&sum) != crc32c(0, text.at, text.len) || !walk(text, NULL, &seed)) return false;
	__atomic_store_n(&t->seed, seed, __ATOMIC_RELAXED);
	return walk(text, t, &seed);
}
