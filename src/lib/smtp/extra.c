/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/extra.h"

/* At most `digits` of them, and nothing else. */
static bool number(struct str text, size_t digits, int64_t *out)
{
	int64_t n = 0;
	if (text.len == 0 || text.len > digits) return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.at[i])) return false;
		n = n * 10 + (text.at[i] - '0');
	}
	*out = n;
	return true;
}

static bool signed_number(struct str text, size_t digits, int64_t *out)
{
	bool minus = str_starts(text, STR("-"));
	bool plus = str_starts(text, STR("+"));
	if (!number(str_from(text, minus || plus ? 1 : 0), digits, out)) return false;
	if (minus) *out = -*out;
	return true;
}

/* RFC 6710 7: one digit, perhaps with a minus; "-0" is none. */
bool smtp_extra_priority(struct str value, struct smtp_extra_params *p)
{
	int64_t n;
	if (str_starts(value, STR("+")) || !signed_number(value, 1, &n)) return false;
	if (n == 0 && value.len > 1) return false;
	p->priority = (int8_t)n;
	p->asks |= SMTP_EXTRA_PRIORITY;
	return true;
}

/* RFC 4865 3: at most nine digits, of which the first is none of 0; so no time is an error, too. */
bool smtp_extra_hold_for(struct str value, struct smtp_extra_params *p)
{
	if (str_starts(value, STR("0")) || !number(value, 9, &p->hold_s)) return false;
	p->hold = SMTP_HOLD_FOR;
	p->asks |= SMTP_EXTRA_FUTURE;
	return true;
}

/* Erratum 2040 to RFC 4865: a date-time of RFC 3339. */
bool smtp_extra_hold_until(struct str value, struct smtp_extra_params *p)
{
	if (!smtp_date_time_parse(value, &p->hold_s)) return false;
	p->hold = SMTP_HOLD_UNTIL;
	p->asks |= SMTP_EXTRA_FUTURE;
	return true;
}

/* RFC 2852 4: by-time ";" by-mode [by-trace]. What is to be returned must have time. */
bool smtp_extra_by(struct str value, struct smtp_extra_params *p)
{
	int64_t n;
	struct str mode = value, time = str_cut(&mode, ';');
	if (!signed_number(time, 9, &n) || mode.len == 0 || mode.len > 2) return false;
	char m = ascii_lower(mode.at[0]);
	if ((m != 'n' && m != 'r') || (m == 'r' && n <= 0)) return false;
	if (mode.len == 2 && ascii_lower(mode.at[1]) != 't') return false;
	p->by_s = (int32_t)n;
	p->by = m == 'r' ? SMTP_BY_RETURN : SMTP_BY_NOTIFY;
	p->by_trace = mode.len == 2;
	p->asks |= SMTP_EXTRA_BY;
	return true;
}

/* --- RFC 3339 ----------------------------------------------------------------------------- */

/* "2026-11-22": each number in its place. */
static bool numbers(struct str text, struct str form, int64_t *out)
{
	if (text.len != form.len) return false;
	for (size_t i = 0; i < form.len;) {
		size_t n = 0;
		while (i + n < form.len && form.at[i + n] == '0') n++;
		if (n == 0 ? text.at[i] != form.at[i]
			   : !number(str_sub(text, i, n), n, out++))
			return false;
		i += n ? n : 1;
	}
	return true;
}

/* Days since 1970 of a date of the Gregorian calendar, in eras of 400 years that begin in
 * March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + of_year - 719468;
}

static bool date_is_good(const int64_t *ymd)
{
	static const int64_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = ymd[0] % 4 == 0 && (ymd[0] % 100 != 0 || ymd[0] % 400 == 0);
	if (ymd[1] < 1 || ymd[1] > 12 || ymd[2] < 1 || ymd[2] > days[ymd[1] - 1]) return false;
	return ymd[1] != 2 || ymd[2] < 29 || leap;
}

/* "Z", "+01:00"; a fraction before it is cut off. */
static bool zone_parse(struct str text, int64_t *offset_s)
{
	int64_t hm[2];
	if (str_starts(text, STR("."))) {
		size_t n = 1;
		while (n < text.len && ascii_is_digit(text.at[n])) n++;
		if (n == 1) return false;
		text = str_from(text, n);
	}
	*offset_s = 0;
	if (str_eq_nocase(text, STR("Z"))) return true;
	bool minus = str_starts(text, STR("-"));
	if (!minus && !str_starts(text, STR("+"))) return false;
	if (!numbers(str_from(text, 1), STR("00:00"), hm) || hm[0] > 23 || hm[1] > 59)
		return false;
	*offset_s = (minus ? -1 : 1) * (hm[0] * 3600 + hm[1] * 60);
	return true;
}

bool smtp_date_time_parse(struct str text, int64_t *unix_s)
{
	enum { DATE = 10, TIME = 8 };
	int64_t ymd[3], hms[3], offset_s;
	struct str between = str_sub(text, DATE, 1), zone = str_from(text, DATE + 1 + TIME);
	if (!numbers(str_sub(text, 0, DATE), STR("0000-00-00"), ymd) || !date_is_good(ymd))
		return false;
	if (!str_eq_nocase(between, STR("T"))) return false;
	if (!numbers(str_sub(text, DATE + 1, TIME), STR("00:00:00"), hms)) return false;
	/* 60 is a leap second. */
	if (hms[0] > 23 || hms[1] > 59 || hms[2] > 60 || !zone_parse(zone, &offset_s))
		return false;
	*unix_s = days_of(ymd[0], ymd[1], ymd[2]) * 86400 + hms[0] * 3600 + hms[1] * 60 +
		  hms[2] - offset_s;
	return true;
}
