/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/table.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CONF_ENUM_BEGIN(name)         static const struct conf_word name##_words[] = {
#define CONF_WORD(id, word, sentence) { STR_INIT(word), STR_INIT(sentence), NULL },
#define CONF_WORD_REFUSED(id, word, sentence, why) \
	{ STR_INIT(word), STR_INIT(sentence), (why) },
#define CONF_ENUM_END(name) \
	} \
	;
#include "lib/conf/settings.def"

#define CONF_ENUM_BEGIN(name) \
	static const struct conf_words name##_enum = { name##_words, COUNT(name##_words) };
#include "lib/conf/settings.def"

static const struct conf_word profile_words[] = {
#define CONF_PROFILE(id, word, addresses, role, sentence) \
	{ STR_INIT(word), STR_INIT(sentence), NULL },
#include "lib/conf/settings.def"
};
const struct conf_words conf_words_profile = { profile_words, COUNT(profile_words) };
const struct conf_words conf_words_log_level = { log_level_words, COUNT(log_level_words) };
const struct conf_words conf_words_log_category = { log_category_words,
						    COUNT(log_category_words) };

const struct conf_profile_row conf_profiles[CONF_PROFILE_COUNT] = {
#define CONF_PROFILE(id, word, addresses, role, sentence) \
	{ STR_INIT(word), STR_INIT(addresses), STR_INIT(role), STR_INIT(sentence) },
#include "lib/conf/settings.def"
};

