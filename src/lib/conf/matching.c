/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/matching.h"

#include <assert.h>

#include "lib/base/buf.h"
#include "lib/base/map.h"

/* The words are the administrator's own, so no secret is needed. */
enum { HASH_SEED = 0x3d1, SLOTS_MIN = 8, SENDER_KEY_MAX = 1024 };

/* -- Words ---------------------------------------------------------------------------
 */

/* What takes the mail of some senders or users, and says nothing of domains, takes all. */
static bool is_for_all(const struct conf_route *r)
{
	return conf_route_is_narrowed(r) && !r->match.count && !r->match_file.len;
}

static size_t word_count(const struct conf_route *r, enum conf_match_by by)
{
	switch (by) {
	case CONF_BY_DOMAIN: return is_for_all(r) ? 1 : r->match.count + r->listed.count;
	case CONF_BY_SENDER: return r->senders.count;
	case CONF_BY_USER: return r->users.count;
	case CONF_BY_COUNT: break;
	}
	return 0;
}

static struct str word_of(const struct conf_route *r, enum conf_match_by by, size_t i)
{
	switch (by) {
	case CONF_BY_DOMAIN:
		if (is_for_all(r)) return STR("*");
		return i < r->match.count ? r->match.at[i] : r->listed.at[i - r->match.count];
	case CONF_BY_SENDER: return r->senders.at[i];
	case CONF_BY_USER: return r->users.at[i];
	case CONF_BY_COUNT: break;
	}
	return STR("");
}

static struct str entry_word(const struct conf *conf, enum conf_match_by by,
			     const struct conf_match_entry *e)
{
	return word_of(&conf->routes[e->route], by, e->word);
}

/* -- Sets ----------------------------------------------------------------------------
 */

static uint32_t *slot_of(const struct conf *conf, const struct conf_match_set *set,
			 enum conf_match_by by, struct str text)
{
	size_t at = hash_str_nocase(text, HASH_SEED) & (set->size - 1);
	for (; set->slots[at]; at = (at + 1) & (set->size - 1))
		if (str_eq_nocase(entry_word(conf, by, &set->entries[set->slots[at] - 1]), text))
			break;
	return &set->slots[at];
}

/* First entry of that text, plus one; 0: there is none. */
static uint32_t set_find(const struct conf *conf, enum conf_match_by by, struct str text)
{
	const struct conf_match_set *set = &conf->matching->sets[by];
	return set->size ? *slot_of(conf, set, by, text) : 0;
}

/* Routes are put in from the last to the first, so the first stands at the head. */
static void set_put(const struct conf *conf, struct conf_match_set *set, enum conf_match_by by,
		    uint32_t route, uint32_t word)
{
	uint32_t *slot = slot_of(conf, set, by, word_of(&conf->routes[route], by, word));
	/* The same word twice in one route. */
	if (*slot && set->entries[*slot - 1].route == route) return;
	set->entries[set->count] = (struct conf_match_entry){ route, word, *slot };
	*slot = (uint32_t)++set->count;
}

static bool set_make(struct conf *conf, struct conf_match_set *set, enum conf_match_by by)
{
	size_t count = 0, size = SLOTS_MIN;
	for (size_t i = 0; i < conf->route_count; i++) count += word_count(&conf->routes[i], by);
	if (!count) return true;
	while (size < 2 * count) size *= 2;
	set->entries = arena_alloc(&conf->arena, count * sizeof *set->entries);
	set->slots = arena_alloc(&conf->arena, size * sizeof *set->slots);
	if (!set->entries || !set->slots) return false;
	set->size = size;
	for (size_t r = conf->route_count; r-- > 0;)
		for (size_t i = word_count(&conf->routes[r], by); i-- > 0;)
			set_put(conf, set, by, (uint32_t)r, (uint32_t)i);
	return true;
}

