/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON into a buffer, one value after the other, with the commas put in.
 * Bytes that are not UTF-8 come out as U+FFFD, control characters as \u00XX. */
#ifndef IMS_BASE_JSON_H
#define IMS_BASE_JSON_H

#include "lib/base/buf.h"

struct json {
	struct buf *out;
	bool comma; /* the next value needs one */
};

void json_begin_object(struct json *j);
void json_end_object(struct json *j);
void json_begin_array(struct json *j);
void json_end_array(struct json *j);
void json_key(struct json *j, struct str key);
void json_str(struct json *j, struct str value);
void json_i64(struct json *j, int64_t value);
void json_bool(struct json *j, bool value);
void json_nothing(struct json *j);
/* key and value at once */
void json_str_at(struct json *j, struct str key, struct str value);
void json_i64_at(struct json *j, struct str key, int64_t value);

#endif
