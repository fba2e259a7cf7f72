/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded cursor over a record, the reading side of buf_put_*. A read past the
 * end gives zero (or an empty string) and sets `bad`, which stays set: read all
 * fields, test once. Strings point into the record. */
#ifndef IMS_BASE_CUR_H
#define IMS_BASE_CUR_H

#include "lib/base/str.h"

struct cur {
	const unsigned char *at;
	size_t left;
	bool bad;
};

struct cur cur_of(struct str record);
uint8_t cur_u8(struct cur *c);
uint16_t cur_u16(struct cur *c);
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);
struct str cur_str(struct cur *c); /* u32 length, bytes */
struct str cur_bytes(struct cur *c, size_t len);
/* True if nothing was bad and nothing is left over. */
bool cur_done(const struct cur *c);

#endif
