/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/alias/expand.h"

#include <stdlib.h>
#include <string.h>

#include "lib/smtp/address.h"

enum { MEMORY_MAX = 8 * 1024 * 1024, NODES_FIRST = 8 };

/* An address that is worked on: the one that was asked about, or a target. */
struct alias_node {
	struct str address;
	struct str plain; /* without its detail; empty: it has none */
	const struct conf_domain *domain; /* NULL: not ours */
	const struct alias_table *table;  /* of its domain; NULL: none */
	const struct alias_table *via_table;
	const struct alias *via; /* that names it; NULL: a setting, or the first */
	uint32_t parent;         /* the first is its own */
	uint32_t depth;
	bool final;      /* an alias of this name is not for it */
	bool by_setting; /* of `catch-all` or `postmaster` */
	bool circle;     /* it came from the alias of its own name */
};

static bool is_first(const struct alias_expansion *x, const struct alias_node *n)
{
	return n == x->nodes;
}

static struct str domain_of(struct str address)
{
	struct str local, domain;
	smtp_address_split(address, &local, &domain);
	return domain;
}

/* A local part alone may hold an "@" in quotes; no domain ends with a quote. */
static bool has_domain(struct str address)
{
	return address.len && address.at[address.len - 1] != '"' && str_find(address, '@') >= 0;
}

static bool is_postmaster(struct str address)
{
	struct str local = str_cut(&address, '@');
	return str_eq_nocase(local, STR("postmaster"));
}

bool alias_concerns(const struct conf *conf, struct str address)
{
	const struct conf_domain *d = conf_domain_find(conf, domain_of(address));
	return is_postmaster(address) || (d && (d->aliases.len || d->catch_all.len));
}

/* --- what comes of it --------------------------------------------------------------------- */

static void stop(struct alias_expansion *x, enum alias_result result)
{
	x->result = result;
	x->at = x->node_count;
	x->count = 0;
	x->full = true;
}

static void fault(struct alias_expansion *x, const struct alias_node *n, const char *reason)
{
	if (x->fault_count == ALIAS_FAULTS_MAX) return;
	x->faults[x->fault_count++] = (struct alias_fault){ n->address, n->via_table, n->via, reason };
}

/* More than there may be: whom to leave out nobody has said. */
static void too_many(struct alias_expansion *x, const struct alias_node *n, const char *reason)
{
	fault(x, n, reason);
	stop(x, x->where.owner ? ALIAS_NOBODY : ALIAS_CIRCLE);
}

static bool see(struct alias_expansion *x, uint64_t hash)
{
	if (map_get(&x->seen, hash)) return false;
	if (!map_put(&x->seen, hash, x)) stop(x, ALIAS_LATER);
	return true;
}

static void keep_owner(struct alias_expansion *x, struct str entry, struct str home)
{
	struct buf owner, at_home;
	buf_init_fixed(&owner, x->owner, sizeof x->owner);
	buf_init_fixed(&at_home, x->home, sizeof x->home);
	buf_str(&owner, entry);
	buf_str(&at_home, home);
	x->owner_len = owner.len;
	x->home_len = at_home.len;
}

static void reach(struct alias_expansion *x, const struct alias_node *n, bool known,
                  struct str entry, struct str home)
{
	if (!see(x, hash_str_nocase(n->address, 1)) || x->full) return;
	if (x->count == ALIAS_RESULTS_MAX) {
		too_many(x, n, "leads to more than 1000 addresses");
		return;
	}
	if (x->count == x->target_cap) {
		size_t cap = x->target_cap ? x->target_cap * 2 : 1;
		void *targets = realloc(x->targets, cap * sizeof *x->targets);
		if (!targets) {
			stop(x, ALIAS_LATER);
			return;
		}
		x->targets = targets;
		x->target_cap = cap;
	}
	x->targets[x->count++] = (struct alias_reached){ n->address, known };
	keep_owner(x, entry, home);
}

/* --- nodes -------------------------------------------------------------------------------- */

