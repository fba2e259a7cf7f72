/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_sender.h"

#include "lib/conf/error.h"

enum { SENDERS_ROOM_MIN = 8 };

static bool is_sender(struct str s)
{
	if (str_eq(s, STR("<>"))) return true;
	return str_starts(s, STR("@")) ? conf_is_match(str_from(s, 1)) : conf_is_mailbox(s);
}

static bool sender_is_good(struct str value, size_t index, struct conf_problem *problem)
{
	struct conf_quote quote;
	if (is_sender(value)) return true;
	conf_problem_set(problem, index,
			 "'%s' is no sender; write user@example.com, @example.com, "
			 "@.example.com or <>",
			 conf_quote(&quote, value));
	return false;
}

static size_t senders_room(size_t count)
{
	size_t room = SENDERS_ROOM_MIN;
	while (room < count) room *= 2;
	return room;
}

/* The list with room for `more`: moved only when a power of two is passed. */
static bool senders_grow(struct conf_senders *list, size_t more, struct arena *arena)
{
	size_t room = senders_room(list->count + more);
	if (list->count && room == senders_room(list->count)) return true;
	struct conf_sender *at = arena_alloc(arena, room * sizeof *at);
	for (size_t i = 0; at && i < list->count; i++) at[i] = list->at[i];
	if (at) list->at = at;
	return at != NULL;
}

bool conf_read_senders(const struct conf_row *row, const struct str *values, size_t count,
		       struct arena *arena, struct conf_senders *out,
		       struct conf_problem *problem)
{
	struct conf_senders list = *out;
	if (count > (size_t)row->max - list.count) {
		conf_problem_set(problem, (size_t)row->max - list.count,
				 "a filter has at most %lld senders", (long long)row->max);
		return false;
	}
	if (!senders_grow(&list, count, arena)) return false;
	for (size_t i = 0; i < count; i++) {
		struct conf_sender *sender = &list.at[list.count++];
		if (!sender_is_good(values[i], i, problem)) return false;
		*sender = (struct conf_sender){ .text = arena_str(arena, values[i]) };
		if (!sender->text.at) return false;
	}
	*out = list;
	return true;
}

bool conf_read_from(const struct str *values, size_t count, struct arena *arena,
		    struct conf_matches *out, struct conf_problem *problem)
{
	struct conf_matches list = { arena_alloc(arena, count * sizeof *list.at), count };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++) {
		if (!sender_is_good(values[i], i, problem)) return false;
		list.at[i] = arena_str(arena, values[i]);
		if (!list.at[i].at) return false;
	}
	*out = list;
	return true;
}
