/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_mail.h"

#include "lib/conf/error.h"

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

bool conf_read_deliver(const struct str *values, size_t count, struct arena *arena,
		       struct conf_deliver *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	static const struct str kinds[] = { STR_INIT("maildir"), STR_INIT("route") };
	bool maildir = str_eq(values[0], kinds[CONF_DELIVER_MAILDIR]);
	if (!maildir && !str_eq(values[0], kinds[CONF_DELIVER_ROUTE])) {
		conf_problem_set(
			problem, 0,
			"'%s' is no way to deliver; write maildir TEMPLATE or route NAME",
			conf_quote(&quote, values[0]));
		return false;
	}
	if (count != 2) {
		conf_problem_set(problem, count < 2 ? count : 2,
				 maildir ? "'deliver maildir' takes one template"
					 : "'deliver route' takes the name of one route");
		return false;
	}
	if (maildir && !check_template(values[1], 1, problem)) return false;
	if (!maildir && !conf_is_name(values[1])) {
		conf_problem_set(problem, 1, "'%s' is not the name of a route",
				 conf_quote(&quote, values[1]));
		return false;
	}
	struct str copy = arena_str(arena, values[1]);
	if (!copy.at) return false;
	*out = (struct conf_deliver){ .kind = maildir ? CONF_DELIVER_MAILDIR
						      : CONF_DELIVER_ROUTE };
	if (maildir) out->maildir = copy;
	else out->name = copy;
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