/* "local+detail@domain": the address without the detail, empty if there is none. */
static struct str without_detail(struct alias_expansion *x, struct str address)
{
	char memory[ALIAS_ADDRESS_MAX];
	struct buf plain;
	struct str local, domain;
	smtp_address_split(address, &local, &domain);
	ptrdiff_t plus = str_find(str_from(local, 1), '+');
	if (plus < 0 || local.at[0] == '"') return STR("");
	buf_init_fixed(&plain, memory, sizeof memory);
	buf_str(&plain, str_sub(local, 0, (size_t)plus + 1));
	buf_str(&plain, str_from(address, local.len));
	return arena_str(&x->arena, plain.overflowed ? STR("") : buf_view(&plain));
}

static struct alias_node *push(struct alias_expansion *x)
{
	if (x->node_count == x->node_cap) {
		size_t cap = x->node_cap ? x->node_cap * 2 : NODES_FIRST;
		void *nodes = realloc(x->nodes, cap * sizeof *x->nodes);
		if (!nodes) return NULL;
		x->nodes = nodes;
		x->node_cap = cap;
	}
	struct alias_node *n = &x->nodes[x->node_count++];
	*n = (struct alias_node){ 0 };
	return n;
}

/* A target as an address: with the domain that was written to where it has none, and with
 * the detail where it is to get one and that fits. */
static struct str make_address(struct alias_expansion *x, struct str target, struct str detail,
                               struct str domain)
{
	char memory[2 * ALIAS_ADDRESS_MAX];
	struct buf out;
	struct str local = target;
	if (has_domain(target)) smtp_address_split(target, &local, &domain);
	if (local.len + detail.len > SMTP_LOCAL_MAX || str_starts(local, STR("\""))) detail = STR("");
	buf_init_fixed(&out, memory, sizeof memory);
	buf_str(&out, local);
	buf_str(&out, detail);
	buf_byte(&out, '@');
	buf_str(&out, domain);
	if (out.overflowed || out.len + 2 > SMTP_PATH_MAX) return (struct str){ 0 };
	return arena_str(&x->arena, buf_view(&out));
}

/* Where the first alias stands. */
static void keep_rule(struct alias_expansion *x, const struct alias_node *n,
                      const struct alias *via, const struct conf_origin *from)
{
	struct buf out;
	if (!is_first(x, n)) return;
	buf_init_fixed(&out, x->rule, sizeof x->rule - 1);
	buf_str(&out, via ? n->table->path : from->file);
	buf_byte(&out, ':');
	buf_u64(&out, via ? via->line : from->line);
	x->rule[out.len] = '\0';
}

struct step {
	size_t from; /* index of the node whose target it is */
	const struct alias *via;
	struct str detail;
	bool by_setting;
};

static bool add_node(struct alias_expansion *x, const struct step *step,
                     const struct alias_target *target)
{
	const struct alias_node parent = x->nodes[step->from];
	if (parent.depth == ALIAS_DEPTH_MAX || x->node_count == ALIAS_NODES_MAX) {
		too_many(x, &parent, parent.depth == ALIAS_DEPTH_MAX ? "is more than 10 aliases deep"
			: "leads to too many addresses");
		return false;
	}
	struct alias_node *n = push(x);
	if (!n) {
		stop(x, ALIAS_LATER);
		return false;
	}
	*n = (struct alias_node){ .via = step->via, .via_table = step->via ? parent.table : NULL,
		.parent = (uint32_t)step->from, .depth = parent.depth + 1, .final = target->final,
		.by_setting = step->by_setting };
	n->address = make_address(x, target->address, step->detail, domain_of(parent.address));
	if (n->address.at) return true;
	n->address = target->address;
	fault(x, n, "is too long as an address");
	x->node_count--;
	return true;
}

/* The targets of an alias, once for each detail: what names it again gets nobody new. */
static void follow(struct alias_expansion *x, size_t at, const struct alias *a, struct str detail)
{
	const struct step step = { at, a, detail, false };
	if (!see(x, hash_u64((uint64_t)(uintptr_t)a, hash_str_nocase(detail, 2)))) return;
	keep_rule(x, &x->nodes[at], a, NULL);
	for (uint32_t i = 0; i < a->count && !x->full; i++)
		if (!add_node(x, &step, &a->targets[i])) return;
}

