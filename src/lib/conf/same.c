/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value.h"

enum { VALUE_TEXT_MAX = 64 * 1024 };

static bool is_same_row(const struct conf_row *row, const char *a, const char *b,
			struct buf texts[2])
{
	buf_reset(&texts[0]);
	buf_reset(&texts[1]);
	conf_value_write(row, a + row->offset, &texts[0]);
	conf_value_write(row, b + row->offset, &texts[1]);
	return !texts[0].overflowed && !texts[1].overflowed &&
	       str_eq(buf_view(&texts[0]), buf_view(&texts[1]));
}

static bool is_same_block(enum conf_block_id id, const char *a, const char *b,
			  struct buf texts[2])
{
	size_t count;
	const struct conf_row *row = conf_rows(id, &count);
	for (const struct conf_row *end = row + count; row < end; row++) {
		if (row->many || conf_type_adds(row->type)) continue;
		bool same = row->type == CONF_IS_BLOCK
				    ? is_same_block(row->inner, a + row->offset,
						    b + row->offset, texts)
				    : is_same_row(row, a, b, texts);
		if (!same) return false;
	}
	return true;
}

bool conf_directory_is_same(const struct conf_directory *a, const struct conf_directory *b)
{
	struct buf texts[2];
	buf_init(&texts[0], VALUE_TEXT_MAX);
	buf_init(&texts[1], VALUE_TEXT_MAX);
	bool same = str_eq(a->name, b->name) &&
		    is_same_block(CONF_BLOCK_conf_directory, (const char *)a,
				  (const char *)b, texts);
	buf_free(&texts[0]);
	buf_free(&texts[1]);
	return same;
}
