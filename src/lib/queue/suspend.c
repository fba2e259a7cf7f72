/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/suspend.h"

#include "lib/base/cur.h"
#include "lib/queue/action.h"

enum { SUSPEND_VERSION = 1 };

static const struct str names[SUSPEND_KINDS] = {
	[SUSPEND_DOMAIN] = STR_INIT("domain"),
	[SUSPEND_ROUTE] = STR_INIT("route"),
};

const char *suspend_kind_name(enum suspend_kind kind) { return names[kind].at; }

static bool kind_parse(struct str word, enum suspend_kind *kind)
{
	for (int i = 0; i < SUSPEND_KINDS; i++) {
		if (!str_eq(word, names[i])) continue;
		*kind = (enum suspend_kind)i;
		return true;
	}
	return false;
}

bool suspend_parse(struct str text, enum suspend_kind *kind, struct str *name,
		   struct buf *why)
{
	struct str rest = text, word = str_word(&rest);
	*name = str_word(&rest);
	bool known = kind_parse(word, kind);
	if (known && *kind == SUSPEND_DOMAIN && name->len && name->at[0] == '@')
		*name = str_from(*name, 1);
	if (known && name->len > 0 && name->len <= SUSPEND_NAME_MAX && str_trim(rest).len == 0)
		return true;
	buf_str(why, STR("say 'domain D' or 'route R': "));
	buf_escaped(why, str_sub(text, 0, 80));
	return false;
}

bool suspend_may(const struct conf *conf, enum suspend_kind kind, struct str name)
{
	return kind == SUSPEND_DOMAIN || conf_route_find(conf, name) ||
	       str_eq(name, STR("mailbox")) || str_eq(name, STR("lmtp"));
}

void suspend_key_write(struct buf *out, enum suspend_kind kind, struct str name)
{
	buf_str(out, SUSPEND_PREFIX);
	buf_str(out, names[kind]);
	buf_byte(out, '/');
	for (size_t i = 0; i < name.len; i++)
		buf_byte(out, kind == SUSPEND_DOMAIN ? ascii_lower(name.at[i]) : name.at[i]);
}

void suspend_value_write(struct buf *out, const struct suspension *s)
{
	buf_put_u8(out, SUSPEND_VERSION);
	buf_put_u64(out, (uint64_t)s->since_ms);
	buf_put_u64(out, (uint64_t)s->until_ms);
	buf_put_str(out, str_sub(s->reason, 0, QUEUE_REASON_MAX));
}

bool suspend_read(struct str key, struct str value, struct suspension *out)
{
	struct suspension s;
	if (!str_starts(key, SUSPEND_PREFIX)) return false;
	s.name = str_from(key, SUSPEND_PREFIX.len);
	if (!kind_parse(str_cut(&s.name, '/'), &s.kind)) return false;
	struct cur c = cur_of(value);
	bool known = cur_u8(&c) == SUSPEND_VERSION;
	uint64_t since = cur_u64(&c), until = cur_u64(&c);
	s.reason = cur_str(&c);
	if (!known || !cur_done(&c) || since > INT64_MAX || until > INT64_MAX) return false;
	if (s.name.len == 0 || s.name.len > SUSPEND_NAME_MAX || s.reason.len > QUEUE_REASON_MAX)
		return false;
	s.since_ms = (int64_t)since;
	s.until_ms = (int64_t)until;
	*out = s;
	return true;
}
