/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/sasl/scram.h"

/* The keys of RFC 7677's and RFC 5802's examples. */
#define STORED_256 "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER_256 "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define SALT_256   "W22ZaJ0SNY7soEsUEjb6gQ=="
#define REST_256   "$4096:" SALT_256 "$" STORED_256 ":" SERVER_256
#define GOOD_256   "SCRAM-SHA-256" REST_256
#define GOOD_1     "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:" \
		   "D+CSWLOshSulAsxiupA+qs2/fTE="

static const struct {
	const char *record, *mechanism;
	bool found;
} cases[] = {
	{ GOOD_256, "SCRAM-SHA-256", true },
	{ GOOD_256, "SCRAM-SHA-256-PLUS", true },
	{ GOOD_256, "scram-sha-256", true },
	{ GOOD_256, "SCRAM-SHA-1", false },
	{ GOOD_1, "SCRAM-SHA-1", true },
	{ GOOD_256 " " GOOD_1, "SCRAM-SHA-1", true },
	{ GOOD_1 " " GOOD_256, "SCRAM-SHA-256", true },
	{ "junk " GOOD_256, "SCRAM-SHA-256", true },
	{ "", "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256", "SCRAM-SHA-256", false },
	{ "PLAIN" REST_256, "PLAIN", false },
	{ "SCRAM-SHA-1" REST_256, "SCRAM-SHA-1", false }, /* keys of another size */
	{ "SCRAM-SHA-256$0:" SALT_256 "$" STORED_256 ":" SERVER_256, "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256$10000001:" SALT_256 "$" STORED_256 ":" SERVER_256, "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256$-1:" SALT_256 "$" STORED_256 ":" SERVER_256, "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256$4096:$" STORED_256 ":" SERVER_256, "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256$4096:" SALT_256 "$" STORED_256, "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256$4096:" SALT_256 "$" STORED_256 ":", "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256$4096:" SALT_256 "$:" SERVER_256, "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256$4096:" SALT_256 "$" STORED_256 "A:" SERVER_256, "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256$4096:***=$" STORED_256 ":" SERVER_256, "SCRAM-SHA-256", false },
	{ GOOD_256 "$", "SCRAM-SHA-256", false },
};

static void finds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scram_keys keys;
		struct str record = str_of(cases[i].record);
		bool found = scram_find(record, str_of(cases[i].mechanism), &keys);
		if (found != cases[i].found) fail_msg("row %zu", i);
		if (!found && keys.stored.len) fail_msg("row %zu: keys", i);
	}
}

static void writes(void **state)
{
	char memory[512];
	struct buf out;
	struct scram_keys keys;
	(void)state;
	assert_true(scram_find(STR(GOOD_1 " " GOOD_256), STR("SCRAM-SHA-256"), &keys));
	assert_int_equal(keys.iterations, 4096);
	assert_true(str_eq(keys.salt, STR(SALT_256)) && str_eq(keys.stored, STR(STORED_256)) &&
		    str_eq(keys.server, STR(SERVER_256)));
	buf_init_fixed(&out, memory, sizeof memory);
	scram_write(&out, &keys);
	assert_true(str_eq(buf_view(&out), STR(GOOD_256)));
	buf_init_fixed(&out, memory, 30);
	scram_write(&out, &keys);
	assert_true(out.overflowed);
	assert_int_equal(scram_key_size(STR("SCRAM-SHA-1-PLUS")), 20);
	assert_int_equal(scram_key_size(STR("PLAIN")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds), cmocka_unit_test(writes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
