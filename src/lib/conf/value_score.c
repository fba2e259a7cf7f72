/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_score.h"

#include "lib/conf/error.h"

static bool read_points(struct str value, int64_t *out)
{
	uint64_t number;
	bool negative = str_starts(value, STR("-"));
	if (!str_to_u64(str_from(value, negative), &number) || number > CONF_SCORE_REJECT)
		return false;
	*out = negative ? -(int64_t)number : (int64_t)number;
	return true;
}

bool conf_read_score(const struct conf_row *row, struct str value, int64_t *out,
		     struct conf_problem *problem)
{
	struct conf_quote quote;
	int64_t points = 0;
	if (str_eq(value, STR("off"))) {
		*out = 0;
	} else if (str_eq(value, STR("reject"))) {
		*out = CONF_SCORE_REJECT;
	} else if (!read_points(value, &points)) {
		conf_problem_set(problem, 0, "'%s' is not off, a number of points or reject",
				 conf_quote(&quote, value));
		return false;
	} else if (points < row->min || points > row->max) {
		conf_problem_set(problem, 0, "'%s' is out of range: %.*s is %lld to %lld",
				 conf_quote(&quote, value), STR_ARG(row->word),
				 (long long)row->min, (long long)row->max);
		return false;
	} else {
		*out = points;
	}
	return true;
}

void conf_write_score(int64_t score, struct buf *out)
{
	if (score == 0) buf_str(out, STR("off"));
	else if (score == CONF_SCORE_REJECT) buf_str(out, STR("reject"));
	else buf_i64(out, score);
}

bool conf_read_reply(const struct conf_row *row, struct str value, struct arena *arena,
			 struct str *out, struct conf_problem *problem)
{
	if (value.len > (size_t)row->max) {
		conf_problem_set(problem, 0, "the text is longer than %lld bytes",
				 (long long)row->max);
		return false;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (ascii_is_print(value.at[i])) continue;
		conf_problem_set(problem, 0, "the text goes into a reply, so it is printable ASCII");
		return false;
	}
	struct str copy = arena_str(arena, value);
	if (!copy.at) return false;
	*out = copy;
	return true;
}

/* -- Answers of lists ------------------------------------------------------------------ */

static bool read_loopback(struct str text, uint32_t *out)
{
	struct ip ip;
	if (!ip_parse(text, &ip) || !ip_is_v4(ip) || ip.octets[12] != 127) return false;
	*out = (uint32_t)ip.octets[12] << 24 | (uint32_t)ip.octets[13] << 16 |
	       (uint32_t)ip.octets[14] << 8 | ip.octets[15];
	return true;
}

static bool read_answer(struct str text, struct conf_answer *out)
{
	uint64_t last;
	struct str first = str_cut(&text, '-');
	if (!read_loopback(first, &out->first)) return false;
	out->last = out->first;
	if (first.at + first.len == text.at) return text.len == 0; /* no range */
	if (str_to_u64(text, &last)) {
		if (last > 255) return false;
		out->last = (out->first & ~UINT32_C(0xff)) | (uint32_t)last;
	} else if (!read_loopback(text, &out->last)) {
		return false;
	}
	return out->first <= out->last;
}

bool conf_read_answers(const struct str *values, size_t count, struct arena *arena,
		       struct conf_answers *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	struct conf_answers list = { arena_alloc(arena, count * sizeof *list.at), count };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++) {
		if (read_answer(values[i], &list.at[i])) continue;
		conf_problem_set(problem, i,
				 "'%s' is no answer of a list; write 127.0.0.2 or 127.0.0.4-11",
				 conf_quote(&quote, values[i]));
		return false;
	}
	*out = list;
	return true;
}

static void write_loopback(uint32_t address, struct buf *out)
{
	ip_write(out, ip_of_v4(address));
}

void conf_write_answers(const struct conf_answers *answers, struct buf *out)
{
	for (size_t i = 0; i < answers->count; i++) {
		const struct conf_answer *a = &answers->at[i];
		if (i) buf_byte(out, ' ');
		write_loopback(a->first, out);
		if (a->last == a->first) continue;
		buf_byte(out, '-');
		write_loopback(a->last, out);
	}
}
