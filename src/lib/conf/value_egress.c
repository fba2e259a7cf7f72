/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_egress.h"

#include "lib/base/units.h"
#include "lib/conf/error.h"

bool conf_read_ips(const struct str *values, size_t count, struct arena *arena,
		   struct conf_ips *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	struct conf_ips list = { arena_alloc(arena, count * sizeof *list.at), count };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++) {
		if (ip_parse(values[i], &list.at[i]) && !ip_is_none(list.at[i]) &&
		    !ip_eq(list.at[i], ip_of_v4(0)))
			continue;
		conf_problem_set(problem, i,
				 "'%s' is not an address of a machine; write 192.0.2.1 or 2001:db8::1",
				 conf_quote(&quote, values[i]));
		return false;
	}
	*out = list;
	return true;
}

void conf_write_ips(const struct conf_ips *ips, struct buf *out)
{
	for (size_t i = 0; i < ips->count; i++) {
		if (i) buf_byte(out, ' ');
		ip_write(out, ips->at[i]);
	}
}

bool conf_read_date(struct str value, int64_t *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	if (units_date(value, out)) return true;
	conf_problem_set(problem, 0, "'%s' is not a day; days are written 2026-11-22",
			 conf_quote(&quote, value));
	return false;
}

void conf_write_date(int64_t unix_ms, struct buf *out)
{
	if (unix_ms) units_date_write(out, unix_ms);
}
