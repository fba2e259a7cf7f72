/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_match.h"

#include "lib/conf/error.h"

enum { LISTED_ROOM_MIN = 64 };

static bool read_match(struct str value, size_t index, struct arena *arena, struct str *out,
		       struct conf_problem *problem)
{
	struct conf_quote quote;
	bool all = str_eq(value, STR("*"));
	struct str word = str_starts(value, STR("*.")) ? str_from(value, 1) : value;
	if (!all && !conf_is_match(word)) {
		conf_problem_set(problem, index,
				 "'%s' is not a domain name; write example.com, or "
				 ".example.com for all below it, or * for all",
				 conf_quote(&quote, value));
		return false;
	}
	*out = arena_str(arena, word);
	return out->at != NULL;
}

bool conf_read_matches(const struct str *values, size_t count, struct arena *arena,
		       struct conf_matches *out, struct conf_problem *problem)
{
	struct conf_matches list = { arena_alloc(arena, count * sizeof *list.at), count };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++)
		if (!read_match(values[i], i, arena, &list.at[i], problem)) return false;
	*out = list;
	return true;
}

static size_t listed_room(size_t count)
{
	size_t room = LISTED_ROOM_MIN;
	while (room < count) room *= 2;
	return room;
}

/* The list with room for `more`: moved only when a power of two is passed. */
static bool listed_grow(struct conf_matches *list, size_t more, struct arena *arena)
{
	size_t room = listed_room(list->count + more);
	if (list->count && room == listed_room(list->count)) return true;
	struct str *at = arena_alloc(arena, room * sizeof *at);
	for (size_t i = 0; at && i < list->count; i++) at[i] = list->at[i];
	if (at) list->at = at;
	return at != NULL;
}

bool conf_add_matches(const struct str *values, size_t count, struct arena *arena,
		      struct conf_matches *out, struct conf_problem *problem)
{
	struct conf_matches list = *out;
	conf_problem_set(problem, 0, "there is no memory for more configuration");
	if (count > CONF_LISTED_MAX - list.count) {
		conf_problem_set(problem, CONF_LISTED_MAX - list.count,
				 "a file of domains has at most %d", CONF_LISTED_MAX);
		return false;
	}
	if (!listed_grow(&list, count, arena)) return false;
	for (size_t i = 0; i < count; i++)
		if (!read_match(values[i], i, arena, &list.at[list.count++], problem)) return false;
	*out = list;
	return true;
}
