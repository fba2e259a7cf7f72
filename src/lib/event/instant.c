/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/instant.h"

enum {
	DAY_S = 86400,
	ERA_DAYS = 146097,   /* days of 400 years */
	EPOCH_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
};
static const int64_t time_max_ms =
	INT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z */

/* Years are counted from March, so that the day that is not always there is the last. */
static void date_of_days(int64_t days, struct event_date *d)
{
	int64_t z = days + EPOCH_DAYS;
	int64_t era = z / ERA_DAYS, doe = z % ERA_DAYS;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t march = (5 * doy + 2) / 153;
	d->day = (unsigned)(doy - (153 * march + 2) / 5 + 1);
	d->month = (unsigned)(march < 10 ? march + 3 : march - 9);
	d->year = (unsigned)(yoe + era * 400 + (d->month <= 2));
}

static int64_t days_of_date(const struct event_date *d)
{
	int64_t y = (int64_t)d->year - (d->month <= 2);
	int64_t march = d->month > 2 ? d->month - 3 : d->month + 9;
	int64_t yoe = y % 400, doy = (153 * march + 2) / 5 + d->day - 1;
	return y / 400 * ERA_DAYS + yoe * 365 + yoe / 4 - yoe / 100 + doy - EPOCH_DAYS;
}

struct event_date event_date_of(int64_t unix_ms)
{
	if (unix_ms < 0) unix_ms = 0;
	if (unix_ms > time_max_ms) unix_ms = time_max_ms;
	int64_t seconds = unix_ms / 1000;
	unsigned rest = (unsigned)(seconds % DAY_S);
	struct event_date d = { .hour = rest / 3600,
				.minute = rest / 60 % 60,
				.second = rest % 60,
				.ms = (unsigned)(unix_ms % 1000) };
	date_of_days(seconds / DAY_S, &d);
	return d;
}

static void digits(char *at, unsigned value, size_t width)
{
	for (size_t i = width; i > 0; i--, value /= 10)
		at[i - 1] = (char)('0' + value % 10);
}

void event_time_write(struct buf *out, int64_t unix_ms)
{
	struct event_date d = event_date_of(unix_ms);
	char text[24] = "0000-00-00T00:00:00.000Z"; /* exactly full: no NUL */
	digits(text, d.year, 4);
	digits(text + 5, d.month, 2);
	digits(text + 8, d.day, 2);
	digits(text + 11, d.hour, 2);
	digits(text + 14, d.minute, 2);
	digits(text + 17, d.second, 2);
	digits(text + 20, d.ms, 3);
	buf_bytes(out, text, sizeof text);
}

void event_day_write(struct buf *out, int64_t unix_ms)
{
	struct event_date d = event_date_of(unix_ms);
	char text[EVENT_DAY_LEN] = "0000-00-00";
	digits(text, d.year, 4);
	digits(text + 5, d.month, 2);
	digits(text + 8, d.day, 2);
	buf_bytes(out, text, sizeof text);
}

/* Exactly `width` digits at the head of `*s`, then `after` (0: nothing). */
static bool take(struct str *s, size_t width, char after, unsigned *out)
{
	uint64_t value;
	if (s->len < width + (after != 0) || !str_to_u64(str_sub(*s, 0, width), &value))
		return false;
	if (after && s->at[width] != after) return false;
	*s = str_from(*s, width + (after != 0));
	*out = (unsigned)value;
	return true;
}

static bool date_is_real(const struct event_date *d)
{
	struct event_date again = { 0 };
	if (d->year < 1970 || d->month < 1 || d->month > 12 || d->day < 1) return false;
	date_of_days(days_of_date(d), &again);
	return again.month == d->month && again.day == d->day;
}

static bool take_fraction(struct str *s, unsigned *ms)
{
	if (!s->len || s->at[0] != '.') return true;
	unsigned place = 100;
	size_t i = 1;
	for (; i < s->len && ascii_is_digit(s->at[i]); i++, place /= 10)
		*ms += (unsigned)(s->at[i] - '0') * place;
	*s = str_from(*s, i);
	return i > 1;
}

static bool take_offset(struct str *s, int64_t *offset_s)
{
	*offset_s = 0;
	if (!s->len) return true;
	char sign = s->at[0];
	*s = str_from(*s, 1);
	if (sign == 'Z' || sign == 'z') return true;
	unsigned hours, minutes;
	if (sign != '+' && sign != '-') return false;
	if (!take(s, 2, ':', &hours) || !take(s, 2, 0, &minutes)) return false;
	*offset_s = (int64_t)hours * 3600 + minutes * 60;
	if (sign == '-') *offset_s = -*offset_s;
	return hours < 24 && minutes < 60;
}

bool event_time_parse(struct str s, int64_t *unix_ms)
{
	struct event_date d = { 0 };
	int64_t offset_s = 0;
	if (!take(&s, 4, '-', &d.year) || !take(&s, 2, '-', &d.month) ||
	    !take(&s, 2, 0, &d.day))
		return false;
	if (!date_is_real(&d)) return false;
	if (s.len) {
		char between = s.at[0];
		s = str_from(s, 1);
		if (between != 'T' && between != 't' && between != ' ') return false;
		if (!take(&s, 2, ':', &d.hour) || !take(&s, 2, ':', &d.minute))
			return false;
		if (!take(&s, 2, 0, &d.second) || !take_fraction(&s, &d.ms)) return false;
		if (d.hour > 23 || d.minute > 59 || d.second > 60) return false;
		if (!take_offset(&s, &offset_s) || s.len) return false;
	}
	int64_t at = days_of_date(&d) * DAY_S + d.hour * 3600 + d.minute * 60 + d.second -
		     offset_s;
	*unix_ms = at * 1000 + d.ms;
	return *unix_ms >= 0 && *unix_ms <= time_max_ms;
}

static int64_t unit_s(char c)
{
	switch (c) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return DAY_S;
	case 'w': return 7 * DAY_S;
	default: return 0;
	}
}

bool event_since_parse(struct str s, int64_t now_ms, int64_t *unix_ms)
{
	if (event_time_parse(s, unix_ms)) return true;
	int64_t ago_s = 0;
	if (!s.len) return false;
	while (s.len) {
		size_t len = 0;
		while (len < s.len && ascii_is_digit(s.at[len])) len++;
		uint64_t count;
		if (len > 9 || len == s.len || !str_to_u64(str_sub(s, 0, len), &count))
			return false;
		int64_t unit = unit_s(s.at[len]);
		if (!unit) return false;
		ago_s += (int64_t)count * unit;
		if (ago_s > time_max_ms / 1000) return false;
		s = str_from(s, len + 1);
	}
	*unix_ms = now_ms > ago_s * 1000 ? now_ms - ago_s * 1000 : 0;
	return true;
}
