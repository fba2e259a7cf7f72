/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/dial.h"

enum {
	DAY_S = 24 * 60 * 60,
	MINUTE_S = 60,
	DAYS_AHEAD = 9, /* a week, and a day that is shorter at either end */
	EPOCH_WEEKDAY = 3, /* 1970-01-01 was a Thursday */
};

/* --- the zone ---------------------------------------------------------------------------- */

static void zone_add(struct dial_zone *zone, int64_t from_s, int32_t offset_s)
{
	if (zone->count == DIAL_ZONE_MAX) return;
	zone->at[zone->count].from_s = from_s;
	zone->at[zone->count++].offset_s = offset_s;
}

/* The first second in (low, high] that has another offset than `low`. */
static int64_t change_of(int64_t low, int64_t high, dial_offset_fn *fn, void *arg)
{
	int32_t before = fn(arg, low);
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		if (fn(arg, middle) == before) low = middle;
		else high = middle;
	}
	return high;
}

void dial_zone_make(struct dial_zone *zone, int64_t from_s, int64_t to_s, dial_offset_fn *fn,
                    void *arg)
{
	zone->count = 0;
	zone_add(zone, INT64_MIN, fn(arg, from_s));
	for (int64_t at = from_s; at < to_s; at += DAY_S) {
		if (fn(arg, at) == fn(arg, at + DAY_S)) continue;
		int64_t change = change_of(at, at + DAY_S, fn, arg);
		zone_add(zone, change, fn(arg, change));
	}
}

static int32_t offset_at(const struct dial_zone *zone, int64_t utc_s)
{
	size_t i = zone->count;
	while (i > 1 && zone->at[i - 1].from_s > utc_s) i--;
	return zone->at[i - 1].offset_s;
}

/* Whether `utc_s` lies in the time of that entry. */
static bool is_in(const struct dial_zone *zone, size_t i, int64_t utc_s)
{
	return utc_s >= zone->at[i].from_s &&
	       (i + 1 == zone->count || utc_s < zone->at[i + 1].from_s);
}

static int64_t utc_of(const struct dial_zone *zone, int64_t local_s)
{
	for (size_t i = 0; i < zone->count; i++)
		if (is_in(zone, i, local_s - zone->at[i].offset_s)) return local_s - zone->at[i].offset_s;
	/* It is left out: at the change that has it behind itself. */
	size_t i = 0;
	while (i + 1 < zone->count && local_s - zone->at[i + 1].offset_s >= zone->at[i + 1].from_s) i++;
	return i + 1 < zone->count ? zone->at[i + 1].from_s : local_s - zone->at[i].offset_s;
}

/* --- the plan ----------------------------------------------------------------------------- */

bool dial_time_parse(struct str text, uint16_t *minute)
{
	struct str rest = text;
	uint64_t hours, minutes;
	struct str first = str_cut(&rest, ':');
	if (first.len == 0 || first.len > 2 || rest.len != 2) return false;
	if (!str_to_u64(first, &hours) || !str_to_u64(rest, &minutes)) return false;
	if (hours > 23 || minutes > 59) return false;
	*minute = (uint16_t)(hours * 60 + minutes);
	return true;
}

void dial_plan_of(const struct conf_dial *dial, struct dial_plan *plan)
{
	*plan = (struct dial_plan){ .every_min = dial->every_ms / (MINUTE_S * 1000),
		.weekdays = dial->weekdays };
	for (size_t i = 0; i < dial->daily.count && plan->time_count < DIAL_TIMES_MAX; i++)
		if (dial_time_parse(dial->daily.at[i], &plan->times[plan->time_count]))
			plan->time_count++;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool is_day(const struct dial_plan *plan, int64_t day)
{
	int64_t weekday = (day + EPOCH_WEEKDAY) - 7 * floor_div(day + EPOCH_WEEKDAY, 7);
	return plan->weekdays == 0 || (plan->weekdays & (1u << weekday)) != 0;
}

static void take_first(const struct dial_zone *zone, int64_t day, int64_t minute, int64_t after_s,
                       int64_t *best_s, bool *found)
{
	int64_t utc_s = utc_of(zone, day * DAY_S + minute * MINUTE_S);
	if (utc_s <= after_s || (*found && utc_s >= *best_s)) return;
	*best_s = utc_s;
	*found = true;
}

int64_t dial_next_ms(const struct dial_plan *plan, const struct dial_zone *zone,
                     int64_t after_ms)
{
	int64_t after_s = floor_div(after_ms, 1000), best_s = 0;
	int64_t today = floor_div(after_s + offset_at(zone, after_s), DAY_S);
	bool found = false;
	/* The day before, too: where clocks are put back at midnight it comes to an end twice. */
	for (int64_t day = today - 1; day < today + DAYS_AHEAD && (!found || day <= today); day++) {
		if (!is_day(plan, day)) continue;
		for (size_t i = 0; i < plan->time_count; i++)
			take_first(zone, day, plan->times[i], after_s, &best_s, &found);
		for (int64_t m = 0; plan->every_min > 0 && m < DIAL_DAY_MIN; m += plan->every_min)
			take_first(zone, day, m, after_s, &best_s, &found);
	}
	return found ? best_s * 1000 : DIAL_NEVER_MS;
}

bool dial_is_due(struct dial_clock *clock, const struct dial_plan *plan,
                 const struct dial_zone *zone, int64_t now_ms, bool anew)
{
	bool first = clock->seen_ms == 0;
	bool back = now_ms < clock->seen_ms;
	bool due = !first && !back && !anew && clock->next_ms != DIAL_NEVER_MS &&
	           clock->next_ms <= now_ms;
	clock->seen_ms = now_ms;
	if (first || back || anew || due) clock->next_ms = dial_next_ms(plan, zone, now_ms);
	return due;
}