struct conf_matching *conf_matching_new(struct conf *conf)
{
	struct conf_matching *matching = arena_alloc(&conf->arena, sizeof *matching);
	assert(conf->route_count <= CONF_ROUTES_MAX);
	if (!matching) return NULL;
	for (enum conf_match_by by = 0; by < CONF_BY_COUNT; by++)
		if (!set_make(conf, &matching->sets[by], by)) return NULL;
	for (size_t i = 0; i < conf->route_count; i++) matching->costs |= conf->routes[i].cost > 0;
	return matching;
}

bool conf_routes_are_narrowed(const struct conf *conf)
{
	const struct conf_match_set *sets = conf->matching->sets;
	return sets[CONF_BY_SENDER].count || sets[CONF_BY_USER].count;
}

bool conf_routes_have_costs(const struct conf *conf)
{
	return conf->matching->costs;
}

/* -- Whom the routes are for ------------------------------------------------------------
 */

/* How exactly the sender and the user fit a route; 0: not at all. Of each the entry, plus
 * one. */
struct fit {
	uint8_t sender, user;
	uint32_t sender_entry, user_entry;
};
enum { FIT_EXACT = 255 };

static void fit_note(const struct conf *conf, struct fit *fits, enum conf_match_by by,
		     struct str text, uint8_t rank)
{
	const struct conf_match_set *set = &conf->matching->sets[by];
	for (uint32_t at = set_find(conf, by, text); at; at = set->entries[at - 1].next) {
		struct fit *fit = &fits[set->entries[at - 1].route];
		bool sender = by == CONF_BY_SENDER;
		if (sender ? fit->sender : fit->user) continue; /* a more exact word fits */
		*(sender ? &fit->sender : &fit->user) = rank;
		*(sender ? &fit->sender_entry : &fit->user_entry) = at;
	}
}

/* "<>" for nothing; else the address, "@b.c.d" of it, then "@.c.d", "@.d". */
static void fit_senders(const struct conf *conf, struct fit *fits, struct str sender)
{
	char text[SENDER_KEY_MAX];
	uint8_t rank = FIT_EXACT;
	if (!conf->matching->sets[CONF_BY_SENDER].count) return;
	fit_note(conf, fits, CONF_BY_SENDER, sender.len ? sender : STR("<>"), rank);
	ptrdiff_t at = str_rfind(sender, '@');
	if (at < 0) return;
	struct str rest = str_from(sender, (size_t)at);
	fit_note(conf, fits, CONF_BY_SENDER, rest, --rank);
	for (ptrdiff_t dot; rank > 1 && (dot = str_find(rest, '.')) >= 0; rest = str_from(rest, 1)) {
		struct buf key;
		buf_init_fixed(&key, text, sizeof text);
		rest = str_from(rest, (size_t)dot);
		buf_byte(&key, '@');
		buf_str(&key, rest);
		if (!key.overflowed) fit_note(conf, fits, CONF_BY_SENDER, buf_view(&key), --rank);
	}
}

static void fit_users(const struct conf *conf, struct fit *fits, struct str user)
{
	if (!user.len) return;
	fit_note(conf, fits, CONF_BY_USER, user, FIT_EXACT);
	ptrdiff_t at = str_rfind(user, '@');
	if (at >= 0) fit_note(conf, fits, CONF_BY_USER, str_from(user, (size_t)at), FIT_EXACT - 1);
}

static bool does_fit(const struct conf_route *r, const struct fit *fit)
{
	return (!r->senders.count || fit->sender) && (!r->users.count || fit->user);
}

/* Whether route a stands before route b, which comes later in the files; both fit. */
static bool is_better(const struct conf *conf, const struct fit *fits, uint32_t a, uint32_t b)
{
	if (fits[a].user != fits[b].user) return fits[a].user > fits[b].user;
	if (fits[a].sender != fits[b].sender) return fits[a].sender > fits[b].sender;
	return conf->routes[a].cost <= conf->routes[b].cost;
}

