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
static const int64_t day_ms = 86400000;
static const int64_t time_min_ms = -62167219200000, time_max_ms = 253402300799999;

struct civil {
	int year, month, day;
};

/* Days to a civil date, counted in eras of 400 years from 1 March of year 0. */
static struct civil civil_of(int64_t days)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;
	return (struct civil){ .year = (int)(yoe + era * 400 + (month <= 2)),
			       .month = (int)month,
			       .day = (int)(doy - (153 * mp + 2) / 5 + 1) };
}

static int64_t days_of(struct civil c)
{
	int64_t y = c.month <= 2 ? c.year - 1 : c.year, era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (c.month > 2 ? c.month - 3 : c.month + 9) + 2) / 5 + c.day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* Days since 1970, and milliseconds of the day. */
static int64_t days_from(int64_t unix_ms, int64_t *in_day)
{
	if (unix_ms < time_min_ms) unix_ms = time_min_ms;
	if (unix_ms > time_max_ms) unix_ms = time_max_ms;
	int64_t days = unix_ms / day_ms;
	*in_day = unix_ms % day_ms;
	if (*in_day >= 0) return days;
	*in_day += day_ms;
	return days - 1;
}

/* "2026-11-22T02:15:26"; what is left over of the second. */
static int time_write(struct buf *out, int64_t unix_ms)
{
	int64_t in_day;
	struct civil c = civil_of(days_from(unix_ms, &in_day));
	buf_fmt(out, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day,
		(int)(in_day / 3600000), (int)(in_day / 60000 % 60), (int)(in_day / 1000 % 60));
	return (int)(in_day % 1000);
}

void units_time_write(struct buf *out, int64_t unix_ms)
{
	int ms = time_write(out, unix_ms);
	buf_fmt(out, ".%03dZ", ms);
}

void units_second_write(struct buf *out, int64_t unix_ms)
{
	(void)time_write(out, unix_ms);
	buf_byte(out, 'Z');
}

void units_date_write(struct buf *out, int64_t unix_ms)
{
	int64_t in_day;
	struct civil c = civil_of(days_from(unix_ms, &in_day));
	buf_fmt(out, "%04d-%02d-%02d", c.year, c.month, c.day);
}

/* So many digits and nothing else; -1: something else. */
static int digits(struct str s, size_t count)
{
	uint64_t value;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.at[i])) return -1;
	return s.len == count && str_to_u64(s, &value) ? (int)value : -1;
}

bool units_date(struct str s, int64_t *unix_ms)
{
	struct str rest = s;
	struct civil c = { .year = digits(str_cut(&rest, '-'), 4) };
	c.month = digits(str_cut(&rest, '-'), 2);
	c.day = digits(rest, 2);
	if (c.year < 1970 || c.month < 1 || c.month > 12 || c.day < 1) return false;
	int64_t days = days_of(c);
	/* The 31st of a month that has no such day is another day. */
	struct civil same = civil_of(days);
	if (same.month != c.month || same.day != c.day) return false;
	*unix_ms = days * day_ms;
	return true;
}
