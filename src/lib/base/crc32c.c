/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/crc32c.h"

#include <stdbool.h>
#include <string.h>

static uint32_t crc32c_table[256];

static void crc32c_table_fill(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;
		for (int bit = 0; bit < 8; bit++) v = v >> 1 ^ (v & 1 ? 0x82f63b78u : 0);
		crc32c_table[i] = v;
	}
}

static uint32_t crc32c_plain(uint32_t crc, const unsigned char *at, size_t len)
{
	/* Two threads may fill it at once: they write the same values. */
	if (crc32c_table[255] == 0) crc32c_table_fill();
	for (size_t i = 0; i < len; i++) crc = crc >> 8 ^ crc32c_table[(crc ^ at[i]) & 0xff];
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t crc, const unsigned char *at, size_t len)
{
	uint64_t wide = crc;
	for (; len >= 8; at += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, at, sizeof word);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; len; at++, len--) crc = __builtin_ia32_crc32qi(crc, *at);
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *at, size_t len)
{
	crc = ~crc;
	crc = __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, at, len)
	                                       : crc32c_plain(crc, at, len);
	return ~crc;
}
#else
uint32_t crc32c(uint32_t crc, const void *at, size_t len)
{
	return ~crc32c_plain(~crc, at, len);
}
#endif
