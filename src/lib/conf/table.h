/* SPDX-License-Identifier: Apache-2.0 */
/* settings.def as data, for the parser, `imsctl config` and the manual page. */
#ifndef IMS_CONF_TABLE_H
#define IMS_CONF_TABLE_H

#include "lib/conf/conf.h"

enum conf_type {
	CONF_IS_BLOCK, /* the row is a block inside another */
	CONF_IS_CHOICE,
	CONF_IS_PROFILE,
	CONF_IS_TEXT,
	CONF_IS_TEXTS,
	CONF_IS_PATH,
	CONF_IS_PATHS,
	CONF_IS_HOSTNAME,
	CONF_IS_MAILBOX,
	CONF_IS_SIZE,
	CONF_IS_DURATION,
	CONF_IS_NUMBER,
	CONF_IS_DURATIONS,
	CONF_IS_ADDRESSES,
	CONF_IS_SERVERS,
	CONF_IS_HOPS,
	CONF_IS_MATCHES,
	CONF_IS_NETWORKS,
	CONF_IS_HOSTNAMES,
	CONF_IS_SENDERS,
	CONF_IS_NAMES,
	CONF_IS_OWNERS,
	CONF_IS_FROM,
	CONF_IS_RATE,
	CONF_IS_PREFIXES,
	CONF_IS_FLAGS,
	CONF_IS_LEVELS,
	CONF_IS_USERS,
	CONF_IS_DELIVER,
	CONF_IS_SCORE,
	CONF_IS_REPLY,
	CONF_IS_ANSWERS,
	CONF_IS_IPS,
	CONF_IS_DATE,
};

enum conf_key {
	CONF_KEYED_NONE,
	CONF_KEYED_NAME,
	CONF_KEYED_ROUTE,
	CONF_KEYED_NETWORK,
	CONF_KEYED_DOMAINS,
	CONF_KEYED_SENDERS,
	CONF_KEYED_VALUES,
	CONF_KEYED_ZONE,
	CONF_KEYED_FILE
};

#define CONF_BLOCK_BEGIN(tag, word, key, sentence) CONF_BLOCK_##tag,
enum conf_block_id {
#include "lib/conf/settings.def"
	CONF_BLOCK_COUNT
};

struct conf_word {
	struct str word;
	struct str sentence;
	const char *refused; /* why this release does not take it, or NULL */
};

struct conf_words {
	const struct conf_word *at; /* in the order of the enum, which begins with 0 */
	size_t count;
};

enum { CONF_NO_ORIGIN = -1 };

/* One setting, or one block inside a block. */
struct conf_row {
	enum conf_block_id block; /* where it stands */
	enum conf_type type;
	struct str field; /* name in the struct */
	struct str word;  /* "" of a choice or senders: the words themselves are the statement */
	size_t offset;    /* of the field in the block's struct */
	ptrdiff_t from;   /* of FIELD_from, or CONF_NO_ORIGIN */
	struct str text;  /* default */
	int64_t min, max;
	struct str sentence;
	const struct conf_words *words; /* of a choice, flags or profile */
	enum conf_block_id inner;       /* of CONF_IS_BLOCK */
	bool many; /* `offset` is of a pointer, `count` of a size_t */
	size_t count;
};

struct conf_block {
	struct str word;
	enum conf_key key;
	size_t size;
	struct str sentence;
};

struct conf_profile_row {
	struct str word, addresses, role, sentence;
};

struct conf_profile_host {
	enum conf_profile profile;
	struct str network, words;
};

extern const struct conf_block conf_blocks[CONF_BLOCK_COUNT];
extern const struct conf_profile_row conf_profiles[CONF_PROFILE_COUNT];
extern const struct conf_profile_host conf_profile_hosts[];
extern const size_t conf_profile_host_count;
extern const struct conf_words conf_words_profile, conf_words_log_level,
	conf_words_log_category;

/* The rows of one block stand together, in the order of the table. */
const struct conf_row *conf_rows(enum conf_block_id block, size_t *count);
/* The row that begins with `word`, or NULL; of a choice without a word of its own, the
 * row that has `word` among its values; of senders what looks like one. */
const struct conf_row *conf_row_find(enum conf_block_id block, struct str word);
/* Index of `word`, or -1. */
int conf_word_find(const struct conf_words *words, struct str word);
/* The word of the block that stands nearest to a misspelt one (edit distance), or "". */
struct str conf_row_suggest(enum conf_block_id block, struct str word);
struct str conf_word_suggest(const struct conf_words *words, struct str word);
/* The row that the values in the line of a block of the key VALUES set; NULL of others. */
const struct conf_row *conf_row_of_values(enum conf_block_id block);
bool conf_type_is_list(enum conf_type type);
/* May stand several times; each time adds to the field. */
bool conf_type_adds(enum conf_type type);
/* Why this release does not know the word in that block, or NULL: nothing is known of it.
 */
const char *conf_refusal(enum conf_block_id block, struct str word);

#endif
