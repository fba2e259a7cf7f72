/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_rate.h"

#include "lib/base/units.h"
#include "lib/conf/error.h"

enum { PREFIX_V4_MIN = 8, PREFIX_V4_MAX = 32, PREFIX_V6_MIN = 16, PREFIX_V6_MAX = 128 };
static const int64_t every_min_ms = 1000, every_max_ms = INT64_C(30) * 86400000;

bool conf_read_rate(const struct conf_row *row, struct str value, struct conf_rate_value *out,
		    struct conf_problem *problem)
{
	struct conf_quote quote;
	struct conf_rate_value rate = { 0 };
	uint64_t count;
	struct str every = value, number = str_cut(&every, '/');
	if (str_eq(value, STR("0"))) {
		*out = rate;
		return true;
	}
	if (!str_to_u64(number, &count) || !units_duration(every, &rate.every_ms)) {
		conf_problem_set(problem, 0, "'%s' is not a rate; rates are written 100/1h",
				 conf_quote(&quote, value));
		return false;
	}
	if (count < 1 || count > (uint64_t)row->max || rate.every_ms < every_min_ms ||
	    rate.every_ms > every_max_ms) {
		conf_problem_set(problem, 0,
				 "'%s' is out of range: %.*s is 1 to %lld in 1s to 30d, or 0",
				 conf_quote(&quote, value), STR_ARG(row->word),
				 (long long)row->max);
		return false;
	}
	rate.count = (int64_t)count;
	*out = rate;
	return true;
}

void conf_write_rate(const struct conf_rate_value *rate, struct buf *out)
{
	buf_i64(out, rate->count);
	if (!rate->count) return;
	buf_byte(out, '/');
	conf_value_write_duration(rate->every_ms, out);
}

bool conf_read_prefixes(const struct str *values, size_t count, struct conf_prefixes *out,
			struct conf_problem *problem)
{
	struct conf_quote quote;
	uint64_t v4, v6;
	if (count == 2 && str_to_u64(values[0], &v4) && str_to_u64(values[1], &v6) &&
	    v4 >= PREFIX_V4_MIN && v4 <= PREFIX_V4_MAX && v6 >= PREFIX_V6_MIN &&
	    v6 <= PREFIX_V6_MAX) {
		*out = (struct conf_prefixes){ (unsigned)v4, (unsigned)v6 };
		return true;
	}
	conf_problem_set(problem, 0,
			 "'%s': two lengths are wanted, of IPv4 (%d to %d) and of IPv6 (%d to "
			 "%d): 24 64",
			 conf_quote(&quote, values[0]), PREFIX_V4_MIN, PREFIX_V4_MAX,
			 PREFIX_V6_MIN, PREFIX_V6_MAX);
	return false;
}

void conf_write_prefixes(const struct conf_prefixes *prefixes, struct buf *out)
{
	buf_u64(out, prefixes->v4);
	buf_byte(out, ' ');
	buf_u64(out, prefixes->v6);
}

static bool is_user(struct str s)
{
	return str_starts(s, STR("@")) ? conf_is_domain(str_from(s, 1)) : conf_is_mailbox(s);
}

bool conf_read_names(const struct conf_row *row, const struct str *values, size_t count,
		     struct arena *arena, struct conf_matches *out,
		     struct conf_problem *problem)
{
	struct conf_quote quote;
	bool names = row->type == CONF_IS_NAMES, egress = str_eq(row->word, STR("egress"));
	struct conf_matches list = { arena_alloc(arena, count * sizeof *list.at), count };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++) {
		if (names ? !conf_is_name(values[i]) : !is_user(values[i])) {
			conf_problem_set(problem, i, "'%s' is not %s",
					 conf_quote(&quote, values[i]),
					 egress  ? "the name of an egress"
					 : names ? "the name of a listener"
					       : "a user; write user@example.com, or "
						 "@example.com for all of a domain");
			return false;
		}
		list.at[i] = arena_str(arena, values[i]);
		if (!list.at[i].at) return false;
	}
	*out = list;
	return true;
}
