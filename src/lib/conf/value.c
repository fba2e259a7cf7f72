/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/conf/error.h"
#include "lib/conf/value_egress.h"
#include "lib/conf/value_mail.h"
#include "lib/conf/value_match.h"
#include "lib/conf/value_net.h"
#include "lib/conf/value_rate.h"
#include "lib/conf/value_score.h"
#include "lib/conf/value_sender.h"

enum {
	NAME_MAX_LEN = 64,
	DOMAIN_MAX = 253,
	LABEL_MAX = 63,
	LOCAL_MAX = 64,
	PATH_LEN_MAX = 1024
};

static_assert(sizeof(enum conf_role) == sizeof(unsigned),
	      "choices are written as unsigned");

struct unit {
	char letter;
	int64_t factor;
};

/* Largest first. */
static const struct unit sizes[] = { { 'G', 1 << 30 },
				     { 'M', 1 << 20 },
				     { 'K', 1 << 10 } };
static const struct unit durations[] = {
	{ 'w', 7 * 86400000 }, { 'd', 86400000 }, { 'h', 3600000 },
	{ 'm', 60000 },        { 's', 1000 },
};
enum {
	SIZES = sizeof sizes / sizeof *sizes,
	DURATIONS = sizeof durations / sizeof *durations
};

void conf_problem_set(struct conf_problem *problem, size_t index, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(problem->sentence, sizeof problem->sentence, format, args);
	va_end(args);
	problem->index = index;
}

bool conf_is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && str_find(STR("._-"), s.at[i]) < 0)
			return false;
	return s.len > 0 && s.len <= NAME_MAX_LEN;
}

static bool is_label(struct str s)
{
	if (!s.len || s.len > LABEL_MAX || s.at[0] == '-' || s.at[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && s.at[i] != '-' && s.at[i] != '_')
			return false;
	return true;
}

bool conf_is_domain(struct str s)
{
	if (!s.len || s.len > DOMAIN_MAX || s.at[s.len - 1] == '.') return false;
	for (struct str rest = s; rest.len;)
		if (!is_label(str_cut(&rest, '.'))) return false;
	return true;
}

/* RFC 5321 Dot-string, which is all that a postmaster needs. */
bool conf_is_mailbox(struct str s)
{
	ptrdiff_t at = str_rfind(s, '@');
	if (at <= 0 || at > LOCAL_MAX || s.at[at - 1] == '.') return false;
	for (struct str rest = str_sub(s, 0, (size_t)at); rest.len;) {
		struct str atom = str_cut(&rest, '.');
		if (!atom.len) return false;
		for (size_t i = 0; i < atom.len; i++)
			if (!ascii_is_alnum(atom.at[i]) &&
			    str_find(STR("!#$%&'*+-/=?^_`{|}~"), atom.at[i]) < 0)
				return false;
	}
	return conf_is_domain(str_from(s, (size_t)at + 1));
}

/* Digits and perhaps one unit letter. 0: no number; -1: too large. */
static int read_units(struct str s, const struct unit *units, size_t count, bool bare,
		      int64_t *out)
{
	uint64_t number;
	int64_t factor = 1;
	bool has_unit = s.len && !ascii_is_digit(s.at[s.len - 1]);
	for (size_t i = 0; has_unit && i < count; i++)
		if (ascii_lower(s.at[s.len - 1]) == ascii_lower(units[i].letter))
			factor = units[i].factor;
	if (has_unit ? factor == 1 : !bare) return 0;
	struct str digits = str_sub(s, 0, s.len - has_unit);
	if (!digits.len) return 0;
	for (size_t i = 0; i < digits.len; i++)
		if (!ascii_is_digit(digits.at[i])) return 0;
	if (!str_to_u64(digits, &number) || number > (uint64_t)(INT64_MAX / factor))
		return -1;
	*out = (int64_t)number * factor;
	return 1;
}

static void write_units(int64_t value, const struct unit *units, size_t count,
			struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		if (value == 0 || value % units[i].factor != 0) continue;
		buf_i64(out, value / units[i].factor);
		buf_byte(out, units[i].letter);
		return;
	}
	buf_i64(out, value);
}

void conf_value_write_duration(int64_t ms, struct buf *out)
{
	write_units(ms, durations, DURATIONS, out);
	if (ms == 0) buf_byte(out, 's');
}

void conf_value_write_size(int64_t bytes, struct buf *out)
{
	write_units(bytes, sizes, SIZES, out);
}

static void write_number(enum conf_type type, int64_t value, struct buf *out)
{
	if (type == CONF_IS_SIZE) conf_value_write_size(value, out);
	else if (type == CONF_IS_NUMBER) buf_i64(out, value);
	else conf_value_write_duration(value, out);
}

