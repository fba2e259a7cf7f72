/* SPDX-License-Identifier: Apache-2.0 */
/* Values: from the words of a statement into a field, and back. Pure. */
#ifndef IMS_CONF_VALUE_H
#define IMS_CONF_VALUE_H

#include "lib/conf/table.h"

enum { CONF_VALUES_MAX = 128, CONF_SENTENCE_MAX = 512 };

/* What is wrong with which value (index == count: behind the last). */
struct conf_problem {
	size_t index;
	char sentence[CONF_SENTENCE_MAX];
};

/* Reads `count` values into the field of `row`'s type; texts are copied to the arena.
 * What conf_type_adds says is added to what the field has; whose origin is for the caller
 * to set. On failure the field stays as it was. A
 * full arena is `problem` too. */
bool conf_value_read(const struct conf_row *row, const struct str *values, size_t count,
		     struct arena *arena, void *field, struct conf_problem *problem);
/* As conf_value_read writes it, with the largest units that lose nothing; empty for a
 * field that is not set. What conf_type_adds says is written by who knows the lines. */
void conf_value_write(const struct conf_row *row, const void *field, struct buf *out);
void conf_value_write_address(const struct conf_address *address, struct buf *out);
void conf_value_write_hop(const struct conf_hop *hop, struct buf *out);
void conf_value_write_duration(int64_t ms, struct buf *out);
void conf_value_write_size(int64_t bytes, struct buf *out);
/* Quoted if it must be. */
void conf_value_write_text(struct str text, struct buf *out);

/* "a.example": labels of letters, digits, - and _, at most 63 and 253 bytes, no final dot. */
bool conf_is_domain(struct str s);
/* local@domain, the local part without quotes. */
bool conf_is_mailbox(struct str s);
/* conf_is_domain, or the same behind one dot. */
bool conf_is_match(struct str s);
/* Name of a listener, directory or route: letters, digits, . - _; at most 64. */
bool conf_is_name(struct str s);
void conf_problem_set(struct conf_problem *problem, size_t index, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
