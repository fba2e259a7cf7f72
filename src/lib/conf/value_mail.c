/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_mail.h"

#include "lib/conf/error.h"
#include "lib/conf/value_net.h"

static bool check_template(struct str value, size_t index, struct conf_problem *problem)
{
	struct conf_quote quote;
	if (!value.len || value.at[0] != '/') {
		conf_problem_set(
			problem, index,
			"'%s' is a relative path; a maildir template begins with /",
			conf_quote(&quote, value));
		return false;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] != '%') continue;
		i++;
		if (i < value.len && str_find(STR("dnu%"), value.at[i]) >= 0) continue;
		conf_problem_set(problem, index,
				 "after %% in a maildir template stands d (domain), "
				 "n (local part), u (address) or %%");
		return false;
	}
	return true;
}

/* What stands behind maildir, lmtp, route. */
static bool deliver_count_is_good(enum conf_deliver_kind kind, size_t count,
				  struct conf_problem *problem)
{
	static const char *const texts[] = {
		[CONF_DELIVER_MAILDIR] = "'deliver maildir' takes one template",
		[CONF_DELIVER_LMTP] =
			"'deliver lmtp' takes the path of a socket, or HOST:PORT",
		[CONF_DELIVER_ROUTE] = "'deliver route' takes the name of one route",
	};
	if (kind == CONF_DELIVER_LMTP ? count >= 1 : count == 1) return true;
	conf_problem_set(problem, count < 1 ? 1 : 2, "%s", texts[kind]);
	return false;
}

static bool read_deliver_text(struct str value, struct arena *arena,
			      struct conf_deliver *deliver, struct conf_problem *problem)
{
	struct conf_quote quote;
	bool maildir = deliver->kind == CONF_DELIVER_MAILDIR;
	if (maildir && !check_template(value, 1, problem)) return false;
	if (!maildir && !conf_is_name(value)) {
		conf_problem_set(problem, 1, "'%s' is not the name of a route",
				 conf_quote(&quote, value));
		return false;
	}
	struct str copy = arena_str(arena, value);
	if (maildir) deliver->maildir = copy;
	else deliver->name = copy;
	return copy.at != NULL;
}

/* hold-for-etrn, or hold-for-etrn ROUTE. */
static bool read_deliver_held(const struct str *values, size_t count, struct arena *arena,
			      struct conf_deliver *out, struct conf_problem *problem)
{
	struct conf_deliver deliver = { .kind = CONF_DELIVER_ROUTE, .held = true };
	if (count > 2) {
		conf_problem_set(problem, 2, "'deliver hold-for-etrn' takes the name of one route");
		return false;
	}
	if (count == 2 && !read_deliver_text(values[1], arena, &deliver, problem)) return false;
	*out = deliver;
	return true;
}

bool conf_read_deliver(const struct str *values, size_t count, struct arena *arena,
		       struct conf_deliver *out, struct conf_problem *problem)
{
	static const struct str kinds[] = {
		[CONF_DELIVER_MAILDIR] = STR_INIT("maildir"),
		[CONF_DELIVER_LMTP] = STR_INIT("lmtp"),
		[CONF_DELIVER_ROUTE] = STR_INIT("route"),
	};
	struct conf_quote quote;
	struct conf_deliver deliver = { .kind = CONF_DELIVER_MAILDIR };
	if (str_eq(values[0], STR("hold-for-etrn")))
		return read_deliver_held(values, count, arena, out, problem);
	while (deliver.kind <= CONF_DELIVER_ROUTE &&
	       !str_eq(values[0], kinds[deliver.kind]))
		deliver.kind++;
	if (deliver.kind > CONF_DELIVER_ROUTE) {
		conf_problem_set(problem, 0,
				 "'%s' is no way to deliver; write maildir TEMPLATE, "
				 "lmtp TARGET, route NAME or hold-for-etrn",
				 conf_quote(&quote, values[0]));
		return false;
	}
	if (!deliver_count_is_good(deliver.kind, count - 1, problem)) return false;
	if (deliver.kind != CONF_DELIVER_LMTP) {
		if (!read_deliver_text(values[1], arena, &deliver, problem)) return false;
	} else if (!conf_read_lmtp(values + 1, count - 1, arena, &deliver.lmtp,
				   problem)) {
		problem->index++;
		return false;
	}
	*out = deliver;
	return true;
}

bool conf_read_flags(const struct conf_row *row, const struct str *values, size_t count,
		     unsigned *out, struct conf_problem *problem)
{
	unsigned flags = 0, flag = 0;
	for (size_t i = 0; i < count; i++) {
		if (!conf_read_choice(row, values[i], &flag, problem)) {
			problem->index = i;
			return false;
		}
		bool all = str_eq(row->words->at[flag].word, STR("all"));
		flags |= all ? (1u << row->words->count) - 1 : 1u << flag;
	}
	*out = flags;
	return true;
}

bool conf_read_users(struct str value, struct arena *arena, struct conf_users *out,
		     struct conf_problem *problem)
{
	struct conf_quote quote;
	if (str_eq(value, STR("any"))) {
		*out = (struct conf_users){ .any = true };
		return true;
	}
	if (!conf_is_name(value)) {
		conf_problem_set(problem, 0, "'%s' is not the name of a directory",
				 conf_quote(&quote, value));
		return false;
	}
	struct str copy = arena_str(arena, value);
	if (!copy.at) return false;
	*out = (struct conf_users){ .name = copy };
	return true;
}

bool conf_read_level(const struct conf_row *row, const struct str *values, size_t count,
		     struct arena *arena, struct conf_levels *out,
		     struct conf_problem *problem)
{
	struct conf_quote quote;
	unsigned level = 0;
	struct conf_row level_row = *row;
	level_row.words = &conf_words_log_level;
	int category = conf_word_find(&conf_words_log_category, values[0]);
	if (category < 0) {
		struct str near = conf_word_suggest(&conf_words_log_category, values[0]);
		conf_problem_set(problem, 0,
				 near.len ? "unknown category '%s'; did you mean '%.*s'?"
					  : "unknown category '%s'%.*s",
				 conf_quote(&quote, values[0]), STR_ARG(near));
		return false;
	}
	if (count != 2) {
		conf_problem_set(problem, count < 2 ? count : 2,
				 "'level' takes a category and a level");
		return false;
	}
	problem->index = 1;
	if (!conf_read_choice(&level_row, values[1], &level, problem)) {
		problem->index = 1;
		return false;
	}
	struct conf_levels list = {
		arena_alloc(arena, (out->count + 1) * sizeof *list.at), out->count + 1
	};
	if (!list.at) return false;
	for (size_t i = 0; i < out->count; i++) {
		list.at[i] = out->at[i];
		if (!str_eq(list.at[i].category, values[0])) continue;
		conf_problem_set(problem, 0, "the level of '%s' is set twice",
				 conf_quote(&quote, values[0]));
		return false;
	}
	list.at[out->count] =
		(struct conf_level){ .category =
					     conf_words_log_category.at[category].word,
				     .level = (enum conf_log_level)level };
	*out = list;
	return true;
}