static bool read_number(const struct conf_row *row, int64_t min, int64_t max,
			struct str value, int64_t *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	bool size = row->type == CONF_IS_SIZE, number = row->type == CONF_IS_NUMBER;
	int got = number || size ? read_units(value, sizes, size ? SIZES : 0, true, out)
				 : read_units(value, durations, DURATIONS, false, out);
	if (got == 0) {
		const char *what =
			number ? "a number"
			: size ? "a size; sizes are written 4096 64K 50M 2G"
			       : "a duration; durations are written 90s 15m 4h 2d 1w";
		conf_problem_set(problem, 0, "'%s' is not %s", conf_quote(&quote, value),
				 what);
		return false;
	}
	if (got > 0 && *out >= min && *out <= max) return true;
	char text[64];
	struct buf range;
	buf_init_fixed(&range, text, sizeof text - 1);
	write_number(row->type, min, &range);
	buf_str(&range, STR(" to "));
	write_number(row->type, max, &range);
	text[range.len] = '\0';
	conf_problem_set(problem, 0, "'%s' is out of range: %.*s is %s",
			 conf_quote(&quote, value), STR_ARG(row->word), text);
	return false;
}

static bool read_durations(const struct conf_row *row, const struct str *values,
			   size_t count, struct arena *arena, struct conf_durations *out,
			   struct conf_problem *problem)
{
	static const int64_t min = 1000, max = INT64_C(366) * 86400000;
	struct conf_durations list = { arena_alloc(arena, count * sizeof *list.at),
				       count };
	for (size_t i = 0; list.at && i < count; i++) {
		problem->index = i;
		if (read_number(row, min, max, values[i], &list.at[i], problem)) continue;
		problem->index = i;
		return false;
	}
	if (list.at) *out = list;
	return list.at;
}

bool conf_read_choice(const struct conf_row *row, struct str value, unsigned *out,
		      struct conf_problem *problem)
{
	struct conf_quote quote;
	int found = conf_word_find(row->words, value);
	if (found >= 0 && row->words->at[found].refused) {
		conf_problem_set(problem, 0, "'%.*s %.*s': %s", STR_ARG(row->word),
				 STR_ARG(value), row->words->at[found].refused);
		return false;
	}
	if (found >= 0) {
		*out = (unsigned)found;
		return true;
	}
	char text[CONF_SENTENCE_MAX / 2];
	struct buf words;
	buf_init_fixed(&words, text, sizeof text - 1);
	for (size_t i = 0; i < row->words->count; i++) {
		bool last = i + 1 == row->words->count;
		if (i) buf_str(&words, last ? STR(" or ") : STR(", "));
		buf_str(&words, row->words->at[i].word);
	}
	text[words.len] = '\0';
	struct str near = conf_word_suggest(row->words, value);
	if (near.len)
		conf_problem_set(problem, 0,
				 "'%s' is not one of %s; did you mean '%.*s'?",
				 conf_quote(&quote, value), text, STR_ARG(near));
	else
		conf_problem_set(problem, 0, "'%s' is not one of %s",
				 conf_quote(&quote, value), text);
	return false;
}

static bool check_text(const struct conf_row *row, struct str value, size_t index,
		       struct conf_problem *problem)
{
	size_t max = row->max && row->type == CONF_IS_TEXT ? (size_t)row->max : PATH_LEN_MAX;
	if (value.len && value.len <= max) return true;
	if (value.len)
		conf_problem_set(problem, index, "the text is longer than %zu bytes", max);
	else conf_problem_set(problem, index, "the text is empty");
	return false;
}

static bool read_texts(const struct conf_row *row, const struct str *values, size_t count,
		       struct arena *arena, struct conf_texts *out,
		       struct conf_problem *problem)
{
	struct conf_texts list = { arena_alloc(arena, count * sizeof *list.at), count };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++) {
		if (!check_text(row, values[i], i, problem)) return false;
		list.at[i] = arena_str(arena, values[i]);
		if (!list.at[i].at) return false;
	}
	*out = list;
	return true;
}

static bool check_path(const struct conf_row *row, struct str value,
		       struct conf_problem *problem)
{
	struct conf_quote quote;
	size_t max = row->max ? (size_t)row->max : PATH_LEN_MAX;
	if (!value.len || value.at[0] != '/')
		conf_problem_set(problem, 0,
				 "'%s' is a relative path; paths begin with /",
				 conf_quote(&quote, value));
	else if (value.len > max)
		conf_problem_set(problem, 0, "the path is longer than %zu bytes", max);
	else return true;
	return false;
}

/* One more. The list is copied: a block has few of them. */
static bool add_path(const struct conf_row *row, struct str value, struct arena *arena,
		     struct conf_paths *out, struct conf_problem *problem)
{
	struct conf_row one = *row;
	one.max = 0;
	if (!check_path(&one, value, problem)) return false;
	if (out->count == (size_t)row->max) {
		conf_problem_set(problem, 0, "'%.*s' stands more than %lld times",
				 STR_ARG(row->word), (long long)row->max);
		return false;
	}
	struct conf_paths list = {
		arena_alloc(arena, (out->count + 1) * sizeof *list.at), out->count + 1
	};
	if (!list.at) return false;
	for (size_t i = 0; i < out->count; i++) list.at[i] = out->at[i];
	list.at[out->count] = (struct conf_path){ .path = arena_str(arena, value) };
	if (!list.at[out->count].path.at) return false;
	*out = list;
	return true;
}

