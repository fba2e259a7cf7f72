/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/base/utf8.h"

enum {
	ERRORS_ARENA_MAX = 256 * 1024,
	SENTENCE_MAX = 1024,
	QUOTED_MAX = 60,   /* bytes of a word that are shown */
	SHOWN_BEFORE = 80, /* characters shown of a long line, before the mark */
	SHOWN_AFTER = 60,
};

void conf_errors_init(struct conf_errors *errors)
{
	*errors = (struct conf_errors){ 0 };
	arena_init(&errors->arena, ERRORS_ARENA_MAX);
}

void conf_errors_free(struct conf_errors *errors)
{
	arena_free(&errors->arena);
	conf_errors_init(errors);
}

static bool is_utf8_tail(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

const char *conf_quote(struct conf_quote *quote, struct str s)
{
	struct buf out;
	struct str shown = str_sub(s, 0, QUOTED_MAX);
	while (shown.len && shown.len < s.len && is_utf8_tail(s.at[shown.len]))
		shown.len--;
	buf_init_fixed(&out, quote->text, sizeof quote->text - 1);
	buf_escaped(&out, shown);
	if (shown.len < s.len) buf_str(&out, STR("..."));
	quote->text[out.len] = '\0';
	return quote->text;
}

const char *conf_where(struct conf_quote *quote, const struct conf_origin *origin)
{
	struct buf out;
	buf_init_fixed(&out, quote->text, sizeof quote->text - 1);
	/* Of a long path the end says more. */
	bool cut = origin->file.len > QUOTED_MAX;
	if (cut) buf_str(&out, STR("..."));
	buf_escaped(&out,
		    str_from(origin->file, cut ? origin->file.len - QUOTED_MAX + 10 : 0));
	if (origin->line) {
		buf_byte(&out, ':');
		buf_u64(&out, origin->line);
	}
	quote->text[out.len] = '\0';
	return quote->text;
}

/* The slot of a new finding, or NULL. A warning gives way to an error. */
static struct conf_error *slot(struct conf_errors *errors, enum conf_severity severity)
{
	if (severity == CONF_ERROR) errors->errors++;
	else errors->warnings++;
	if (errors->count < CONF_ERRORS_MAX) return &errors->list[errors->count++];
	if (severity == CONF_WARNING) return NULL;
	for (size_t i = CONF_ERRORS_MAX; i > 0; i--) {
		if (errors->list[i - 1].severity != CONF_WARNING) continue;
		for (; i < CONF_ERRORS_MAX; i++) errors->list[i - 1] = errors->list[i];
		return &errors->list[CONF_ERRORS_MAX - 1];
	}
	return NULL;
}

static struct str sentence(struct conf_errors *errors, const char *format, va_list args)
{
	char text[SENTENCE_MAX];
	int len = vsnprintf(text, sizeof text, format, args);
	size_t kept = len < 0                     ? 0
		      : (size_t)len < sizeof text ? (size_t)len
						  : sizeof text - 1;
	return arena_str(&errors->arena, (struct str){ text, kept });
}

/* Blanks for control characters (U+0080 to U+009F are c2 80 to c2 9f), ? for what is not
 * UTF-8. */
static char shown_byte(struct str line, size_t i, bool valid)
{
	unsigned char c = (unsigned char)line.at[i];
	unsigned char next = i + 1 < line.len ? (unsigned char)line.at[i + 1] : 0;
	unsigned char last = i > 0 ? (unsigned char)line.at[i - 1] : 0;
	if (!valid && c >= 0x80) return '?';
	bool control = (c == 0xc2 && next < 0xa0) || (last == 0xc2 && c < 0xa0);
	return ascii_is_ctl(line.at[i]) || control ? ' ' : line.at[i];
}

/* A window of the line round the mark. */
static void show_line(struct conf_errors *errors, struct conf_error *error,
		      struct str line)
{
	unsigned first = error->column > SHOWN_BEFORE ? error->column - SHOWN_BEFORE : 1;
	unsigned last = error->column + SHOWN_AFTER;
	unsigned column = 0;
	size_t begin = line.len, end = 0;
	for (size_t i = 0; i < line.len; i++) {
		if (!is_utf8_tail(line.at[i])) column++;
		if (column < first) continue;
		if (column > last) break;
		if (begin == line.len) begin = i;
		end = i + 1;
	}
	struct str window = end > begin ? str_sub(line, begin, end - begin) : STR("");
	char *copy = arena_alloc(&errors->arena, window.len);
	if (!copy) return;
	bool valid = utf8_is_valid(window);
	for (size_t i = 0; i < window.len; i++) copy[i] = shown_byte(window, i, valid);
	error->source = (struct str){ copy, window.len };
	error->source_column = error->column - first + 1;
}

static struct str line_at(struct str text, size_t at)
{
	struct str rest = str_from(text, at);
	struct str line = str_cut(&rest, '\n');
	return line.len && line.at[line.len - 1] == '\r' ? str_sub(line, 0, line.len - 1)
							 : line;
}

static void place_error(struct conf_errors *errors, struct conf_error *error,
			const struct conf_place *place)
{
	error->at = (struct conf_origin){ arena_str(&errors->arena, place->file),
					  place->token.line };
	error->column = place->token.column;
	error->mark = place->token.mark;
	show_line(errors, error, line_at(place->text, place->token.line_at));
}

void conf_report(struct conf_errors *errors, enum conf_severity severity,
		 const struct conf_place *place, const char *format, ...)
{
	struct conf_error *error = slot(errors, severity);
	if (!error) return;
	va_list args;
	va_start(args, format);
	*error = (struct conf_error){ .severity = severity,
				      .sentence = sentence(errors, format, args) };
	va_end(args);
	place_error(errors, error, place);
}

/* Tokens of the line, up to the one that is or holds `mark`; else the first. */
static struct conf_token find_mark(struct str text, unsigned number, struct str mark)
{
	struct conf_lexer lexer;
	struct conf_token first = { .line = number, .column = 1, .mark = 1 };
	size_t at = 0;
	for (unsigned line = 1; line < number && at < text.len; line++)
		at += line_at(text, at).len + 1;
	first.line_at = at < text.len ? at : text.len;
	conf_lexer_init(&lexer, line_at(text, first.line_at));
	bool found_first = false;
	for (;;) {
		struct conf_token token = conf_lexer_next(&lexer);
		if (token.kind == CONF_TOKEN_END) return first;
		token.line = number;
		token.line_at = first.line_at;
		if (mark.len && str_eq_nocase(token.text, mark)) return token;
		if (!found_first) first = token;
		found_first = true;
	}
}

void conf_report_at(struct conf_errors *errors, enum conf_severity severity,
		    const struct conf_bundle *bundle, const struct conf_origin *origin,
		    struct str mark, const char *format, ...)
{
	struct conf_error *error = slot(errors, severity);
	if (!error) return;
	va_list args;
	va_start(args, format);
	*error = (struct conf_error){ .severity = severity,
				      .sentence = sentence(errors, format, args) };
	va_end(args);
	error->at = (struct conf_origin){ arena_str(&errors->arena, origin->file), 0 };
	for (size_t i = 0; i < bundle->count && origin->line; i++) {
		const struct conf_source *source = &bundle->files[i];
		if (!str_eq(source->name, origin->file)) continue;
		struct conf_place place = { source->name, source->text,
					    find_mark(source->text, origin->line, mark) };
		place_error(errors, error, &place);
		return;
	}
}

void conf_report_file(struct conf_errors *errors, struct str file, const char *format,
		      ...)
{
	struct conf_error *error = slot(errors, CONF_ERROR);
	if (!error) return;
	va_list args;
	va_start(args, format);
	*error = (struct conf_error){ .severity = CONF_ERROR,
				      .sentence = sentence(errors, format, args) };
	va_end(args);
	error->at.file = arena_str(&errors->arena, file);
}

static void write_underline(const struct conf_error *error, struct buf *out)
{
	unsigned room = 0, mark = error->mark;
	for (size_t i = 0; i < error->source.len; i++)
		room += !is_utf8_tail(error->source.at[i]);
	unsigned left =
		room + 1 > error->source_column ? room + 1 - error->source_column : 1;
	if (mark > left) mark = left;
	buf_str(out, STR("    "));
	for (unsigned i = 1; i < error->source_column; i++) buf_byte(out, ' ');
	for (unsigned i = 0; i < mark; i++) buf_byte(out, i ? '~' : '^');
	buf_byte(out, '\n');
}

static void write_error(const struct conf_error *error, struct buf *out)
{
	if (error->at.file.len) {
		buf_escaped(out, error->at.file);
		if (error->at.line) {
			buf_byte(out, ':');
			buf_u64(out, error->at.line);
			buf_byte(out, ':');
			buf_u64(out, error->column);
		}
		buf_str(out, STR(": "));
	}
	if (error->severity == CONF_WARNING) buf_str(out, STR("warning: "));
	buf_str(out, error->sentence);
	buf_byte(out, '\n');
	if (!error->at.line) return;
	buf_str(out, STR("    "));
	buf_str(out, error->source);
	buf_byte(out, '\n');
	write_underline(error, out);
}

void conf_errors_write(const struct conf_errors *errors, struct buf *out)
{
	for (size_t i = 0; i < errors->count; i++) write_error(&errors->list[i], out);
	size_t found = errors->errors + errors->warnings;
	if (found > errors->count)
		buf_fmt(out, "%zu more are not shown\n", found - errors->count);
}
