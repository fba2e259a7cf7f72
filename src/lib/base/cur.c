/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cur.h"

struct cur cur_of(struct str record)
{
	return (struct cur){ (const unsigned char *)record.at, record.len, false };
}

struct str cur_bytes(struct cur *c, size_t len)
{
	if (c->bad || len > c->left) {
		c->bad = true;
		return (struct str){ "", 0 };
	}
	struct str bytes = { len ? (const char *)c->at : "", len };
	if (len) c->at += len;
	c->left -= len;
	return bytes;
}

static uint64_t cur_le(struct cur *c, size_t bytes)
{
	struct str field = cur_bytes(c, bytes);
	uint64_t v = 0;
	for (size_t i = field.len; i > 0; i--) v = v << 8 | (unsigned char)field.at[i - 1];
	return v;
}

uint8_t cur_u8(struct cur *c) { return (uint8_t)cur_le(c, 1); }
uint16_t cur_u16(struct cur *c) { return (uint16_t)cur_le(c, 2); }
uint32_t cur_u32(struct cur *c) { return (uint32_t)cur_le(c, 4); }
uint64_t cur_u64(struct cur *c) { return cur_le(c, 8); }

struct str cur_str(struct cur *c)
{
	uint32_t len = cur_u32(c);
	return cur_bytes(c, len);
}

bool cur_done(const struct cur *c)
{
	return !c->bad && c->left == 0;
}
