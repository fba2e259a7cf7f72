/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMS_TEST_POLICY_VERDICT_IS_H
#define IMS_TEST_POLICY_VERDICT_IS_H

#include "conf_text.h"
#include "lib/policy/facts.h"

/* What a row of a table wants: code 0 is "accept", 1 is "ask the directory". */
static inline void verdict_is(size_t row, const struct verdict *v, unsigned code,
                              const char *dsn, const char *rule)
{
	char text[256];
	struct buf by;
	buf_init_fixed(&by, text, sizeof text);
	verdict_rule_write(v, &by);
	enum verdict_kind kind = code == 0   ? VERDICT_ACCEPT
	                         : code == 1 ? VERDICT_NEED
	                                     : VERDICT_REFUSE;
	if (v->kind != kind) fail_msg("row %zu: kind %d code %u", row, (int)v->kind, v->code);
	if (kind == VERDICT_NEED) assert_int_equal(v->need, FACT_RECIPIENT_EXISTS);
	if (kind != VERDICT_REFUSE) return;
	if (v->code != code || !str_eq(str_of(v->dsn), str_of(dsn)))
		fail_msg("row %zu: %u %s, not %u %s", row, v->code, v->dsn, code, dsn);
	if (!str_eq(buf_view(&by), str_of(rule)))
		fail_msg("row %zu: rule \"%.*s\", not \"%s\"", row, (int)by.len, by.at, rule);
	/* A person reads it: a sentence, and printable. */
	if (v->text.len < 20) fail_msg("row %zu: no sentence", row);
	for (size_t i = 0; i < v->text.len; i++)
		if (!ascii_is_print(v->text.at[i])) fail_msg("row %zu: not printable", row);
}

#endif