static bool read_text(const struct conf_row *row, struct str value, struct arena *arena,
		      struct str *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	bool good = row->type == CONF_IS_PATH       ? check_path(row, value, problem)
		    : row->type == CONF_IS_TEXT     ? check_text(row, value, 0, problem)
		    : row->type == CONF_IS_HOSTNAME ? conf_is_domain(value)
						    : conf_is_mailbox(value);
	if (!good && row->type == CONF_IS_HOSTNAME)
		conf_problem_set(problem, 0, "'%s' is not a host name",
				 conf_quote(&quote, value));
	if (!good && row->type == CONF_IS_MAILBOX)
		conf_problem_set(problem, 0,
				 "'%s' is not an address; write name@example.com",
				 conf_quote(&quote, value));
	if (!good) return false;
	struct str copy = arena_str(arena, value);
	if (!copy.at) return false;
	*out = copy;
	return true;
}

static bool count_is_good(const struct conf_row *row, size_t count,
			  struct conf_problem *problem)
{
	bool list = conf_type_is_list(row->type);
	bool pair = row->type == CONF_IS_DELIVER ||
		    (conf_type_adds(row->type) && row->type != CONF_IS_PATHS);
	size_t max = pair ? CONF_VALUES_MAX : list ? (size_t)row->max : 1;
	if (count == 0)
		conf_problem_set(problem, 0, "'%.*s' needs a value", STR_ARG(row->word));
	else if (count > max && list)
		conf_problem_set(problem, max, "'%.*s' takes at most %zu values",
				 STR_ARG(row->word), max);
	else if (count > max)
		conf_problem_set(problem, 1, "'%.*s' takes one value",
				 STR_ARG(row->word));
	else return true;
	return false;
}

bool conf_value_read(const struct conf_row *row, const struct str *values, size_t count,
		     struct arena *arena, void *field, struct conf_problem *problem)
{
	conf_problem_set(problem, 0, "there is no memory for more configuration");
	if (!count_is_good(row, count, problem)) return false;
	switch (row->type) {
	case CONF_IS_CHOICE:
	case CONF_IS_PROFILE: return conf_read_choice(row, values[0], field, problem);
	case CONF_IS_TEXTS: return read_texts(row, values, count, arena, field, problem);
	case CONF_IS_TEXT:
	case CONF_IS_PATH:
	case CONF_IS_HOSTNAME:
	case CONF_IS_MAILBOX: return read_text(row, values[0], arena, field, problem);
	case CONF_IS_PATHS: return add_path(row, values[0], arena, field, problem);
	case CONF_IS_SIZE:
	case CONF_IS_DURATION:
	case CONF_IS_NUMBER: {
		int64_t number;
		if (!read_number(row, row->min, row->max, values[0], &number, problem))
			return false;
		*(int64_t *)field = number;
		return true;
	}
	case CONF_IS_DURATIONS:
		return read_durations(row, values, count, arena, field, problem);
	case CONF_IS_ADDRESSES:
		return conf_read_addresses(values, count, arena, field, problem);
	case CONF_IS_SERVERS:
		return conf_read_servers(values, count, arena, field, problem);
	case CONF_IS_HOPS: return conf_read_hops(values, count, arena, field, problem);
	case CONF_IS_MATCHES:
		return conf_read_matches(values, count, arena, field, problem);
	case CONF_IS_NETWORKS:
		return conf_read_networks(row, values, count, arena, field, problem);
	case CONF_IS_HOSTNAMES:
		return conf_read_hostnames(values, count, arena, field, problem);
	case CONF_IS_SENDERS:
		return conf_read_senders(row, values, count, arena, field, problem);
	case CONF_IS_NAMES:
	case CONF_IS_OWNERS:
		return conf_read_names(row, values, count, arena, field, problem);
	case CONF_IS_FROM: return conf_read_from(values, count, arena, field, problem);
	case CONF_IS_RATE: return conf_read_rate(row, values[0], field, problem);
	case CONF_IS_PREFIXES: return conf_read_prefixes(values, count, field, problem);
	case CONF_IS_FLAGS: return conf_read_flags(row, values, count, field, problem);
	case CONF_IS_LEVELS:
		return conf_read_level(row, values, count, arena, field, problem);
	case CONF_IS_USERS: return conf_read_users(values[0], arena, field, problem);
	case CONF_IS_DELIVER:
		return conf_read_deliver(values, count, arena, field, problem);
	case CONF_IS_SCORE: return conf_read_score(row, values[0], field, problem);
	case CONF_IS_REPLY: return conf_read_reply(row, values[0], arena, field, problem);
	case CONF_IS_ANSWERS:
		return conf_read_answers(values, count, arena, field, problem);
	case CONF_IS_IPS: return conf_read_ips(values, count, arena, field, problem);
	case CONF_IS_DATE: return conf_read_date(values[0], field, problem);
	case CONF_IS_BLOCK: break;
	}
	return false;
}