static void follow_setting(struct alias_expansion *x, size_t at, struct str address,
                           const struct conf_origin *from)
{
	const struct step step = { at, NULL, STR(""), true };
	keep_rule(x, &x->nodes[at], NULL, from);
	(void)add_node(x, &step, &(struct alias_target){ address, false });
}

/* Whether the address is reached by that alias, from however far. */
static bool comes_from(const struct alias_expansion *x, const struct alias_node *n,
                       const struct alias *a)
{
	for (;; n = &x->nodes[n->parent]) {
		if (n->via && n->via == a) return true;
		if (is_first(x, n)) return false;
	}
}

static bool comes_from_setting(const struct alias_expansion *x, const struct alias_node *n)
{
	for (;; n = &x->nodes[n->parent]) {
		if (n->by_setting) return true;
		if (is_first(x, n)) return false;
	}
}

/* An alias that the address may be expanded by; NULL: none, or it came from there. */
static const struct alias *find_alias(struct alias_expansion *x, size_t at, struct str name)
{
	struct alias_node *n = &x->nodes[at];
	const struct alias *a = n->table && name.len ? alias_find(n->table, name) : NULL;
	if (!a || n->final) return NULL;
	if (!comes_from(x, n, a)) return a;
	n->circle = n->circle || name.at[0] != '@';
	return NULL;
}

/* --- one address -------------------------------------------------------------------------- */

/* Nobody has it. */
static void lose(struct alias_expansion *x, const struct alias_node *n)
{
	x->circle = x->circle || n->circle;
	if (!is_first(x, n) && !x->where.owner)
		fault(x, n, n->circle ? "is nobody here, and leads in a circle" : "is nobody here");
}

/* RFC 5321 4.5.1: what nobody else gets, the setting's address does, by its own aliases if
 * it has any. A recipient of this name finds the way there when it is delivered, too. */
static void take_postmaster(struct alias_expansion *x, size_t at)
{
	const struct conf *conf = x->where.conf;
	const struct alias_node *n = &x->nodes[at];
	if (x->where.owner) return;
	if (conf->postmaster.len && !comes_from_setting(x, n) && !is_postmaster(conf->postmaster) &&
	    alias_concerns(conf, conf->postmaster))
		follow_setting(x, at, conf->postmaster, &conf->postmaster_from);
	else reach(x, n, false, STR(""), STR(""));
}

static void take_rest(struct alias_expansion *x, size_t at)
{
	const struct alias_node *n = &x->nodes[at];
	const struct conf_domain *d = n->domain;
	char memory[SMTP_DOMAIN_MAX + 1];
	struct buf name;
	if (is_postmaster(n->address)) {
		take_postmaster(x, at);
		return;
	}
	buf_init_fixed(&name, memory, sizeof memory);
	buf_byte(&name, '@');
	buf_str(&name, domain_of(n->address));
	const struct alias *all = x->where.owner ? NULL : find_alias(x, at, buf_view(&name));
	bool setting = !all && !x->where.owner && d->catch_all.len && !n->final &&
	               !comes_from_setting(x, n);
	if (is_first(x, n) && (all || setting)) x->how = ALIAS_BY_DOMAIN;
	if (all) follow(x, at, all, STR(""));
	else if (setting) follow_setting(x, at, d->catch_all, &d->catch_all_from);
	else lose(x, n);
}

static struct str detail_of(const struct alias_node *n)
{
	struct str local, domain;
	smtp_address_split(n->plain, &local, &domain);
	size_t plain = local.len;
	smtp_address_split(n->address, &local, &domain);
	return str_from(local, plain);
}

/* The alias of the name without its detail. */
static bool take_plain(struct alias_expansion *x, size_t at)
{
	const struct alias_node *n = &x->nodes[at];
	const struct alias *a = find_alias(x, at, n->plain);
	if (!a) return false;
	if (is_first(x, n)) x->how = ALIAS_BY_NAME;
	follow(x, at, a, detail_of(n));
	return true;
}

