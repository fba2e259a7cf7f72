/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration as text or JSON, by the same table that reads it. */
#include <string.h>

#include "lib/base/json.h"
#include "lib/conf/table.h"
#include "lib/conf/value.h"

enum { VALUE_TEXT_MAX = 64 * 1024 };

struct show {
	struct buf *out;
	enum conf_show_mode mode;
	struct buf value; /* of the row at hand */
	struct str outer; /* JSON: the block round the block at hand */
};

static bool is_from_file(const struct conf_origin *from) { return from->line > 0; }

static void write_origin(const struct conf_origin *from, struct buf *out)
{
	buf_escaped(out, from->file);
	if (!from->line) return;
	buf_byte(out, ':');
	buf_u64(out, from->line);
}

static void end_line(struct show *s, const struct conf_origin *from)
{
	if (s->mode == CONF_SHOW_EFFECTIVE && from) {
		buf_str(s->out, STR(" # "));
		write_origin(from, s->out);
	}
	buf_byte(s->out, '\n');
}

static void indent(struct show *s, unsigned depth)
{
	while (depth-- > 0) buf_byte(s->out, '\t');
}

static const struct conf_origin *origin_of(const struct conf_row *row, const char *at)
{
	return (const void *)(row->from == CONF_NO_ORIGIN ? at : at + row->from);
}

/* Is there anything to show? Empty settings have no way to be written, and need none. */
static bool is_shown(const struct show *s, const struct conf_row *row, const char *at)
{
	if (conf_type_adds(row->type)) return true;
	bool is_default = row->from == CONF_NO_ORIGIN &&
			  *(const unsigned *)(const void *)(at + row->offset) == 0;
	if (s->mode == CONF_SHOW_CHANGED &&
	    (is_default || !is_from_file(origin_of(row, at))))
		return false;
	return s->value.len > 0;
}

/* -- Text ------------------------------------------------------------------------------
 */

static void show_levels(struct show *s, const struct conf_levels *levels, unsigned depth)
{
	for (size_t i = 0; i < levels->count; i++) {
		const struct conf_level *level = &levels->at[i];
		indent(s, depth);
		buf_str(s->out, STR("level "));
		buf_str(s->out, level->category);
		buf_byte(s->out, ' ');
		buf_str(s->out, conf_words_log_level.at[level->level].word);
		end_line(s, &level->from);
	}
}

static void show_networks(struct show *s, const struct conf_row *row,
			  const struct conf_networks *networks, unsigned depth)
{
	for (size_t i = 0; i < networks->count; i++) {
		indent(s, depth);
		buf_str(s->out, row->word);
		buf_byte(s->out, ' ');
		ip_net_write(s->out, &networks->at[i].net);
		end_line(s, &networks->at[i].from);
	}
}

static void show_paths(struct show *s, const struct conf_row *row,
		       const struct conf_paths *paths, unsigned depth)
{
	for (size_t i = 0; i < paths->count; i++) {
		indent(s, depth);
		buf_str(s->out, row->word);
		buf_byte(s->out, ' ');
		conf_value_write_text(paths->at[i].path, s->out);
		end_line(s, &paths->at[i].from);
	}
}

/* Those of the filter's file stand there. */
static bool is_own(const struct conf_filter *filter, const struct conf_sender *sender)
{
	return !filter->file.len || !str_eq(sender->from.file, filter->file);
}

static void show_senders(struct show *s, const struct conf_filter *filter, unsigned depth)
{
	for (size_t i = 0; i < filter->senders.count; i++) {
		const struct conf_sender *sender = &filter->senders.at[i];
		if (!is_own(filter, sender)) continue;
		indent(s, depth);
		conf_value_write_text(sender->text, s->out);
		end_line(s, &sender->from);
	}
}

/* Shown with the block. */
static bool is_key(const struct conf_row *row)
{
	return !row->word.len && conf_blocks[row->block].key == CONF_KEYED_VALUES;
}

