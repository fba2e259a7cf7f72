/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/filter.h"

#include "lib/base/units.h"

static bool filter_no(struct buf *why, const char *sentence, struct str what)
{
	buf_str(why, str_of(sentence));
	buf_str(why, STR(": "));
	buf_escaped(why, str_sub(what, 0, 80));
	return false;
}

static bool filter_state(struct str value, enum filter_state *out)
{
	static const struct { struct str name; enum filter_state state; } states[] = {
		{ STR_INIT("active"), FILTER_ACTIVE }, { STR_INIT("deferred"), FILTER_DEFERRED },
		{ STR_INIT("held"), FILTER_HELD },     { STR_INIT("poison"), FILTER_POISON },
	};
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		if (!str_eq_nocase(value, states[i].name)) continue;
		*out = states[i].state;
		return true;
	}
	return false;
}

static bool filter_size(struct filter *f, char op, struct str value)
{
	int64_t size_b;
	if (!units_size(value, &size_b) || op == '=') return false;
	if (op == '>') f->size_min_b = (uint64_t)size_b + 1;
	else f->size_max_b = size_b > 0 ? (uint64_t)size_b - 1 : 0;
	return true;
}

static bool filter_term(struct filter *f, struct str term, struct buf *why)
{
	size_t at = 0;
	while (at < term.len && !(term.at[at] == '=' || term.at[at] == '<' || term.at[at] == '>')) at++;
	if (at == 0 || at == term.len)
		return filter_no(why, "a filter is made of key=value terms, and this is none", term);
	struct str key = str_sub(term, 0, at), value = str_from(term, at + 1);
	char op = term.at[at];
	if (str_eq(key, STR("size"))) {
		return filter_size(f, op, value) ||
		       filter_no(why, "size wants > or < and a size such as 1M", term);
	}
	if (op != '=') return filter_no(why, "only size is compared with < or >", term);
	if (str_eq(key, STR("state")))
		return filter_state(value, &f->state) ||
		       filter_no(why, "state is active, deferred, held or poison", term);
	if (str_eq(key, STR("from"))) f->from = value;
	else if (str_eq(key, STR("to"))) f->to = value;
	else if (str_eq(key, STR("id")))
		return (str_from_hex64(value, &f->id) && f->id) ||
		       filter_no(why, "a message id is up to 16 hex digits", term);
	else if (str_eq(key, STR("older")))
		return units_duration(value, &f->older_ms) ||
		       filter_no(why, "older wants a time such as 90s, 15m, 4h, 2d", term);
	else if (str_eq(key, STR("younger")))
		return units_duration(value, &f->younger_ms) ||
		       filter_no(why, "younger wants a time such as 90s, 15m, 4h, 2d", term);
	else
		return filter_no(why, "the keys are state, id, from, to, older, younger, size", term);
	return value.len > 0 || filter_no(why, "an address or @domain is missing", term);
}

bool filter_parse(struct str text, struct filter *out, struct buf *why)
{
	*out = (struct filter){ 0 };
	for (struct str term; (term = str_word(&text)).len > 0;)
		if (!filter_term(out, term, why)) return false;
	return true;
}

bool filter_parse_selector(struct str text, struct filter *out, struct buf *why)
{
	struct str rest = text;
	struct str word = str_word(&rest), value = str_trim(rest);
	*out = (struct filter){ 0 };
	if (str_eq(word, STR("all")) && value.len == 0) return true;
	if (str_eq(word, STR("domain")) && value.len > 0 && str_find(value, ' ') < 0) {
		/* A bare name here, @name in a filter: both mean the recipients' domain. */
		out->to = value;
		return true;
	}
	if (str_eq(word, STR("sender")) && value.len > 0 && str_find(value, ' ') < 0) {
		out->from = value;
		return true;
	}
	if (value.len == 0 && str_from_hex64(word, &out->id) && out->id) return true;
	if (str_find(text, '=') >= 0) return filter_parse(text, out, why);
	return filter_no(why, "name a message id, 'domain D', 'sender A', a filter such as "
	                      "state=deferred, or 'all'", text);
}

/* `wanted` is a whole address, @domain, or a bare domain. */
static bool filter_address(struct str wanted, struct str address)
{
	if (str_eq(wanted, STR("<>"))) return address.len == 0;
	if (str_find(wanted, '@') > 0) return str_eq_nocase(wanted, address);
	struct str domain = wanted.len && wanted.at[0] == '@' ? str_from(wanted, 1) : wanted;
	ptrdiff_t at = str_rfind(address, '@');
	return at >= 0 && str_eq_nocase(str_from(address, (size_t)at + 1), domain);
}

bool filter_matches(const struct filter *f, const struct filter_facts *facts)
{
	if (f->id && f->id != facts->id) return false;
	if (f->state != FILTER_ANY_STATE && f->state != facts->state) return false;
	if (f->from.len && !filter_address(f->from, facts->from)) return false;
	if (f->older_ms && facts->age_ms < f->older_ms) return false;
	if (f->younger_ms && facts->age_ms > f->younger_ms) return false;
	if (facts->size_b < f->size_min_b) return false;
	return f->size_max_b == 0 || facts->size_b <= f->size_max_b;
}

bool filter_matches_recipient(const struct filter *f, struct str address)
{
	return f->to.len == 0 || filter_address(f->to, address);
}