/* Every address of the domain is good. */
static void take_any(struct alias_expansion *x, size_t at)
{
	const struct alias_node *n = &x->nodes[at];
	if (take_plain(x, at)) return;
	bool here = n->domain->deliver.kind != CONF_DELIVER_ROUTE;
	reach(x, n, x->where.owner && here, n->address, here ? x->where.conf->hostname : STR(""));
}

/* The alias file of the domain; false: it has one that cannot be used. */
static bool find_table(struct alias_expansion *x, struct alias_node *n)
{
	if (!n->domain->aliases.len) return true;
	n->table = x->where.table(x->where.arg, n->domain);
	return n->table != NULL;
}

/* Sees to the address at hand; true: its directory must be asked. */
static bool take(struct alias_expansion *x, size_t at)
{
	struct alias_node *n = &x->nodes[at];
	const struct conf *conf = x->where.conf;
	n->domain = conf_domain_find(conf, domain_of(n->address));
	if (!n->domain) {
		if (!is_first(x, n)) reach(x, n, false, STR(""), STR(""));
		else if (is_postmaster(n->address)) take_postmaster(x, at);
		return false;
	}
	if (!find_table(x, n)) {
		stop(x, ALIAS_LATER);
		return false;
	}
	n->plain = without_detail(x, n->address);
	const struct alias *a = find_alias(x, at, n->address);
	if (a) {
		if (is_first(x, n)) x->how = ALIAS_BY_NAME;
		follow(x, at, a, STR(""));
		return false;
	}
	if (n->domain->users.any) {
		take_any(x, at);
		return false;
	}
	x->question.directory = n->domain->users.name;
	x->question.address = n->address;
	return true;
}

void alias_expand_answer(struct alias_expansion *x, enum alias_answer answer, struct str entry,
                         struct str home)
{
	size_t at = x->at++;
	const struct alias_node *n = &x->nodes[at];
	if (answer == ALIAS_ANSWER_LATER) {
		stop(x, ALIAS_LATER);
		return;
	}
	/* A user of exactly this name stands before the alias without the detail. */
	bool exact = answer == ALIAS_ANSWER_YES && smtp_address_eq(entry, n->address);
	if (!exact && n->plain.len && take_plain(x, at)) return;
	if (answer == ALIAS_ANSWER_YES) {
		reach(x, n, true, entry, home);
	} else {
		take_rest(x, at);
	}
}

/* --- all of it ---------------------------------------------------------------------------- */

void alias_expand_begin(struct alias_expansion *x, const struct alias_where *where,
                        struct str address)
{
	memset(x, 0, sizeof *x);
	x->where = *where;
	arena_init(&x->arena, MEMORY_MAX);
	map_init(&x->seen, 2 * ALIAS_NODES_MAX, 1);
	struct alias_node *n = push(x);
	if (n) n->address = arena_str(&x->arena, address);
	if (!n || !n->address.at) stop(x, ALIAS_LATER);
}

static void conclude(struct alias_expansion *x)
{
	if (x->full) return; /* has been said */
	x->full = true;
	if (x->where.owner && (x->count != 1 || !x->targets[0].known)) x->count = 0;
	bool circle = x->circle && !x->where.owner;
	x->result = x->count ? ALIAS_KNOWN : circle ? ALIAS_CIRCLE : ALIAS_NOBODY;
}

bool alias_expand_next(struct alias_expansion *x)
{
	while (x->at < x->node_count) {
		if (take(x, x->at)) return true;
		if (x->full) break;
		x->at++;
	}
	conclude(x);
	return false;
}

void alias_expand_end(struct alias_expansion *x)
{
	free(x->nodes);
	free(x->targets);
	map_free(&x->seen);
	arena_free(&x->arena);
	memset(x, 0, sizeof *x);
}

void alias_fault_rule(const struct alias_fault *f, struct buf *out)
{
	if (!f->alias) {
		buf_str(out, STR("a setting of the configuration"));
		return;
	}
	buf_str(out, f->table->path);
	buf_byte(out, ':');
	buf_u64(out, f->alias->line);
}