/* -- The answer -----------------------------------------------------------------------
 */

/* The best of the routes that have this word; NULL: none fits. */
static const struct conf_match_entry *best_of(const struct conf *conf, const struct fit *fits,
					      struct str word)
{
	const struct conf_match_entry *best = NULL,
		*entries = conf->matching->sets[CONF_BY_DOMAIN].entries;
	for (uint32_t at = set_find(conf, CONF_BY_DOMAIN, word); at; at = entries[at - 1].next) {
		const struct conf_match_entry *e = &entries[at - 1];
		if (!does_fit(&conf->routes[e->route], &fits[e->route])) continue;
		if (!best || !is_better(conf, fits, best->route, e->route)) best = e;
	}
	return best;
}

/* The name itself, then ".b.c", ".c" of "a.b.c", then "*": the longest is asked first. */
static const struct conf_match_entry *best_of_all(const struct conf *conf,
						  const struct fit *fits, struct str domain)
{
	bool begins_with_dot = domain.len && domain.at[0] == '.';
	struct str part = begins_with_dot ? STR("") : domain;
	while (part.len) {
		const struct conf_match_entry *best = best_of(conf, fits, part);
		if (best) return best;
		ptrdiff_t dot = str_find(str_from(part, 1), '.');
		part = dot < 0 ? STR("") : str_from(part, (size_t)dot + 1);
	}
	return best_of(conf, fits, STR("*"));
}

static struct str fit_word(const struct conf *conf, enum conf_match_by by, uint32_t entry)
{
	return entry ? entry_word(conf, by, &conf->matching->sets[by].entries[entry - 1]) : STR("");
}

static struct conf_route_found found_of(const struct conf *conf, const struct fit *fits,
					const struct conf_match_entry *e)
{
	if (!e) return (struct conf_route_found){ .route = NULL };
	const struct fit *fit = &fits[e->route];
	return (struct conf_route_found){
		.route = &conf->routes[e->route],
		.match = entry_word(conf, CONF_BY_DOMAIN, e),
		.sender = fit_word(conf, CONF_BY_SENDER, fit->sender_entry),
		.user = fit_word(conf, CONF_BY_USER, fit->user_entry),
	};
}

static const struct conf_match_entry *look(const struct conf *conf, const struct conf_route_ask *ask,
					   struct fit fits[CONF_ROUTES_MAX])
{
	for (size_t i = 0; i < conf->route_count; i++) fits[i] = (struct fit){ 0 };
	fit_senders(conf, fits, ask->sender);
	fit_users(conf, fits, ask->user);
	return best_of_all(conf, fits, ask->domain);
}

struct conf_route_found conf_route_match(const struct conf *conf,
					 const struct conf_route_ask *ask)
{
	struct fit fits[CONF_ROUTES_MAX];
	return found_of(conf, fits, look(conf, ask, fits));
}

struct conf_route_found conf_route_dearer(const struct conf *conf, const struct conf_route_ask *ask,
					  const struct conf_route *than)
{
	struct fit fits[CONF_ROUTES_MAX];
	const struct conf_match_entry *best = look(conf, ask, fits), *next = NULL,
		*entries = conf->matching->sets[CONF_BY_DOMAIN].entries;
	uint32_t at = best ? set_find(conf, CONF_BY_DOMAIN, entry_word(conf, CONF_BY_DOMAIN, best)) : 0;
	for (; at; at = entries[at - 1].next) {
		const struct conf_match_entry *e = &entries[at - 1];
		const struct fit *fit = &fits[e->route];
		const struct conf_route *r = &conf->routes[e->route];
		bool as_well = does_fit(r, fit) && fit->user == fits[best->route].user &&
			       fit->sender == fits[best->route].sender;
		bool nearer = !next || r->cost < conf->routes[next->route].cost;
		if (as_well && r->cost > than->cost && nearer) next = e;
	}
	return found_of(conf, fits, next);
}
