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
	else f->size_below_b = (uint64_t)size_b;
	return op == '>' || size_b > 0;
}

static bool filter_address_parse(struct str value, struct str *out)
{
	*out = value;
	return value.len > 0 && !str_eq(value, STR("@"));
}

enum filter_key {
	KEY_STATE, KEY_ID, KEY_FROM, KEY_TO, KEY_ROUTE, KEY_OLDER, KEY_YOUNGER, KEY_SIZE, KEYS
};

static const struct {
	struct str name;
	const char *wants;
} keys[KEYS] = {
	[KEY_STATE] = { STR_INIT("state"), "state is active, deferred, held or poison" },
	[KEY_ID] = { STR_INIT("id"), "a message id is up to 16 hex digits" },
	[KEY_FROM] = { STR_INIT("from"), "an address or @domain is missing" },
	[KEY_TO] = { STR_INIT("to"), "an address or @domain is missing" },
	[KEY_ROUTE] = { STR_INIT("route"), "the name of a route is missing" },
	[KEY_OLDER] = { STR_INIT("older"), "older wants a time such as 90s, 15m, 4h, 2d" },
	[KEY_YOUNGER] = { STR_INIT("younger"), "younger wants a time such as 90s, 15m, 4h, 2d" },
	[KEY_SIZE] = { STR_INIT("size"), "size wants > or < and a size such as 1M" },
};

/* A value of zero that would stand for "any" in the filter is no value. */
static bool filter_value(struct filter *f, enum filter_key key, char op, struct str value)
{
	switch (key) {
	case KEY_STATE: return filter_state(value, &f->state);
	case KEY_ID: return str_from_hex64(value, &f->id) && f->id;
	case KEY_FROM: return filter_address_parse(value, &f->from);
	case KEY_TO: return filter_address_parse(value, &f->to);
	case KEY_ROUTE: f->route = value; return value.len > 0;
	case KEY_OLDER: return units_duration(value, &f->older_ms);
	case KEY_YOUNGER: return units_duration(value, &f->younger_ms) && f->younger_ms > 0;
	case KEY_SIZE: return filter_size(f, op, value);
	case KEYS: break;
	}
	return false;
}

/* `said`: a bit for each key that stood there already, size twice for its two signs. */
static bool filter_term(struct filter *f, unsigned *said, struct str term, struct buf *why)
{
	size_t at = 0;
	while (at < term.len && !(term.at[at] == '=' || term.at[at] == '<' || term.at[at] == '>')) at++;
	if (at == 0 || at == term.len)
		return filter_no(why, "a filter is made of key=value terms, and this is none", term);
	char op = term.at[at];
	unsigned key = 0;
	while (key < KEYS && !str_eq(str_sub(term, 0, at), keys[key].name)) key++;
	if (op != '=' && key != KEY_SIZE)
		return filter_no(why, "only size is compared with < or >", term);
	if (key == KEYS)
		return filter_no(why, "the keys are state, id, from, to, route, older, younger, size", term);
	/* All terms must hold; of two the second would silently win. */
	unsigned bit = 1u << (op == '<' ? KEYS : key);
	if (*said & bit) return filter_no(why, "this stands there twice", term);
	*said |= bit;
	return filter_value(f, (enum filter_key)key, op, str_from(term, at + 1)) ||
	       filter_no(why, keys[key].wants, term);
}

bool filter_parse(struct str text, struct filter *out, struct buf *why)
{
	unsigned said = 0;
	*out = (struct filter){ 0 };
	for (struct str term; (term = str_word(&text)).len > 0;)
		if (!filter_term(out, &said, term, why)) return false;
	return true;
}

bool filter_parse_selector(struct str text, struct filter *out, struct buf *why)
{
	struct str rest = text;
	struct str word = str_word(&rest), value = str_trim(rest);
	*out = (struct filter){ 0 };
	if (str_eq(word, STR("all")) && value.len == 0) return true;
	struct str tail = value, name = str_word(&tail);
	/* A bare name here, @name in a filter: both mean the recipients' domain. */
	if (str_eq(word, STR("domain")) && tail.len == 0 && filter_address_parse(name, &out->to))
		return true;
	if (str_eq(word, STR("sender")) && tail.len == 0 && filter_address_parse(name, &out->from))
		return true;
	if (str_eq(word, STR("route")) && tail.len == 0 && name.len > 0) {
		out->route = name;
		return true;
	}
	*out = (struct filter){ 0 };
	if (value.len == 0 && str_from_hex64(word, &out->id) && out->id) return true;
	if (str_find(text, '=') >= 0) return filter_parse(text, out, why);
	return filter_no(why, "name a message id, 'domain D', 'route R', 'sender A', a filter "
	                      "such as state=deferred, or 'all'", text);
}

/* `wanted` is a whole address (postmaster has no domain), @domain, or a bare domain. */
static bool filter_address(struct str wanted, struct str address)
{
	if (str_eq(wanted, STR("<>"))) return address.len == 0;
	ptrdiff_t at = str_rfind(address, '@');
	if (at < 0 || str_find(wanted, '@') > 0) return str_eq_nocase(wanted, address);
	struct str domain = wanted.len && wanted.at[0] == '@' ? str_from(wanted, 1) : wanted;
	return str_eq_nocase(str_from(address, (size_t)at + 1), domain);
}

bool filter_matches(const struct filter *f, const struct filter_facts *facts)
{
	if (f->id && f->id != facts->id) return false;
	if (f->state != FILTER_ANY_STATE && f->state != facts->state) return false;
	if (f->from.len && !filter_address(f->from, facts->from)) return false;
	if (f->older_ms && facts->age_ms < f->older_ms) return false;
	if (f->younger_ms && facts->age_ms > f->younger_ms) return false;
	if (facts->size_b < f->size_min_b) return false;
	return f->size_below_b == 0 || facts->size_b < f->size_below_b;
}

bool filter_has_recipient(const struct filter *f) { return f->to.len > 0 || f->route.len > 0; }

bool filter_matches_recipient(const struct filter *f, struct str address, struct str route)
{
	if (f->route.len && !str_eq(f->route, route)) return false;
	return f->to.len == 0 || filter_address(f->to, address);
}