/* A block that is not there at all, and cannot be written as if it were. */
static bool is_absent(enum conf_block_id id, const char *at)
{
	return conf_blocks[id].key == CONF_KEYED_VALUES && !is_from_file((const void *)at);
}

static void show_row(struct show *s, const struct conf_row *row, const char *at,
		     unsigned depth)
{
	if (is_key(row)) return;
	buf_reset(&s->value);
	conf_value_write(row, at + row->offset, &s->value);
	if (!is_shown(s, row, at)) return;
	if (row->type == CONF_IS_LEVELS) {
		show_levels(s, (const void *)(at + row->offset), depth);
		return;
	}
	if (row->type == CONF_IS_NETWORKS) {
		show_networks(s, row, (const void *)(at + row->offset), depth);
		return;
	}
	if (row->type == CONF_IS_PATHS) {
		show_paths(s, row, (const void *)(at + row->offset), depth);
		return;
	}
	if (row->type == CONF_IS_SENDERS) {
		show_senders(s, (const void *)at, depth);
		return;
	}
	indent(s, depth);
	buf_str(s->out, row->word);
	if (row->word.len) buf_byte(s->out, ' ');
	buf_str(s->out, buf_view(&s->value));
	end_line(s, row->from == CONF_NO_ORIGIN ? NULL : origin_of(row, at));
}

static void show_key(enum conf_block_id id, const void *at, struct buf *out)
{
	const struct conf_listener *named = at;
	const struct conf_domain *domain = at;
	const struct conf_host *host = at;
	switch (conf_blocks[id].key) {
	case CONF_KEYED_NONE:
	case CONF_KEYED_FILE: break;
	case CONF_KEYED_ZONE:
	case CONF_KEYED_ROUTE:
	case CONF_KEYED_NAME: conf_value_write_text(named->name, out); break;
	case CONF_KEYED_VALUES: {
		const struct conf_row *row = conf_row_of_values(id);
		conf_value_write(row, (const char *)at + row->offset, out);
		break;
	}
	case CONF_KEYED_NETWORK: ip_net_write(out, &host->net); break;
	case CONF_KEYED_SENDERS: buf_str(out, STR("senders")); break;
	case CONF_KEYED_DOMAINS:
		for (size_t i = 0; i < domain->name_count; i++) {
			if (i) buf_byte(out, ' ');
			conf_value_write_text(domain->names[i], out);
		}
		break;
	}
}

/* A host rule in its one line, so that long lists stay lists. */
static void show_host(struct show *s, const struct conf_host *host)
{
	size_t count;
	const struct conf_row *row = conf_rows(CONF_BLOCK_conf_host, &count);
	buf_str(s->out, STR("host "));
	ip_net_write(s->out, &host->net);
	for (size_t i = 0; i < count; i++) {
		const char *at = (const char *)host;
		buf_reset(&s->value);
		conf_value_write(&row[i], at + row[i].offset, &s->value);
		if (row[i].word.len && !is_shown(s, &row[i], at)) continue;
		buf_byte(s->out, ' ');
		buf_str(s->out, row[i].word);
		if (row[i].word.len) buf_byte(s->out, ' ');
		buf_str(s->out, buf_view(&s->value));
	}
	end_line(s, &host->origin);
}

static void show_rows(struct show *s, enum conf_block_id id, const char *at,
		      unsigned depth);

static void show_block(struct show *s, enum conf_block_id id, const char *at,
		       unsigned depth)
{
	const struct conf_origin *origin = (const void *)at;
	if (s->mode == CONF_SHOW_CHANGED && !is_from_file(origin)) return;
	if (is_absent(id, at)) return;
	if (id == CONF_BLOCK_conf_host) {
		show_host(s, (const void *)at);
		return;
	}
	indent(s, depth);
	buf_str(s->out, conf_blocks[id].word);
	buf_byte(s->out, ' ');
	size_t before = s->out->len;
	show_key(id, at, s->out);
	buf_str(s->out, s->out->len > before ? STR(" {\n") : STR("{\n"));
	show_rows(s, id, at, depth + 1);
	indent(s, depth);
	buf_str(s->out, STR("}\n"));
}