const struct conf_profile_host conf_profile_hosts[] = {
#define CONF_PROFILE_HOST(profile, network, words) \
	{ CONF_PROFILE_##profile, STR_INIT(network), STR_INIT(words) },
#include "lib/conf/settings.def"
};
const size_t conf_profile_host_count = COUNT(conf_profile_hosts);

const struct conf_block conf_blocks[CONF_BLOCK_COUNT] = {
#define CONF_BLOCK_BEGIN(tag, word, key, sentence) \
	{ STR_INIT(word), CONF_KEYED_##key, sizeof(struct tag), STR_INIT(sentence) },
#include "lib/conf/settings.def"
};

#define VALUE(tag, field_, word_, type_, words_, text_, min_, max_, from_, sentence_) \
	{ \
		.block = CONF_BLOCK_##tag, \
		.type = CONF_IS_##type_, \
		.field = STR_INIT(#field_), \
		.word = STR_INIT(word_), \
		.offset = offsetof(struct tag, field_), \
		.from = from_, \
		.text = STR_INIT(text_), \
		.min = min_, \
		.max = max_, \
		.words = words_, \
		.sentence = STR_INIT(sentence_), \
	},
#define FROM(tag, field) (ptrdiff_t)offsetof(struct tag, field##_from)

static const struct conf_row rows[] = {
#define CONF_SETTING(tag, field, word, type, text, min, max, sentence) \
	VALUE(tag, field, word, type, WORDS_##type, text, min, max, FROM(tag, field), sentence)
#define CONF_CHOICE(tag, field, word, name, text, sentence) \
	VALUE(tag, field, word, CHOICE, &name##_enum, text, 0, 0, FROM(tag, field), sentence)
#define CONF_RULE(tag, field, word, name, text, sentence) \
	VALUE(tag, field, word, CHOICE, &name##_enum, text, 0, 0, CONF_NO_ORIGIN, sentence)
#define CONF_FLAGS(tag, field, word, name, text, sentence) \
	VALUE(tag, field, word, FLAGS, &name##_enum, text, 0, COUNT(name##_words), \
	      FROM(tag, field), sentence)
#define CONF_ONE(tag, field, inner_) \
	{ .block = CONF_BLOCK_##tag, .type = CONF_IS_BLOCK, .inner = CONF_BLOCK_##inner_, \
	  .offset = offsetof(struct tag, field), .from = CONF_NO_ORIGIN },
#define CONF_MANY(tag, field, inner_, max_) \
	{ .block = CONF_BLOCK_##tag, .type = CONF_IS_BLOCK, .inner = CONF_BLOCK_##inner_, \
	  .offset = offsetof(struct tag, CONF_PLURAL_##field), .from = CONF_NO_ORIGIN, \
	  .many = true, .count = offsetof(struct tag, field##_count), .max = (max_) },
#define WORDS_PROFILE   &conf_words_profile
#define WORDS_TEXT      NULL
#define WORDS_TEXTS     NULL
#define WORDS_PATH      NULL
#define WORDS_PATHS     NULL
#define WORDS_HOSTNAME  NULL
#define WORDS_MAILBOX   NULL
#define WORDS_SIZE      NULL
#define WORDS_DURATION  NULL
#define WORDS_NUMBER    NULL
#define WORDS_DURATIONS NULL
#define WORDS_ADDRESSES NULL
#define WORDS_SERVERS   NULL
#define WORDS_HOPS      NULL
#define WORDS_MATCHES   NULL
#define WORDS_NETWORKS  NULL
#define WORDS_HOSTNAMES NULL
#define WORDS_SENDERS   NULL
#define WORDS_NAMES     NULL
#define WORDS_OWNERS    NULL
#define WORDS_FROM      NULL
#define WORDS_RATE      NULL
#define WORDS_PREFIXES  NULL
#define WORDS_LEVELS    NULL
#define WORDS_USERS     NULL
#define WORDS_DELIVER   NULL
#define WORDS_SCORE     NULL
#define WORDS_REPLY     NULL
#define WORDS_ANSWERS   NULL
#define WORDS_IPS       NULL
#define WORDS_DATE      NULL
#include "lib/conf/settings.def"
};

static const struct {
	enum conf_block_id block;
	struct str word;
	const char *why;
} refused[] = {
#define CONF_REFUSED(tag, word, why) { CONF_BLOCK_##tag, STR_INIT(word), (why) },
#include "lib/conf/settings.def"
	{ .why = NULL }, /* there may be none */
};

const char *conf_refusal(enum conf_block_id block, struct str word)
{
	for (size_t i = 0; refused[i].why; i++)
		if (refused[i].block == block && str_eq(refused[i].word, word)) return refused[i].why;
	return NULL;
}

const struct conf_row *conf_rows(enum conf_block_id block, size_t *count)
{
	size_t first = 0;
	while (first < COUNT(rows) && rows[first].block != block) first++;
	size_t end = first;
	while (end < COUNT(rows) && rows[end].block == block) end++;
	*count = end - first;
	return rows + first;
}

int conf_word_find(const struct conf_words *words, struct str word)
{
	for (size_t i = 0; i < words->count; i++)
		if (str_eq(words->at[i].word, word)) return (int)i;
	return -1;
}

static struct str row_word(const struct conf_row *row)
{
	return row->type == CONF_IS_BLOCK ? conf_blocks[row->inner].word : row->word;
}

/* Whether a statement that begins with `word` is one of a row without a word of its own. */
static bool is_bare_word(const struct conf_row *row, struct str word)
{
	if (row->type == CONF_IS_SENDERS)
		return str_find(word, '@') >= 0 || str_starts(word, STR("<"));
	return row->words && conf_word_find(row->words, word) >= 0;
}

const struct conf_row *conf_row_of_values(enum conf_block_id block)
{
	size_t count;
	const struct conf_row *row = conf_rows(block, &count);
	if (conf_blocks[block].key != CONF_KEYED_VALUES) return NULL;
	while (row->type == CONF_IS_BLOCK || row->word.len) row++;
	return row;
}

const struct conf_row *conf_row_find(enum conf_block_id block, struct str word)
{
	size_t count;
	const struct conf_row *row = conf_rows(block, &count);
	for (const struct conf_row *end = row + count; row < end; row++) {
		struct str own = row_word(row);
		if (own.len ? str_eq(own, word) : is_bare_word(row, word)) return row;
	}
	return NULL;
}

bool conf_type_is_list(enum conf_type type)
{
	return type == CONF_IS_DURATIONS || type == CONF_IS_ADDRESSES || type == CONF_IS_SERVERS ||
	       type == CONF_IS_HOPS || type == CONF_IS_MATCHES || type == CONF_IS_NETWORKS ||
	       type == CONF_IS_HOSTNAMES || type == CONF_IS_SENDERS || type == CONF_IS_FLAGS ||
	       type == CONF_IS_TEXTS || type == CONF_IS_NAMES || type == CONF_IS_OWNERS || type == CONF_IS_FROM ||
	       type == CONF_IS_PREFIXES || type == CONF_IS_ANSWERS || type == CONF_IS_IPS;
}

bool conf_type_adds(enum conf_type type)
{
	return type == CONF_IS_LEVELS || type == CONF_IS_NETWORKS || type == CONF_IS_PATHS ||
	       type == CONF_IS_SENDERS;
}

enum { SUGGEST_LEN_MAX = 32 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;
	return least < c ? least : c;
}

/* Insertions, deletions, changes and swaps of neighbours that make `a` into `b`. */
static unsigned edit_distance(struct str a, struct str b)
{
	unsigned cost[SUGGEST_LEN_MAX + 1][SUGGEST_LEN_MAX + 1];
	for (unsigned i = 0; i <= a.len; i++) cost[i][0] = i;
	for (unsigned j = 0; j <= b.len; j++) cost[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		for (size_t j = 1; j <= b.len; j++) {
			char x = ascii_lower(a.at[i - 1]), y = ascii_lower(b.at[j - 1]);
			cost[i][j] = min3(cost[i - 1][j] + 1, cost[i][j - 1] + 1,
					  cost[i - 1][j - 1] + (x != y));
			bool swapped = i > 1 && j > 1 && x == ascii_lower(b.at[j - 2]) &&
				       y == ascii_lower(a.at[i - 2]);
			if (swapped && cost[i - 2][j - 2] + 1 < cost[i][j])
				cost[i][j] = cost[i - 2][j - 2] + 1;
		}
	}
	return cost[a.len][b.len];
}

struct nearest {
	struct str word;
	unsigned distance;
};

static void nearest_try(struct nearest *best, struct str word, struct str candidate)
{
	if (!candidate.len || word.len > SUGGEST_LEN_MAX || candidate.len > SUGGEST_LEN_MAX) return;
	unsigned distance = edit_distance(word, candidate);
	unsigned limit = word.len < 3 ? 0 : word.len < 6 ? 2 : (unsigned)word.len / 3;
	if (distance > limit || distance >= best->distance) return;
	*best = (struct nearest){ candidate, distance };
}

static void nearest_words(struct nearest *best, const struct conf_words *words, struct str word)
{
	for (size_t i = 0; i < words->count; i++) nearest_try(best, word, words->at[i].word);
}

struct str conf_row_suggest(enum conf_block_id block, struct str word)
{
	struct nearest best = { STR(""), SUGGEST_LEN_MAX };
	size_t count;
	const struct conf_row *row = conf_rows(block, &count);
	for (const struct conf_row *end = row + count; row < end; row++) {
		struct str own = row_word(row);
		if (own.len) nearest_try(&best, word, own);
		else if (row->words) nearest_words(&best, row->words, word);
	}
	if (block == CONF_BLOCK_conf) nearest_try(&best, word, STR("include"));
	return best.word;
}

struct str conf_word_suggest(const struct conf_words *words, struct str word)
{
	struct nearest best = { STR(""), SUGGEST_LEN_MAX };
	nearest_words(&best, words, word);
	return best.word;
}
