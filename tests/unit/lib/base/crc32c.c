/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/crc32c.h"
#include "lib/base/rng.h"

/* RFC 3720 appendix B.4, with the octets of each CRC in the order of a number. */
static void published_values(void **state)
{
	unsigned char block[32] = { 0 };
	(void)state;
	assert_int_equal(crc32c(0, block, sizeof block), 0x8a9136aa);
	for (size_t i = 0; i < sizeof block; i++) block[i] = 0xff;
	assert_int_equal(crc32c(0, block, sizeof block), 0x62a8ab43);
	for (size_t i = 0; i < sizeof block; i++) block[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, block, sizeof block), 0x46dd794e);
	for (size_t i = 0; i < sizeof block; i++) block[i] = (unsigned char)(31 - i);
	assert_int_equal(crc32c(0, block, sizeof block), 0x113fdb5c);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void pieces_make_the_same_as_the_whole(void **state)
{
	unsigned char text[200];
	struct rng rng = { 1 };
	(void)state;
	for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)rng_next(&rng);
	uint32_t whole = crc32c(0, text, sizeof text);
	for (size_t cut = 0; cut <= sizeof text; cut++) {
		uint32_t crc = crc32c(0, text, cut);
		assert_int_equal(crc32c(crc, text + cut, sizeof text - cut), whole);
	}
	text[100] ^= 1;
	assert_int_not_equal(crc32c(0, text, sizeof text), whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_values),
		cmocka_unit_test(pieces_make_the_same_as_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
