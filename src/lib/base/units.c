/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/units.h"

struct unit {
	struct str name;
	int64_t factor;
};

static bool units_parse(struct str s, const struct unit *units, size_t count, int64_t *out)
{
	size_t digits = 0;
	while (digits < s.len && ascii_is_digit(s.at[digits])) digits++;
	uint64_t value;
	if (!str_to_u64(str_sub(s, 0, digits), &value) || value > INT64_MAX) return false;
	struct str name = str_from(s, digits);
	for (size_t i = 0; i < count; i++)
		if (str_eq(name, units[i].name))
			return !__builtin_mul_overflow((int64_t)value, units[i].factor, out);
	*out = 0;
	return name.len == 0 && value == 0;
}

bool units_duration(struct str s, int64_t *ms)
{
	static const struct unit units[] = {
		{ STR_INIT("ms"), 1 },          { STR_INIT("s"), 1000 },
		{ STR_INIT("m"), 60 * 1000 },   { STR_INIT("h"), 3600 * 1000 },
		{ STR_INIT("d"), 86400 * 1000 }, { STR_INIT("w"), 7 * 86400 * 1000 },
	};
	return units_parse(s, units, sizeof units / sizeof units[0], ms);
}

bool units_size(struct str s, int64_t *bytes)
{
	static const struct unit units[] = {
		{ STR_INIT(""), 1 },
		{ STR_INIT("K"), 1024 },
		{ STR_INIT("M"), 1024 * 1024 },
		{ STR_INIT("G"), 1024 * 1024 * 1024 },
	};
	return units_parse(s, units, sizeof units / sizeof units[0], bytes);
}

/* The years 0 to 9999. */
static const int64_t time_min_ms = -62167219200000, time_max_ms = 253402300799999;

void units_time_write(struct buf *out, int64_t unix_ms)
{
	if (unix_ms < time_min_ms) unix_ms = time_min_ms;
	if (unix_ms > time_max_ms) unix_ms = time_max_ms;
	int64_t days = unix_ms / 86400000, in_day = unix_ms % 86400000;
	if (in_day < 0) {
		in_day += 86400000;
		days--;
	}
	/* Days to a civil date, counted in eras of 400 years from 1 March of year 0. */
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
	int64_t year = yoe + era * 400 + (month <= 2);
	buf_fmt(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year, (int)month, (int)day,
		(int)(in_day / 3600000), (int)(in_day / 60000 % 60), (int)(in_day / 1000 % 60),
		(int)(in_day % 1000));
}