/* Calls `each` for the blocks of a row: one, or each of an array. */
static void
each_block(struct show *s, const struct conf_row *row, const char *at, unsigned depth,
	   void (*each)(struct show *, enum conf_block_id, const char *, unsigned))
{
	const char *block = at + row->offset;
	size_t count = 1;
	if (row->many) {
		memcpy(&block, at + row->offset, sizeof block);
		memcpy(&count, at + row->count, sizeof count);
	}
	for (size_t i = 0; i < count; i++)
		each(s, row->inner, block + i * conf_blocks[row->inner].size, depth);
}

static void show_rows(struct show *s, enum conf_block_id id, const char *at,
		      unsigned depth)
{
	size_t count;
	const struct conf_row *row = conf_rows(id, &count);
	for (const struct conf_row *end = row + count; row < end; row++) {
		if (row->type == CONF_IS_BLOCK) each_block(s, row, at, depth, show_block);
		else show_row(s, row, at, depth);
	}
}

/* -- JSON ------------------------------------------------------------------------------
 */

static void json_origin(struct json *j, const struct conf_origin *from)
{
	json_key(j, STR("origin"));
	char text[4096 + 16];
	struct buf out;
	buf_init_fixed(&out, text, sizeof text);
	buf_str(&out, from->file);
	if (from->line) {
		buf_byte(&out, ':');
		buf_u64(&out, from->line);
	}
	json_str(j, buf_view(&out));
}

static void json_value(struct show *s, struct json *j, const struct conf_row *row,
		       const char *at)
{
	const void *field = at + row->offset;
	if (row->type == CONF_IS_NUMBER) {
		json_i64_at(j, STR("value"), *(const int64_t *)field);
		return;
	}
	if (row->type == CONF_IS_SIZE)
		json_i64_at(j, STR("bytes"), *(const int64_t *)field);
	if (row->type == CONF_IS_DURATION)
		json_i64_at(j, STR("milliseconds"), *(const int64_t *)field);
	if (row->type == CONF_IS_PATH || row->type == CONF_IS_HOSTNAME ||
	    row->type == CONF_IS_TEXT || row->type == CONF_IS_REPLY ||
	    row->type == CONF_IS_MAILBOX) {
		json_str_at(j, STR("value"), *(const struct str *)field);
		return;
	}
	if (!conf_type_is_list(row->type)) {
		json_str_at(j, STR("value"), buf_view(&s->value));
		return;
	}
	json_key(j, STR("value"));
	json_begin_array(j);
	struct str word, rest = buf_view(&s->value);
	while ((word = str_word(&rest)).len) json_str(j, word);
	json_end_array(j);
}

/* {"block":"limit connections","setting":"in","value":1000,"origin":"default"} */
static void json_begin(const struct show *s, struct json *j, enum conf_block_id id,
		       const char *at, struct str setting)
{
	char key[VALUE_TEXT_MAX];
	struct buf name;
	json_begin_object(j);
	buf_init_fixed(&name, key, sizeof key);
	buf_str(&name, s->outer);
	if (s->outer.len) buf_byte(&name, ' ');
	buf_str(&name, conf_blocks[id].word);
	json_str_at(j, STR("block"), buf_view(&name));
	buf_reset(&name);
	show_key(id, at, &name);
	if (name.len) json_str_at(j, STR("name"), buf_view(&name));
	json_str_at(j, STR("setting"), setting);
}

static void json_end(struct show *s, struct json *j, const struct conf_origin *from)
{
	json_origin(j, from);
	json_end_object(j);
	buf_byte(s->out, '\n');
}

