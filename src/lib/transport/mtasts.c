/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/transport/mtasts.h"

#include "lib/transport/record.h"

enum { LABEL_MAX = 63, NAME_MAX_LEN = 253, AGE_DIGITS_MAX = 10 };

/* --- the record (RFC 8461 3.1) ------------------------------------------------------------ */

static bool is_id(struct str id)
{
	for (size_t i = 0; i < id.len; i++)
		if (!ascii_is_alnum(id.at[i])) return false;
	return id.len > 0 && id.len <= MTASTS_ID_MAX;
}

/* Its first id; every other field is one that this version does not know. */
static bool record_read(struct str record, struct str *id)
{
	bool found = false;
	(void)str_cut(&record, ';');
	while (!found && record.len > 0) {
		struct str field = str_trim(str_cut(&record, ';'));
		found = str_starts(field, STR("id="));
		if (found) *id = str_from(field, 3);
	}
	return found && is_id(*id);
}

static bool is_record(struct str record)
{
	ptrdiff_t end = str_find(record, ';');
	return end > 0 && str_eq(str_trim(str_sub(record, 0, (size_t)end)), STR("v=STSv1"));
}

bool mtasts_record_find(struct str records, struct str *id)
{
	struct str record;
	return record_only(records, is_record, &record) && record_read(record, id);
}

/* --- the policy (RFC 8461 3.2) ------------------------------------------------------------ */

static bool is_domain(struct str name)
{
	size_t label = 0;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		if (c == '.' && label == 0) return false;
		label = c == '.' ? 0 : label + 1;
		if (c != '.' && !ascii_is_alnum(c) && c != '-' && c != '_') return false;
		if (label > LABEL_MAX) return false;
	}
	return label > 0 && name.len <= NAME_MAX_LEN;
}

static bool is_pattern(struct str pattern)
{
	return is_domain(str_from(pattern, str_starts(pattern, STR("*.")) ? 2 : 0));
}

static bool mode_read(struct str word, enum mtasts_mode *mode)
{
	static const struct str words[] = { [MTASTS_NONE] = STR_INIT("none"),
					    [MTASTS_TESTING] = STR_INIT("testing"),
					    [MTASTS_ENFORCE] = STR_INIT("enforce") };
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
		if (!str_eq(word, words[i])) continue;
		*mode = (enum mtasts_mode)i;
		return true;
	}
	return false;
}

static bool age_read(struct str digits, uint32_t *age_s)
{
	uint64_t age = 0;
	if (digits.len > AGE_DIGITS_MAX || !str_to_u64(digits, &age)) return false;
	*age_s = age > MTASTS_AGE_MAX_S ? MTASTS_AGE_MAX_S : (uint32_t)age;
	return true;
}

/* Which keys have been seen. */
struct seen {
	bool version, mode, max_age;
};

static bool first(bool *seen)
{
	bool is = !*seen;
	*seen = true;
	return is;
}

static bool field_read(struct str key, struct str value, struct mtasts_policy *p,
		       struct seen *seen)
{
	if (str_eq(key, STR("version")))
		return !first(&seen->version) || str_eq(value, STR("STSv1"));
	if (str_eq(key, STR("mode"))) return !first(&seen->mode) || mode_read(value, &p->mode);
	if (str_eq(key, STR("max_age")))
		return !first(&seen->max_age) || age_read(value, &p->max_age_s);
	if (!str_eq(key, STR("mx"))) return true;
	if (p->mx_count == MTASTS_MX_MAX || !is_pattern(value)) return false;
	p->mx[p->mx_count++] = value;
	return true;
}

bool mtasts_policy_parse(struct str file, struct mtasts_policy *policy)
{
	struct seen seen = { .version = false };
	*policy = (struct mtasts_policy){ .mode = MTASTS_NONE };
	if (file.len > MTASTS_FILE_MAX) return false;
	while (file.len > 0) {
		struct str line = str_cut(&file, '\n');
		if (line.len && line.at[line.len - 1] == '\r') line.len--;
		line = str_trim(line);
		if (line.len == 0) continue;
		if (str_find(line, ':') <= 0) return false;
		struct str key = str_cut(&line, ':');
		if (!field_read(key, str_trim(line), policy, &seen)) return false;
	}
	bool lists = policy->mx_count > 0 || policy->mode == MTASTS_NONE;
	return seen.version && seen.mode && seen.max_age && lists;
}

void mtasts_policy_write(struct buf *out, const struct mtasts_policy *policy)
{
	static const char *const modes[] = { [MTASTS_NONE] = "none",
					     [MTASTS_TESTING] = "testing",
					     [MTASTS_ENFORCE] = "enforce" };
	buf_fmt(out, "version: STSv1\nmode: %s\n", modes[policy->mode]);
	for (size_t i = 0; i < policy->mx_count; i++) {
		buf_str(out, STR("mx: "));
		buf_str(out, policy->mx[i]);
		buf_byte(out, '\n');
	}
	buf_fmt(out, "max_age: %u\n", (unsigned)policy->max_age_s);
}

/* --- hosts -------------------------------------------------------------------------------- */

static bool fits(struct str pattern, struct str host)
{
	if (!str_starts(pattern, STR("*."))) return str_eq_nocase(pattern, host);
	ptrdiff_t dot = str_find(host, '.');
	return dot > 0 && str_eq_nocase(str_from(pattern, 2), str_from(host, (size_t)dot + 1));
}

bool mtasts_policy_has(const struct mtasts_policy *policy, struct str host)
{
	if (host.len > 1 && host.at[host.len - 1] == '.') host.len--;
	for (size_t i = 0; i < policy->mx_count; i++)
		if (fits(policy->mx[i], host)) return true;
	return false;
}
