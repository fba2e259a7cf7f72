/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/paces.h"

#include <string.h>

static const char *const texts[] = { "site", "reason", "reply", "until" };
static const char *const numbers[] = { "connections", "connections_max", "used", "rate_percent" };

static void on_row(void *arg, json_t *row)
{
	json_t *paces = arg;
	const char *key = json_string_value(json_object_get(row, "key"));
	if (key) (void)json_object_set(paces, key, row);
}

json_t *paces_load(const struct ctl *ctl)
{
	json_t *paces = json_object();
	if (!paces || !ctl_is_running(ctl)) return paces;
	json_t *request = json_object();
	(void)json_object_set_new(request, "verb", json_string("paces"));
	/* Without an answer it is left out: the rest needs no service. */
	if (ctl_ask(ctl, request, on_row, paces, NULL, NULL) != 0) (void)json_object_clear(paces);
	return paces;
}

static const json_t *row_of(const json_t *paces, struct str key)
{
	char text[512];
	return str_to_cstr(key, text, sizeof text) ? json_object_get(paces, text) : NULL;
}

static struct str text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));
	return text ? str_of(text) : STR("");
}

static long long number_of(const json_t *row, const char *name)
{
	return (long long)json_integer_value(json_object_get(row, name));
}

bool paces_has(const json_t *paces, struct str key)
{
	const json_t *row = row_of(paces, key);
	return row && (text_of(row, "site").len || text_of(row, "reason").len);
}

void pace_text(const json_t *row, struct buf *out)
{
	struct str site = text_of(row, "site"), reason = text_of(row, "reason");
	if (site.len) buf_fmt(out, "%.*s: ", STR_ARG(site));
	buf_fmt(out, "%lld of %lld connections used", number_of(row, "used"),
		number_of(row, "connections"));
	if (number_of(row, "connections") < number_of(row, "connections_max"))
		buf_fmt(out, " (%lld at best)", number_of(row, "connections_max"));
	if (number_of(row, "rate_percent") < 100)
		buf_fmt(out, ", %lld%% of the rate", number_of(row, "rate_percent"));
	if (text_of(row, "until").len) {
		buf_str(out, STR(", stops until "));
		buf_str(out, text_of(row, "until"));
	}
	if (reason.len) {
		buf_str(out, STR("; "));
		buf_str(out, reason);
	}
	if (text_of(row, "reply").len) {
		buf_str(out, STR(": "));
		buf_str(out, text_of(row, "reply"));
	}
}

void paces_text(const json_t *paces, struct str key, struct buf *out)
{
	const json_t *row = row_of(paces, key);
	buf_str(out, text_of(row, "site").len ? STR(" [pace ") : STR(" [pace: "));
	pace_text(row, out);
	buf_byte(out, ']');
}

void paces_json(const json_t *paces, struct str key, struct json *json)
{
	const json_t *row = row_of(paces, key);
	if (!row) {
		json_nothing(json);
		return;
	}
	json_begin_object(json);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		json_i64_at(json, str_of(numbers[i]), number_of(row, numbers[i]));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		json_str_at(json, str_of(texts[i]), text_of(row, texts[i]));
	json_end_object(json);
}