static void json_levels(struct show *s, enum conf_block_id id, const char *at,
			const struct conf_levels *levels)
{
	for (size_t i = 0; i < levels->count; i++) {
		struct json j = { .out = s->out };
		json_begin(s, &j, id, at, STR("level"));
		json_str_at(&j, STR("category"), levels->at[i].category);
		json_str_at(&j, STR("value"),
			    conf_words_log_level.at[levels->at[i].level].word);
		json_end(s, &j, &levels->at[i].from);
	}
}

static void json_networks(struct show *s, enum conf_block_id id, const char *at,
			  const struct conf_row *row)
{
	const struct conf_networks *networks = (const void *)(at + row->offset);
	for (size_t i = 0; i < networks->count; i++) {
		struct json j = { .out = s->out };
		json_begin(s, &j, id, at, row->word);
		buf_reset(&s->value);
		ip_net_write(&s->value, &networks->at[i].net);
		json_str_at(&j, STR("value"), buf_view(&s->value));
		json_end(s, &j, &networks->at[i].from);
	}
}

static void json_paths(struct show *s, enum conf_block_id id, const char *at,
		       const struct conf_row *row)
{
	const struct conf_paths *paths = (const void *)(at + row->offset);
	for (size_t i = 0; i < paths->count; i++) {
		struct json j = { .out = s->out };
		json_begin(s, &j, id, at, row->word);
		json_str_at(&j, STR("value"), paths->at[i].path);
		json_end(s, &j, &paths->at[i].from);
	}
}

static void json_senders(struct show *s, enum conf_block_id id, const char *at)
{
	const struct conf_filter *filter = (const void *)at;
	for (size_t i = 0; i < filter->senders.count; i++) {
		struct json j = { .out = s->out };
		if (!is_own(filter, &filter->senders.at[i])) continue;
		json_begin(s, &j, id, at, STR("sender"));
		json_str_at(&j, STR("value"), filter->senders.at[i].text);
		json_end(s, &j, &filter->senders.at[i].from);
	}
}

static void json_block(struct show *s, enum conf_block_id id, const char *at,
		       unsigned depth)
{
	size_t count;
	const struct conf_row *row = conf_rows(id, &count);
	if (is_absent(id, at)) return;
	for (const struct conf_row *end = row + count; row < end; row++) {
		if (is_key(row)) continue;
		if (row->type == CONF_IS_BLOCK) {
			s->outer = conf_blocks[id].word;
			each_block(s, row, at, depth + 1, json_block);
			s->outer = STR("");
			continue;
		}
		if (row->type == CONF_IS_LEVELS) {
			json_levels(s, id, at, (const void *)(at + row->offset));
			continue;
		}
		if (row->type == CONF_IS_NETWORKS) {
			json_networks(s, id, at, row);
			continue;
		}
		if (row->type == CONF_IS_PATHS) {
			json_paths(s, id, at, row);
			continue;
		}
		if (row->type == CONF_IS_SENDERS) {
			json_senders(s, id, at);
			continue;
		}
		buf_reset(&s->value);
		conf_value_write(row, at + row->offset, &s->value);
		if (!s->value.len) continue;
		struct json j = { .out = s->out };
		json_begin(s, &j, id, at, row->word.len ? row->word : row->field);
		json_value(s, &j, row, at);
		json_end(s, &j, origin_of(row, at));
	}
}

void conf_show(const struct conf *conf, enum conf_show_mode mode, struct buf *out)
{
	struct show s = { .out = out, .mode = mode };
	buf_init(&s.value, VALUE_TEXT_MAX);
	if (mode == CONF_SHOW_JSON)
		json_block(&s, CONF_BLOCK_conf, (const char *)conf, 0);
	else show_rows(&s, CONF_BLOCK_conf, (const char *)conf, 0);
	if (s.value.overflowed) out->overflowed = true;
	buf_free(&s.value);
}
