/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/json.h"

#include "lib/base/utf8.h"

static void json_comma(struct json *j)
{
	if (j->comma) buf_byte(j->out, ',');
	j->comma = true;
}

static void json_open(struct json *j, char c)
{
	json_comma(j);
	buf_byte(j->out, c);
	j->comma = false;
}

static void json_close(struct json *j, char c)
{
	buf_byte(j->out, c);
	j->comma = true;
}

void json_begin_object(struct json *j) { json_open(j, '{'); }
void json_end_object(struct json *j) { json_close(j, '}'); }
void json_begin_array(struct json *j) { json_open(j, '['); }
void json_end_array(struct json *j) { json_close(j, ']'); }

static void json_ascii(struct buf *out, char c)
{
	switch (c) {
	case '"': buf_str(out, STR("\\\"")); break;
	case '\\': buf_str(out, STR("\\\\")); break;
	case '\n': buf_str(out, STR("\\n")); break;
	case '\r': buf_str(out, STR("\\r")); break;
	case '\t': buf_str(out, STR("\\t")); break;
	default:
		if (ascii_is_ctl(c)) buf_fmt(out, "\\u%04x", (unsigned)(unsigned char)c);
		else buf_byte(out, c);
	}
}

static void json_text(struct buf *out, struct str s)
{
	buf_byte(out, '"');
	while (s.len) {
		size_t len = 1;
		if ((unsigned char)s.at[0] < 0x80) {
			json_ascii(out, s.at[0]);
		} else {
			/* The shortest valid prefix that starts here is the sequence. */
			for (len = 2; len <= 4 && len <= s.len && !utf8_is_valid(str_sub(s, 0, len));) len++;
			bool valid = len <= 4 && len <= s.len;
			buf_str(out, valid ? str_sub(s, 0, len) : STR("\xef\xbf\xbd"));
			if (!valid) len = 1;
		}
		s = str_from(s, len);
	}
	buf_byte(out, '"');
}

void json_key(struct json *j, struct str key)
{
	json_comma(j);
	json_text(j->out, key);
	buf_byte(j->out, ':');
	j->comma = false;
}

void json_str(struct json *j, struct str value)
{
	json_comma(j);
	json_text(j->out, value);
}

void json_i64(struct json *j, int64_t value)
{
	json_comma(j);
	buf_i64(j->out, value);
}

void json_bool(struct json *j, bool value)
{
	json_comma(j);
	buf_str(j->out, value ? STR("true") : STR("false"));
}

void json_nothing(struct json *j)
{
	json_comma(j);
	buf_str(j->out, STR("null"));
}

void json_str_at(struct json *j, struct str key, struct str value)
{
	json_key(j, key);
	json_str(j, value);
}

void json_i64_at(struct json *j, struct str key, int64_t value)
{
	json_key(j, key);
	json_i64(j, value);
}
